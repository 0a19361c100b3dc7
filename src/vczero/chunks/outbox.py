"""`Outbox`: what workers have made, in the order of the steps, whatever the order in which it comes."""

from __future__ import annotations

from queue import SimpleQueue
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Outbox"]

T = TypeVar("T")


class _Result(NamedTuple, Generic[T]):
    seq: int
    value: T
    nbytes: int


class _End(NamedTuple):
    error: BaseException | None


class Outbox(Generic[T]):
    """Results, or the error that ends them, from workers to a consumer.

    All but `get` are to be called with the run's lock held. Counts what it delivers and how long the consumer
    waits.

    Attributes:
        turn: the number of the step whose result comes next.
        is_ended: whether the end has been queued; what is put after that is dropped.
        held: the number of the step whose result the consumer has in hands.
        yielded: results delivered.
        last_bytes: bytes of the last of them.
        blocked_seconds, consumer_seconds: time inside `get`, and between two of them.
    """

    def __init__(self) -> None:
        self._ready: SimpleQueue[_Result[T] | _End] = SimpleQueue()
        self._early: dict[int, _Result[T] | _End | None] = {}
        self.turn = 0
        self.is_ended = False
        self.held: int | None = None
        self.yielded = 0
        self.last_bytes = 0
        self.blocked_seconds = self.consumer_seconds = 0.0
        self._left = 0.0

    def put(self, seq: int, value: T, nbytes: int) -> None:
        """The result of a step."""
        self._put(seq, _Result(seq, value, nbytes))

    def skip(self, seq: int) -> None:
        """A step has no result."""
        self._put(seq, None)

    def fail(self, seq: int, error: BaseException) -> None:
        """A step has failed: its error comes after the results of those before, and nothing after it."""
        self._early = {number: item for number, item in self._early.items() if number < seq}
        self._put(seq, _End(error))

    def end(self, error: BaseException | None) -> None:
        """All results have been put; after them comes the end, or an error."""
        if not self.is_ended:
            self.is_ended = True
            self._ready.put(_End(error))

    def clear(self, error: BaseException | None) -> None:
        """Forget what the consumer has not got; it gets the end, or an error, at once."""
        self._early.clear()
        while not self._ready.empty():
            self._ready.get()
        self.is_ended = True
        self._ready.put(_End(error))

    def get(self) -> T:
        """The next result, waited for; for the consumer, without the lock.

        Raises:
            StopIteration: there is none.
            BaseException: a step or the plan has failed, or the run was cancelled with an error.
        """
        came = perf_counter()
        if self.yielded:
            self.consumer_seconds += came - self._left
        item = self._ready.get()
        self._left = perf_counter()
        self.blocked_seconds += self._left - came
        if isinstance(item, _Result):
            self.held, self.last_bytes = item.seq, item.nbytes
            self.yielded += 1
            value: T = item.value
            return value
        self._ready.put(_End(None))
        error: Any = StopIteration() if item.error is None else item.error
        try:
            raise error
        finally:
            del item, error  # the traceback holds this frame

    def _put(self, seq: int, item: _Result[T] | _End | None) -> None:
        self._early[seq] = item
        while not self.is_ended and self.turn in self._early:
            item = self._early.pop(self.turn)
            self.turn += 1
            if item is not None:
                self._ready.put(item)
                self.is_ended = isinstance(item, _End)
