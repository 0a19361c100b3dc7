"""The contract of stores, on each of them; and the drivers that play a Fetch against one."""

from __future__ import annotations

import asyncio
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.stores import AsyncScriptedStore, ScriptedStore
from vczero.chunks.files import SharedFile
from vczero.chunks.stores import (
    LocalStore,
    MemoryStore,
    Request,
    check_key,
    clamp_range,
    run_fetch,
    run_fetch_async,
)
from vczero.chunks.zipstore import AsyncZipStore, ZipStore
from vczero.errors import StoreError, StoreNotFoundError

OBJECTS = {
    ".zgroup": b'{"zarr_format": 2}',
    "a/.zarray": b"{}",
    "a/0.0": bytes(range(256)) * 8,
    "a/1.0": b"",
    "b/c/0/1": b"0123456789",
}


class OnOneThread:
    """An asynchronous store, played on this thread."""

    def __init__(self, store):
        self._store = store

    def get(self, key):
        return asyncio.run(self._store.get(key))

    def get_ranges(self, key, ranges):
        return asyncio.run(self._store.get_ranges(key, ranges))

    def list_dir(self, prefix):
        return asyncio.run(self._store.list_dir(prefix))


def write_directory(root):
    for key, data in OBJECTS.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path, compression, prefix=""):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for key, data in OBJECTS.items():
            archive.writestr(prefix + key, data)
    return path


@pytest.fixture(params=["local", "memory", "zip-stored", "zip-deflated", "zip-nested", "zip-remote"])
def store(request, tmp_path):
    match request.param:
        case "local":
            return LocalStore(write_directory(tmp_path / "x.vcz"))
        case "memory":
            return MemoryStore(OBJECTS)
        case "zip-stored":
            return ZipStore(write_zip(tmp_path / "x.vcz.zip", zipfile.ZIP_STORED))
        case "zip-deflated":
            return ZipStore(write_zip(tmp_path / "x.vcz.zip", zipfile.ZIP_DEFLATED))
        case "zip-nested":
            return ZipStore(write_zip(tmp_path / "x.vcz.zip", zipfile.ZIP_DEFLATED, "x.vcz/"))
    data = write_zip(tmp_path / "x.vcz.zip", zipfile.ZIP_STORED).read_bytes()
    return OnOneThread(AsyncZipStore(AsyncScriptedStore({"x.vcz.zip": data}), "x.vcz.zip"))


def test_every_object_comes_back_whole(store):
    # The bytes that were put in are the bytes that come out.
    assert {key: bytes(store.get(key)) for key in OBJECTS} == OBJECTS


def test_absent_is_none(store):
    # A chunk that is not there is the fill value, not an error; a directory is not an object.
    for key in ["a/9.9", "zz", "a", "b/c", "a/0.0/deeper"]:
        assert store.get(key) is None
        assert store.get_ranges(key, [(0, 1)]) is None


RANGES = [
    (0, 4),
    (250, 12),
    (-16, 16),
    (-16, 4),
    (2040, 100),
    (5000, 5),
    (-5000, 4990),
    (-5000, 5000),
    (7, 0),
]


def test_ranges_are_slices_of_the_object(store):
    # From either end, in the order asked; beyond the object there is nothing.
    data = OBJECTS["a/0.0"]
    size = len(data)
    expected = [
        data[
            max(start + size if start < 0 else start, 0) : max(start + (size if start < 0 else 0) + length, 0)
        ]
        for start, length in RANGES
    ]
    assert [bytes(part) for part in store.get_ranges("a/0.0", RANGES)] == expected
    assert [bytes(part) for part in store.get_ranges("a/1.0", [(0, 9), (-9, 9)])] == [b"", b""]
    assert store.get_ranges("a/0.0", []) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a/..",
        ".",
        "a/./0",
        "a//0",
        "a/",
        "a\\0",
        "..\\x",
        "a\0",
        "\0",
    ],
)
def test_no_key_leaves_the_root(store, key):
    # Names in a store's documents are not to be trusted; an error, not an absent chunk.
    with pytest.raises(StoreError):
        store.get(key)
    with pytest.raises(StoreError):
        store.get_ranges(key, [(0, 1)])


@given(st.text(st.sampled_from("./a\\\0"), max_size=8))
def test_a_key_that_passes_stays_inside(key):
    # Whatever is made of these characters, what passes the check resolves to a path below the root.
    try:
        check_key(key, "x")
    except StoreError:
        return
    path = os.path.normpath(os.path.join("/base", key))
    assert path == f"/base/{key}"


@given(st.integers(-30, 30), st.integers(0, 30), st.integers(0, 20))
def test_clamped_ranges_are_within_the_object(start, length, size):
    # The same rule for every store: what a Python slice of the object would give.
    first, end = clamp_range((start, length), size)
    assert 0 <= first <= end <= size
    places = range(size + start if start < 0 else start, (size + start if start < 0 else start) + length)
    assert list(range(first, end)) == [place for place in places if 0 <= place < size]


def test_names_below_a_prefix_are_listed(store):
    # Needed to find the fields of a store without consolidated metadata.
    assert sorted(store.list_dir("")) == [".zgroup", "a", "b"]
    assert sorted(store.list_dir("a")) == [".zarray", "0.0", "1.0"]
    assert list(store.list_dir("nothing")) == []


def test_many_threads_read_at_once(store):
    # No thread sees bytes of another's read.
    def read(i):
        start = i % 1000
        (part,) = store.get_ranges("a/0.0", [(start, 64)])
        assert bytes(part) == OBJECTS["a/0.0"][start : start + 64]
        assert bytes(store.get("b/c/0/1")) == OBJECTS["b/c/0/1"]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(200)))


def test_a_local_store_must_be_a_directory(tmp_path):
    # "Not there" and "not a directory" are different mistakes.
    with pytest.raises(StoreNotFoundError, match="no such directory"):
        LocalStore(tmp_path / "absent")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="not a directory"):
        LocalStore(tmp_path / "file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no FIFOs")
def test_a_fifo_is_an_error_and_not_a_hang(tmp_path):
    # A store from elsewhere may hold anything; opening a FIFO to read it would wait for ever.
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="cannot read pipe: not a regular file"):
        LocalStore(tmp_path).get("pipe")


def test_what_the_system_refuses_is_an_error_with_the_key(tmp_path):
    # A failed read must never look like an absent chunk.
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StoreError) as caught:
        LocalStore(tmp_path).get("loop")
    assert (caught.value.store, caught.value.key) == (str(tmp_path), "loop")
    assert "\n" not in str(caught.value)


def test_symbolic_links_are_followed(tmp_path):
    # As zarr-python does; people link large arrays into a store.
    root = write_directory(tmp_path / "x.vcz")
    (root / "linked").symlink_to(root / "a", target_is_directory=True)
    assert LocalStore(root).get("linked/0.0") == OBJECTS["a/0.0"]


@pytest.mark.parametrize("shared_descriptor", [True, False])
def test_a_shared_file_reads_anywhere_until_it_is_closed(tmp_path, shared_descriptor):
    # With one descriptor and `pread`, or opened anew for each read where the platform has no `pread`.
    if shared_descriptor and not hasattr(os, "pread"):
        pytest.skip("the platform has no pread")
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    file = SharedFile(str(path), shared_descriptor=shared_descriptor)
    assert (file.size, file.read(2, 3), file.read(8, 9), file.read(99, 1)) == (10, b"234", b"89", b"")
    file.close()
    file.close()
    with pytest.raises(OSError, match="closed"):
        file.read(0, 1)


def conversation(log):
    """A Fetch that asks twice and returns what it was told."""
    try:
        whole = yield Request("a")
        parts = yield Request("b", ((0, 2), (-1, 1)))
        absent = yield Request("c")
        return bytes(whole), [bytes(part) for part in parts], absent
    finally:
        log.append("closed")


def test_both_drivers_answer_the_same():
    # One copy of every algorithm: the answers must not depend on who plays the store.
    objects = {"a": b"hello", "b": b"world"}
    expected = (b"hello", [b"wo", b"d"], None)
    store = ScriptedStore(objects)
    assert run_fetch(conversation([]), store) == expected
    assert store.log == [Request("a"), Request("b", ((0, 2), (-1, 1))), Request("c")]

    async def main():
        return await run_fetch_async(conversation([]), AsyncScriptedStore(objects), asyncio.Semaphore(1))

    assert asyncio.run(main()) == expected


def test_an_error_of_the_store_passes_through_and_closes_the_fetch():
    # As itself, and with the generator's own clean-up done.
    log = []
    error = StoreError("boom", key="b")
    store = ScriptedStore({"a": b"x"})
    store.fail("b", error)
    with pytest.raises(StoreError) as caught:
        run_fetch(conversation(log), store)
    assert caught.value is error
    assert log == ["closed"]

    async_store = AsyncScriptedStore({"a": b"x"})
    async_store.fail("b", error)
    with pytest.raises(StoreError) as caught:
        asyncio.run(run_fetch_async(conversation(log), async_store, asyncio.Semaphore(1)))
    assert caught.value is error
    assert log == ["closed", "closed"]


def test_a_permit_is_held_only_while_a_request_is_in_flight():
    # What the fetch does between its requests (looking at bytes) must not use up I/O concurrency.
    permits = asyncio.Semaphore(1)
    seen = []

    def fetch():
        seen.append(permits.locked())
        yield Request("a")
        seen.append(permits.locked())
        yield Request("a")
        seen.append(permits.locked())

    class Watching(AsyncScriptedStore):
        async def get(self, key):
            seen.append(permits.locked())
            return await super().get(key)

    asyncio.run(run_fetch_async(fetch(), Watching({"a": b""}), permits))
    assert seen == [False, True, False, True, False]


def test_a_cancelled_fetch_cancels_its_request_and_gives_its_permit_back():
    # Closing an iterator must not leave requests behind.
    log = []
    store = AsyncScriptedStore({"a": b""})
    gate = store.hold("a")

    async def main():
        permits = asyncio.Semaphore(1)
        task = asyncio.ensure_future(run_fetch_async(conversation(log), store, permits))
        while not gate.arrived:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not permits.locked()

    asyncio.run(main())
    assert (gate.cancelled, log) == (1, ["closed"])


def test_the_scripted_store_holds_calls_until_told():
    # The tool that other tests use in place of sleeping.
    store = ScriptedStore({"a": b"x", "b": b"y"})
    gate = store.hold("a")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(store.get, "a"), pool.submit(store.get, "a")
        gate.wait_for_arrivals(2)
        assert not first.done()
        assert store.get("b") == b"y"
        assert store.most_in_flight == 3
        gate.open()
        assert first.result() == second.result() == b"x"
