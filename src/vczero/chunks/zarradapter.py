"""Stores of ours as stores of zarr-python's, and local ones that are its own. Needs zarr-python."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore, ZipStore

from vczero.chunks.stores import AnyStore, ByteRange

__all__ = ["ReadOnlyStore", "local_store"]


def local_store(path: str) -> Store:
    """zarr-python's own store of a directory or a zip file."""
    return LocalStore(path, read_only=True) if os.path.isdir(path) else ZipStore(path, mode="r")


class ReadOnlyStore(Store):  # type: ignore[misc]  # zarr is optional: to mypy it is Any
    """One of our stores, for zarr-python."""

    supports_writes = False
    supports_deletes = False
    supports_listing = True

    def __init__(self, store: AnyStore) -> None:
        super().__init__(read_only=True)
        self._store = store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadOnlyStore) and self._store is other._store

    def __hash__(self) -> int:
        return hash(id(self._store))

    def __str__(self) -> str:
        return self._store.name

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """The bytes of a key, or a range of them; None where there is none."""
        ranges = _ranges(byte_range)
        if ranges is None:
            found = await self._call("get", key)
            if isinstance(byte_range, OffsetByteRequest) and found is not None:
                found = memoryview(found)[byte_range.offset :]
        else:
            parts = await self._call("get_ranges", key, ranges)
            found = None if parts is None else parts[0]
        return None if found is None else prototype.buffer.from_bytes(bytes(found))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """`get` of each."""
        return await asyncio.gather(*(self.get(key, prototype, part) for key, part in key_ranges))

    async def exists(self, key: str) -> bool:
        """Whether there is such a key."""
        return await self._call("get_ranges", key, [(0, 1)]) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refused."""
        self._check_writable()

    async def delete(self, key: str) -> None:
        """Refused."""
        self._check_writable()

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names directly below `prefix`."""
        for name in await self._call("list_dir", prefix.rstrip("/")):
            yield name

    async def list(self) -> AsyncIterator[str]:
        """Every key."""
        async for key in self.list_prefix(""):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`, a directory; what lists nothing is a key."""
        prefix = prefix.rstrip("/")
        for name in await self._call("list_dir", prefix):
            key = f"{prefix}/{name}" if prefix else name
            below = [found async for found in self.list_prefix(key)]
            for found in below or [key]:
                yield found

    async def _call(self, method: str, *arguments: Any) -> Any:
        function = getattr(self._store, method)
        if self._store.synchronous:
            return await asyncio.to_thread(function, *arguments)
        return await function(*arguments)


def _ranges(byte_range: ByteRequest | None) -> Sequence[ByteRange] | None:
    if isinstance(byte_range, RangeByteRequest):
        return [(byte_range.start, byte_range.end - byte_range.start)]
    if isinstance(byte_range, SuffixByteRequest):
        return [(-byte_range.suffix, byte_range.suffix)]
    return None
