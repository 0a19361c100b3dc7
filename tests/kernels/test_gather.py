"""Bytes taken from shuffled blocks equal NumPy's own reading of them, and those that Blosc shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import blosc as library

from vczero.kernels import gather

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
    """Any bytes of any rows, in runs of blocks that begin and end anywhere within rows."""
    rng = np.random.default_rng(seed)
    width = min(width, row_bytes)
    whole = rng.integers(0, 3, num_rows * row_bytes, np.uint8)
    found = shuffled(whole, data.draw(st.sampled_from([64, 128, 1000, 4096])), typesize, shuffle)
    if found is None:
        return
    stored, size = found
    rows = np.flatnonzero(rng.random(num_rows) < 0.5)
    starts = rng.integers(0, row_bytes - width + 1, data.draw(st.integers(1, 6)))
    wanted = (starts[:, None] + np.arange(width)).reshape(-1)
    expected = whole.reshape(num_rows, row_bytes)[np.ix_(rows, wanted)]
    cut = data.draw(st.integers(0, len(stored) // size)) * size
    for function in (gather.take, gather.take_numpy):
        out = np.full((len(rows), expected.shape[1] + 2), 77, np.uint8)
        for at, run in ((0, stored[:cut]), (cut, stored[cut:])):
            blocks = gather.Blocks(run, size, at, shuffle, typesize)
            function(blocks, gather.Wanted(row_bytes, rows, starts, width), out[:, 1:-1])
        np.testing.assert_array_equal(out[:, 1:-1], expected)
        assert (out[:, [0, -1]] == 77).all()


def test_sizes_that_do_not_fit_are_refused():
    """A kernel that trusted its caller would write beyond its arrays."""
    run, out = np.zeros(64, np.uint8), np.zeros((2, 4), np.uint8)
    blocks, wanted = gather.Blocks(run, 64, 0, "bits"), gather.Wanted(16, np.arange(2), np.array([0, 3]), 2)
    gather.take(blocks, wanted, out)
    for wrong in [{"block_bytes": 0}, {"block_bytes": 2**31}, {"typesize": 0}]:
        with pytest.raises(ValueError, match="no such"):
            gather.take(blocks._replace(**wrong), wanted, out)
    for wrong in [
        {"row_bytes": 1},
        {"rows": np.arange(3)},
        {"starts": np.array([0, 15])},
        {"starts": np.array([-1, 0])},
        {"starts": np.array([0])},
        {"width": 0},
        {"width": 3},
    ]:
        with pytest.raises(ValueError, match=r"no such|does not fit"):
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
