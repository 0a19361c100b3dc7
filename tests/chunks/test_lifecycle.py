"""Threads begin late and end early: closing, forgetting, exit, fork, and running event loops."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from support.steps import Columns, ToyReader, plan_rows
from support.stores import AsyncScriptedStore, ScriptedStore
from vczero.chunks.portal import Portal
from vczero.chunks.runtime import Runtime
from vczero.errors import VczeroError

PATIENCE_SECONDS = 60.0
BOTH_STORES = pytest.mark.parametrize("kind", [ScriptedStore, AsyncScriptedStore])
TESTS = Path(__file__).parent.parent


def column(kind, rows=1000):
    store = kind({})
    reader = ToyReader("a", (rows,), (10,), store)
    store.objects.update(reader.objects())
    return store, reader


def threads_of_ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("vczero")}


@pytest.fixture
def new_threads():
    """A function that gives the threads started since; whatever other tests have left is not counted."""
    before = threads_of_ours()
    return lambda: threads_of_ours() - before


def assert_end(threads) -> None:
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), thread.name


@BOTH_STORES
def test_threads_begin_with_the_first_next_and_end_with_close(new_threads, kind):
    _, reader = column(kind)
    with Runtime(decode_threads=2) as runtime:
        stream = runtime.run(plan_rows([reader], 10), Columns())
        assert not new_threads()
        next(stream)
        started = new_threads()
        assert started
    assert_end(started)


def test_no_event_loop_is_started_for_synchronous_stores(new_threads):
    _, reader = column(ScriptedStore)
    with Runtime(decode_threads=1) as runtime:
        list(runtime.run(plan_rows([reader], 10), Columns()))
        assert [thread.name for thread in new_threads()] == ["vczero-worker-0"]


@BOTH_STORES
def test_a_forgotten_runtime_ends_its_threads(new_threads, kind):
    _, reader = column(kind)
    runtime = Runtime(decode_threads=3)
    stream = runtime.run(plan_rows([reader], 10), Columns())
    next(stream)
    started = new_threads()
    del runtime
    assert next(stream), "the stream keeps its runtime"
    del stream
    gc.collect()
    assert_end(started)


def test_many_runtimes_leave_no_threads(new_threads):
    _, reader = column(ScriptedStore, rows=20)
    started = set()
    for _ in range(20):
        runtime = Runtime(decode_threads=2)
        list(runtime.run(plan_rows([reader], 10), Columns()))
        started |= new_threads()
    del runtime
    gc.collect()
    assert_end(started)


def test_a_runtime_can_be_closed_by_one_of_its_own_workers():
    """A finalizer may run anywhere, on a worker too; it must not wait for itself."""
    _, reader = column(ScriptedStore)
    runtime = Runtime(decode_threads=1)

    class Closing(Columns):
        def finish(self, state, decoded):
            runtime.close()
            return super().finish(state, decoded)

    with pytest.raises(VczeroError, match="closed"):
        list(runtime.run(plan_rows([reader], 10), Closing()))


@BOTH_STORES
def test_a_stream_runs_inside_a_running_event_loop(kind):
    """As in Jupyter: the calling thread has a loop that runs, and ours is another."""
    store, reader = column(kind)

    async def main():
        with Runtime(decode_threads=2) as runtime:
            runtime.fetch_all(store, [reader.requests((0,))])
            return len(list(runtime.run(plan_rows([reader], 10), Columns())))

    assert asyncio.run(main()) == 100


# The portal


def test_the_portal_runs_coroutines_and_passes_their_errors_on():
    portal = Portal(1)

    async def half(number):
        await asyncio.sleep(0)
        if number % 2:
            raise LookupError(number)
        return number // 2

    assert portal.wait_for(half(4)) == 2
    with pytest.raises(LookupError):
        portal.wait_for(half(3))
    portal.stop()
    portal.stop()
    portal.join(PATIENCE_SECONDS)
    with pytest.raises(VczeroError, match="closed"):
        portal.wait_for(half(4))


def test_a_portal_that_stops_lets_those_who_wait_go():
    portal = Portal(1)
    arrived = threading.Event()

    async def forever():
        arrived.set()
        await asyncio.Event().wait()

    outcome = []

    def wait():
        try:
            portal.wait_for(forever())
        except VczeroError as error:
            outcome.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert arrived.wait(PATIENCE_SECONDS)
    portal.stop()
    waiter.join(PATIENCE_SECONDS)
    portal.join(PATIENCE_SECONDS)
    assert len(outcome) == 1


def test_the_portals_own_thread_cannot_wait_for_it():
    portal = Portal(1)

    async def nested():
        async def inner():
            pass

        portal.wait_for(inner())

    with pytest.raises(RuntimeError, match="own thread"):
        portal.wait_for(nested())
    portal.stop()
    portal.join(PATIENCE_SECONDS)


# Other processes

PREAMBLE = """
    import gc, os, sys, threading
    from support.steps import Columns, ToyReader, plan_rows
    from support.stores import AsyncScriptedStore, ScriptedStore
    from vczero.chunks.runtime import Runtime
    from vczero.errors import VczeroError

    def column(kind):
        store = kind({})
        reader = ToyReader("a", (1000,), (10,), store)
        store.objects.update(reader.objects())
        return store, reader

    store, reader = column({kind})
"""


def run_script(script: str, kind: str = "ScriptedStore") -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh interpreter with warnings as errors; a hang is a failure."""
    text = textwrap.dedent(PREAMBLE).replace("{kind}", kind) + textwrap.dedent(script)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        env=environment,
        check=False,
    )


KINDS = pytest.mark.parametrize("kind", ["ScriptedStore", "AsyncScriptedStore"])


@KINDS
@pytest.mark.parametrize("blocked", [False, True])
def test_the_interpreter_exits_with_a_stream_half_read(kind, blocked):
    """Also with a worker, or a request, that waits for a store that will never answer."""
    done = run_script(
        f"""
        gate = store.hold("a/1") if {blocked} else None
        runtime = Runtime(decode_threads=2)
        stream = runtime.run(plan_rows([reader], 10), Columns())
        next(stream)
        if gate: gate.wait_for_arrivals()
        print("left")
        """,
        kind,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


@KINDS
def test_the_interpreter_exits_with_everything_in_a_reference_cycle(kind):
    done = run_script(
        """
        gc.disable()
        class Node: pass
        node = Node()
        node.runtime = Runtime(decode_threads=2)
        node.stream = node.runtime.run(plan_rows([reader], 10), Columns())
        node.itself = node
        next(node.stream)
        del node
        print("left")
        """,
        kind,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


@KINDS
def test_an_uncaught_error_of_the_store_ends_the_script(kind):
    done = run_script(
        """
        from vczero.errors import StoreError
        store.fail("a/3", StoreError("boom"))
        for batch in Runtime().run(plan_rows([reader], 10), Columns()): pass
        """,
        kind,
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("StoreError: boom")
    assert "ExceptionGroup" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@KINDS
def test_a_forked_child_gets_fresh_threads(kind):
    """The child reads with its parent's runtime; a stream of the parent's says that it is of no use there."""
    done = run_script(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork with threads about
        runtime = Runtime(decode_threads=2)
        stream = runtime.run(plan_rows([reader], 10), Columns())
        next(stream)
        child = os.fork()
        if child == 0:
            try:
                next(stream)
            except VczeroError as error:
                assert "forked" in str(error)
                del stream
                gc.collect()
                count = len(list(runtime.run(plan_rows([reader], 10), Columns())))
                runtime.close()
                os._exit(0 if count == 100 else 2)
            os._exit(3)
        _, status = os.waitpid(child, 0)
        assert len(list(stream)) == 99
        print(os.waitstatus_to_exitcode(status))
        """,
        kind,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_multiprocessing_workers_by_fork_can_use_a_runtime_of_the_parent():
    done = run_script(
        """
        import multiprocessing, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        runtime = Runtime(decode_threads=2)
        def count(_):
            return len(list(runtime.run(plan_rows([reader], 10), Columns())))
        assert count(0) == 100
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(count, range(4)))
        """
    )
    assert (done.stdout, done.stderr) == ("[100, 100, 100, 100]\n", "")


def test_importing_the_runtime_imports_neither_asyncio_nor_zarr():
    script = (
        "import sys, vczero.chunks.runtime; print(sorted({'asyncio', 'zarr', 'logging'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
