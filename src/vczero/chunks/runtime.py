"""Threads and the portal: runs steps, and gives their results in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.schedule import Read, Step
from vczero.strings import Strings

__all__ = ["Decoded", "Runtime", "RuntimeStatistics", "StepWork", "Stream"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Decoded: TypeAlias = Mapping[Read, npt.NDArray[Any] | Strings]


class StepWork(Protocol[T]):
    """What is made of a step. Every method is called on workers only, and by one worker at a time for one step.

    The order of calls for a step: `begin`; `destination` for each read; with `step.rest`: `second`, then `destination` for
    each read that it returned; `finish`; `nbytes`. Different steps run at once, so what is kept outside of the state must
    bear that.
    """

    def begin(self, step: Step) -> Any:
        """The step's state: whatever the other methods need, such as the batch's arrays."""

    def destination(self, state: Any, read: Read) -> npt.NDArray[Any] | None:
        """Where to decode `read`: an array of the read's shape and dtype, perhaps strided along axis 0.

        `None` (always for text): the decoded value comes in `decoded`, and belongs to the step.
        """

    def second(self, state: Any, decoded: Decoded) -> Sequence[Read]:
        """Which of `step.rest` are wanted still; a read may be replaced by one of fewer rows of the same chunk.

        Called only for steps with a `rest`, when all of `step.first` has been decoded.
        """

    def finish(self, state: Any, decoded: Decoded) -> T | None:
        """The result; `None` yields nothing. `decoded` has each read, of both phases, that had no destination."""

    def nbytes(self, result: T) -> int:
        """Bytes of memory that `result` keeps: they count against the readahead budget until it is consumed."""


@dataclass(frozen=True, slots=True)
class RuntimeStatistics:
    """What a stream has done so far. Times are sums over threads, in seconds.

    Attributes:
        max_in_flight: the most steps started and not yet let go by the consumer.
        last_chunk_bytes: bytes of the last result delivered.
        chunks_visited: steps finished.
        chunks_yielded: results delivered.
        bytes_fetched: stored bytes.
        bytes_decoded: bytes of decoded chunks.
        requests: calls on stores.
        fetch_seconds: time in stores.
        decode_seconds: time in decoders.
        blocked_seconds: time that the consumer waited for a result.
        consumer_seconds: time between delivery of a result and the consumer's asking for the next.
    """

    max_in_flight: int = 0
    last_chunk_bytes: int = 0
    chunks_visited: int = 0
    chunks_yielded: int = 0
    bytes_fetched: int = 0
    bytes_decoded: int = 0
    requests: int = 0
    fetch_seconds: float = 0.0
    decode_seconds: float = 0.0
    blocked_seconds: float = 0.0
    consumer_seconds: float = 0.0


class Stream(Protocol[T_co]):
    """An iterator over results, in the order of the steps; a context manager; `close()` cancels what is in flight."""

    def __iter__(self) -> Iterator[T_co]: ...
    def __next__(self) -> T_co: ...
    def __enter__(self) -> Stream[T_co]: ...
    def __exit__(self, *exc_info: object) -> None: ...
    def close(self) -> None: ...
    def statistics(self) -> RuntimeStatistics: ...


class Runtime:
    """Owns the worker threads and the portal. Nothing is started before the first step needs it.

    Args:
        io_concurrency: the most store requests in flight, at least 1.
        decode_threads: the number of workers, at least 1; `None`: the usable CPUs.
        readahead_bytes: decoded bytes in flight (being fetched, decoded, or queued for the consumer); 0: one step at a time.

    Raises:
        OptionError: a parameter is out of its range.
    """

    def __init__(
        self,
        *,
        io_concurrency: int = 32,
        decode_threads: int | None = None,
        readahead_bytes: int = 256 * 2**20,
    ) -> None:
        raise NotImplementedError

    def run(self, steps: Iterable[Step], work: StepWork[T]) -> Stream[T]:
        """A stream of what `work` makes of each step, in order. Nothing starts before the first `next`."""
        raise NotImplementedError

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array with undefined contents, from memory that earlier batches have given back where there is some."""
        return np.empty(shape, dtype)

    def close(self) -> None:
        """Cancel every stream and stop the threads. Idempotent; prompt, even if a worker is blocked in I/O."""
        raise NotImplementedError
