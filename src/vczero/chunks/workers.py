"""A few daemon threads that run jobs in the order in which they were handed in.

Not `concurrent.futures.ThreadPoolExecutor`: the interpreter joins that one's threads at exit, whatever they
are doing, so a worker blocked in I/O would hang the exit; it makes a future and takes two locks per job; and
it cannot be stopped from a finalizer, which may run on any thread at any point, inside one of its locks too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic

__all__ = ["Workers"]

Job = Callable[[], None]


class Workers:
    """At most `limit` threads, started one by one as jobs come.

    `submit` may be called from any thread; `stop` also from a finalizer, since all it does is to put
    something into a `SimpleQueue`, which is safe there. The threads know the queue only: they keep nothing
    else alive.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._is_stopped = False

    def submit(self, job: Job) -> None:
        """Run `job` on a worker, after the jobs that were submitted before it. It must not raise."""
        self._queue.put(job)
        if len(self._threads) < self.limit:
            self._grow()

    def stop(self) -> None:
        """Let each worker end after the job it is at; jobs that wait may never run. Idempotent."""
        self._is_stopped = True
        self._queue.put(None)

    def join(self, timeout_seconds: float) -> None:
        """Wait, so long at most, until the stopped workers have ended; a worker does not wait for itself."""
        end = monotonic() + timeout_seconds
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - monotonic()))

    def _grow(self) -> None:
        with self._lock:
            number = len(self._threads)
            if number < self.limit and not self._is_stopped:
                name = f"vczero-worker-{number}"
                thread = threading.Thread(target=_work, args=(self._queue,), name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the system allows no more threads: those that there are will do
                    if not self._threads:
                        raise
                else:
                    self._threads.append(thread)


def _work(queue: SimpleQueue[Job | None]) -> None:
    while (job := queue.get()) is not None:
        job()
        del job  # an idle worker keeps nothing alive
    queue.put(None)  # for the next one
