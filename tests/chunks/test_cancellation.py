"""Stopping early: closing, breaking, dropping and failing end what is in flight, promptly, without a hang."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from support.steps import Columns, ToyReader, plan_rows
from support.stores import AsyncScriptedStore, ScriptedStore
from vczero.chunks.runtime import Runtime
from vczero.errors import StoreError, VczeroError

PATIENCE_SECONDS = 60.0
BOTH_STORES = pytest.mark.parametrize("kind", [ScriptedStore, AsyncScriptedStore])


@pytest.fixture
def runtime():
    with Runtime(decode_threads=2) as runtime:
        yield runtime


def column(kind, rows=1000, **options):
    store = kind({})
    reader = ToyReader("a", (rows,), (10,), store, **options)
    store.objects.update(reader.objects())
    return store, reader


def stuck(store, number=1):
    """A closed gate before one chunk."""
    return store.hold(f"a/{number}")


def release(store, gate):
    """Let a thread of a synchronous store go; on an asynchronous one nothing waits any more."""
    if store.synchronous:
        gate.open()


def leave_by_close(stream):
    stream.close()


def leave_by_with(stream):
    with stream:
        pass


@pytest.mark.parametrize("leave", [leave_by_close, leave_by_with])
def test_leaving_a_stream_cancels_the_requests_in_flight(runtime, leave):
    store, reader = column(AsyncScriptedStore)
    gate = stuck(store)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    next(stream)
    gate.wait_for_arrivals()
    leave(stream)
    gate.wait_for_cancellations()
    assert list(stream) == []


@pytest.mark.parametrize("how", ["break", "del", "cycle"])
def test_a_stream_that_is_forgotten_cancels_the_requests_in_flight(runtime, how):
    """The threads hold the run and never the stream, so it can be collected while they work for it."""
    store, reader = column(AsyncScriptedStore)
    gate = stuck(store)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    if how == "break":
        for _ in stream:
            gate.wait_for_arrivals()
            break
    else:
        next(stream)
        gate.wait_for_arrivals()
    gone = weakref.ref(stream)
    if how == "cycle":
        stream.itself = stream
    del stream
    gc.collect()
    assert gone() is None
    gate.wait_for_cancellations()


@BOTH_STORES
def test_closing_a_stream_does_not_wait_for_a_blocked_store(runtime, kind):
    store, reader = column(kind)
    gate = stuck(store)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    next(stream)
    gate.wait_for_arrivals()
    stream.close()
    gate.open()
    assert len(list(runtime.run(plan_rows([reader], 10), Columns()))) == 100, "the runtime goes on"


@BOTH_STORES
def test_closing_the_runtime_with_a_stream_half_read_returns(kind):
    """An earlier design deadlocked here. The worker stays blocked in its store until the end of the test."""
    store, reader = column(kind)
    gate = stuck(store)
    runtime = Runtime(decode_threads=1)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    next(stream)
    gate.wait_for_arrivals()
    runtime.close()
    runtime.close()
    with pytest.raises(VczeroError, match="closed before this iterator was at its end"):
        next(stream)
    assert list(stream) == [], "the error comes once"
    release(store, gate)


@BOTH_STORES
@pytest.mark.parametrize("closer", ["stream", "runtime"])
def test_a_consumer_that_waits_is_let_go_when_another_thread_closes(kind, closer):
    store, reader = column(kind)
    gate = stuck(store, 0)
    runtime = Runtime(decode_threads=1)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    outcome = []

    def consume():
        try:
            outcome.append(list(stream))
        except VczeroError as error:
            outcome.append(error)

    consumer = threading.Thread(target=consume)
    consumer.start()
    gate.wait_for_arrivals()
    (stream if closer == "stream" else runtime).close()
    consumer.join(PATIENCE_SECONDS)
    assert not consumer.is_alive()
    if closer == "stream":
        assert outcome == [[]]
    else:
        assert isinstance(outcome[0], VczeroError), "a result that is cut short must not look whole"
    release(store, gate)
    runtime.close()


@BOTH_STORES
def test_after_a_failure_what_is_behind_it_is_given_up(runtime, kind):
    store, reader = column(kind)
    store.fail("a/0", StoreError("boom"))
    stream = runtime.run(plan_rows([reader], 10), Columns())
    with pytest.raises(StoreError, match="boom"):
        next(stream)
    asked = len(store.log)
    assert asked < 100
    assert list(stream) == []
    assert len(list(runtime.run(plan_rows([reader], 10), Columns()))) == 100


def test_a_failure_cancels_the_requests_behind_it(runtime):
    store, reader = column(AsyncScriptedStore)
    gate = stuck(store, 5)
    store.fail("a/0", StoreError("boom"))
    stream = runtime.run(plan_rows([reader], 10), Columns())
    with pytest.raises(StoreError, match="boom"):
        next(stream)
    gate.wait_for_cancellations()


def test_a_store_that_cancels_by_itself_is_an_error_and_not_a_hang(runtime):
    import asyncio

    store, reader = column(AsyncScriptedStore)
    store.fail("a/2", asyncio.CancelledError())
    stream = runtime.run(plan_rows([reader], 10), Columns())
    with pytest.raises(StoreError, match="gave up a request"):
        list(stream)


@BOTH_STORES
def test_nothing_of_a_closed_stream_stays_in_memory(runtime, kind):
    """Results that were queued, and steps under way, go with the stream."""
    _, reader = column(kind)
    alive: weakref.WeakSet = weakref.WeakSet()
    finished = threading.Semaphore(0)

    class Result:
        pass

    class Work(Columns):
        def finish(self, state, decoded):
            result = Result()
            alive.add(result)
            finished.release()
            return result

        def nbytes(self, result):
            return 1

    stream = runtime.run(plan_rows([reader], 10), Work())
    first = next(stream)
    for _ in range(30):
        assert finished.acquire(timeout=PATIENCE_SECONDS)
    stream.close()
    runtime.close()
    gc.collect()
    assert list(alive) == [first]


def test_the_last_batch_is_not_kept_by_the_stream(runtime):
    _, reader = column(ScriptedStore)

    class Result(dict):
        pass

    class Work(Columns):
        def finish(self, state, decoded):
            return Result(super().finish(state, decoded))

    stream = runtime.run(plan_rows([reader], 10), Work())
    gone = weakref.ref(next(stream))
    assert gone() is None


def test_closing_inside_a_critical_section_does_not_deadlock(runtime):
    """Garbage collection may close a stream on a thread that holds the very lock of its run."""
    _, reader = column(ScriptedStore)
    streams = []

    def plan():
        for number, step in enumerate(plan_rows([reader], 10)):
            if number == 5:
                streams.pop().close()  # the plan is pulled with the lock held
            yield step

    stream = runtime.run(plan(), Columns())
    streams.append(stream)
    assert list(stream) == []


def test_an_interrupt_while_the_consumer_waits_closes_the_stream(runtime):
    """Ctrl-C arrives in the consumer's thread; what is in flight is cancelled, and nothing hangs."""
    store, reader = column(AsyncScriptedStore)
    gate = stuck(store, 0)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    run = stream._run
    get = run._outbox.get

    def interrupted():
        gate.wait_for_arrivals()
        raise KeyboardInterrupt

    run._outbox.get = interrupted
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    run._outbox.get = get
    gate.wait_for_cancellations()
    assert list(stream) == []


def test_many_streams_left_half_read_leave_no_tasks_behind(runtime):
    _, reader = column(AsyncScriptedStore)
    for _ in range(50):
        for _ in runtime.run(plan_rows([reader], 10), Columns()):
            break

    async def tasks():
        import asyncio

        return len(asyncio.all_tasks()) - 1

    # Cancelled tasks end in the loop's next turns; a coroutine run after them sees them gone.
    for _ in range(100):
        left = runtime.wait_for(tasks())
        if not left:
            break
    assert left == 0
