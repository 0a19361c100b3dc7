"""Object stores through the packages that speak to them, as one kind of coroutine store.

A `Client` speaks to one package. `RemoteStore` is what they have in common: keys are checked, transient
failures are tried again, lengths are verified, and whatever goes wrong in the end is one `StoreError` that
names store and key, without secrets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from vczero.chunks.retry import RetryPolicy, with_retries
from vczero.chunks.secrets import redact
from vczero.chunks.stores import Buffer, ByteRange, check_key, clamp_range
from vczero.errors import StoreError

__all__ = ["Client", "Refused", "RemoteStore", "WrongLength", "http_status", "is_transient_fault"]


T = TypeVar("T")

_TRANSIENT_STATUS: Final = frozenset({408, 429, 500, 502, 503, 504})
_TRANSIENT_NAMES: Final = re.compile(
    r"SlowDown|InternalError|ServiceUnavailable|RequestTimeout|Throttl|ConnectionError|ServerDisconnected|Payload|"
    r"ConnectorError|ServerTimeout|ReadTimeout|IncompleteRead|EndpointConnection|ResponseStreaming"
)


class WrongLength(Exception):  # noqa: N818
    """The answer has fewer bytes, or more, than the request asked for."""


class Refused(Exception):  # noqa: N818
    """The server cannot do what was asked; the text says what. Not tried again."""


class Client(Protocol):
    """What `RemoteStore` needs of a package. Errors are the package's own."""

    async def whole(self, key: str) -> Buffer | None:
        """The object; `None` if it is absent.

        Raises:
            WrongLength: The answer is not as long as it says.
        """

    async def part(self, key: str, byte_range: ByteRange) -> tuple[Buffer, int | None] | None:
        """The bytes of a range (of at least one byte), and the size of the object if it is known; `None` if
        it is absent.
        """

    async def size(self, key: str) -> int:
        """The size of an object that is there."""

    async def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""

    def is_transient(self, error: Exception) -> bool:
        """Whether it is worth while to ask again: a fault of the network or of the server, not tried again
        by the package.
        """

    def explain(self, error: Exception) -> str:
        """The error in one line."""


class RemoteStore:
    """Objects behind a `Client` as a store."""

    synchronous: Final = False

    def __init__(self, name: str, client: Client, *, policy: RetryPolicy | None = None) -> None:
        self.name = redact(name)
        self._client = client
        self._policy = policy or RetryPolicy()

    def __repr__(self) -> str:
        return f"RemoteStore({self.name!r})"

    async def get(self, key: str) -> Buffer | None:
        """The object; `None` if it is absent."""
        check_key(key, self.name)
        return await self._run(key, lambda: self._client.whole(key))

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> list[Buffer] | None:
        """The bytes of each range, fetched at the same time; `None` if the object is absent."""
        check_key(key, self.name)
        if len(ranges) == 1:
            part = await self._run(key, lambda: self._range(key, ranges[0]))
            return None if part is None else [part]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._settled(key, byte_range)) for byte_range in ranges]
        parts: list[Buffer] = []
        for task in tasks:
            found = task.result()
            if isinstance(found, StoreError):
                raise found
            if found is None:
                return None
            parts.append(found)
        return parts

    async def list_dir(self, prefix: str) -> list[str]:
        """The names directly below `prefix`."""
        if prefix:
            check_key(prefix, self.name)
        return await self._run(prefix or "the list of names", lambda: self._client.list_dir(prefix))

    async def close(self) -> None:
        """Nothing: the packages close their connections themselves."""

    async def _settled(self, key: str, byte_range: ByteRange) -> Buffer | StoreError | None:
        """The range, or the error as a value, so that no group of exceptions arises."""
        try:
            return await self._run(key, lambda: self._range(key, byte_range))
        except StoreError as error:
            return error

    async def _range(self, key: str, byte_range: ByteRange) -> Buffer | None:
        """The bytes of a range, as many as the object has of it."""
        length = byte_range[1]
        if length <= 0:
            return b""
        answer = await self._client.part(key, byte_range)
        if answer is None:
            return None
        data, size = answer
        if len(data) == length:
            return data
        if size is None:
            size = await self._client.size(key)
        first, end = clamp_range(byte_range, size)
        if len(data) != end - first:
            raise WrongLength(f"{len(data)} bytes instead of {end - first}")
        return data

    async def _run(self, key: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await with_retries(call, policy=self._policy, transient=self._is_transient)
        except Exception as error:
            reason = str(error) if isinstance(error, WrongLength | Refused) else self._client.explain(error)
            message = f"{self.name}: cannot read {key}: {redact(' '.join(reason.split()))}"
            raise StoreError(message, store=self.name, key=key) from error

    def _is_transient(self, error: Exception) -> bool:
        return isinstance(error, WrongLength | TimeoutError | ConnectionError) or self._client.is_transient(
            error
        )


def is_transient_fault(error: Exception) -> bool:
    """Whether an error of aiohttp, botocore or the like is a fault of the network or the server that may
    pass.
    """
    status = http_status(error)
    if status is not None:
        return status in _TRANSIENT_STATUS
    text = f"{type(error).__name__} {type(error.__cause__).__name__} {error}"
    return not isinstance(error, PermissionError) and bool(_TRANSIENT_NAMES.search(text))


def http_status(error: Exception) -> int | None:
    """The status that the server answered, where the error tells."""
    status = getattr(error, "status", None)
    if status is None:
        response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else None
