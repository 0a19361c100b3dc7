"""`Stream`: the consumer's end of a run."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vczero.chunks.run import Run
from vczero.chunks.units import StreamStatistics

if TYPE_CHECKING:
    from vczero.chunks.runtime import Runtime

__all__ = ["Stream", "StreamStatistics"]

T_co = TypeVar("T_co", covariant=True)


class Stream(Generic[T_co]):
    """An iterator over the results of steps, in the order of the steps.

    Nothing starts before the first `next`. An error comes once, as itself, after the results of the steps
    before it; then the stream is over. `close`, leaving the `with` block, and dropping the last reference all
    cancel what is in flight, and none of them waits: requests to an asynchronous store are cancelled; a
    thread inside a synchronous one, or a decoder, finishes that call, and what comes of it is dropped. If the
    runtime is closed first, the next `next` raises `VczeroError`, since results are missing.
    """

    def __init__(self, run: Run[T_co], owner: Runtime) -> None:
        self._run = run
        self._owner: Runtime | None = owner  # it must outlive the stream
        self._finalizer = weakref.finalize(self, _finish, run)
        self._finalizer.atexit = False

    def __iter__(self) -> Stream[T_co]:
        return self

    def __next__(self) -> T_co:
        try:
            return self._run.take()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Stream[T_co]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel what is in flight and free what is queued. Idempotent; may be called by any thread."""
        self._finalizer()
        if self._owner is not None:
            self._owner.trim()
            self._owner = None

    def statistics(self) -> StreamStatistics:
        """A snapshot; may be asked for at any time, also after the end."""
        return self._run.statistics()


def _finish(run: Run[Any]) -> None:
    run.cancel()
    # Importing logging costs more than opening a store; who has not imported it does not listen.
    logging = sys.modules.get("logging")
    if logging is not None:
        found = run.statistics()
        logging.getLogger("vczero.chunks").info(
            "read %d batches in %d steps: %d requests, %d bytes fetched in %.3f s, %d decoded in %.3f s; "
            "the consumer waited %.3f s and worked %.3f s; at most %d steps in flight",
            found.chunks_yielded,
            found.chunks_visited,
            found.requests,
            found.bytes_fetched,
            found.fetch_seconds,
            found.bytes_decoded,
            found.decode_seconds,
            found.blocked_seconds,
            found.consumer_seconds,
            found.max_in_flight,
        )
