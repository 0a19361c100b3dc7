"""Whatever fsspec reaches: signed HTTP URLs, SFTP, HDFS, GitHub, S3 by s3fs ...

File systems that are asynchronous run on fsspec's own event loop, which lives as long as they do; the others
block a thread of asyncio's pool.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from vczero.chunks.clients import Refused, RemoteStore, http_status, is_transient_fault
from vczero.chunks.remote import require, split_archive
from vczero.chunks.retry import RetryPolicy
from vczero.chunks.secrets import redact
from vczero.chunks.stores import AsyncStore, Buffer, ByteRange
from vczero.errors import MissingDependencyError

__all__ = ["FsspecClient", "open_fsspec", "store_of_filesystem"]

_BEYOND_END: Final = re.compile(r"InvalidRange|\b416\b|range is not satisfiable", re.IGNORECASE)
_DENIED: Final = (401, 403)


def open_fsspec(url: str, options: dict[str, Any]) -> AsyncStore:
    """The files, or the zip archive, at `url`."""
    fsspec = require("fsspec.core", "fsspec", "this URL")
    parts = urlsplit(url)
    query = parts.query if parts.scheme in ("http", "https") else ""
    plain = urlunsplit(parts._replace(query="", fragment="")) if query else url
    folder, archive = split_archive(plain)
    try:
        files, root = fsspec.url_to_fs(folder, **options)
    except ImportError as error:
        scheme = parts.scheme or "file"
        reason = redact(" ".join(str(error).split()))
        raise MissingDependencyError(
            f"fsspec has no file system for {scheme}:// ({reason}): pip install 'fsspec[{scheme}]'"
        ) from error
    remote = RemoteStore(folder, FsspecClient(files, root.rstrip("/"), query), policy=RetryPolicy())
    if archive is None:
        return remote
    from vczero.chunks.zipstore import AsyncZipStore

    return AsyncZipStore(remote, archive)


def store_of_filesystem(files: Any, root: str) -> RemoteStore:
    """A file system of fsspec as a store, through a twin of it that runs on fsspec's own event loop if need
    be.
    """
    files = getattr(files, "sync_fs", files)
    if getattr(files, "asynchronous", False):
        files = type(files)(*files.storage_args, **{**files.storage_options, "asynchronous": False})
    return RemoteStore(files.unstrip_protocol(root), FsspecClient(files, root.rstrip("/")))


class FsspecClient:
    """Requests through one file system of fsspec. Few of them try again after a fault, so that is left to
    the caller.
    """

    def __init__(self, files: Any, root: str, query: str = "") -> None:
        self._files = files
        self._root = root
        self._query = f"?{query}" if query else ""

    async def whole(self, key: str) -> Buffer | None:
        """See `Client`."""
        try:
            data: bytes = await self._call("cat_file", self._path(key))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            _check_bucket(error)
            return None
        return data

    async def part(self, key: str, byte_range: ByteRange) -> tuple[Buffer, int | None] | None:
        """See `Client`."""
        start, length = byte_range
        path = self._path(key)
        size: int | None = None
        try:
            if start < 0:
                size = await self.size(key)
                first, end = max(size + start, 0), min(max(size + start + length, 0), size)
            else:
                first, end = start, start + length
            data: bytes = b"" if end <= first else await self._call("cat_file", path, start=first, end=end)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            _check_bucket(error)
            return None
        except Exception as error:
            if http_status(error) == 416 or _BEYOND_END.search(str(error)):
                return b"", start
            raise
        if len(data) > end - first:
            raise Refused("the server does not serve byte ranges")
        return data, size

    async def size(self, key: str) -> int:
        """See `Client`."""
        return int((await self._call("info", self._path(key)))["size"])

    async def list_dir(self, prefix: str) -> list[str]:
        """See `Client`."""
        try:
            found = await self._call("ls", self._path(prefix) if prefix else self._root, detail=False)
        except FileNotFoundError:
            return []
        return [str(path).rstrip("/").rpartition("/")[2] for path in found]

    def is_transient(self, error: Exception) -> bool:
        """See `Client`."""
        return is_transient_fault(error)

    def explain(self, error: Exception) -> str:
        """See `Client`."""
        text = str(error) or type(error).__name__
        if isinstance(error, PermissionError) or http_status(error) in _DENIED:
            return f"access denied: {text}"
        return text

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}{self._query}"

    async def _call(self, name: str, *args: Any, **options: Any) -> Any:
        files = self._files
        if files.async_impl:
            method: Callable[..., Any] = getattr(files, f"_{name}")
            future = asyncio.run_coroutine_threadsafe(method(*args, **options), files.loop)
            return await asyncio.wrap_future(future)
        return await asyncio.to_thread(getattr(files, name), *args, **options)


def _check_bucket(error: Exception) -> None:
    """An object is absent; that its bucket is as well is another matter."""
    if "bucket does not exist" in str(error):
        raise Refused("the bucket does not exist") from error
