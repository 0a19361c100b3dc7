"""Memory of dropped arrays serves later ones, and never while anything still looks at it."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from vczero.chunks.memory import Pool
from vczero.chunks.runtime import Runtime

MIB = 2**20


def address(array) -> int:
    return array.__array_interface__["data"][0]


def test_an_array_looks_like_one_of_numpys():
    array = Pool(100 * MIB).empty((8, MIB), "<i2")
    assert type(array) is np.ndarray
    assert (array.shape, array.dtype.str) == ((8, MIB), "<i2")
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.flags.aligned
    array[...] = 7
    assert array.sum(dtype="i8") == 7 * 8 * MIB


@pytest.mark.parametrize("shape", [(0,), (), (0, 10**9), (1000,)])
def test_small_arrays_are_numpys_own(shape):
    array = Pool(100 * MIB).empty(shape, "i4")
    assert array.shape == shape
    assert array.base is None


def test_memory_of_a_dropped_array_serves_the_next():
    pool = Pool(100 * MIB)
    first = pool.empty((8 * MIB,), "u1")
    where = address(first)
    del first
    assert address(pool.empty((2, 4 * MIB), "i1")) == where


def test_memory_is_not_reused_while_a_view_looks_at_it():
    """A slice of a column of a batch, kept by the consumer, keeps its values."""
    pool = Pool(100 * MIB)
    array = pool.empty((8, MIB), "u1")
    array[...] = 1
    view = array.view("<u2").T[5:9][:, ::2]
    view.flags.writeable = False
    expected = view.copy()
    del array
    gc.collect()
    other = pool.empty((8, MIB), "u1")
    other[...] = 2
    np.testing.assert_array_equal(view, expected)
    where = address(view)
    del view, other
    gc.collect()
    found = [pool.empty((8, MIB), "u1") for _ in range(2)]
    assert any(0 <= where - address(each) < 8 * MIB for each in found), "and when the view goes, it is reused"


def test_memoryviews_and_frombuffer_keep_the_memory_too():
    pool = Pool(100 * MIB)
    array = pool.empty((8 * MIB,), "u1")
    array[...] = 1
    outside = np.frombuffer(memoryview(array), "u1")
    del array
    pool.empty((8 * MIB,), "u1")[...] = 2
    assert outside[0] == outside[-1] == 1


def test_no_more_is_kept_than_allowed():
    pool = Pool(20 * MIB)
    arrays = [pool.empty((8 * MIB,), "u1") for _ in range(5)]
    del arrays
    assert len(pool._spare) == 2
    pool.clear()
    assert len(pool._spare) == 0
    pool = Pool(0)
    del (array := [pool.empty((8 * MIB,), "u1")])[:]
    assert not array
    assert len(pool._spare) == 0


def test_a_much_larger_memory_is_not_used_for_a_small_array_and_goes():
    pool = Pool(1000 * MIB)
    large = pool.empty((64 * MIB,), "u1")
    del large
    small = pool.empty((8 * MIB,), "u1")
    assert len(pool._spare) == 0
    assert len(small.base.memory) == 8 * MIB


def test_threads_may_take_and_drop_at_once():
    pool = Pool(100 * MIB)
    wrong = []

    def work(number: int) -> None:
        for _ in range(40):
            array = pool.empty((4 * MIB,), "u1")
            array[:: MIB // 2] = number
            if (array[:: MIB // 2] != number).any():
                wrong.append(number)
            del array

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_runtime_gives_memory_back_when_a_stream_ends():
    runtime = Runtime(decode_threads=1)
    array = runtime.empty((8 * MIB,), "u1")
    del array
    assert len(runtime._pool._spare) == 1
    runtime.run([], None).close()
    assert len(runtime._pool._spare) == 0
