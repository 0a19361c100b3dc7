"""Zip archives as stores: a local file, or an object of an asynchronous store that is read by ranges.

The directory is read once. Then any number of threads read members at the same time, without a lock. Where
all documents of the hierarchy lie below one folder of the archive, as in `data.zarr/.zattrs`, that folder
is the root.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vczero.chunks.files import SharedFile
from vczero.chunks.stores import (
    AsyncStore,
    Buffer,
    ByteRange,
    Fetch,
    T,
    check_key,
    clamp_range,
    list_keys,
    run_fetch,
    run_fetch_async,
)
from vczero.chunks.zipfiles import Archive, read_directory, read_member, read_member_ranges
from vczero.errors import StoreError, StoreNotFoundError

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncZipStore", "ZipStore", "find_root"]

_GROUP_DOCUMENTS: Final = (".zgroup", ".zmetadata", "zarr.json")


def find_root(keys: Iterable[str]) -> str:
    """The folder that holds the group document nearest to the top; "" where there is none, or more than one.

    >>> find_root(["notes.txt", "data.zarr/.zgroup", "data.zarr/x/.zarray"])
    'data.zarr'
    """
    folders = {
        key.rpartition("/")[0]
        for key in keys
        if key.endswith(_GROUP_DOCUMENTS) and key.rpartition("/")[2] in _GROUP_DOCUMENTS
    }
    depth = min((_depth(folder) for folder in folders), default=0)
    nearest = [folder for folder in folders if _depth(folder) == depth]
    return nearest[0] if len(nearest) == 1 else ""


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _rooted(archive: Archive) -> Archive:
    """The archive with its members named relative to the root of the hierarchy."""
    root = find_root(archive.members)
    if not root:
        return archive
    members = archive.members.items()
    prefix = f"{root}/"
    inside = {key.removeprefix(prefix): member for key, member in members if key.startswith(prefix)}
    return replace(archive, members=inside)


class _FileSource:
    """One file as a store with one object, which every key names."""

    synchronous: Final = True

    def __init__(self, path: str) -> None:
        self.name = path
        try:
            self._file = SharedFile(path)
        except FileNotFoundError as error:
            raise StoreNotFoundError(f"{path}: no such file", store=path) from error
        except OSError as error:
            raise StoreError(f"{path}: cannot open: {error.strerror}", store=path) from error

    def get(self, key: str) -> Buffer:
        return self._file.read(0, self._file.size)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer]:
        bounds = (clamp_range(byte_range, self._file.size) for byte_range in ranges)
        return [self._file.read(first, end - first) for first, end in bounds]

    def close(self) -> None:
        self._file.close()


class ZipStore:
    """A local zip file as a store."""

    synchronous: Final = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Reads the archive's directory.

        Raises:
            StoreNotFoundError: There is no such file.
            StoreError: It cannot be read, or is not a zip file.
        """
        self.name = os.fspath(path)
        self._source = _FileSource(self.name)
        archive = self._run(read_directory(self.name, self.name), None)
        assert archive is not None  # the source has every key
        self._archive = _rooted(archive)

    def __repr__(self) -> str:
        return f"ZipStore({self.name!r})"

    def get(self, key: str) -> Buffer | None:
        """The bytes of the member, checked against its CRC-32; `None` if there is none of that name."""
        check_key(key, self.name)
        return self._run(read_member(self._archive, key), key)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range of the member; `None` if there is none of that name."""
        check_key(key, self.name)
        return self._run(read_member_ranges(self._archive, key, ranges), key)

    def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        return list_keys(self._archive.members, prefix)

    def size_of(self, key: str) -> int | None:
        """Bytes of the member as stored; `None` if there is none of that name."""
        member = self._archive.members.get(key)
        return None if member is None else member.stored_bytes

    def close(self) -> None:
        """The file is closed when the reads under way are done."""
        self._source.close()

    def _run(self, fetch: Fetch[T], key: str | None) -> T:
        try:
            return run_fetch(fetch, self._source)
        except (OSError, MemoryError) as error:
            if isinstance(error, StoreError):
                raise
            reason = error.strerror if isinstance(error, OSError) else "does not fit in memory"
            where = f"{self.name}: cannot read {key}" if key else f"{self.name}: cannot read"
            raise StoreError(f"{where}: {reason}", store=self.name, key=key) from error


class AsyncZipStore:
    """A zip file that is an object of an asynchronous store, read by ranges. The directory is read with the
    first request.
    """

    synchronous: Final = False

    def __init__(self, inner: AsyncStore, key: str) -> None:
        self.name = f"{inner.name}/{key}"
        self._inner = inner
        self._key = key
        self._archive: Archive | None = None
        self._opening: dict[asyncio.AbstractEventLoop, asyncio.Task[Archive]] = {}

    def __repr__(self) -> str:
        return f"AsyncZipStore({self.name!r})"

    async def get(self, key: str) -> Buffer | None:
        """The bytes of the member, checked against its CRC-32; `None` if there is none of that name."""
        check_key(key, self.name)
        return await self._run(read_member(await self._open(), key))

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range of the member; `None` if there is none of that name."""
        check_key(key, self.name)
        return await self._run(read_member_ranges(await self._open(), key, ranges))

    async def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        return list_keys((await self._open()).members, prefix)

    async def close(self) -> None:
        """Closes the store that holds the archive."""
        await self._inner.close()

    async def _run(self, fetch: Fetch[T]) -> T:
        # The caller holds the permit for the request that it knows of.
        return await run_fetch_async(fetch, self._inner, nullcontext())

    async def _open(self) -> Archive:
        """The directory, read once however many ask at the same time, and whoever of them is cancelled.

        A task belongs to one event loop: callers on several loops may each read it.
        """
        import asyncio

        if self._archive is None:
            loop = asyncio.get_running_loop()
            opening = self._opening.get(loop)
            if opening is None:
                opening = self._opening[loop] = loop.create_task(self._read_directory())
                opening.add_done_callback(self._opened)
            self._archive = await asyncio.shield(opening)
        return self._archive

    def _opened(self, task: asyncio.Task[Archive]) -> None:
        self._opening.pop(task.get_loop(), None)  # after a failure the next request tries again
        if not task.cancelled():
            task.exception()  # those who wait have it; nobody else need hear of it

    async def _read_directory(self) -> Archive:
        archive = await self._run(read_directory(self.name, self._key))
        if archive is None:
            raise StoreNotFoundError(f"{self.name}: no such object", store=self.name, key=self._key)
        return _rooted(archive)
