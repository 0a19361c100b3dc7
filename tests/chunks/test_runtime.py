"""Streams end to end over scripted stores: values, order, requests, concurrency, errors, statistics."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.steps import Columns, ToyReader, plan_rows
from support.stores import AsyncScriptedStore, ScriptedStore
from vczero.chunks.runtime import Runtime
from vczero.chunks.steps import Read, Step
from vczero.errors import OptionError, StoreError, VczeroError

PATIENCE_SECONDS = 60.0
BOTH_STORES = pytest.mark.parametrize("kind", [ScriptedStore, AsyncScriptedStore])


@pytest.fixture
def runtime():
    with Runtime(decode_threads=2) as runtime:
        yield runtime


def filled(kind, *specs):
    """A store with these arrays in it: (name, shape, chunk shape, options)."""
    store = kind({})
    readers = [ToyReader(name, shape, chunk, store, **options) for name, shape, chunk, options in specs]
    for reader in readers:
        store.objects.update(reader.objects())
    return store, readers


def column(kind, rows=100, chunk=10, **options):
    store, (reader,) = filled(kind, ("a", (rows,), (chunk,), options))
    return store, reader


def watched(store, key):
    """An open gate, to be told when a key is asked for."""
    gate = store.hold(key)
    gate.open()
    return gate


class Noted(Columns):
    """Tells when a step is finished."""

    def __init__(self, **options):
        super().__init__(**options)
        self.finished = threading.Semaphore(0)

    def nbytes(self, result):
        self.finished.release()
        return super().nbytes(result)


def whole(results, name) -> np.ndarray:
    return np.concatenate([result[name] for result in results])


# Values


@BOTH_STORES
def test_batches_hold_what_the_arrays_hold_whatever_their_chunks(runtime, kind):
    """Destinations, values handed over, chunks finer and coarser than the step, 2-D, shards, two phases."""
    store, (a, b, c, d) = filled(
        kind,
        ("a", (95,), (10,), {}),
        ("b", (95, 8), (30, 3), {"offset": 1000}),
        ("c", (95, 6), (7, 2), {"offset": 2000, "shard": 2}),
        ("d", (95,), (95,), {"offset": 3000}),
    )
    with runtime.run(plan_rows([a, b], 10, rest=[c, d]), Columns(hand_over=["b", "d"])) as stream:
        results = list(stream)
    for reader in (a, b, c, d):
        np.testing.assert_array_equal(whole(results, reader.meta.name), reader.values())
    assert len(store.keys) == len(set(store.keys)), "every stored object is asked for once"


@BOTH_STORES
def test_rows_of_a_chunk_come_alone_or_in_runs(runtime, kind):
    _, reader = column(kind, rows=50, chunk=50)
    runs = (slice(1, 3), slice(40, 41))
    steps = [Step([Read(reader, (0,), runs)], tag=(0, 3))]

    class Raw(Columns):
        def finish(self, state, decoded):
            return decoded[state.step.first[0]]

        def nbytes(self, result):
            return result.nbytes

    (result,) = runtime.run(steps, Raw(hand_over=["a"]))
    assert result.tolist() == [1, 2, 40]
    shared = [Step([Read(reader, (0,), runs)]), Step([Read(reader, (0,), slice(5, 7))])]
    first, second = runtime.run(shared, Raw(hand_over=["a"]))
    assert (first.tolist(), second.tolist()) == ([1, 2, 40], [5, 6])
    assert first.base is None, "a copy: the batch does not keep the whole chunk"


@BOTH_STORES
def test_text_comes_as_strings_and_shared_text_is_cut_to_the_step(runtime, kind):
    _, (fine, coarse) = filled(
        kind, ("fine", (40,), (10,), {"dtype": "O"}), ("coarse", (40, 2), (25, 2), {"dtype": "O"})
    )

    class Raw(Columns):
        def finish(self, state, decoded):
            return [decoded[read] for read in state.step.first]

        def nbytes(self, result):
            return sum(strings.nbytes for strings in result)

    seen = {"fine": [], "coarse": []}
    for step, result in zip(
        plan_rows([fine, coarse], 10), runtime.run(plan_rows([fine, coarse], 10), Raw()), strict=True
    ):
        for read, strings in zip(step.first, result, strict=True):
            assert strings.shape == read.shape
            bounds = zip(strings.offsets, strings.offsets[1:], strict=False)
            seen[read.reader.meta.name] += [strings.data[a:b].tobytes().decode() for a, b in bounds]
            if read.reader is coarse:
                assert strings.offsets[-1] == len(strings.data), "no bytes of other rows are kept"
    assert seen["fine"] == [str(i) for i in range(40)]
    assert seen["coarse"] == [str(i) for i in range(40) for _ in range(2)]


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([ScriptedStore, AsyncScriptedStore]),
    rows=st.integers(1, 60),
    step_rows=st.integers(1, 25),
    chunks=st.lists(st.integers(1, 70), min_size=1, max_size=3),
    rest_chunks=st.lists(st.integers(1, 70), max_size=2),
    readahead=st.sampled_from([0, 100, 10**6]),
    threads=st.integers(1, 3),
    io=st.integers(1, 4),
    modulus=st.integers(1, 3),
)
def test_any_plan_gives_the_values_in_order(
    kind, rows, step_rows, chunks, rest_chunks, readahead, threads, io, modulus
):
    specs = [(f"a{i}", (rows,), (chunk,), {"offset": i}) for i, chunk in enumerate([*chunks, *rest_chunks])]
    _, readers = filled(kind, *specs)
    first, rest = readers[: len(chunks)], readers[len(chunks) :]
    work = Columns(keep=(lambda tag: tag[0] % modulus == 0) if rest else None)
    steps = list(plan_rows(first, step_rows, rest=rest))
    with Runtime(io_concurrency=io, decode_threads=threads, readahead_bytes=readahead) as runtime:
        results = list(runtime.run(steps, work))
    kept = [step.tag for step in steps if work.keep is None or work.keep(step.tag)]
    assert len(results) == len(kept)
    for (start, stop), result in zip(kept, results, strict=True):
        for reader in readers:
            np.testing.assert_array_equal(result[reader.meta.name], reader.values()[start:stop])


def test_an_empty_plan_gives_nothing_and_starts_no_thread(runtime):
    before = threading.active_count()
    assert list(runtime.run([], Columns())) == []
    assert threading.active_count() == before


def test_a_step_without_reads_still_gives_its_result(runtime):
    """A query for virtual columns such as the variant's index reads nothing."""
    steps = [Step([], tag=(number, number)) for number in range(5)]
    assert list(runtime.run(steps, Columns())) == [{}] * 5


@BOTH_STORES
def test_steps_without_result_are_skipped_and_counted(runtime, kind):
    """A predicate that nothing passes: no chunk of the rest is requested."""
    store, (a, b) = filled(kind, ("a", (100,), (10,), {}), ("b", (100,), (10,), {}))
    stream = runtime.run(plan_rows([a], 10, rest=[b]), Columns(keep=lambda tag: False))
    assert list(stream) == []
    assert not any(key.startswith("b/") for key in store.keys)
    found = stream.statistics()
    assert (found.chunks_visited, found.chunks_yielded, found.requests) == (10, 0, 10)


# Order and concurrency


def test_requests_go_out_before_there_is_room_for_what_they_will_become():
    """Steps are fetched ahead of their turn to be decoded, by what is stored of them; they are in order."""
    store, reader = column(AsyncScriptedStore)
    first = store.hold("a/0")
    last = watched(store, "a/9")
    with (
        Runtime(decode_threads=1, readahead_bytes=400) as runtime,
        runtime.run(plan_rows([reader], 10), Columns()) as stream,
    ):
        results = []
        consumer = threading.Thread(target=lambda: results.extend(stream))
        consumer.start()
        last.wait_for_arrivals()
        assert reader.decoded.count(((9,), None)) == 0, "eight steps of 40 bytes may be decoded"
        first.open()
        consumer.join(PATIENCE_SECONDS)
        assert stream.statistics().max_in_flight == 10
    np.testing.assert_array_equal(whole(results, "a"), reader.values())


def test_what_was_fetched_ahead_is_decoded_no_sooner_than_its_turn_and_an_error_comes_in_its_turn():
    """A fault in a chunk far ahead does not cost the batches before it, and nothing behind it is decoded."""
    store, reader = column(AsyncScriptedStore)
    store.fail("a/8", StoreError("boom"))
    with Runtime(decode_threads=2, readahead_bytes=100) as runtime:
        stream = runtime.run(plan_rows([reader], 10), Columns())
        for number in range(8):
            assert next(stream)["a"][0] == number * 10
        with pytest.raises(StoreError, match="boom"):
            next(stream)
    assert ((9,), None) not in reader.decoded


@BOTH_STORES
def test_results_keep_the_order_of_the_steps_however_they_come(kind):
    store, reader = column(kind)
    gate = store.hold("a/0")
    others = [watched(store, f"a/{number}") for number in range(1, 10)]
    with Runtime(decode_threads=3) as runtime, runtime.run(plan_rows([reader], 10), Columns()) as stream:
        results = []
        consumer = threading.Thread(target=lambda: results.extend(stream))
        consumer.start()
        for other in others:
            other.wait_for_arrivals()
        assert results == []
        gate.open()
        consumer.join(PATIENCE_SECONDS)
    np.testing.assert_array_equal(whole(results, "a"), reader.values())


@pytest.mark.parametrize(("threads", "io", "most"), [(4, 2, 2), (2, 8, 2)])
def test_a_synchronous_store_is_read_by_workers_within_the_limit_of_requests(threads, io, most):
    store, reader = column(ScriptedStore)
    gates = [store.hold(f"a/{number}") for number in range(10)]
    with Runtime(decode_threads=threads, io_concurrency=io) as runtime:
        stream = runtime.run(plan_rows([reader], 10), Columns())
        consumer = threading.Thread(target=lambda: list(stream))
        consumer.start()
        for gate in gates[:most]:
            gate.wait_for_arrivals()
        for gate in gates:
            gate.open()
        consumer.join(PATIENCE_SECONDS)
    assert store.most_in_flight == most


@pytest.mark.parametrize("io", [1, 3])
def test_requests_on_an_asynchronous_store_run_at_once_up_to_the_limit(io):
    store, reader = column(AsyncScriptedStore)
    gates = [store.hold(f"a/{number}") for number in range(10)]
    with Runtime(decode_threads=1, io_concurrency=io) as runtime:
        stream = runtime.run(plan_rows([reader], 10), Columns())
        consumer = threading.Thread(target=lambda: list(stream))
        consumer.start()
        for gate in gates[:io]:
            gate.wait_for_arrivals()
        for gate in gates:
            gate.open()
        consumer.join(PATIENCE_SECONDS)
    assert store.most_in_flight == io


def test_no_permit_is_held_while_a_chunk_decodes():
    """With one permit and the first chunk stuck in its decoder, the next request is made all the same."""
    store, reader = column(AsyncScriptedStore)
    may_decode = threading.Event()
    reader.before_decode = lambda coords: may_decode.wait(PATIENCE_SECONDS)
    gate = store.hold("a/1")
    with Runtime(decode_threads=1, io_concurrency=1) as runtime:
        stream = runtime.run(plan_rows([reader], 10), Columns())
        consumer = threading.Thread(target=lambda: list(stream))
        consumer.start()
        gate.wait_for_arrivals()
        gate.open()
        may_decode.set()
        consumer.join(PATIENCE_SECONDS)
        assert not consumer.is_alive()


def test_large_chunks_of_one_step_decode_at_once():
    """Both decoders meet at a barrier: neither could pass it if one worker did the whole step."""
    store, (reader,) = filled(ScriptedStore, ("a", (1000, 1000), (1000, 500), {}))
    barrier = threading.Barrier(2, timeout=PATIENCE_SECONDS)
    reader.before_decode = lambda coords: barrier.wait()
    with Runtime(decode_threads=2, readahead_bytes=0) as runtime:
        (result,) = runtime.run(plan_rows([reader], 1000), Columns())
    np.testing.assert_array_equal(result["a"], reader.values())
    assert len(store.log) == 2


@BOTH_STORES
def test_inner_chunks_of_one_shard_are_fetched_together_and_decode_apart(kind):
    store, (reader,) = filled(kind, ("a", (1000, 1000), (1000, 500), {"shard": 2}))
    barrier = threading.Barrier(2, timeout=PATIENCE_SECONDS)
    reader.before_decode = lambda coords: barrier.wait()
    with Runtime(decode_threads=2, readahead_bytes=0) as runtime:
        (result,) = runtime.run(plan_rows([reader], 1000), Columns())
    np.testing.assert_array_equal(result["a"], reader.values())
    assert store.keys == ["a/0.0"]


def test_small_chunks_of_one_step_are_one_job():
    """Ten chunks of 40 bytes do not cost ten hand-overs."""
    store, readers = filled(ScriptedStore, *[(f"a{i}", (100,), (10,), {}) for i in range(10)])
    with Runtime(decode_threads=2, readahead_bytes=0) as runtime:
        jobs = []
        submit = runtime._engine.workers.submit
        runtime._engine.workers.submit = lambda job: (jobs.append(job), submit(job))
        assert len(list(runtime.run(plan_rows(readers, 10), Columns()))) == 10
    assert len(jobs) == 10
    assert len(store.log) == 100


@BOTH_STORES
def test_the_work_is_done_on_workers_and_nowhere_else(runtime, kind):
    _, (a, b) = filled(kind, ("a", (100,), (10,), {}), ("b", (100,), (100,), {}))
    decoders = set()
    for reader in (a, b):
        reader.before_decode = lambda coords: decoders.add(threading.current_thread().name)
    work = Columns()
    list(runtime.run(plan_rows([a], 10, rest=[b]), work))
    assert all(name.startswith("vczero-worker") for name in work.threads | decoders)


def test_readahead_stops_at_the_budget_while_the_consumer_keeps_a_batch():
    store, reader = column(ScriptedStore)
    work = Noted()
    with Runtime(decode_threads=2, readahead_bytes=130) as runtime:
        stream = runtime.run(plan_rows([reader], 10), work)
        for taken in range(3):
            next(stream)
            for _ in range(1 if taken else 3):
                assert work.finished.acquire(timeout=PATIENCE_SECONDS)
            assert len(store.log) == 3 + taken, "the batch in hands and two more"
        assert stream.statistics().max_in_flight == 3


def test_no_readahead_means_that_nothing_is_read_before_it_is_asked_for():
    store, reader = column(ScriptedStore)
    with Runtime(decode_threads=2, readahead_bytes=0) as runtime:
        with runtime.run(plan_rows([reader], 10), Columns()) as stream:
            for number in range(10):
                next(stream)
                assert len(store.log) == number + 1
        assert stream.statistics().max_in_flight == 1


def test_streams_of_several_threads_share_one_runtime(runtime):
    """Lazy start is safe when all begin at once; each stream has its own order."""
    kinds = [ScriptedStore, AsyncScriptedStore] * 3
    columns = [column(kind, offset=number * 1000)[1] for number, kind in enumerate(kinds)]
    barrier = threading.Barrier(len(columns), timeout=PATIENCE_SECONDS)
    results: dict[int, np.ndarray] = {}

    def consume(number: int) -> None:
        barrier.wait()
        results[number] = whole(runtime.run(plan_rows([columns[number]], 10), Columns()), "a")

    threads = [threading.Thread(target=consume, args=(number,)) for number in range(len(columns))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    for number, reader in enumerate(columns):
        np.testing.assert_array_equal(results[number], reader.values())
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("vczero")]
    assert sorted(names) == ["vczero-portal", "vczero-worker-0", "vczero-worker-1"]


# Errors


@BOTH_STORES
def test_an_error_of_the_store_comes_once_as_itself_after_the_batches_before_it(runtime, kind):
    store, reader = column(kind)
    boom = StoreError("boom", key="a/3")
    store.fail("a/3", boom)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    assert [next(stream)["a"][0] for _ in range(3)] == [0, 10, 20]
    with pytest.raises(StoreError) as caught:
        next(stream)
    assert caught.value is boom
    assert boom.__cause__ is None
    assert list(stream) == [], "after the error the stream is over"


@pytest.mark.parametrize(
    "error", [ValueError("bad bytes"), MemoryError(), KeyboardInterrupt(), SystemExit(3)]
)
@pytest.mark.parametrize("method", ["begin", "destination", "second", "finish", "nbytes", "decode"])
def test_whatever_is_raised_on_a_worker_reaches_the_consumer(runtime, method, error):
    _, (a, b) = filled(ScriptedStore, ("a", (100,), (10,), {}), ("b", (100,), (10,), {}))
    work = Columns()

    def fail(*args):
        raise error

    if method == "decode":
        a.before_decode = fail
    else:
        setattr(work, method, fail)
    stream = runtime.run(plan_rows([a], 10, rest=[b]), work)
    with pytest.raises(type(error)) as caught:
        next(stream)
    assert caught.value is error
    assert list(stream) == []
    assert len(list(runtime.run(plan_rows([b], 10), Columns()))) == 10, "the workers have survived it"


@BOTH_STORES
def test_of_several_errors_the_first_in_order_wins(runtime, kind):
    """Step 5 fails while step 2 is still held back; step 2 then fails too, and is what the consumer sees."""
    store, reader = column(kind)
    early, late = StoreError("early"), StoreError("late")
    gate = store.hold("a/2")
    store.fail("a/2", early)
    store.fail("a/5", late)
    other = watched(store, "a/5")
    stream = runtime.run(plan_rows([reader], 10), Columns())
    results = [next(stream), next(stream)]
    gate.wait_for_arrivals()
    other.wait_for_arrivals()
    gate.open()
    with pytest.raises(StoreError) as caught:
        next(stream)
    assert caught.value is early
    assert len(results) == 2


@BOTH_STORES
def test_a_shared_chunk_that_fails_fails_the_first_step_that_needs_it(runtime, kind):
    store, (a, b) = filled(kind, ("a", (100,), (10,), {}), ("b", (100,), (50,), {}))
    store.fail("b/1", StoreError("boom"))
    stream = runtime.run(plan_rows([a, b], 10), Columns())
    assert [next(stream)["a"][0] for _ in range(5)] == [0, 10, 20, 30, 40]
    with pytest.raises(StoreError, match="boom"):
        next(stream)


def test_a_step_that_comes_late_to_a_shared_chunk_that_failed_fails_too(runtime):
    """Step 1 reads the chunk first and fails; step 0 wants it only afterwards, and must not wait."""
    store, (a, b) = filled(ScriptedStore, ("a", (20,), (10,), {}), ("b", (20,), (20,), {}))
    store.fail("b/0", StoreError("boom"))
    has_failed = threading.Event()
    first = Step([Read(a, (0,))], [Read(b, (0,), slice(0, 10))], tag=(0, 10))
    second = Step([Read(b, (0,), slice(10, 20))], tag=(10, 20))

    class Late(Columns):
        def second(self, state, decoded):
            has_failed.wait(PATIENCE_SECONDS)
            return super().second(state, decoded)

    stream = runtime.run([first, second], Late())
    fail_unit = stream._run._fail_unit

    def note(unit, error):
        fail_unit(unit, error)
        has_failed.set()

    stream._run._fail_unit = note
    with pytest.raises(StoreError, match="boom"):
        next(stream)


def test_an_error_of_the_plan_comes_after_the_batches_of_its_steps(runtime):
    _, reader = column(ScriptedStore)

    def plan():
        for number, step in enumerate(plan_rows([reader], 10)):
            if number == 3:
                raise LookupError("bad region")
            yield step

    stream = runtime.run(plan(), Columns())
    assert [next(stream)["a"][0] for _ in range(3)] == [0, 10, 20]
    with pytest.raises(LookupError):
        next(stream)
    assert list(stream) == []


def test_an_interrupt_is_not_taken_for_an_error_of_the_plan(runtime):
    """Ctrl-C while the consumer's thread pulls the plan comes at once, not behind what is in flight: the
    consumer may be going to block on a pipe that nobody reads.
    """
    _, reader = column(ScriptedStore)

    def plan():
        for number, step in enumerate(plan_rows([reader], 10)):
            if number == 1:  # pulled ahead, while step 0 is let in
                raise KeyboardInterrupt
            yield step

    stream = runtime.run(plan(), Columns())
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert list(stream) == []


def test_an_error_while_steps_are_let_in_reaches_the_consumer(runtime):
    """It may be raised on a worker that has just finished another step, which cannot be blamed."""
    _, reader = column(ScriptedStore, rows=1000)
    steps = list(plan_rows([reader], 10))
    steps[70] = Step([Broken("b", (10,), (10,), reader.store, shard=1).read()], tag=(0, 10))
    results = []
    with pytest.raises(LookupError, match="no key"):
        results.extend(runtime.run(steps, Columns()))
    assert len(results) <= 70


class Broken(ToyReader):
    def chunk_key(self, coords):
        raise LookupError("no key")

    def read(self):
        return Read(self, (0,))


def test_fewer_threads_than_wished_for_will_do(monkeypatch):
    """Where the system allows one thread only, that one does all the work."""
    _, reader = column(ScriptedStore)
    start = threading.Thread.start

    def limited(thread):
        if thread.name == "vczero-worker-0":
            start(thread)
        else:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", limited)
    with Runtime(decode_threads=4) as runtime:
        assert len(list(runtime.run(plan_rows([reader], 10), Columns()))) == 10


def test_a_read_outside_of_the_step_is_refused(runtime):
    _, (a, b) = filled(ScriptedStore, ("a", (10,), (10,), {}), ("b", (10,), (10,), {}))

    class Stray(Columns):
        def second(self, state, decoded):
            return [Read(a, (0,))]

    with pytest.raises(ValueError, match="not in the rest"):
        next(runtime.run(plan_rows([a], 10, rest=[b]), Stray()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("io_concurrency", 0),
        ("io_concurrency", -1),
        ("io_concurrency", 2.5),
        ("decode_threads", 0),
        ("decode_threads", True),
        ("readahead_bytes", -1),
        ("readahead_bytes", "256MiB"),
    ],
)
def test_a_parameter_out_of_its_range_is_named(name, value):
    """An earlier design hung when a limit was 0."""
    with pytest.raises(OptionError, match=name):
        Runtime(**{name: value})


def test_the_default_number_of_workers_is_that_of_the_usable_cpus():
    assert Runtime().decode_threads >= 1


# Metadata


@BOTH_STORES
def test_fetch_all_answers_in_order_for_either_kind_of_store(runtime, kind):
    store, reader = column(kind)
    found = runtime.fetch_all(store, [reader.requests((number,)) for number in (3, 1)])
    assert [chunk.coords for chunk in found] == [(3,), (1,)]
    assert runtime.fetch_all(store, []) == []


def test_fetch_all_on_an_asynchronous_store_asks_at_once_and_fails_as_itself(runtime):
    store, reader = column(AsyncScriptedStore)
    gate = store.hold("a/0")
    boom = StoreError("boom")
    store.fail("a/1", boom)
    with pytest.raises(StoreError) as caught:
        runtime.fetch_all(store, [reader.requests((number,)) for number in (0, 1)])
    assert caught.value is boom
    gate.wait_for_cancellations()


# Statistics and log


@BOTH_STORES
def test_statistics_count_what_was_done(runtime, kind):
    _, reader = column(kind)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    assert stream.statistics().requests == 0
    list(stream)
    found = stream.statistics()
    assert found.requests == found.chunks_visited == found.chunks_yielded == 10
    assert found.bytes_fetched == found.bytes_decoded == 400
    assert found.last_chunk_bytes == 40
    assert 1 <= found.max_in_flight <= 10
    assert found.fetch_seconds > 0
    assert found.decode_seconds > 0
    assert found.blocked_seconds > 0
    assert found.consumer_seconds >= 0
    with pytest.raises(AttributeError):
        found.requests = 1


def test_one_line_is_logged_at_the_end(runtime, caplog):
    _, reader = column(ScriptedStore)
    with caplog.at_level(logging.INFO, logger="vczero.chunks"):
        stream = runtime.run(plan_rows([reader], 10), Columns())
        list(stream)
        stream.close()
        del stream
    (record,) = caplog.records
    assert "read 10 batches in 10 steps: 10 requests, 400 bytes fetched" in record.getMessage()


def test_a_closed_runtime_takes_no_more_work(runtime):
    store, reader = column(AsyncScriptedStore)
    runtime.close()
    with pytest.raises(VczeroError, match="closed"):
        runtime.run([], Columns())
    with pytest.raises(VczeroError, match="closed"):
        runtime.fetch_all(store, [reader.requests((0,))])
