"""The window: what starts, in which order, under which budget; as a state machine, without threads."""

from __future__ import annotations

import gc
import itertools
import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.steps import ToyReader, plan_rows, reads_of
from vczero.chunks.schedule import Window
from vczero.chunks.sizes import Sizes
from vczero.chunks.steps import Read, Step


def window_of(steps, budget_bytes=10**9, max_steps=1000) -> Window:
    return Window(steps, budget_bytes=budget_bytes, max_steps=max_steps)


def one_column(rows=100, chunk=10, **options) -> ToyReader:
    """A column whose chunks are 40 bytes each, ten in all."""
    return ToyReader("a", (rows,), (chunk,), **options)


def seqs(starts):
    return [start.seq for start in starts]


# The budget


def test_steps_are_let_in_while_their_bytes_fit():
    window = window_of(plan_rows([one_column()], 10), budget_bytes=130)
    assert seqs(window.advance()) == [0, 1, 2]
    assert window.advance() == []
    assert window.statistics().charged_bytes == 120


def test_a_budget_of_zero_means_one_step_at_a_time():
    window = window_of(plan_rows([one_column()], 10), budget_bytes=0)
    for number in range(10):
        assert seqs(window.advance()) == [number]
        window.finished(number, 40)
        assert window.advance() == [], "the result is still in the consumer's hands"
        window.released(number)
    assert window.advance() == []
    assert window.is_exhausted


def test_the_head_is_let_in_though_it_exceeds_the_budget():
    window = window_of(plan_rows([one_column(chunk=50)], 50), budget_bytes=10)
    assert seqs(window.advance()) == [0]
    window.finished(0, 200)
    window.released(0)
    assert seqs(window.advance()) == [1]


def test_a_result_counts_with_its_own_size_until_it_is_released():
    window = window_of(plan_rows([one_column()], 10), budget_bytes=45)
    assert seqs(window.advance()) == [0]
    window.finished(0, 5)
    assert seqs(window.advance()) == [1]
    assert window.statistics().charged_bytes == 45


def test_a_step_without_result_is_released_at_once():
    window = window_of(plan_rows([one_column()], 10), budget_bytes=40)
    assert seqs(window.advance()) == [0]
    window.finished(0, None)
    assert seqs(window.advance()) == [1]
    assert window.statistics().in_flight == 1


def test_no_more_steps_are_in_flight_than_allowed():
    window = window_of(plan_rows([one_column()], 10), max_steps=3)
    assert seqs(window.advance()) == [0, 1, 2]
    window.finished(1, None)
    assert seqs(window.advance()) == [3]
    assert window.statistics().max_in_flight == 3


def test_the_plan_is_pulled_one_step_ahead_and_no_further():
    pulled = []

    def plan():
        for step in plan_rows([one_column()], 10):
            pulled.append(step.tag)
            yield step

    window = window_of(plan(), max_steps=2)
    assert pulled == []
    window.advance()
    assert len(pulled) == 3


def test_an_empty_plan_is_exhausted_at_once():
    window = window_of([])
    assert window.advance() == []
    assert window.is_exhausted


def test_a_plan_that_raises_ends_and_keeps_its_error():
    def plan():
        yield from itertools.islice(plan_rows([one_column()], 10), 2)
        raise LookupError("bad region")

    window = window_of(plan())
    assert seqs(window.advance()) == [0, 1]
    assert window.is_exhausted
    assert isinstance(window.plan_error, LookupError)


# Second phases


def test_a_second_phase_that_does_not_fit_waits_and_holds_back_the_steps_behind():
    small, large = one_column(), ToyReader("b", (100, 10), (10, 10))
    window = window_of(plan_rows([small], 10, rest=[large]), budget_bytes=600)
    started = window.advance()
    assert len(started) == 10
    for number in (1, 2):
        window.wanted(number, started[number].step.rest)
    assert window.advance() == [], "400 bytes of the rest do not fit beside 400 of the first phases"
    window.wanted(0, started[0].step.rest)
    (head,) = window.advance()
    assert head.seq == 0
    assert [read.reader for read in head.own] == [large]
    window.finished(0, None)
    assert seqs(window.advance()) == [1], "now the head"
    window.finished(3, None)
    assert window.advance() == [], "400 for step 1, eight times 40, and 400 wanted for step 2"
    for number in range(4, 10):
        window.finished(number, None)
    window.finished(1, 100)
    assert seqs(window.advance()) == [2], "100 are queued and 40 are held: 400 more fit"


def test_nothing_wanted_of_the_rest_asks_for_nothing():
    window = window_of(plan_rows([one_column()], 10, rest=[one_column()]), max_steps=1)
    (start,) = window.advance()
    assert window.wanted(start.seq, []) == []
    assert window.advance() == []
    window.finished(start.seq, None)
    assert seqs(window.advance()) == [1]


def test_reads_that_the_step_does_not_list_are_refused():
    window = window_of(plan_rows([one_column()], 10, rest=[one_column()]))
    window.advance()
    with pytest.raises(ValueError, match="not in the rest"):
        window.wanted(0, [Read(one_column(), (0,))])


# Shared chunks


def test_a_chunk_of_several_steps_is_loaded_once_whole_and_counted_once():
    coarse = one_column(chunk=50)
    window = window_of(plan_rows([coarse], 10))
    starts = window.advance()
    loads = [read for start in starts for read in start.loads]
    assert [(read.coords, read.rows) for read in loads] == [((0,), None), ((1,), None)]
    assert all(not start.own and len(start.shared) == 1 for start in starts)
    assert window.statistics().charged_bytes == 2 * 200 + 10 * 40


def test_a_chunk_is_dropped_after_its_last_use():
    coarse = one_column(chunk=50)
    window = window_of(plan_rows([coarse], 10))
    window.advance()
    dropped = [window.finished(number, 40) for number in range(10)]
    assert [bool(chunks) for chunks in dropped] == [False] * 4 + [True] + [False] * 4 + [True]
    assert window.statistics().charged_bytes == 400
    assert window.statistics().shared_chunks == 0


def test_a_chunk_is_kept_while_the_step_pulled_ahead_needs_it():
    window = window_of(plan_rows([one_column(chunk=50)], 10), max_steps=1)
    for number in range(5):
        (start,) = window.advance()
        assert bool(start.loads) == (number == 0)
        assert bool(window.finished(number, None)) == (number == 4)


def test_a_chunk_that_one_step_uses_alone_is_read_as_asked():
    reader = one_column(chunk=50)
    step = Step([Read(reader, (0,), slice(3, 5)), Read(reader, (1,), (slice(0, 1), slice(7, 9)))])
    (start,) = window_of([step]).advance()
    assert start.own == step.first
    assert start.shared == start.loads == []
    assert step.nbytes == 5 * 4


def test_a_shared_chunk_larger_than_the_budget_never_stops_the_scan():
    """An earlier design let a block of two steps hold the whole budget: the next head never came in."""
    coarse = one_column(chunk=100)
    window = window_of(plan_rows([coarse], 10), budget_bytes=100)
    for number in range(10):
        assert seqs(window.advance()) == [number]
        window.finished(number, 40)
        window.released(number)
    assert window.is_exhausted
    assert window.statistics().charged_bytes == 0


def test_a_declined_read_gives_its_chunk_up():
    coarse = one_column(chunk=50)
    window = window_of(plan_rows([one_column()], 10, rest=[coarse]))
    starts = window.advance()
    window.wanted(0, starts[0].step.rest)
    (start,) = window.advance()
    assert len(start.loads) == 1
    for number in (1, 2, 3):
        assert window.wanted(number, []) == []
    window.finished(0, 0)
    assert window.statistics().shared_chunks == 1, "step 4 may still want it"
    assert len(window.wanted(4, [])) == 1
    assert window.statistics().shared_chunks == 0


def test_a_chunk_of_both_phases_of_one_step_is_read_once():
    reader = one_column(chunk=50)
    step = Step([Read(reader, (0,), slice(0, 9))], [Read(reader, (0,))])
    window = window_of([step])
    (first,) = window.advance()
    assert len(first.loads) == 1
    window.wanted(0, step.rest)
    (second,) = window.advance()
    assert second.loads == []
    assert list(second.shared) == step.rest
    assert len(window.finished(0, 1)) == 1


# Failures


def test_a_failed_step_takes_those_behind_it_along_and_spares_those_before():
    window = window_of(plan_rows([one_column(chunk=50)], 10), max_steps=6)
    window.advance()
    window.failed(2)
    assert window.is_exhausted
    assert window.advance() == []
    assert window.statistics().in_flight == 2
    window.finished(0, 40)
    assert window.finished(1, 40), "nobody is left for the shared chunk"
    window.released(0)
    window.released(1)
    assert window.statistics().charged_bytes == 0


# Text


def text_column(rows=100, chunk=10) -> ToyReader:
    return ToyReader("t", (rows,), (chunk,), dtype="O")


def test_text_that_has_not_been_seen_gets_a_part_of_the_budget():
    window = window_of(plan_rows([text_column()], 10), budget_bytes=8000)
    assert len(window.advance()) == 8


def test_text_counts_with_what_it_turned_out_to_be():
    window = window_of(plan_rows([text_column()], 10), budget_bytes=8000)
    starts = window.advance()
    window.sized(0, starts[0].own[0], 5000)
    assert window.statistics().charged_bytes == 7 * 1000 + 5000


def test_an_untypical_first_chunk_does_not_break_the_budget():
    """Neither a tiny first chunk nor a huge one sets the estimate for the rest."""
    column = text_column(rows=1000)
    truth = [10, *[1000] * 99]
    window = window_of(plan_rows([column], 10), budget_bytes=8000, max_steps=50)
    peak = run_text(window, truth)
    assert peak <= 8000

    truth = [100_000, *[100] * 99]
    window = window_of(plan_rows([column], 10), budget_bytes=8000, max_steps=50)
    run_text(window, truth)
    assert window.statistics().max_in_flight > 8, "one huge chunk is forgotten in time"


def run_text(window: Window, truth: list[int]) -> int:
    """Drive a scan over one text column, decoding in order; the most true bytes in flight, the head aside."""
    in_flight: dict[int, int] = {}
    waiting = []
    peak = 0
    while True:
        for start in window.advance():
            in_flight[start.seq] = truth[start.seq]
            waiting.append(start)
        if not waiting:
            return peak
        peak = max(peak, sum(in_flight.values()) - next(iter(in_flight.values())))
        start = waiting.pop(0)
        window.sized(start.seq, start.own[0], truth[start.seq])
        window.finished(start.seq, truth[start.seq])
        window.released(start.seq)
        del in_flight[start.seq]


# Fetching ahead

REMOTE = SimpleNamespace(synchronous=False)


def remote_column(**options) -> ToyReader:
    """As `one_column`, in an asynchronous store."""
    return ToyReader("a", (100,), (10,), REMOTE, **options)


def test_steps_that_do_not_fit_decoded_are_fetched_ahead_as_far_as_they_fit_stored():
    """Compression leaves little to hold: a window of decoded bytes alone would leave the network idle."""
    window = window_of(plan_rows([remote_column()], 10), budget_bytes=160)
    starts = window.advance()
    assert (seqs(starts), window.decodable) == ([0, 1, 2, 3], 3), "an eighth is kept for fetching ahead"
    window.fetched(0, starts[0].own[0], 4)
    assert window.advance() == [], "four times 40, as nothing is known of the fourth step"
    window.fetched(3, starts[3].own[0], 4)
    assert seqs(window.advance()) == [4, 5, 6, 7, 8, 9], "what is stored is a tenth"
    assert (window.decodable, window.statistics().charged_bytes) == (3, 3 * 40 + 7 * 4)


def test_what_one_window_has_learnt_serves_the_next():
    """The first stream of a store is careful until something has come; later ones need not be."""
    sizes, column = Sizes(160), remote_column()
    first = Window(plan_rows([column], 10), budget_bytes=160, max_steps=1000, sizes=sizes)
    starts = first.advance()
    assert len(starts) == 4
    first.fetched(0, starts[0].own[0], 4)
    again = Window(plan_rows([column], 10), budget_bytes=160, max_steps=1000, sizes=sizes)
    assert (len(again.advance()), again.decodable) == (10, 3)
    assert again.statistics().charged_bytes == 3 * 40 + 7 * 4
    del first, again, starts, column
    gc.collect()
    assert not sizes.stored._seen, "it keeps no array alive"


def test_steps_that_were_fetched_ahead_are_decoded_in_their_order_as_they_fit():
    window = window_of(plan_rows([remote_column()], 10), budget_bytes=160)
    starts = window.advance()
    window.fetched(3, starts[3].own[0], 4)
    window.advance()
    window.finished(0, 40)
    assert (window.advance(), window.decodable) == ([], 3), "the result still counts"
    window.released(0)
    assert (window.advance(), window.decodable) == ([], 4)
    window.finished(1, None)
    window.finished(2, None)
    window.advance()
    assert window.decodable == 6, "40 each for steps 3 to 5, 4 each for 6 to 9"


def test_the_head_is_decoded_whatever_has_been_fetched_ahead():
    window = window_of(plan_rows([remote_column()], 10), budget_bytes=45)
    (start,) = window.advance()
    window.fetched(0, start.own[0], 1)
    assert seqs(window.advance()) == [1, 2, 3, 4, 5], "one byte each is believed to be stored"
    window.finished(0, None)
    window.advance()
    assert window.decodable == 2


def test_a_synchronous_store_is_not_read_ahead_of_its_turn():
    window = window_of(plan_rows([one_column()], 10), budget_bytes=160)
    assert seqs(window.advance()) == [0, 1, 2, 3]
    assert window.decodable == 4


def test_all_requests_for_a_column_of_text_are_made_before_the_first_is_answered():
    """Nothing is known of the sizes of text, and each wait for an answer costs a round trip."""
    column = ToyReader("t", (300,), (10,), REMOTE, dtype="O")
    window = window_of(plan_rows([column], 10), budget_bytes=256_000)
    assert len(window.advance()) == 30
    assert window.decodable == 7, "an eighth of the budget each, decoded"


def test_a_shared_chunk_is_decoded_at_once_though_its_step_is_fetched_ahead():
    """The second phase of a step before may wait for the chunk, and the step for that one's budget."""
    fine, coarse = remote_column(), ToyReader("b", (100,), (50,), REMOTE)
    window = window_of(plan_rows([fine, coarse], 10), budget_bytes=350)
    starts = window.advance()
    assert window.decodable == 1
    ahead = [start for start in starts if start.seq >= window.decodable]
    assert ahead
    assert window.statistics().charged_bytes == 80 + 200 + 40 * len(ahead)


# Any interleaving


class Driver:
    """Plays runtime and consumer against a window, in an order left to chance, and checks the rules."""

    def __init__(
        self, window: Window, budget: int, chance: random.Random, decline: float, fail_at: int | None
    ):
        self.window, self.budget, self.chance = window, budget, chance
        self.decline, self.fail_at = decline, fail_at
        self.running: dict[int, object] = {}
        self.in_rest: set[int] = set()
        self.done: dict[int, bool] = {}
        self.loaded: list[tuple[object, object]] = []
        self.held: dict[tuple[object, object], int] = {}
        self.order: list[int] = []
        self.failed: int | None = None
        self.head_bytes: dict[int, int] = {}
        self.fetching: set[int] = set()

    def advance(self) -> None:
        before = self.window.statistics().charged_bytes
        for start in self.window.advance():
            if start.seq not in self.in_rest:
                assert start.seq == (self.order[-1] + 1 if self.order else 0), "let in out of order"
                self.order.append(start.seq)
            self.running[start.seq] = start
            for read in start.loads:
                assert read.chunk not in self.held, "read while it is held"
                self.held[read.chunk] = read.nbytes
            for read in start.shared:
                assert read.chunk in self.held, "not read for the step that shares it"
            self.loaded += [read.chunk for read in (*start.loads, *start.own)]
            cost = sum(read.nbytes for read in (*start.loads, *start.own, *start.shared))
            before += cost
            self.head_bytes[start.seq] = self.head_bytes.get(start.seq, 0) + cost
            head = min([*self.running, *self.done, *self.in_rest])
            if all(read.reader.store.synchronous for read in (*start.own, *start.shared)):
                assert start.seq == head or before <= self.budget, "over the budget, and not the head"
            else:
                self.fetching.add(start.seq)
        if alive := [*self.running, *self.done, *self.in_rest]:
            allowed = self.budget + self.head_bytes[min(alive)] + sum(self.held.values())
            assert self.window.statistics().charged_bytes <= allowed, "over the budget, the head aside"

    def drop(self, chunks) -> None:
        for chunk in chunks:
            del self.held[chunk]

    def play(self) -> None:
        self.advance()
        while self.running or any(self.done.values()):
            choices = [("fetched", seq) for seq in self.fetching & self.running.keys()]
            ready = [seq for seq in self.running.keys() - self.fetching if seq < self.window.decodable]
            choices += [("go", seq) for seq in ready]
            oldest = min([*self.running, *self.done])
            if self.done.get(oldest):
                choices.append(("release", oldest))
            what, seq = self.chance.choice(choices)
            if what == "release":
                self.window.released(seq)
                del self.done[seq]
            elif what == "fetched":
                self.fetching.remove(seq)
                start = self.running[seq]
                for read in (*start.own, *start.loads):
                    self.window.fetched(seq, read, read.nbytes // 4)
            elif seq == self.fail_at:
                self.drop(self.window.failed(seq))
                self.failed = seq
                for alive in (self.running, self.done):
                    for later in [number for number in alive if number >= seq]:
                        del alive[later]
            else:
                self.go_on(seq, self.running.pop(seq))
            self.advance()

    def go_on(self, seq: int, start) -> None:
        if start.step.rest and seq not in self.in_rest:
            wanted = [] if self.chance.random() < self.decline else list(start.step.rest)
            self.drop(self.window.wanted(seq, wanted))
            if wanted:
                self.in_rest.add(seq)
                self.running_second(seq)
                return
        reads = [*start.step.first, *(start.step.rest if seq in self.in_rest else ())]
        self.in_rest.discard(seq)
        has_result = self.chance.random() < 0.8
        self.drop(self.window.finished(seq, sum(read.nbytes for read in reads) if has_result else None))
        if has_result:
            self.done[seq] = True

    def running_second(self, seq: int) -> None:
        """The second phase starts when the window says so; until then the step is in `in_rest` only."""


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(0, 60),
    step_rows=st.integers(1, 20),
    chunks=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    rest_chunks=st.lists(st.integers(1, 40), max_size=2),
    budget=st.integers(0, 600),
    max_steps=st.integers(1, 8),
    decline=st.sampled_from([0.0, 0.5, 1.0]),
    fail_at=st.one_of(st.none(), st.integers(0, 10)),
    store=st.sampled_from([None, REMOTE]),
    seed=st.integers(0, 2**32),
)
def test_any_interleaving_keeps_the_rules(
    rows, step_rows, chunks, rest_chunks, budget, max_steps, decline, fail_at, store, seed
):
    """Every read once, steps in order, within the budget but for the head, and nothing left at the end."""
    first = [ToyReader(f"a{i}", (rows,), (chunk,), store) for i, chunk in enumerate(chunks)]
    rest = [ToyReader(f"b{i}", (rows,), (chunk,), store) for i, chunk in enumerate(rest_chunks)]
    steps = list(plan_rows(first, step_rows, rest=rest))
    window = window_of(steps, budget, max_steps)
    driver = Driver(window, budget, random.Random(seed), decline, fail_at)
    driver.play()

    end = window.statistics()
    assert (end.in_flight, end.charged_bytes, end.shared_chunks) == (0, 0, 0)
    assert window.is_exhausted
    assert not driver.held
    assert end.max_in_flight <= max_steps
    if driver.failed is None:
        assert driver.order == list(range(len(steps)))
        assert len(set(driver.loaded)) == len(driver.loaded), "a chunk was read twice"
        expected = {read.chunk for reader in first for read in reads_of(reader, 0, rows)}
        if decline == 0:
            expected |= {read.chunk for reader in rest for read in reads_of(reader, 0, rows)}
        assert expected <= set(driver.loaded)
        if decline == 1:
            assert expected == set(driver.loaded), "what no step wanted was read"


def test_a_long_plan_costs_linear_work_and_constant_memory():
    """Ten times the steps cost ten times the reads; no more than the window's steps are alive at once."""

    def looks(count: int) -> int:
        reader = CountingReader("a", (count * 10,), (100,))
        window = window_of(plan_rows([reader], 10), budget_bytes=4000, max_steps=20)
        starts = window.advance()
        while starts:
            for start in starts:
                window.finished(start.seq, 40)
                window.released(start.seq)
            starts = window.advance()
        assert window.statistics().finished == count
        return reader.looks

    assert looks(2000) <= 10 * looks(200) + 100


class CountingReader(ToyReader):
    looks = 0

    def actual_chunk_shape(self, coords):
        self.looks += 1
        return super().actual_chunk_shape(coords)
