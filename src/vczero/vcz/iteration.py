"""The iterator that a reader gives: a stream of batches, or of what was made of them, with its figures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from vczero.errors import VczeroError
from vczero.vcz.scan import Made

__all__ = ["BatchIterator", "ScanStatistics"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ScanStatistics(NamedTuple):
    """What an iterator has done so far. Times are in seconds; those of fetching and decoding are sums over
    threads.

    Attributes:
        max_in_flight: the most steps started and not yet let go by the consumer.
        last_chunk_bytes: bytes of the last batch.
        chunks_visited: steps read, those in which nothing passed the predicate among them.
        chunks_yielded: batches delivered.
        variants_planned: variants that the selection asks for, before the predicate has its say.
        variants_visited: variants of the steps read.
        variants_yielded: variants in the batches that were made.
        bytes_fetched: stored bytes.
        bytes_decoded: bytes of decoded chunks.
        requests: calls on the store.
        fetch_seconds: time in the store.
        decode_seconds: time in decoders.
        blocked_seconds: time that the consumer waited.
        consumer_seconds: time between a batch and the consumer's asking for the next.
    """

    max_in_flight: int = 0
    last_chunk_bytes: int = 0
    chunks_visited: int = 0
    chunks_yielded: int = 0
    variants_planned: int = 0
    variants_visited: int = 0
    variants_yielded: int = 0
    bytes_fetched: int = 0
    bytes_decoded: int = 0
    requests: int = 0
    fetch_seconds: float = 0.0
    decode_seconds: float = 0.0
    blocked_seconds: float = 0.0
    consumer_seconds: float = 0.0


class _Stream(Protocol[T_co]):
    def __iter__(self) -> _Stream[T_co]: ...
    def __next__(self) -> T_co: ...
    def close(self) -> None: ...
    def statistics(self) -> Any: ...


class _Work(Protocol):
    variants_planned: int
    variants_visited: int
    variants_yielded: int
    chunks_visited: int

    @property
    def together(self) -> int: ...
    def result_nbytes(self, result: Any) -> int: ...


_OF_WORK = frozenset(_Work.__annotations__)


class BatchIterator(Generic[T]):
    """Results in order. `close`, leaving the `with` block, and dropping it cancel what is in flight.

    An error comes once, as itself, after the results before it. Nothing is read before the first `next`.

    Args:
        begin: gives the steps from a batch on, as a stream of what they make, and the work that makes it;
            called with False when the first result is wanted, and perhaps again with True, for steps that
            make one batch each. None: there is nothing.
        start: the number of the first batch.
    """

    def __init__(
        self, begin: Callable[[int, bool], tuple[_Stream[Made[T]], _Work]] | None, start: int = 0
    ) -> None:
        self._begin = begin
        self._start = start
        self._runs: list[tuple[_Stream[Made[T]], _Work]] = []
        self._ready: deque[T] = deque()
        self._error: Exception | None = None
        self._yielded = self._last_bytes = 0

    def __iter__(self) -> BatchIterator[T]:
        return self

    def __next__(self) -> T:
        while not self._ready:
            if self._error is not None:
                error = self._error
                self.close()
                raise error
            self._read_on()
        result = self._ready.popleft()
        self._yielded += 1
        self._last_bytes = self._runs[-1][1].result_nbytes(result)
        return result

    def __enter__(self) -> BatchIterator[T]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is in flight. Idempotent; may be called by any thread."""
        self._begin = self._error = None
        self._ready.clear()
        for stream, _ in self._runs:
            stream.close()

    def statistics(self) -> ScanStatistics:
        """A snapshot, at any time."""
        told: dict[str, Any] = {}
        for stream, work in self._runs:
            found = stream.statistics()
            for name in ScanStatistics._fields:
                value = getattr(work if name in _OF_WORK else found, name)
                at_most = name in ("max_in_flight", "variants_planned")
                told[name] = max(told.get(name, 0), value) if at_most else told.get(name, 0) + value
        told |= {"chunks_yielded": self._yielded, "last_chunk_bytes": self._last_bytes}
        return ScanStatistics(**told)

    def _read_on(self) -> None:
        """What the next step makes."""
        if self._begin is not None and not self._runs:
            self._run(singly=False)
        if not self._runs:
            raise StopIteration
        try:
            made = next(self._runs[-1][0])
        except StopIteration:
            self._begin = None  # which keeps the reader alive
            raise
        except Exception as error:
            # A step that was to make several batches has failed; those before the one at fault are made now.
            # (A plain VczeroError says that the reader was closed, or the process has forked.)
            if self._begin is None or type(error) is VczeroError:
                raise
            self._run(singly=True)
            made = next(self._runs[-1][0])
        self._ready.extend(made.results)
        self._start, self._error = made.end, made.error

    def _run(self, *, singly: bool) -> None:
        assert self._begin is not None
        stream, work = self._begin(self._start, singly)
        self._runs.append((stream, work))
        if work.together == 1:
            self._begin = None

    @property
    def max_in_flight(self) -> int:
        """The most steps in flight so far."""
        return self.statistics().max_in_flight

    @property
    def last_chunk_bytes(self) -> int:
        """Bytes of the last batch."""
        return self.statistics().last_chunk_bytes
