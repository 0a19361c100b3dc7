"""Any `zarr.abc.store.Store` as a store of ours.

Local directories and finished zip files are read by our own stores, without zarr-python; what can be read on
the calling thread (`get_sync`, as memory stores have it) is; everything else is a coroutine store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from zarr.abc.store import RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore as ZarrLocalStore
from zarr.storage import ObjectStore as ZarrObjectStore
from zarr.storage import ZipStore as ZarrZipStore

from vczero.chunks.secrets import redact
from vczero.chunks.stores import AnyStore, Buffer, ByteRange, LocalStore, check_key
from vczero.chunks.zipstore import ZipStore
from vczero.errors import StoreError

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

__all__ = ["AsyncZarrStore", "SyncZarrStore", "store_from_zarr"]


def store_from_zarr(store: ZarrStore) -> AnyStore:
    """The fastest store of ours that reads what `store` holds."""
    if type(store) is ZarrLocalStore:
        return LocalStore(store.root)
    if type(store) is ZarrZipStore and store.read_only:
        return ZipStore(store.path)
    if isinstance(store, ZarrObjectStore):
        from vczero.chunks.objectstores import store_of_obstore

        return store_of_obstore(store.store, str(store))
    if hasattr(store, "get_sync"):
        return SyncZarrStore(store)
    return AsyncZarrStore(store)


def _byte_request(byte_range: ByteRange) -> RangeByteRequest | SuffixByteRequest:
    start, length = byte_range
    return SuffixByteRequest(-start) if start < 0 else RangeByteRequest(start, start + length)


def _bytes(found: Any, byte_range: ByteRange | None = None) -> memoryview:
    """The bytes of a zarr buffer; of the suffix that was fetched for a range from the end, those of the
    range.
    """
    view = memoryview(found.as_numpy_array()).cast("B")
    if byte_range is None or byte_range[0] >= 0:
        return view
    start, length = byte_range
    missing = -start - len(view)  # of a suffix longer than the object
    return view[: max(length - missing, 0)]


class _ZarrStore:
    """What the two adapters share."""

    def __init__(self, store: ZarrStore, *, name: str | None = None) -> None:
        self.name = redact(name or str(store))
        self._store = cast(Any, store)
        self._prototype = default_buffer_prototype()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _error(self, key: str, error: Exception) -> StoreError:
        reason = redact(f"{type(error).__name__}: {error}".replace("\n", " "))
        return StoreError(f"{self.name}: cannot read {key}: {reason}", store=self.name, key=key)


class SyncZarrStore(_ZarrStore):
    """A zarr store that can be read on the calling thread."""

    synchronous: Final = True

    def get(self, key: str) -> Buffer | None:
        """The object; `None` if it is absent."""
        found = self._get(key, None)
        return None if found is None else _bytes(found)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range; `None` if the object is absent."""
        parts: list[Buffer] = []
        for byte_range in ranges:
            found = self._get(key, _byte_request(byte_range))
            if found is None:
                return None
            parts.append(_bytes(found, byte_range))
        return parts

    def close(self) -> None:
        """Nothing: the store belongs to whoever made it."""

    def _get(self, key: str, byte_request: RangeByteRequest | SuffixByteRequest | None) -> Any:
        check_key(key, self.name)
        try:
            return self._store.get_sync(key, prototype=self._prototype, byte_range=byte_request)
        except Exception as error:
            raise self._error(key, error) from error


class AsyncZarrStore(_ZarrStore):
    """A zarr store that is read by coroutines."""

    synchronous: Final = False

    async def get(self, key: str) -> Buffer | None:
        """The object; `None` if it is absent."""
        found = await self._get(key, None)
        return None if found is None else _bytes(found)

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range, fetched at the same time; `None` if the object is absent."""
        parts = await asyncio.gather(*(self._get(key, _byte_request(byte_range)) for byte_range in ranges))
        if any(part is None for part in parts):
            return None
        return [_bytes(part, byte_range) for part, byte_range in zip(parts, ranges, strict=True)]

    async def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        try:
            return [name.rstrip("/") async for name in self._store.list_dir(prefix)]
        except Exception as error:
            raise self._error(prefix or "the list of names", error) from error

    async def close(self) -> None:
        """Nothing: the store belongs to whoever made it."""

    async def _get(self, key: str, byte_request: RangeByteRequest | SuffixByteRequest | None) -> Any:
        check_key(key, self.name)
        try:
            return await self._store.get(key, self._prototype, byte_range=byte_request)
        except Exception as error:
            raise self._error(key, error) from error
