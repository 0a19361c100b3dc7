"""Bit planes made whole, or counted, equal NumPy's own reading of them, whatever the sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.blocks import as_planes, stored_blocks
from vczero.kernels import bitplanes as bp

REFUSAL = "no such|too small|side by side|do not fit|must ascend"
LEVELS = st.sampled_from([None, 0, 1, 7])  # 0: blocks that are known to end in zeros
KINDS = ("zeros", "rare", "common", "missing", "third", "alleles", "any")


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
    if kind == "third":  # most planes are zero, and another than the first is in part
        out[rng.random(size) < 3 / max(size, 1)] = 2
    if kind == "alleles":
        at = rng.random(size) < 0.1
        out[at] = rng.choice(np.array([2, 3, 4, 9, 127, 128, 253, 254, 255], np.uint8), at.sum())
    return out


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


def in_groups(plain, block_bytes, level, group, held=None):
    """Some blocks at a time: all, or those that are `held`."""
    held = range(-(-len(plain) // block_bytes)) if held is None else sorted(held)
    for first in range(0, len(held), group):
        yield stored_blocks(plain, block_bytes, list(held)[first : first + group], level=level)


@settings(max_examples=60, deadline=None)
@given(runs, st.sampled_from([1, 3, 200]), LEVELS, st.data())
def test_spans_come_out_of_some_blocks_at_a_time(run, row_bytes, level, data):
    """Any spans of a chunk, its blocks handed over in groups that leave out those without wanted bytes."""
    kind, size, block_bytes, seed = run
    whole = values(kind, size, seed)
    planes = as_planes(whole, block_bytes)
    bounds = sorted(data.draw(st.lists(st.integers(0, size), max_size=12)))
    spans = np.array(list(zip(bounds[::2], bounds[1::2], strict=False)), np.int64).reshape(-1, 2)
    wanted = np.concatenate([whole[:0], *(whole[start:stop] for start, stop in spans.tolist())])
    held = {at // block_bytes for start, stop in spans.tolist() for at in range(start, stop)}
    group = data.draw(st.integers(len(held) // 8 + 1, len(held) // 8 + 4))
    rows = len(wanted) // row_bytes + 1
    expected = np.full((rows, row_bytes), 77, np.uint8)
    expected.reshape(-1)[: len(wanted)] = wanted
    for function in (bp.unshuffle_blocks, bp.unshuffle_blocks_numpy):
        out = np.full((rows, row_bytes + 5), 77, np.uint8)
        for stored in in_groups(planes, block_bytes, level, group, held):
            assert function(stored, spans, out[:, :row_bytes]) == len(stored.numbers)
        np.testing.assert_array_equal(out[:, :row_bytes], expected)
        assert (out[:, row_bytes:] == 77).all()


@pytest.mark.parametrize(
    ("spans", "shape"),
    [([[8, 16], [0, 8]], (1, 16)), ([[8, 0]], (1, 16)), ([[0, 8, 16]], (1, 16)), ([[0, 16]], (1, 15))],
)
def test_spans_that_do_not_fit_are_refused(spans, shape):
    """Nothing is written outside what was handed over."""
    for function in (bp.unshuffle_blocks, bp.copy_blocks):
        with pytest.raises(ValueError, match=REFUSAL):
            function(stored_blocks(np.zeros(16, np.uint8), 8), np.array(spans), np.zeros(shape, np.uint8))
        with pytest.raises(ValueError, match="side by side"):
            function(
                stored_blocks(np.zeros(16, np.uint8), 8),
                np.array([[0, 8]]),
                np.zeros((1, 16), np.uint8)[:, ::2],
            )


@settings(max_examples=60, deadline=None)
@given(runs, st.sampled_from([1, 2, 7, 64, 200, 513, 20_000, 50_000]), LEVELS, st.data())
def test_planes_are_counted_like_the_bytes_they_stand_for(run, row_bytes, level, data):
    """Rows that begin and end anywhere within blocks, some of the rows, and such as no block holds."""
    kind, size, block_bytes, seed = run
    size = min(size, 150 * row_bytes)
    whole = values(kind, size, seed)
    planes = as_planes(whole, block_bytes)
    used = data.draw(st.integers(1, row_bytes))
    chosen = np.random.default_rng(seed).random(size // row_bytes + 3) < data.draw(st.sampled_from([0.1, 1]))
    rows = np.flatnonzero(chosen) * row_bytes + data.draw(st.integers(0, 2 * row_bytes))
    kinds = data.draw(st.sampled_from([0, 1, 2, 4, 10, 254]))
    group = data.draw(st.integers(1, 4)) * (1 + size // block_bytes // 8)
    expected = np.ones((len(rows), kinds + 2), np.int32)
    for row, start in enumerate(rows.tolist()):
        bp.count_values_numpy(whole[start : start + used].reshape(1, -1), expected[row : row + 1])
    for function in (bp.count_blocks, bp.count_blocks_numpy):
        counts = np.ones((len(rows), kinds + 2), np.int32)
        for stored in in_groups(planes, block_bytes, level, group):
            assert function(stored, rows, used, counts) == len(stored.numbers)
        np.testing.assert_array_equal(counts, expected)


@settings(max_examples=60, deadline=None)
@given(runs, st.sampled_from([1, 2]), st.sampled_from([2, 16, 30, 512, 20_000]), LEVELS, st.data())
def test_groups_that_lack_a_value_are_counted_like_the_bytes_they_stand_for(
    run, width, row_bytes, level, data
):
    """Ones and pairs with a value missing, filled up, or both, wherever their blocks begin and end."""
    _, size, block_bytes, seed = run
    size, block_bytes = max(2, min(size - size % 2, 500 * row_bytes)), block_bytes + block_bytes % 2
    rng = np.random.default_rng(seed)
    share = data.draw(st.sampled_from([0.0, 0.01, 0.5]))
    usual = rng.integers(0, data.draw(st.sampled_from([2, 4, 200])), size)
    whole = np.where(rng.random(size) < share, rng.integers(253, 256, size), usual).astype(np.uint8)
    used = 2 * data.draw(st.integers(1, row_bytes // 2))
    rows = np.arange(2 * data.draw(st.integers(0, row_bytes)), size + row_bytes, row_bytes)
    planes = as_planes(whole, block_bytes)
    group = data.draw(st.integers(1, 4)) * (1 + size // block_bytes // 8)
    expected = np.ones((len(rows), 9), np.int32)
    for row, start in enumerate(rows.tolist()):
        bp.count_values_numpy(whole[start : start + used].reshape(1, -1), expected[row : row + 1], width)
    for function in (bp.count_blocks, bp.count_blocks_numpy):
        counts = np.ones((len(rows), 9), np.int32)
        for stored in in_groups(planes, block_bytes, level, group):
            assert function(stored, rows, used, counts, width) == len(stored.numbers)
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
    stored, rows, groups = stored_blocks(planes, 64), np.arange(0, 64, 16), np.zeros((4, 5), np.int32)
    for arguments in [
        (stored, rows, 0, counts),
        (stored, rows - 1, 16, counts),
        (stored, rows[::-1].copy(), 16, counts),
        (stored, rows[:3].copy(), 16, counts),
        (stored, rows, 16, counts[:, :1].copy()),
        (stored, rows, 16, np.zeros((4, 257), np.int32)),
        (stored, rows, 16, counts, 1),
        (stored, rows, 16, np.zeros((4, 260), np.int32), 2),
        (stored, rows, 16, counts, -1),
        (stored, rows, 16, groups, 3),
        (stored, rows, 15, groups, 2),
        (stored, rows + 1, 16, groups, 2),
        (stored_blocks(planes[:63], 64), rows, 16, groups, 2),
        (stored_blocks(planes, 63), rows, 16, groups, 2),
    ]:
        with pytest.raises(ValueError, match=REFUSAL):
            bp.count_blocks(*arguments)
    for arguments in [
        (out, counts[:3]),
        (out[:, ::2], counts),
        (out, counts, 1),
        (out[:, 1:], np.zeros((4, 5), np.int32), 2),
    ]:
        with pytest.raises(ValueError, match=REFUSAL):
            bp.count_values(*arguments)
