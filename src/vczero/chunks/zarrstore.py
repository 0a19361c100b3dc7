"""Any `zarr.abc.store.Store` as a store of ours.

Local directories and finished zip files are read by our own stores, without zarr-python; what can be read on
the calling thread (`get_sync`, as memory stores have it) is; everything else is a coroutine store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from zarr.abc.store import RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import FsspecStore as ZarrFsspecStore
from zarr.storage import LocalStore as ZarrLocalStore
from zarr.storage import ObjectStore as ZarrObjectStore
from zarr.storage import ZipStore as ZarrZipStore

from vczero.chunks.clients import RemoteStore, is_transient_fault
from vczero.chunks.secrets import redact
from vczero.chunks.stores import AnyStore, Buffer, ByteRange, LocalStore, check_key, clamp_range
from vczero.chunks.zipstore import ZipStore
from vczero.errors import StoreError

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore

__all__ = ["SyncZarrStore", "ZarrClient", "remote_zarr_store", "store_from_zarr"]


def store_from_zarr(store: ZarrStore) -> AnyStore:
    """The fastest store of ours that reads what `store` holds."""
    if type(store) is ZarrLocalStore:
        return LocalStore(store.root)
    if type(store) is ZarrZipStore and store.read_only:
        return ZipStore(store.path)
    if isinstance(store, ZarrObjectStore):
        from vczero.chunks.objectstores import store_of_obstore

        return store_of_obstore(store.store, str(store))
    if isinstance(store, ZarrFsspecStore):
        from vczero.chunks.filesystems import store_of_filesystem

        return store_of_filesystem(store.fs, store.path)
    if hasattr(store, "get_sync"):
        return SyncZarrStore(store)
    return remote_zarr_store(store)


def remote_zarr_store(store: ZarrStore, *, name: str | None = None) -> RemoteStore:
    """A zarr store that is read by coroutines, as a store of ours."""
    has_sizes = type(store).__module__.partition(".")[0] == "icechunk"
    return RemoteStore(name or str(store), ZarrClient(store, has_sizes=has_sizes))


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


class SyncZarrStore:
    """A zarr store that can be read on the calling thread."""

    synchronous: Final = True

    def __init__(self, store: ZarrStore) -> None:
        self.name = redact(str(store))
        self._store = cast(Any, store)
        self._prototype = default_buffer_prototype()

    def __repr__(self) -> str:
        return f"SyncZarrStore({self.name!r})"

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
            reason = redact(" ".join(f"{type(error).__name__}: {error}".split()))
            raise StoreError(f"{self.name}: cannot read {key}: {reason}", store=self.name, key=key) from error


class ZarrClient:
    """Requests through a zarr store that is read by coroutines."""

    def __init__(self, store: ZarrStore, *, has_sizes: bool) -> None:
        """
        Args:
            store: the store.
            has_sizes: whether to ask for an object's size before a range of it. icechunk (1.1) knows sizes
                without I/O, but panics at ranges beyond the end, and mistakes suffixes of metadata
                documents.
        """
        self._store = cast(Any, store)
        self._has_sizes = has_sizes
        self._prototype = default_buffer_prototype()

    async def whole(self, key: str) -> Buffer | None:
        """See `Client`."""
        found = await self._store.get(key, self._prototype)
        return None if found is None else _bytes(found)

    async def part(self, key: str, byte_range: ByteRange) -> tuple[Buffer, int | None] | None:
        """See `Client`."""
        if not self._has_sizes:
            found = await self._store.get(key, self._prototype, byte_range=_byte_request(byte_range))
            return None if found is None else (_bytes(found, byte_range), None)
        size = await self.size(key)
        first, end = clamp_range(byte_range, size)
        if first == end:  # nothing of the object, which may be absent: then its size is said to be 0
            return None if await self.whole(key) is None else (b"", size)
        found = await self._store.get(key, self._prototype, byte_range=RangeByteRequest(first, end))
        return None if found is None else (_bytes(found), size)

    async def size(self, key: str) -> int:
        """See `Client`."""
        return int(await self._store.getsize(key))

    async def list_dir(self, prefix: str) -> list[str]:
        """See `Client`."""
        return [name.rstrip("/") async for name in self._store.list_dir(prefix)]

    def is_transient(self, error: Exception) -> bool:
        """See `Client`."""
        return is_transient_fault(error)

    def explain(self, error: Exception) -> str:
        """See `Client`."""
        return f"{type(error).__name__}: {error}"
