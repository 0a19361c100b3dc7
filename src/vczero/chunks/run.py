"""`Run`: carries out the steps of one stream on workers, and queues their results in order.

It asks the `Window` what to start, cuts that into units of work, and has workers (and the portal, where the
store is asynchronous) carry them out. The worker that decodes the last read of a step goes on with it:
`second`, `finish`.

No lock is ever waited for by `cancel`, which finalizers call: garbage collection may run it on a thread that
holds the very lock it needs. It leaves a note, and whoever holds the lock acts on it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

from vczero.chunks.flights import Flight, SharedChunk, Unit, Value
from vczero.chunks.outbox import Outbox
from vczero.chunks.portal import Portal
from vczero.chunks.schedule import Start, Window
from vczero.chunks.steps import Chunk, Read, StepWork
from vczero.chunks.units import (
    Group,
    StreamStatistics,
    Tally,
    bundles,
    decode,
    fetch,
    fetch_all,
    groups_of,
    rows_of,
)
from vczero.chunks.workers import Workers
from vczero.errors import StoreError, VczeroError
from vczero.strings import Strings

if TYPE_CHECKING:
    import asyncio

__all__ = ["Engine", "Run"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Engine:
    """What the runs of one runtime share.

    Attributes:
        workers, portal: they carry the runs out.
        gate: held during each request on a synchronous store.
        is_of_parent: whether this process is a child of the one whose threads these were.
    """

    workers: Workers
    portal: Portal
    gate: AbstractContextManager[object]
    is_of_parent: bool = False


class Run(Generic[T]):
    """Carries out steps. `take` is for the consumer; `cancel` may be called by anyone, at any time."""

    def __init__(self, window: Window, work: StepWork[T], engine: Engine) -> None:
        self._window = window
        self._work = work
        self._engine = engine
        self._outbox: Outbox[T] = Outbox()
        self._lock = threading.Lock()
        self._flights: dict[int, Flight] = {}
        self._shared: dict[Chunk, SharedChunk] = {}
        self._jobs: list[tuple[int, int, Unit]] = []
        self._parked: list[tuple[int, int, Unit]] = []  # fetched, and not to be decoded yet
        self._pushed = 0
        self._tally = Tally()
        self._is_over = False
        self._must_cancel = False
        self._parting: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # the portal's own

    def take(self) -> T:
        """The next result; the one delivered before no longer counts against the budget.

        Raises:
            StopIteration: there is none, or the run was cancelled.
            BaseException: what the plan, the store, the decoder or the work raised, as it is.
        """
        if self._engine.is_of_parent:
            raise VczeroError("this iterator was made before the process forked: make a new one in the child")
        with self._lock:
            if self._outbox.held is not None and not self._is_over:
                self._window.released(self._outbox.held)
            self._outbox.held = None
            units = self._advance()
        self._dispatch(units)
        return self._outbox.get()

    def cancel(self, parting: BaseException | None = None) -> None:
        """Forget all that is under way and queued; requests on an asynchronous store are cancelled.

        Never blocks. A worker that is inside a synchronous store, a decoder or the work finishes what it is
        at, and the outcome is dropped.

        Args:
            parting: what the consumer's next `take` raises; None: StopIteration.
        """
        if parting is not None:
            self._parting = parting
        self._must_cancel = True
        self._settle()

    def statistics(self) -> StreamStatistics:
        """A snapshot."""
        window, outbox, tally = self._window.statistics(), self._outbox, self._tally
        return StreamStatistics(
            max_in_flight=window.max_in_flight,
            last_chunk_bytes=outbox.last_bytes,
            chunks_visited=window.finished,
            chunks_yielded=outbox.yielded,
            bytes_fetched=tally.bytes_fetched,
            bytes_decoded=tally.bytes_decoded,
            requests=tally.requests,
            fetch_seconds=tally.fetch_seconds,
            decode_seconds=tally.decode_seconds,
            blocked_seconds=outbox.blocked_seconds,
            consumer_seconds=outbox.consumer_seconds,
        )

    # On workers

    def _work_one(self) -> None:
        """Carry out the unit that comes first in the order of steps. Runs once for each unit dispatched."""
        with self._lock:
            unit = heappop(self._jobs)[2] if self._jobs else None
        if unit is not None and (unit.flight is None or self._is_alive(unit.flight)):
            try:
                self._carry_out(unit)
            except BaseException as error:
                self._fail_unit(unit, error)
        self._settle()

    def _carry_out(self, unit: Unit) -> None:
        flight, work = unit.flight, self._work
        values: list[tuple[Read, Value]] = []
        for group in unit.groups:
            if group.encoded is None:
                fetch(group, unit.tally, self._engine.gate)
            if self._is_over:
                return
            for part in self._spread(unit, group):
                places = [None] * len(part.reads) if flight is None else flight.places(work, part.reads)
                for read, place, value in zip(
                    part.reads, places, decode(part, places, unit.tally), strict=True
                ):
                    values.append((read, value))
                    if flight is not None and place is None:
                        flight.decoded[read] = value
        if flight is None:
            self._complete_loads(unit, values)
        elif self._complete_unit(unit, flight, values):
            self._complete_phase(flight)

    def _spread(self, unit: Unit, group: Group) -> list[Group]:
        """Of a group fetched together, what this worker decodes itself; the rest become jobs for others."""
        if len(group.reads) == 1:
            return [group]
        mine, *others = bundles(group.singles())
        if others and unit.flight is not None:
            with self._lock:
                unit.flight.pending += len(others)
        self._dispatch([Unit(unit.seq, unit.flight, groups) for groups in others])
        return mine

    def _complete_unit(self, unit: Unit, flight: Flight, values: Sequence[tuple[Read, Value]]) -> bool:
        """Whether this was the last unit that its step's phase waited for."""
        units: list[Unit] = []
        with self._lock:
            self._tally.add(unit.tally)
            if not self._is_alive(flight):
                return False
            flight.pending -= 1
            is_last = flight.pending == 0
            text = [(read, value.nbytes) for read, value in values if isinstance(value, Strings)]
            for read, nbytes in text:
                self._window.sized(unit.seq, read, nbytes)
            if text:
                units = self._advance()
        self._dispatch(units)
        return is_last

    def _complete_loads(self, unit: Unit, values: Sequence[tuple[Read, Value]]) -> None:
        """Shared chunks are there: steps that waited for nothing else go on, as jobs."""
        units: list[Unit] = []
        with self._lock:
            self._tally.add(unit.tally)
            for read, value in values:
                shared = self._shared.get(read.chunk)
                if shared is None:
                    continue
                shared.value = value
                if isinstance(value, Strings):
                    self._window.sized(None, read, value.nbytes)
                for flight in shared.waiting:
                    if flight.pending > 1:
                        flight.pending -= 1
                    else:
                        units.append(Unit(flight.seq, flight))
                shared.waiting = []
            units += self._advance()
        self._dispatch(units)

    def _complete_phase(self, flight: Flight) -> None:
        """All reads of a phase are decoded: go on to the second phase, or make the result."""
        if flight.error is not None:
            raise flight.error
        work = self._work
        for read, place in zip(flight.shared, flight.places(work, flight.shared), strict=True):
            shared = self._shared.get(read.chunk)
            if shared is None or shared.value is None:
                return  # the step has been cancelled
            value = rows_of(shared.value, read.rows)
            if place is None:
                flight.decoded[read] = value
            else:
                place[...] = value
        if flight.step.rest and not flight.is_in_rest:
            reads = list(work.second(flight.state, flight.decoded))
            with self._lock:
                if not self._is_alive(flight):
                    return
                flight.is_in_rest = True
                flight.shared = ()
                self._drop(self._window.wanted(flight.seq, reads))
                units = self._advance()
            self._dispatch(units)
            if reads:
                return
        self._finish(flight)

    def _finish(self, flight: Flight) -> None:
        """Make the step's result and queue it; from then on it is the consumer's alone."""
        seq = flight.seq
        result = self._work.finish(flight.state, flight.decoded)
        nbytes = None if result is None else self._work.nbytes(result)
        with self._lock:
            if self._flights.pop(seq, None) is None:
                return
            self._drop(self._window.finished(seq, nbytes))
            if result is None or nbytes is None:
                self._outbox.skip(seq)
            else:
                self._outbox.put(seq, result, nbytes)
            del result
            units = self._advance()
        self._dispatch(units)

    def _fail_unit(self, unit: Unit, error: BaseException) -> None:
        """The steps that wait for the unit fail, and with the first of them all behind it."""
        units: list[Unit] = []
        with self._lock:
            failed = [] if unit.flight is None else [unit.flight]
            if unit.flight is None:
                for shared in self._shared_of(unit):
                    shared.error = error
                    failed += shared.waiting
                    shared.waiting = []
            seqs = [flight.seq for flight in failed if self._is_alive(flight)]
            if seqs:
                self._fail_from(min(seqs), error)
                units = self._advance()
        self._dispatch(units)

    # On the portal's thread

    def _fetch_remote(self, units: Sequence[Unit]) -> None:
        import asyncio

        for unit in units if not self._is_over else ():
            task = asyncio.ensure_future(self._fetch_unit(unit))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fetch_unit(self, unit: Unit) -> None:
        from asyncio import CancelledError

        try:
            await fetch_all(unit.groups, unit.tally, self._engine.portal.semaphore)
            with self._lock:
                for read, nbytes in unit.stored():
                    self._window.fetched(unit.seq, read, nbytes)
                units = self._advance()
            self._dispatch([unit, *units])
        except CancelledError:
            if not self._is_over:
                name = unit.groups[0].reads[0].reader.store.name
                self._fail_unit(unit, StoreError(f"{name}: the store gave up a request", store=name))
        except BaseException as error:
            self._fail_unit(unit, error)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    # With the lock held

    def _advance(self) -> list[Unit]:
        """The units that may start now, to be dispatched once the lock is free."""
        if self._is_over:
            return []
        try:
            units = [unit for start in self._window.advance() for unit in self._units_of(start)]
            while self._parked and self._parked[0][0] < self._window.decodable:
                units.append(heappop(self._parked)[2])
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # No step is at fault that could be failed for it, and the consumer must not wait for ever.
            self._fail_from(min(self._flights, default=self._outbox.turn), error)
            return []
        if self._window.is_exhausted and not self._flights:
            self._outbox.end(self._window.plan_error)
        return units

    def _fail_from(self, first: int, error: BaseException) -> None:
        self._drop(self._window.failed(first))
        self._flights = {seq: flight for seq, flight in self._flights.items() if seq < first}
        self._parked = sorted(job for job in self._parked if job[0] < first)
        self._outbox.fail(first, error)

    def _units_of(self, start: Start) -> list[Unit]:
        seq = start.seq
        flight = self._flights.setdefault(seq, Flight(seq, start.step))
        flight.shared = start.shared
        for read in start.loads:
            self._shared[read.chunk] = SharedChunk()
        units = [Unit(seq, flight, groups) for groups in bundles(groups_of(start.own))]
        flight.pending = len(units)
        for chunk in {read.chunk for read in start.shared}:
            shared = self._shared[chunk]
            if shared.error is not None:
                flight.error = shared.error
            elif shared.value is None:
                shared.waiting.append(flight)
                flight.pending += 1
        if not flight.pending:
            units.append(Unit(seq, flight))
            flight.pending = 1
        return units + [Unit(seq, None, groups) for groups in bundles(groups_of(start.loads))]

    def _drop(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            self._shared.pop(chunk, None)

    def _shared_of(self, unit: Unit) -> list[SharedChunk]:
        """The shared chunks that a unit was to read and has not."""
        chunks = (self._shared.get(read.chunk) for group in unit.groups for read in group.reads)
        return [shared for shared in chunks if shared is not None and shared.value is None]

    def _is_alive(self, flight: Flight) -> bool:
        return self._flights.get(flight.seq) is flight

    # Without the lock

    def _dispatch(self, units: Sequence[Unit]) -> None:
        """Hand units to the portal or to workers; to be called after each use of the lock."""
        remote = [unit for unit in units if unit.is_remote]
        local = [unit for unit in units if not unit.is_remote] if remote else units
        if local:
            ready = 0
            with self._lock:
                decodable = self._window.decodable
                for unit in local if not self._is_over else ():
                    is_ready = unit.flight is None or unit.seq < decodable
                    heappush(self._jobs if is_ready else self._parked, (unit.seq, self._pushed, unit))
                    self._pushed += 1
                    ready += is_ready
            for _ in range(ready):
                self._engine.workers.submit(self._work_one)
        if remote:
            try:
                self._engine.portal.post(self._fetch_remote, remote)
            except BaseException as error:
                for unit in remote:
                    self._fail_unit(unit, error)
        self._settle()

    def _settle(self) -> None:
        """Carry out a cancellation that has been asked for, unless the lock is held: its holder will."""
        while self._must_cancel and self._lock.acquire(blocking=False):
            try:
                self._must_cancel = False
                if not self._is_over:
                    self._is_over = True
                    self._window.failed(0)
                    self._flights.clear()
                    self._shared.clear()
                    self._jobs.clear()
                    self._parked.clear()
                    self._outbox.clear(self._parting)
                    self._engine.portal.post_if_running(self._cancel_tasks)
            finally:
                self._lock.release()
