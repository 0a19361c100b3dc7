"""S3, GCS, Azure, HTTP and memory through obstore."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from vczero.chunks.clients import Refused, RemoteStore, WrongLength
from vczero.chunks.remote import require, split_archive
from vczero.chunks.retry import RetryPolicy
from vczero.chunks.stores import AsyncStore, Buffer, ByteRange, slice_ranges

__all__ = ["ObstoreClient", "open_obstore", "store_of_obstore"]

# obstore's own: 10 retries within 3 minutes, and 30 s for a whole answer, which is little for a large chunk
# on a slow line.
_CLIENT_OPTIONS: Final = {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(seconds=120)}
_RETRY_CONFIG: Final = {"max_retries": 5, "retry_timeout": timedelta(seconds=90)}
# A server that does not know ranges is sent for the whole object, up to here.
_LARGEST_WHOLE_BYTES: Final = 64 * 2**20
_STATUS: Final = re.compile(r"status code: (\d{3})")


def open_obstore(url: str, options: dict[str, Any]) -> AsyncStore:
    """The objects, or the zip archive, at `url`."""
    obstore = require("obstore.store", "obstore", "this URL")
    folder, archive = split_archive(url if "://" in url else Path(url).absolute().as_uri())
    client_options = {**_CLIENT_OPTIONS, **_durations(options.pop("client_options", {}))}
    endpoint = str(
        options.get("endpoint") or options.get("aws_endpoint") or options.get("endpoint_url") or url
    )
    if endpoint.startswith("http://"):
        client_options.setdefault("allow_http", True)
    retry = {**_RETRY_CONFIG, **_retry_config(options.pop("retry_config", {}))}
    store = obstore.from_url(folder, client_options=client_options, retry_config=retry, **options)
    return store_of_obstore(store, folder, archive)


def store_of_obstore(store: Any, name: str, archive: str | None = None) -> AsyncStore:
    """An obstore store, or a zip archive in it, as a store of ours."""
    remote = RemoteStore(name, ObstoreClient(store), policy=RetryPolicy())
    if archive is None:
        return remote
    from vczero.chunks.zipstore import AsyncZipStore

    return AsyncZipStore(remote, archive)


def _durations(options: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of seconds as obstore wants them."""
    return {
        name: timedelta(seconds=value)
        if name.endswith("timeout") and isinstance(value, int | float)
        else value
        for name, value in options.items()
    }


def _retry_config(options: Mapping[str, Any]) -> dict[str, Any]:
    config = _durations(options)
    if isinstance(config.get("backoff"), Mapping):
        config["backoff"] = {
            name: timedelta(seconds=value)
            if name.endswith("backoff") and isinstance(value, int | float)
            else value
            for name, value in config["backoff"].items()
        }
    return config


class ObstoreClient:
    """Requests through obstore, which itself tries again after faults of the connection and answers 429 and
    5xx.

    It does not after a body that breaks off, so those are left to the caller.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._obstore = require("obstore", "obstore", "this store")
        self._exceptions = require("obstore.exceptions", "obstore", "this store")

    async def whole(self, key: str) -> Buffer | None:
        """See `Client`."""
        answer = await self._get(key, None)
        if answer is None:
            return None
        return await _body(answer, answer.meta["size"])

    async def part(self, key: str, byte_range: ByteRange) -> tuple[Buffer, int | None] | None:
        """See `Client`."""
        start, length = byte_range
        wanted: Any = {"suffix": -start} if start < 0 else (start, start + length)
        try:
            answer = await self._get(key, wanted)
        except self._exceptions.NotSupportedError:
            return await self._part_of_whole(key, byte_range)
        except self._exceptions.BaseError as error:
            if _status(error) == 416:  # nothing of the object is in the range
                return b"", start if start >= 0 else 0
            raise
        if answer is None:
            return None
        size = answer.meta["size"]
        first, end = answer.range
        data = await _body(answer, end - first)
        if start < 0:  # of a suffix, what the range has of it
            data = data[: max(start + length + size - first, 0)]
        return data, size

    async def size(self, key: str) -> int:
        """See `Client`."""
        return int((await self._obstore.head_async(self._store, key))["size"])

    async def list_dir(self, prefix: str) -> list[str]:
        """See `Client`."""
        found = await self._obstore.list_with_delimiter_async(self._store, prefix or None)
        paths = [*found["common_prefixes"], *(item["path"] for item in found["objects"])]
        return [path.rstrip("/").rpartition("/")[2] for path in paths]

    def is_transient(self, error: Exception) -> bool:
        """See `Client`."""
        if not isinstance(error, self._exceptions.GenericError):
            return False
        text = str(error)
        return _status(error) is None and "retries" not in text and "body error" in text

    def explain(self, error: Exception) -> str:
        """See `Client`."""
        text = str(error).partition("\n\nDebug source")[0]
        if isinstance(error, self._exceptions.PermissionDeniedError):
            return f"access denied: {text}"
        if isinstance(error, self._exceptions.UnauthenticatedError):
            return f"credentials are missing or refused: {text}"
        return text

    async def _get(self, key: str, wanted: Any) -> Any:
        options = None if wanted is None else {"range": wanted}
        try:
            return await self._obstore.get_async(self._store, key, options=options)
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise Refused("the bucket does not exist") from error
            return None

    async def _part_of_whole(self, key: str, byte_range: ByteRange) -> tuple[Buffer, int | None] | None:
        """A range from a server that knows no ranges."""
        answer = await self._get(key, None)
        if answer is None:
            return None
        size = answer.meta["size"]
        if size > _LARGEST_WHOLE_BYTES:
            raise Refused(f"the server does not serve byte ranges, and the object has {size} bytes")
        (data,) = slice_ranges(await _body(answer, size), [byte_range])
        return data, size


async def _body(answer: Any, length: int) -> memoryview:
    data = memoryview(await answer.bytes_async())
    if len(data) != length:
        raise WrongLength(f"{len(data)} bytes instead of {length}")
    return data


def _status(error: Exception) -> int | None:
    match = _STATUS.search(str(error))
    return None if match is None else int(match[1])
