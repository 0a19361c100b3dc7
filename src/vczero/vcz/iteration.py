"""The iterator that a reader gives: a stream of batches, or of what was made of them, with its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

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
    def __next__(self) -> T_co: ...
    def close(self) -> None: ...
    def statistics(self) -> Any: ...


class _Work(Protocol):
    variants_planned: int
    variants_visited: int
    variants_yielded: int


_OF_WORK = frozenset(_Work.__annotations__)


class BatchIterator(Generic[T]):
    """Results in order. `close`, leaving the `with` block, and dropping it cancel what is in flight.

    An error comes once, as itself, after the results before it. Nothing is read before the first `next`.
    """

    def __init__(self, begin: Callable[[], tuple[_Stream[T], _Work]] | None) -> None:
        self._begin = begin
        self._stream: _Stream[T] | None = None
        self._work: _Work | None = None

    def __iter__(self) -> BatchIterator[T]:
        return self

    def __next__(self) -> T:
        if self._begin is not None:
            begin, self._begin = self._begin, None
            self._stream, self._work = begin()
        if self._stream is None:
            raise StopIteration
        return self._stream.__next__()

    def __enter__(self) -> BatchIterator[T]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is in flight. Idempotent; may be called by any thread."""
        self._begin = None
        if self._stream is not None:
            self._stream.close()

    def statistics(self) -> ScanStatistics:
        """A snapshot, at any time."""
        if self._stream is None or self._work is None:
            return ScanStatistics()
        found = self._stream.statistics()
        return ScanStatistics(
            **{
                name: getattr(self._work if name in _OF_WORK else found, name)
                for name in ScanStatistics._fields
            }
        )

    @property
    def max_in_flight(self) -> int:
        """The most steps in flight so far."""
        return self.statistics().max_in_flight

    @property
    def last_chunk_bytes(self) -> int:
        """Bytes of the last batch."""
        return self.statistics().last_chunk_bytes
