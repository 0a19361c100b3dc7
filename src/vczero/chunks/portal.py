"""The portal: an asyncio event loop on a thread of its own, for stores whose calls are coroutines.

asyncio is imported when the first such store is used, not before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from vczero.errors import VczeroError

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

__all__ = ["Permit", "Portal"]

T = TypeVar("T")


class Portal:
    """An event loop that runs on a daemon thread from the first use to `stop`.

    Args:
        io_concurrency: permits of `semaphore`, which bounds the store requests in flight.
    """

    def __init__(self, io_concurrency: int) -> None:
        self._io_concurrency = io_concurrency
        self._lock = threading.Lock()
        self._is_stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._semaphore: asyncio.Semaphore | None = None
        self._thread: threading.Thread | None = None
        self._waited_for: set[Future[Any]] = set()

    @property
    def semaphore(self) -> asyncio.Semaphore:
        """One permit per store request in flight. For the loop's thread only."""
        import asyncio

        if self._semaphore is None:
            self._semaphore = asyncio.Semaphore(self._io_concurrency)
        return self._semaphore

    def post(self, callback: Callable[..., object], *args: object) -> None:
        """Call `callback` soon on the loop's thread, which is started if need be; after `stop`, never."""
        self._start().call_soon_threadsafe(callback, *args)

    def post_if_running(self, callback: Callable[..., object], *args: object) -> None:
        """The same, but nothing is started. Takes no lock, so a finalizer may call it."""
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(callback, *args)
            except RuntimeError:
                if not loop.is_closed():
                    raise

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns or raises. If the wait is interrupted, the coroutine is cancelled.

        Raises:
            VczeroError: the portal was stopped meanwhile.
        """
        import asyncio
        from concurrent.futures import CancelledError

        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("the portal's own thread cannot wait for the portal")
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._start())
        except BaseException:
            coroutine.close()
            raise
        self._waited_for.add(future)
        if self._is_stopped:
            self.stop()  # the loop may have ended before it could see the future
        try:
            return future.result()
        except CancelledError:
            raise VczeroError("the reader was closed while it was waiting for its store") from None
        except BaseException:
            future.cancel()
            raise
        finally:
            self._waited_for.discard(future)

    def stop(self) -> None:
        """Cancel what runs and let the thread end. Idempotent; takes no lock, so a finalizer may call it."""
        self._is_stopped = True
        loop = self._loop
        if loop is not None:
            self.post_if_running(loop.stop)
            if loop.is_closed():
                _cancel(self._waited_for)

    def join(self, timeout_seconds: float) -> None:
        """Wait, so long at most, until the stopped thread has ended."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_seconds)

    def _start(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            import asyncio

            with self._lock:
                if self._loop is None and not self._is_stopped:
                    loop = asyncio.new_event_loop()
                    args = (loop, self._waited_for)
                    self._thread = threading.Thread(target=_run, args=args, name="vczero-portal", daemon=True)
                    self._thread.start()
                    self._loop = loop
        if self._loop is None or self._is_stopped:
            self.stop()
            raise VczeroError("the reader is closed")
        return self._loop


class Permit:
    """A permit for one request at a time, entered anew for each; adds up the seconds for which it is held."""

    __slots__ = ("_semaphore", "_start", "seconds")

    def __init__(self, semaphore: asyncio.Semaphore) -> None:
        self._semaphore = semaphore
        self._start = 0.0
        self.seconds = 0.0

    async def __aenter__(self) -> None:
        await self._semaphore.acquire()
        self._start = perf_counter()

    async def __aexit__(self, *exc_info: object) -> None:
        self.seconds += perf_counter() - self._start
        self._semaphore.release()


def _cancel(futures: set[Future[Any]]) -> None:
    for future in list(futures):
        future.cancel()


def _run(loop: asyncio.AbstractEventLoop, waited_for: set[Future[Any]]) -> None:
    """The life of the portal's thread."""
    import asyncio

    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        _cancel(waited_for)
