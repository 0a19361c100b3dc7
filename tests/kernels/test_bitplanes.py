"""Bit planes made whole, or counted, equal NumPy's own reading of them, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.kernels import bitplanes as bp

ODD = [(63, 0, 16, 16), (64, 1, 16, 16), (64, 0, 15, 14), (64, 0, 16, 15)]
REFUSAL = "no such|too small|side by side|do not fit"
KINDS = ("zeros", "rare", "common", "missing", "alleles", "any")


def values(kind, size, seed):
    """Bytes as genotypes have them (few bits set, some -1 and -2), and as anything else has them."""
    rng = np.random.default_rng(seed)
    if kind == "any":
        return rng.integers(0, 256, size, np.uint8)
    frequency = {"zeros": 0.0, "rare": 0.001}.get(kind, 0.3)
    out = (rng.random(size) < frequency).astype(np.uint8)
    if kind == "missing":
        out[rng.random(size) < 0.02] = 255
        out[rng.random(size) < 0.02] = 254
    if kind == "alleles":
        at = rng.random(size) < 0.1
        out[at] = rng.choice(np.array([2, 3, 4, 9, 127, 128, 253, 254, 255], np.uint8), at.sum())
    return out


def as_planes(whole, block_bytes):
    """What bitshuffle makes of bytes, block by block."""
    parts = [np.empty(0, np.uint8)]
    for start in range(0, len(whole), block_bytes):
        block = whole[start : start + block_bytes]
        if len(block) % 8 == 0:
            bits = np.unpackbits(block.reshape(-1, 1), axis=1, bitorder="little")
            block = np.packbits(bits.T, axis=1, bitorder="little").reshape(-1)
        parts.append(block)
    return np.concatenate(parts)


runs = st.tuples(
    st.sampled_from(KINDS),
    st.integers(1, 40_000),
    st.sampled_from([1, 7, 8, 64, 504, 512, 8192, 8200, 16_384, 16_392, 100_000]),
    st.integers(0, 2**32),
)


@settings(max_examples=60, deadline=None)
@given(runs, st.data())
def test_unshuffle_gives_the_bytes_that_were_asked_for_and_touches_no_others(run, data):
    """Any part of any run, to any place of a view that is strided along its rows."""
    kind, size, block_bytes, seed = run
    whole = values(kind, size, seed)
    first = data.draw(st.integers(0, size))
    last = data.draw(st.integers(first, size))
    row_bytes = data.draw(st.sampled_from([1, 3, 200, 20_000]))
    at = data.draw(st.integers(0, 3 * row_bytes))
    rows = -(-(at + last - first) // row_bytes) + 1
    expected = np.full((rows, row_bytes), 77, np.uint8)
    expected.reshape(-1)[at : at + last - first] = whole[first:last]
    for width in (row_bytes, row_bytes + 5):
        for function in (bp.unshuffle, bp.unshuffle_numpy):
            out = np.full((rows, width), 77, np.uint8)
            function(as_planes(whole, block_bytes), block_bytes, first, last, out[:, :row_bytes], at)
            np.testing.assert_array_equal(out[:, :row_bytes], expected)
            assert (out[:, row_bytes:] == 77).all()


@settings(max_examples=60, deadline=None)
@given(runs, st.sampled_from([1, 3, 200]), st.data())
def test_spans_come_out_of_some_blocks_at_a_time(run, row_bytes, data):
    """Any spans of a chunk, its blocks handed over in groups that leave out those without wanted bytes."""
    kind, size, block_bytes, seed = run
    whole = values(kind, size, seed)
    planes = as_planes(whole, block_bytes)
    bounds = sorted(data.draw(st.lists(st.integers(0, size), max_size=12)))
    spans = np.array(list(zip(bounds[::2], bounds[1::2], strict=False)), np.int64).reshape(-1, 2)
    wanted = np.concatenate([whole[:0], *(whole[start:stop] for start, stop in spans.tolist())])
    held = {at // block_bytes for start, stop in spans.tolist() for at in range(start, stop)}
    group = data.draw(st.integers(1, 4))
    rows = len(wanted) // row_bytes + 1
    expected = np.full((rows, row_bytes), 77, np.uint8)
    expected.reshape(-1)[: len(wanted)] = wanted
    for function in (bp.unshuffle_blocks, bp.unshuffle_blocks_numpy):
        out = np.full((rows, row_bytes + 5), 77, np.uint8)
        for first in range(0, len(held), group):
            numbers = np.array(sorted(held)[first : first + group], np.int64)
            parts = [planes[number * block_bytes : (number + 1) * block_bytes] for number in numbers]
            function(np.concatenate(parts), block_bytes, numbers, spans, out[:, :row_bytes])
        np.testing.assert_array_equal(out[:, :row_bytes], expected)
        assert (out[:, row_bytes:] == 77).all()


@pytest.mark.parametrize(
    ("size", "block_bytes", "blocks", "spans", "shape"),
    [
        (16, 0, [0], [[0, 8]], (1, 8)),
        (16, 8, [0], [[0, 8]], (1, 8)),
        (8, 8, [0, 1], [[0, 8]], (1, 8)),
        (16, 8, [1, 0], [[0, 8]], (1, 8)),
        (16, 8, [-1, 0], [[0, 8]], (1, 8)),
        (16, 8, [0, 1], [[8, 16], [0, 8]], (1, 16)),
        (16, 8, [0, 1], [[8, 0]], (1, 16)),
        (16, 8, [0, 1], [[0, 8, 16]], (1, 16)),
        (16, 8, [0, 1], [[0, 16]], (1, 15)),
    ],
)
def test_blocks_that_do_not_fit_are_refused(size, block_bytes, blocks, spans, shape):
    """Nothing is read or written outside what was handed over."""
    blocks, spans = np.array(blocks, np.int64), np.array(spans, np.int64)
    with pytest.raises(ValueError, match=r"no such|not those|must ascend|too small"):
        bp.unshuffle_blocks(np.zeros(size, np.uint8), block_bytes, blocks, spans, np.zeros(shape, np.uint8))


@settings(max_examples=60, deadline=None)
@given(runs, st.sampled_from([1, 2, 7, 64, 200, 513, 20_000, 50_000]), st.data())
def test_planes_are_counted_like_the_bytes_they_stand_for(run, row_bytes, data):
    """Rows that begin and end anywhere within blocks; runs that begin before, or end behind, the rows."""
    kind, size, block_bytes, seed = run
    whole = values(kind, size, seed)
    planes = as_planes(whole, block_bytes)
    at = data.draw(st.integers(-2 * row_bytes, 2 * row_bytes))
    used = data.draw(st.integers(1, row_bytes))
    rows = data.draw(st.integers(0, max(0, (at + size) // row_bytes) + 2))
    kinds = data.draw(st.sampled_from([0, 1, 2, 4, 10, 254]))
    expected = np.ones((rows, kinds + 2), np.int32)
    bp.count_planes_numpy(planes, block_bytes, at, row_bytes, used, expected)
    counts = np.ones((rows, kinds + 2), np.int32)
    bp.count_planes(planes, block_bytes, at, row_bytes, used, counts)
    np.testing.assert_array_equal(counts, expected)


@settings(max_examples=60, deadline=None)
@given(runs, st.sampled_from([1, 2]), st.sampled_from([2, 16, 30, 512, 20_000]), st.data())
def test_groups_that_lack_a_value_are_counted_like_the_bytes_they_stand_for(run, width, row_bytes, data):
    """Ones and pairs with a value missing, filled up, or both, wherever their blocks begin and end."""
    _, size, block_bytes, seed = run
    size, block_bytes = size - size % 2, block_bytes + block_bytes % 2
    rng = np.random.default_rng(seed)
    share = data.draw(st.sampled_from([0.0, 0.01, 0.5]))
    usual = rng.integers(0, data.draw(st.sampled_from([2, 4, 200])), size)
    whole = np.where(rng.random(size) < share, rng.integers(253, 256, size), usual).astype(np.uint8)
    at = 2 * data.draw(st.integers(-row_bytes, row_bytes))
    used = 2 * data.draw(st.integers(1, row_bytes // 2))
    rows = data.draw(st.integers(0, max(0, (at + size) // row_bytes) + 2))
    planes = as_planes(whole, block_bytes)
    counts, expected = np.ones((rows, 9), np.int32), np.ones((rows, 9), np.int32)
    bp.count_planes_numpy(planes, block_bytes, at, row_bytes, used, expected, width)
    bp.count_planes(planes, block_bytes, at, row_bytes, used, counts, width)
    np.testing.assert_array_equal(counts, expected)
    table = whole[: size - size % row_bytes].reshape(-1, row_bytes)[:, :used]
    counts, expected = np.zeros((len(table), 9), np.int32), np.zeros((len(table), 9), np.int32)
    bp.count_values_numpy(table, expected, width)
    bp.count_values(table, counts, width)
    np.testing.assert_array_equal(counts, expected)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 6),
    st.integers(0, 2000),
    st.sampled_from([0, 2, 3, 254]),
    st.integers(0, 2**32),
)
def test_values_are_counted_by_row(kind, rows, width, kinds, seed):
    """The kernel for bytes that are whole, in rows that need not lie side by side."""
    stored = values(kind, rows * (width + 3), seed).reshape(rows, width + 3)
    view = stored[:, :width]
    expected = np.ones((rows, kinds + 2), np.int32)
    bp.count_values_numpy(view, expected)
    counts = np.ones((rows, kinds + 2), np.int32)
    bp.count_values(view, counts)
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("at", [0, 3, 17])
def test_rows_are_copied_like_numpy_does(at):
    """Bytes to a place in a strided view."""
    source = np.arange(40, dtype=np.uint8)
    out, expected = np.zeros((10, 9), np.uint8), np.zeros((10, 9), np.uint8)
    bp.copy_rows(source, out[:, :6], at)
    bp.copy_rows_numpy(source, expected[:, :6], at)
    np.testing.assert_array_equal(out, expected)


def test_sizes_that_do_not_fit_are_refused():
    """A kernel that trusted its caller would write beyond its arrays."""
    planes, out = np.zeros(64, np.uint8), np.zeros((4, 16), np.uint8)
    counts = np.zeros((4, 4), np.int32)
    for arguments in [
        (planes, 0, 0, 64, out, 0),
        (planes, 64, 0, 65, out, 0),
        (planes, 64, -1, 8, out, 0),
        (planes, 64, 9, 8, out, 0),
        (planes, 64, 0, 64, out, 1),
        (planes, 64, 0, 64, out, -1),
        (planes, 64, 0, 32, out[:, ::2], 0),
    ]:
        with pytest.raises(ValueError, match=REFUSAL):
            bp.unshuffle(*arguments)
    with pytest.raises(ValueError, match=REFUSAL):
        bp.copy_rows(planes, out, 1)
    for arguments in [
        (planes, 0, 0, 16, 16, counts),
        (planes, 64, 0, 0, 0, counts),
        (planes, 64, 0, 16, 0, counts),
        (planes, 64, 0, 16, 17, counts),
        (planes, 64, 0, 16, 16, counts[:, :1].copy()),
        (planes, 64, 0, 16, 16, np.zeros((4, 257), np.int32)),
        (planes, 64, 0, 16, 16, counts, 1),
        (planes, 64, 0, 16, 16, np.zeros((4, 260), np.int32), 2),
        (planes, 64, 0, 16, 16, counts, -1),
        (planes, 64, 0, 16, 16, np.zeros((4, 5), np.int32), 3),
        *((planes, *odd, np.zeros((4, 5), np.int32), 2) for odd in ODD),
    ]:
        with pytest.raises(ValueError, match=REFUSAL):
            bp.count_planes(*arguments)
    for arguments in [
        (out, counts[:3]),
        (out[:, ::2], counts),
        (out, counts, 1),
        (out[:, 1:], np.zeros((4, 5), np.int32), 2),
    ]:
        with pytest.raises(ValueError, match=REFUSAL):
            bp.count_values(*arguments)
