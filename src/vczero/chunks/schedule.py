"""What to start next and what to let go, as pure data: no threads, no clock, no I/O.

A plan is an iterable of `Step`; each step lists the `Read`s that one batch needs. `Window` pulls steps from
the plan, one more than it lets in, and says when each may start, so that the decoded bytes in flight stay
within a budget. It is driven by calls (`advance`, `wanted`, `finished`, `released`, `failed`) from one thread
at a time.

The rules:

- Steps are let in in their order. The head (the oldest step that the consumer has not let go) is always let
  in, whatever it costs; any other step, or second phase of a step, only if its bytes fit. So a budget of 0
  means one step at a time, and nothing can hold the budget for ever.
- From an asynchronous store, steps whose decoded bytes do not fit yet are fetched ahead if what is stored of
  them fits, and decoded when their turn comes: compressed chunks are small, and every request that is not
  under way in time costs a round trip. A part of the budget is kept for that. How much is stored is estimated
  from what was fetched; before that, it is believed to be as much as is decoded.
- A second phase that does not fit holds back the steps behind it: otherwise their predicate's columns would
  eat the budget, and second phases would run one at a time.
- A chunk that several steps in the window use (or the one step that was pulled ahead) is read once, whole,
  counted once, and dropped after its last use. A chunk that one step alone uses is read as that step asks,
  perhaps in part.
- The bytes of variable-length text are not in the plan. They are estimated from what was seen (`sizes`).
- Work is linear in the number of reads, and only the steps in the window are in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple

from vczero.chunks.sizes import Sizes
from vczero.chunks.steps import Chunk, Read, Step

__all__ = ["Start", "Window", "WindowStatistics"]

# Of the budget, what is kept for fetching ahead from an asynchronous store.
_AHEAD_FRACTION = 8


class Start(NamedTuple):
    """One phase of a step that may begin now.

    Attributes:
        seq: the number of the step, from 0.
        step: the step itself.
        own: reads for this step alone.
        shared: reads whose rows come from chunks that other steps use too.
        loads: the whole chunks behind `shared` that have not been asked for before.
    """

    seq: int
    step: Step
    own: Sequence[Read]
    shared: Sequence[Read] = ()
    loads: Sequence[Read] = ()


class WindowStatistics(NamedTuple):
    """A snapshot of a `Window`.

    Attributes:
        in_flight, max_in_flight: steps let in and not released; the most there were.
        charged_bytes, max_charged_bytes: bytes counted against the budget; the most there were.
        started, finished: steps so far.
        shared_chunks: chunks held for more than one step.
    """

    in_flight: int
    max_in_flight: int
    charged_bytes: int
    max_charged_bytes: int
    started: int
    finished: int
    shared_chunks: int


@dataclass(slots=True, eq=False)
class _Flight:
    """A step, once pulled.

    Attributes:
        chunks: those that it may still need.
        charge: what of the budget it holds.
        text: the estimates in it for text reads.
        ahead: while it is only fetched, the estimates in it for what is stored of its reads.
    """

    step: Step
    chunks: list[Chunk]
    charge: int = 0
    text: dict[Read, int] = field(default_factory=dict)
    ahead: dict[Read, int] = field(default_factory=dict)


class Window:
    """Decides which steps are in flight, under a budget of decoded bytes. See the module for the rules.

    Args:
        steps: the plan; pulled as steps are let in, never more than one ahead. An exception that it raises
            ends the plan and is kept in `plan_error`.
        budget_bytes: the most bytes in flight, the head aside.
        max_steps: the most steps in flight, at least 1. When there are so many, a quarter must go before more
            are let in: steps so small that their number is the limit are handed over several at a time.
        sizes: what windows before this one have learnt, and this one adds to.
    """

    def __init__(
        self, steps: Iterable[Step], *, budget_bytes: int, max_steps: int, sizes: Sizes | None = None
    ) -> None:
        self._plan: Iterator[Step] | None = iter(steps)
        self._budget = budget_bytes
        self._max_steps = max_steps
        self._refill_at = max_steps - max(1, max_steps // 4)
        self._is_refilling = True
        self._upcoming: deque[_Flight] = deque()
        self._flights: dict[int, _Flight] = {}
        self._waiting: list[tuple[int, Sequence[Read]]] = []
        self._interest: dict[Chunk, int] = {}
        self._shared: dict[Chunk, int] = {}
        sizes = sizes or Sizes(budget_bytes)
        self._text, self._stored = sizes.text, sizes.stored
        self._charged = self._max_charged = self._ahead = 0
        self._started = self._finished = self._max_in_flight = 0
        self._decodable = 0
        self.plan_error: BaseException | None = None

    # What the driver asks

    def advance(self) -> list[Start]:
        """The phases that may begin now, in order. To be asked after each event."""
        starts: list[Start] = []
        while self._waiting:
            seq, reads = self._waiting[0]
            start = self._start_of(seq, self._flights[seq], reads)
            if not self._admit(start, self._flights[seq]):
                return starts
            heappop(self._waiting)
            starts.append(start)
        while (waiting := self._flights.get(self._decodable)) is not None and self._promote(waiting):
            self._decodable += 1
        if len(self._flights) <= self._refill_at:
            self._is_refilling = True
        while self._is_refilling and self._pull():
            flight = self._upcoming[0]
            start = self._start_of(self._started, flight, flight.step.first)
            if self._decodable == self._started and self._admit(start, flight):
                self._decodable += 1
            elif not self._admit_ahead(start, flight):
                break
            self._flights[self._started] = self._upcoming.popleft()
            self._started += 1
            self._is_refilling = len(self._flights) < self._max_steps
            starts.append(start)
        self._max_in_flight = max(self._max_in_flight, len(self._flights))
        return starts

    @property
    def decodable(self) -> int:
        """How many steps may be decoded: those with smaller numbers. Others are only fetched, as yet."""
        return self._decodable

    @property
    def is_exhausted(self) -> bool:
        """Whether every step of the plan has been let in."""
        return self._plan is None and not self._upcoming

    def statistics(self) -> WindowStatistics:
        """A snapshot of what is in flight and what was."""
        return WindowStatistics(
            in_flight=len(self._flights),
            max_in_flight=self._max_in_flight,
            charged_bytes=self._charged,
            max_charged_bytes=self._max_charged,
            started=self._started,
            finished=self._finished,
            shared_chunks=len(self._shared),
        )

    # What the driver tells

    def fetched(self, seq: int, read: Read, nbytes: int) -> None:
        """A read from an asynchronous store is there and has `nbytes` as stored."""
        self._stored.learn(read, nbytes)
        flight = self._flights.get(seq)
        if flight is not None and read in flight.ahead:
            change = nbytes - flight.ahead[read]
            flight.ahead[read] = nbytes
            self._charge_ahead(flight, change)

    def sized(self, seq: int | None, read: Read, nbytes: int) -> None:
        """A text read turned out to have `nbytes`; `seq` is None for one of `Start.loads`."""
        self._text.learn(read, nbytes)
        if seq is None:
            if read.chunk in self._shared:
                self._charge(nbytes - self._shared[read.chunk])
                self._shared[read.chunk] = nbytes
        elif (flight := self._flights.get(seq)) is not None and read in flight.text:
            change = nbytes - flight.text.pop(read)
            flight.charge += change
            self._charge(change)

    def wanted(self, seq: int, reads: Sequence[Read]) -> list[Chunk]:
        """The first phase of a step is over, and these reads are wanted of its rest.

        If there are any, a `Start` for them will come from `advance`.

        Returns:
            Shared chunks that nobody needs any longer.
        """
        flight = self._flights[seq]
        chunks = [read.chunk for read in reads]
        strangers = set(chunks).difference(read.chunk for read in flight.step.rest)
        if strangers:
            reader, coords, _ = strangers.pop()
            raise ValueError(f"array {reader.meta.name}: chunk {coords} is not in the rest of the step")
        for chunk in chunks:
            self._interest[chunk] += 1
        dropped = self._lose_interest(flight.chunks)
        flight.chunks = chunks
        if reads:
            heappush(self._waiting, (seq, reads))
        return dropped

    def finished(self, seq: int, nbytes: int | None) -> list[Chunk]:
        """The result of a step is there and keeps `nbytes`; None: there is no result, and the step is
        released.

        Returns:
            Shared chunks that nobody needs any longer.
        """
        flight = self._flights[seq]
        self._finished += 1
        dropped = self._lose_interest(flight.chunks)
        flight.chunks = []
        self._charge((nbytes or 0) - flight.charge)
        flight.charge = nbytes or 0
        if nbytes is None:
            del self._flights[seq]
        return dropped

    def released(self, seq: int) -> None:
        """The consumer has let go of the result of a step."""
        self._charge(-self._flights.pop(seq).charge)

    def failed(self, seq: int) -> list[Chunk]:
        """A step cannot be finished: it and all behind it are forgotten, and no more are let in.

        Returns:
            Shared chunks that nobody needs any longer.
        """
        self._plan = None
        dropped = []
        for flight in self._upcoming:
            dropped += self._lose_interest(flight.chunks)
        self._upcoming.clear()
        for later in [number for number in self._flights if number >= seq]:
            flight = self._flights.pop(later)
            dropped += self._lose_interest(flight.chunks)
            self._charge_ahead(flight, -sum(flight.ahead.values()))
            self._charge(-flight.charge)
        self._waiting = sorted(entry for entry in self._waiting if entry[0] < seq)
        return dropped

    # Inside

    def _pull(self) -> bool:
        """Whether there is a step to let in; the one behind it, if any, has then been pulled too."""
        while self._plan is not None and len(self._upcoming) < 2:
            try:
                step = next(self._plan)
                chunks = [read.chunk for read in chain(step.first, step.rest)]
            except StopIteration:
                self._plan = None
            except BaseException as error:
                self._plan = None
                self.plan_error = error
                if isinstance(error, KeyboardInterrupt):  # no fault of the plan, and not to be kept for later
                    raise
            else:
                for chunk in chunks:
                    self._interest[chunk] = self._interest.get(chunk, 0) + 1
                self._upcoming.append(_Flight(step, chunks))
        return bool(self._upcoming)

    def _start_of(self, seq: int, flight: _Flight, reads: Sequence[Read]) -> Start:
        """The reads by how they are to be read."""
        own: list[Read] = []
        shared: list[Read] = []
        loads: dict[Chunk, Read] = {}
        for read in reads:
            chunk = read.chunk
            if self._interest[chunk] == 1 and chunk not in self._shared:
                own.append(read)
                continue
            shared.append(read)
            if chunk not in self._shared and chunk not in loads:
                loads[chunk] = read if read.rows is None else Read(read.reader, read.coords, piece=read.piece)
        return Start(seq, flight.step, own, shared, list(loads.values()))

    def _admit(self, start: Start, flight: _Flight) -> bool:
        """Whether the phase may be fetched and decoded; then it is counted against the budget."""
        loads = {read.chunk: self._text.bytes_of(read) for read in start.loads}
        if not self._charge_decoded(start.seq, flight, [*start.own, *start.shared], sum(loads.values())):
            return False
        self._shared.update(loads)
        return True

    def _admit_ahead(self, start: Start, flight: _Flight) -> bool:
        """Whether the phase may be fetched; then what is stored of it is counted.

        Shared chunks are decoded at once, since a step before this one may be waiting for them.
        """
        reads = [*start.own, *start.shared]
        if not reads or any(read.reader.store.synchronous for read in reads):
            return False
        ahead = {read: self._stored.bytes_of(read) for read in start.own}
        loads = {read.chunk: self._text.bytes_of(read) for read in start.loads}
        if self._charged + sum(ahead.values()) + sum(loads.values()) > self._budget:
            return False
        flight.ahead = ahead
        self._charge_ahead(flight, sum(ahead.values()))
        self._shared.update(loads)
        self._charge(sum(loads.values()))
        return True

    def _promote(self, flight: _Flight) -> bool:
        """Whether a step that was fetched ahead may be decoded; then that is counted instead."""
        ahead = sum(flight.ahead.values())
        self._charge_ahead(flight, -ahead)
        if not self._charge_decoded(self._decodable, flight, flight.step.first, 0):
            self._charge_ahead(flight, ahead)
            return False
        flight.ahead = {}
        return True

    def _charge_decoded(self, seq: int, flight: _Flight, reads: Sequence[Read], load_bytes: int) -> bool:
        """Whether the decoded bytes of reads, and of loads, are within the budget; then they count."""
        sizes = [self._text.bytes_of(read) for read in reads]
        cost = sum(sizes)
        is_head = not self._flights or next(iter(self._flights)) == seq
        if not is_head:
            is_remote = bool(reads) and not reads[0].reader.store.synchronous
            kept = max(0, self._budget // _AHEAD_FRACTION - self._ahead) if is_remote else 0
            if self._charged + cost + load_bytes + kept > self._budget:
                return False
        flight.charge += cost
        flight.text.update((read, size) for read, size in zip(reads, sizes, strict=True) if read.is_text)
        self._charge(cost + load_bytes)
        return True

    def _charge_ahead(self, flight: _Flight, change: int) -> None:
        flight.charge += change
        self._ahead += change
        self._charge(change)

    def _charge(self, change: int) -> None:
        self._charged += change
        self._max_charged = max(self._max_charged, self._charged)

    def _lose_interest(self, chunks: list[Chunk]) -> list[Chunk]:
        """One use less of each chunk; the shared ones without any use left, no longer counted."""
        dropped = []
        for chunk in chunks:
            uses = self._interest[chunk] - 1
            if uses:
                self._interest[chunk] = uses
                continue
            del self._interest[chunk]
            nbytes = self._shared.pop(chunk, None)
            if nbytes is not None:
                self._charge(-nbytes)
                dropped.append(chunk)
        return dropped
