"""Stores for tests: canned bytes, a log of calls, failures on demand, delays by event. Nothing sleeps.

`ScriptedStore` is synchronous, `AsyncScriptedStore` a coroutine store over the same script:

    store = ScriptedStore({"a/0": b"..."})
    gate = store.hold("a/0")           # calls for a/0 wait ...
    gate.wait_for_arrivals(2)          # ... until two have come ...
    gate.open()                        # ... and go on
    store.fail("a/1", StoreError("boom"))          # the next call for a/1 raises; after it, all is well
    store.log, store.count("a/0"), store.most_in_flight
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from vczero.chunks.stores import Buffer, ByteRange, Request, check_key, slice_ranges
from vczero.errors import StoreError

# A test that waits this long has failed; it is never the way a test passes.
PATIENCE_SECONDS = 60.0


class Gate:
    """Holds calls back until it is opened. `arrived` counts calls, `cancelled` those that gave up."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._is_open = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.arrived = 0
        self.cancelled = 0

    def open(self) -> None:
        with self._condition:
            self._is_open = True
            self._condition.notify_all()
            waiters, self._waiters = self._waiters, []
        for loop, event in waiters:
            loop.call_soon_threadsafe(event.set)

    def wait_for_arrivals(self, count: int = 1) -> None:
        self._wait_for(lambda: self.arrived >= count)

    def wait_for_cancellations(self, count: int = 1) -> None:
        self._wait_for(lambda: self.cancelled >= count)

    def _wait_for(self, condition) -> None:
        with self._condition:
            assert self._condition.wait_for(condition, PATIENCE_SECONDS), "what the test waits for never came"

    def pass_through(self) -> None:
        with self._condition:
            self.arrived += 1
            self._condition.notify_all()
            assert self._condition.wait_for(lambda: self._is_open, PATIENCE_SECONDS), "gate was never opened"

    async def pass_through_async(self) -> None:
        event = asyncio.Event()
        with self._condition:
            self.arrived += 1
            self._condition.notify_all()
            if self._is_open:
                return
            self._waiters.append((asyncio.get_running_loop(), event))
        try:
            await asyncio.wait_for(event.wait(), PATIENCE_SECONDS)
        except asyncio.CancelledError:
            with self._condition:
                self.cancelled += 1
                self._condition.notify_all()
            raise


class _Script:
    """What the two stores share: the objects, the log, the failures and the gates."""

    def __init__(self, objects: Mapping[str, Buffer], *, name: str = "scripted") -> None:
        self.name = name
        self.objects = dict(objects)
        self.log: list[Request] = []
        self.bytes_sent = 0
        self.most_in_flight = 0
        self.trips = 0  # requests that came when none was under way: round trips, one after the other
        self.closed = 0
        self._in_flight = 0
        self._lock = threading.Lock()
        self._failures: dict[str, list[BaseException]] = {}
        self._gates: dict[str, Gate] = {}

    @classmethod
    def of_directory(cls, root: str | Path, **options):
        """A store with the files below `root`."""
        root = Path(root)
        paths = (path for path in sorted(root.rglob("*")) if path.is_file())
        return cls({path.relative_to(root).as_posix(): path.read_bytes() for path in paths}, **options)

    def hold(self, key: str) -> Gate:
        """A closed gate before `key`."""
        return self._gates.setdefault(key, Gate())

    def fail(self, key: str, *errors: BaseException) -> None:
        """The next calls for `key` raise these, one each."""
        self._failures.setdefault(key, []).extend(errors)

    @property
    def keys(self) -> list[str]:
        """The keys asked for, in the order of the calls."""
        return [request.key for request in self.log]

    def count(self, key: str) -> int:
        """How often `key` was asked for."""
        return self.keys.count(key)

    def clear_log(self) -> None:
        self.log.clear()
        self.bytes_sent = 0
        self.most_in_flight = self.trips = 0

    @contextmanager
    def _call(self, request: Request) -> Iterator[None]:
        check_key(request.key, self.name)
        if self.closed:
            raise StoreError(f"{self.name}: closed", store=self.name, key=request.key)
        with self._lock:
            self.log.append(request)
            self.trips += not self._in_flight
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def _answer(self, request: Request) -> Buffer | list[Buffer] | None:
        with self._lock:
            failures = self._failures.get(request.key)
            if failures:
                raise failures.pop(0)
        found = self.objects.get(request.key)
        if found is None:
            return None
        reply = found if request.ranges is None else slice_ranges(found, request.ranges)
        with self._lock:
            self.bytes_sent += len(reply) if request.ranges is None else sum(len(part) for part in reply)
        return reply


class ScriptedStore(_Script):
    synchronous = True

    def get(self, key: str):
        return self._play(Request(key))

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]):
        return self._play(Request(key, tuple(ranges)))

    def _play(self, request: Request):
        with self._call(request):
            if (gate := self._gates.get(request.key)) is not None:
                gate.pass_through()
            return self._answer(request)

    def close(self) -> None:
        self.closed += 1


class AsyncScriptedStore(_Script):
    synchronous = False

    async def get(self, key: str):
        return await self._play(Request(key))

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]):
        return await self._play(Request(key, tuple(ranges)))

    async def _play(self, request: Request):
        with self._call(request):
            if (gate := self._gates.get(request.key)) is not None:
                await gate.pass_through_async()
            else:
                await asyncio.sleep(0)  # a real store always yields to the loop at least once
            return self._answer(request)

    async def close(self) -> None:
        self.closed += 1
