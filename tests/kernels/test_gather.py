"""Bytes taken from shuffled blocks equal NumPy's own reading of them, and those that Blosc shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import blosc as library

from support.blocks import as_planes, new_memory, stored_blocks
from vczero.kernels import bitplanes, gather
from vczero.kernels.stored import Stored

SHUFFLES = {"none": 0, "bytes": 1, "bits": 2}


def shuffled(whole, block_bytes, typesize, shuffle):
    """What Blosc's own shuffle makes of the bytes, block by block."""
    data = bytearray(library.compress(whole.tobytes(), b"lz4", 1, SHUFFLES[shuffle], block_bytes, typesize))
    if data[2] & 2:  # too short to be compressed, and then not shuffled
        return None
    data[2] &= ~5
    return np.frombuffer(library.decompress(bytes(data)), np.uint8), int.from_bytes(data[8:12], "little")


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(SHUFFLES)),
    st.sampled_from([1, 2, 3, 4, 8, 12]),
    st.integers(1, 40),
    st.integers(1, 300),
    st.integers(1, 9),
    st.integers(0, 2**32),
    st.data(),
)
def test_bytes_are_taken_as_they_were_before_blosc_shuffled_them(
    shuffle, typesize, num_rows, row_bytes, width, seed, data
):
    """Any bytes of any rows, which begin anywhere, and in blocks that begin and end anywhere within them."""
    rng = np.random.default_rng(seed)
    width = min(width, row_bytes)
    before = data.draw(st.sampled_from([0, 1, 200]))
    whole = rng.integers(0, 3, before + num_rows * row_bytes, np.uint8)
    whole[rng.random(len(whole)) > data.draw(st.sampled_from([0.01, 0.2, 1]))] = 0
    found = shuffled(whole, data.draw(st.sampled_from([64, 128, 1000, 4096])), typesize, shuffle)
    if found is None:
        return
    stored, size = found
    rows = np.flatnonzero(rng.random(num_rows) < 0.5)
    starts = rng.integers(0, row_bytes - width + 1, data.draw(st.integers(1, 6)))
    places = (starts[:, None] + np.arange(width)).reshape(-1)
    expected = whole[before:].reshape(num_rows, row_bytes)[np.ix_(rows, places)]
    numbers = np.arange(-(-len(stored) // size))
    cut = data.draw(st.integers(0, len(numbers)))
    level = data.draw(st.sampled_from([None, 0, 1]))
    ways = [(gather.take, {}), (gather.take_numpy, {})]
    if (shuffle, typesize) == ("bits", 1):
        ways.append((gather.take, {"whole": True}))
    for function, options in ways:
        out = np.full((len(rows), expected.shape[1] + 2), 77, np.uint8)
        for part in (numbers[:cut], numbers[cut:]):
            blocks = stored_blocks(stored, size, part, level=level)
            wanted = gather.Wanted(before + rows * row_bytes, row_bytes, starts, width)
            assert function(blocks, wanted, out[:, 1:-1], shuffle, typesize, **options) == len(part)
        np.testing.assert_array_equal(out[:, 1:-1], expected)
        assert (out[:, [0, -1]] == 77).all()


@pytest.mark.parametrize("level", [None, 3])
def test_memory_that_blocks_were_put_in_order_in_is_good_for_larger_ones(level):
    """What was written behind a small block lies where zeros of a large one are expected."""
    small, large = np.random.default_rng(0).integers(0, 2, 100_000, np.uint8), np.zeros(2**19, np.uint8)
    large[:100] = 1
    memory = new_memory(len(large))
    for _ in range(2):
        out = np.zeros((1, len(large)), np.uint8)
        assert bitplanes.copy_blocks(
            stored_blocks(large, len(large), level=3, memory=memory), np.array([[0, len(large)]]), out
        )
        np.testing.assert_array_equal(out[0], large)
        stored = stored_blocks(as_planes(small, len(small)), len(small), level=level, memory=memory)
        taken = np.zeros((1, 5000), np.uint8)
        wanted = gather.Wanted(np.zeros(1, np.int64), len(small), np.arange(5000), 1)
        gather.take(stored, wanted, taken, "bits", whole=True)
        np.testing.assert_array_equal(taken[0], small[:5000])


def test_sizes_that_do_not_fit_are_refused():
    """A kernel that trusted its caller would write beyond its arrays."""
    blocks, out = stored_blocks(np.zeros(64, np.uint8), 64), np.zeros((2, 4), np.uint8)
    wanted = gather.Wanted(np.array([0, 16]), 16, np.array([0, 3]), 2)
    gather.take(blocks, wanted, out, "bits")
    data, first = np.zeros(64, np.uint8), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="no such"):
        gather.take(Stored(data, first, first, 2**31, 64), wanted, out, "bits")
    for typesize in (0, 2**31, 2**32):
        with pytest.raises(ValueError, match="no such"):
            gather.take(blocks, wanted, out, "bits", typesize)
    for shuffle, typesize, stored in [
        ("bytes", 1, blocks),
        ("bits", 2, blocks),
        ("none", 1, blocks),
        ("bits", 1, Stored(data, first, first, 64, 64)),
    ]:
        with pytest.raises(ValueError, match="put in order"):
            gather.take(stored, wanted, out, shuffle, typesize, whole=True)
    for wrong in [
        {"row_bytes": 1},
        {"rows": np.arange(3)},
        {"rows": np.array([16, 0])},
        {"rows": np.array([-1, 0])},
        {"starts": np.array([0, 15])},
        {"starts": np.array([-1, 0])},
        {"starts": np.array([0])},
        {"width": 0},
        {"width": 3},
    ]:
        with pytest.raises(ValueError, match=r"no such|does not fit|must ascend"):
            gather.take(blocks, wanted._replace(**wrong), out)
    with pytest.raises(ValueError, match="does not fit"):
        gather.take(blocks, wanted, np.zeros((2, 8), np.uint8)[:, ::2])


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("typesize", [1, 2, 3, 4, 8])
def test_blocks_are_put_in_order_as_blosc_does(shuffle, typesize):
    """Of any length: whole elements or not, a multiple of 8 of them or not, shorter than one."""
    for size in (1, 7, 64, 129, 400, 1001, 4096, 4099):
        whole = np.random.default_rng(size).integers(0, 3, size, np.uint8)
        found = shuffled(whole, 0, typesize, shuffle)
        stored = whole if found is None else found[0]
        out = np.full(size, 77, np.uint8)
        gather.in_order(stored, typesize, "none" if found is None else shuffle, out)
        np.testing.assert_array_equal(out, whole)
        if found is not None:
            np.testing.assert_array_equal(gather.in_order_numpy(stored, typesize, shuffle), whole)
    with pytest.raises(ValueError, match="fit"):
        gather.in_order(np.zeros(8, np.uint8), 4, "bytes", np.zeros(7, np.uint8))
