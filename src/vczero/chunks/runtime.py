"""`Runtime`: the threads and the portal of a reader, and the door to them."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy.typing as npt

from vczero.chunks.memory import Pool
from vczero.chunks.portal import Portal
from vczero.chunks.run import Engine, Run
from vczero.chunks.schedule import Window
from vczero.chunks.sizes import Sizes
from vczero.chunks.steps import Decoded, Step, StepWork
from vczero.chunks.stores import AnyStore, Fetch, run_fetch, run_fetch_async
from vczero.chunks.stream import Stream, StreamStatistics
from vczero.chunks.workers import Workers
from vczero.errors import OptionError, UnsupportedError, VczeroError

__all__ = ["Decoded", "Runtime", "StepWork", "Stream", "StreamStatistics", "whole_number"]

T = TypeVar("T")

# How long `close` waits for threads: long enough for a decoder to finish, too short to be taken for a hang.
_PATIENCE_SECONDS = 1.0


class Runtime:
    """Owns the worker threads and the portal. Nothing is started before something needs it.

    Any number of streams may run at once, from any threads; they share the workers and the limit on requests,
    and each has its own readahead budget. A runtime that is forgotten, and those still open when the
    interpreter ends, stop their threads. In a forked child a runtime starts new threads; streams made before
    the fork are of no use there and say so.

    Args:
        io_concurrency: the most store requests in flight, at least 1.
        decode_threads: the number of workers, at least 1; `None`: the CPUs that this process may use.
        readahead_bytes: decoded bytes in flight (being fetched, decoded, or queued for the consumer) per
            stream, and stored bytes of what is only fetched as yet; 0: one step at a time.

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
        self.io_concurrency = whole_number("io_concurrency", io_concurrency, 1)
        threads = _usable_cpus() if decode_threads is None else decode_threads
        self.decode_threads = whole_number("decode_threads", threads, 1)
        self.readahead_bytes = whole_number("readahead_bytes", readahead_bytes, 0)
        self._is_closed = False
        self._pool = Pool(self.readahead_bytes // 2)
        self._sizes = Sizes(self.readahead_bytes)
        self._runs: weakref.WeakSet[Run[Any]] = weakref.WeakSet()
        self._start_afresh()
        _open_runtimes.add(self)

    def _start_afresh(self) -> None:
        gate: AbstractContextManager[object] = nullcontext()
        if self.io_concurrency < self.decode_threads:
            gate = threading.Semaphore(self.io_concurrency)
        self._engine = Engine(Workers(self.decode_threads), Portal(self.io_concurrency), gate)
        self._finalizer = weakref.finalize(self, _stop, self._engine)
        self._finalizer.atexit = False

    def run(self, steps: Iterable[Step], work: StepWork[T]) -> Stream[T]:
        """A stream of what `work` makes of each step, in order. Nothing starts before its first `next`.

        Raises:
            VczeroError: the runtime is closed.
        """
        self._check_open()
        # Enough steps to keep every request and every worker busy while results queue; more would only be
        # memory.
        max_steps = 2 * (self.io_concurrency + self.decode_threads)
        budget = self.readahead_bytes
        window = Window(steps, budget_bytes=budget, max_steps=max_steps, sizes=self._sizes)
        run = Run(window, work, self._engine)
        self._runs.add(run)
        return Stream(run, self)

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array in C order with undefined contents; large ones use the memory of dropped batches."""
        return self._pool.empty(shape, dtype)

    def trim(self) -> None:
        """Return memory of dropped batches to the system; done whenever a stream is closed."""
        self._pool.clear()

    def fetch_all(self, store: AnyStore, fetches: Sequence[Fetch[T]]) -> list[T]:
        """What each fetch returns: one after the other on a synchronous store, all at once on an asynchronous
        one.

        Raises:
            StoreError: the store fails; the other fetches are then given up.
            VczeroError: the runtime is closed.
        """
        self._check_open()
        if store.synchronous:
            return [run_fetch(fetch, store) for fetch in fetches]

        async def fetch_together() -> list[T]:
            import asyncio

            limiter = self._engine.portal.semaphore
            tasks = [asyncio.ensure_future(run_fetch_async(fetch, store, limiter)) for fetch in fetches]
            try:
                return await asyncio.gather(*tasks)
            except BaseException:
                for task in tasks:
                    task.cancel()
                raise

        return self.wait_for(fetch_together()) if fetches else []

    def list_dir(self, store: AnyStore, prefix: str) -> Sequence[str]:
        """The names of what lies directly under `prefix` in the store.

        Raises:
            UnsupportedError: the store cannot list.
            StoreError: the store fails.
            VczeroError: the runtime is closed.
        """
        self._check_open()
        found: Any = getattr(store, "list_dir", None)
        if found is None:
            raise UnsupportedError(
                f"{store.name}: this kind of store cannot list its keys", feature="listing"
            )
        listing: Sequence[str] = found(prefix) if store.synchronous else self.wait_for(found(prefix))
        return listing

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns or raises; it runs on the portal, whatever loop the calling thread may
        have.

        Raises:
            VczeroError: the runtime is closed, or was while the coroutine ran.
        """
        return self._engine.portal.wait_for(coroutine)

    def close(self) -> None:
        """Cancel every stream and stop the threads. Idempotent.

        Returns promptly: threads that are inside a decoder are waited for, but for a second at most, and
        a thread that is blocked in a store ends by itself when its store lets it go.
        """
        if self._is_closed:
            return
        self._is_closed = True
        _open_runtimes.discard(self)
        for run in list(self._runs):
            run.cancel(VczeroError("the reader was closed before this iterator was at its end"))
        self.trim()
        self._finalizer()
        self._engine.workers.join(_PATIENCE_SECONDS)
        self._engine.portal.join(_PATIENCE_SECONDS)

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise VczeroError("the reader is closed")


def _stop(engine: Engine) -> None:
    engine.workers.stop()
    engine.portal.stop()


def whole_number(name: str, value: int, least: int) -> int:
    """`value`.

    Raises:
        OptionError: it is no integer, or less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return value


def _usable_cpus() -> int:
    """The CPUs that this process may use, which may be fewer than the machine has."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_open_runtimes: weakref.WeakSet[Runtime] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Daemon threads that still run while the interpreter is taken down can crash it."""
    for runtime in list(_open_runtimes):
        runtime.close()


def _after_fork() -> None:
    """Threads do not survive a fork, and locks may have been held by them: the child gets everything new."""
    for runtime in list(_open_runtimes):
        runtime._finalizer.detach()
        runtime._engine.is_of_parent = True
        runtime._runs = weakref.WeakSet()
        runtime._start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
