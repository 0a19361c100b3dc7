"""Stores: where the bytes of a Zarr hierarchy lie, behind two calls, `get` and `get_ranges`.

Code that needs stored bytes is a generator that yields a `Request` and is sent the `Reply` (`Fetch[T]`). It
performs no I/O itself; `run_fetch` plays it against a synchronous `Store`, `run_fetch_async` against an
`AsyncStore`, and a test can play it by hand.

The contract of every store:

- A key is relative, separated by `/`, and cannot leave the root (`check_key`); anything else is a
  `StoreError`.
- An absent key is `None`. Whatever else goes wrong is a `StoreError` that names the store and the key. A
  request that failed is never reported as absent.
- A `ByteRange` is (start, length); a negative start counts from the end, so (-16, 16) is the last 16 bytes.
  A range that reaches beyond the object gives the bytes that are there, perhaps none.
- `list_dir(prefix)`, where a store has it, gives the names directly below `prefix`, in any order.
- `size_of(key)`, where a synchronous store has it, gives an object's bytes without reading them.
- Any number of threads may call at once. `close` may be called more than once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, cast, get_args

from vczero.chunks.files import open_file, read, read_at
from vczero.errors import OptionError, StoreError, StoreNotFoundError

__all__ = [
    "AnyStore",
    "AsyncStore",
    "Backend",
    "Buffer",
    "ByteRange",
    "Fetch",
    "LocalStore",
    "MemoryStore",
    "Reply",
    "Request",
    "Store",
    "check_key",
    "clamp_range",
    "list_keys",
    "open_local",
    "open_store",
    "run_fetch",
    "run_fetch_anywhere",
    "run_fetch_async",
    "slice_ranges",
]

T = TypeVar("T")

ByteRange: TypeAlias = tuple[int, int]
Buffer: TypeAlias = bytes | bytearray | memoryview
Backend: TypeAlias = Literal["local", "fsspec", "obstore", "icechunk"]
Reply: TypeAlias = Buffer | list[Buffer] | None


class Request(NamedTuple):
    """One call on a store: the whole object under `key`, or some `ranges` of it."""

    key: str
    ranges: tuple[ByteRange, ...] | None = None


Fetch: TypeAlias = Generator[Request, Reply, T]


class Store(Protocol):
    """A store that answers on the calling thread. `name` is what messages call it, and holds no secrets."""

    name: str

    @property
    def synchronous(self) -> Literal[True]: ...

    def get(self, key: str) -> Buffer | None:
        """The bytes of the object, `None` if it is absent."""

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range, in the order asked; `None` if the object is absent."""

    def close(self) -> None:
        """Give back what the store holds; it may not be used after this."""


class AsyncStore(Protocol):
    """A store whose calls are coroutines of asyncio. `name` is as for `Store`."""

    name: str

    @property
    def synchronous(self) -> Literal[False]: ...

    async def get(self, key: str) -> Buffer | None:
        """The bytes of the object, `None` if it is absent."""

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range, in the order asked; `None` if the object is absent."""

    async def close(self) -> None:
        """Give back what the store holds; it may not be used after this."""


AnyStore: TypeAlias = Store | AsyncStore


def run_fetch(fetch: Fetch[T], store: Store) -> T:
    """What `fetch` returns, its requests answered by `store` one after the other.

    An error of the store passes through, after `fetch` has been closed.
    """
    reply: Reply = None
    try:
        while True:
            try:
                request = fetch.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            ranges = request.ranges
            reply = store.get(request.key) if ranges is None else store.get_ranges(request.key, ranges)
    finally:
        fetch.close()


async def run_fetch_async(
    fetch: Fetch[T], store: AsyncStore, limiter: AbstractAsyncContextManager[object]
) -> T:
    """What `fetch` returns, its requests answered by `store`, each under one permit of `limiter`.

    `limiter` is entered anew for each request (an `asyncio.Semaphore` will do) and left before `fetch` goes
    on, so that no permit is held while bytes are looked at. When the task is cancelled, the request in
    flight is cancelled and `fetch` is closed.
    """
    reply: Reply = None
    try:
        while True:
            try:
                request = fetch.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            ranges = request.ranges
            async with limiter:
                if ranges is None:
                    reply = await store.get(request.key)
                else:
                    reply = await store.get_ranges(request.key, ranges)
    finally:
        fetch.close()


def run_fetch_anywhere(fetch: Fetch[T], store: AnyStore) -> T:
    """What `fetch` returns, whatever the store, and whether or not an event loop runs on this thread.

    For a single request now and then: on an asynchronous store each call costs an event loop of its own.
    """
    if store.synchronous:
        return run_fetch(fetch, store)
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    coroutine = run_fetch_async(fetch, store, nullcontext())
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


# A component is not empty, not `.` or `..`, and has no backslash and no NUL (on Windows no colon either: a
# drive, a stream).
_COMPONENT: Final = r"(?!\.{1,2}(?:/|\Z))[^/\\\0" + (":" if os.name == "nt" else "") + r"]+"
_is_key: Final = re.compile(f"{_COMPONENT}(?:/{_COMPONENT})*").fullmatch


def check_key(key: str, store: str) -> None:
    """Nothing, if `key` names an object below the root of `store`, whatever the platform.

    Raises:
        StoreError: The key is empty or absolute, or one of its components is empty, is `.` or `..`, or holds
            a backslash or a NUL (on Windows also a colon).
    """
    if _is_key(key) is None:
        raise StoreError(f"{store}: {key!r} is not a key inside the store", store=store, key=key)


def clamp_range(byte_range: ByteRange, size: int) -> tuple[int, int]:
    """(first, last + 1) of the bytes that an object of `size` bytes has of a range; equal where it has none.

    >>> clamp_range((-16, 16), 100), clamp_range((90, 20), 100), clamp_range((200, 5), 100)
    ((84, 100), (90, 100), (100, 100))
    """
    start, length = byte_range
    first = max(size + start, 0) if start < 0 else min(start, size)
    # A negative start beyond the front loses what lies before the object, as in (-16, 16) of 10 bytes.
    end = size + start + length if start < 0 else start + length
    return first, max(first, min(end, size))


def list_keys(keys: Iterable[str], prefix: str) -> list[str]:
    """The names directly below `prefix` in a flat collection of keys, each once.

    >>> list_keys(["a/0", "a/1", "a/b/0", "c"], "a"), list_keys(["a/0", "c"], "")
    (['0', '1', 'b'], ['a', 'c'])
    """
    start = f"{prefix}/" if prefix else ""
    return list({key[len(start) :].partition("/")[0]: None for key in keys if key.startswith(start)})


class MemoryStore:
    """A mapping from keys to bytes as a store; the mapping is not copied, and may change between calls."""

    synchronous: Final = True

    def __init__(self, objects: Mapping[str, Buffer]) -> None:
        self.name = "memory"
        self._objects = objects

    def __repr__(self) -> str:
        return "MemoryStore()"

    def get(self, key: str) -> Buffer | None:
        """The object itself, not a copy; `None` if it is absent."""
        check_key(key, self.name)
        return self._objects.get(key)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """Views of the ranges; `None` if the object is absent."""
        check_key(key, self.name)
        found = self._objects.get(key)
        return None if found is None else slice_ranges(found, ranges)

    def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        return list_keys(list(self._objects), prefix)

    def size_of(self, key: str) -> int | None:
        """Bytes of the object; `None` if it is absent."""
        found = self._objects.get(key)
        return None if found is None else len(found)

    def close(self) -> None:
        """Nothing is held."""


def slice_ranges(found: Buffer, ranges: Sequence[ByteRange]) -> list[Buffer]:
    """Views of the ranges of an object that is in memory."""
    view = memoryview(found)
    bounds = (clamp_range(byte_range, len(view)) for byte_range in ranges)
    return [view[first:end] for first, end in bounds]


class LocalStore:
    """A directory as a store. Symbolic links are followed, as zarr-python does: they are the owner's own
    doing.
    """

    synchronous: Final = True

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """
        Raises:
            StoreNotFoundError: `root` is not there.
            StoreError: It is not a directory.
        """
        self.name = os.fspath(root)
        self._prefix = os.path.join(os.path.abspath(self.name), "")
        if not os.path.isdir(self._prefix):
            if os.path.exists(self._prefix.rstrip(os.sep)):
                raise StoreError(f"{self.name}: not a directory", store=self.name)
            raise StoreNotFoundError(f"{self.name}: no such directory or file", store=self.name)

    def __repr__(self) -> str:
        return f"LocalStore({self.name!r})"

    def get(self, key: str) -> Buffer | None:
        """The bytes of the file; `None` if there is no such file."""
        check_key(key, self.name)
        try:
            found = open_file(self._prefix + key)
            if found is None:
                return None
            fd, size = found
            try:
                return read(fd, size)
            finally:
                os.close(fd)
        except (OSError, MemoryError) as error:
            raise self._error(key, error) from error

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range, from one open file; `None` if there is no such file."""
        check_key(key, self.name)
        try:
            found = open_file(self._prefix + key)
            if found is None:
                return None
            fd, size = found
            try:
                bounds = (clamp_range(byte_range, size) for byte_range in ranges)
                return [read_at(fd, first, end - first) for first, end in bounds]
            finally:
                os.close(fd)
        except (OSError, MemoryError) as error:
            raise self._error(key, error) from error

    def size_of(self, key: str) -> int | None:
        """Bytes of the file; `None` if there is no such file."""
        check_key(key, self.name)
        try:
            return os.stat(self._prefix + key).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._error(key, error) from error

    def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`; none if it is not a directory."""
        if prefix:
            check_key(prefix, self.name)
        try:
            return os.listdir(self._prefix + prefix)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._error(prefix or "the directory", error) from error

    def close(self) -> None:
        """Nothing is held."""

    def _error(self, key: str, error: OSError | MemoryError) -> StoreError:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "does not fit in memory"
        return StoreError(f"{self.name}: cannot read {key}: {reason}", store=self.name, key=key)


def open_store(
    source: object,
    *,
    backend_storage: Backend | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> AnyStore:
    """The store at `source`, read only. The scheme of a URL picks the backend, and `backend_storage`
    overrides that.

    Args:
        source: a path of a directory or a zip file; a URL; a store of ours; a mapping from keys to bytes; or
            a `zarr.abc.store.Store`.
        backend_storage: "local", "fsspec", "obstore" or "icechunk".
        storage_options: passed on to the backend; see `vczero.chunks.remote`.

    Raises:
        StoreNotFoundError: There is nothing at a local path.
        StoreError: It is there and cannot be read.
        OptionError: An unknown backend or scheme, or options for a source that takes none.
        MissingDependencyError: The backend needs a package that is not installed.
    """
    if backend_storage not in (None, *get_args(Backend)):
        names = ", ".join(get_args(Backend))
        raise OptionError(f"backend_storage is {backend_storage!r}; it must be one of {names}")
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if backend_storage in (None, "local") and isinstance(path, str) and not _is_url(path):
            _no_options(storage_options, path)
            return open_local(path)
        from vczero.chunks.remote import open_remote

        return open_remote(str(path), backend_storage, storage_options or {})
    _no_options(storage_options, f"a {type(source).__name__}")
    if isinstance(source, Mapping):
        return MemoryStore(source)
    if hasattr(source, "synchronous") and hasattr(source, "get_ranges"):
        return cast(AnyStore, source)
    return _from_zarr(source)


def open_local(path: str) -> Store:
    """A directory or a zip file as a store.

    Raises:
        StoreNotFoundError: There is nothing at `path`.
        StoreError: It is neither.
    """
    if not os.path.isfile(path):
        if not path:
            raise StoreNotFoundError("the path of the store is empty", store=path)
        return LocalStore(path)
    from vczero.chunks.zipstore import ZipStore

    return ZipStore(path)


_is_url: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://").match


def _no_options(options: Mapping[str, Any] | None, what: str) -> None:
    if options:
        raise OptionError(f"storage_options make no sense for {what}")


def _from_zarr(source: object) -> AnyStore:
    if "zarr" in sys.modules:  # without it, nobody can have made a zarr store
        from zarr.abc.store import Store as ZarrStore

        from vczero.chunks.zarrstore import store_from_zarr

        if isinstance(source, ZarrStore):
            return store_from_zarr(source)
    raise OptionError(
        f"a {type(source).__name__} is not a store: give a path, a URL, a zarr store or a mapping"
    )
