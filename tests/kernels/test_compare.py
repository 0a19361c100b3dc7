"""Kernels of `kernels.compare` against their twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vczero.kernels import compare as kernels

DTYPES = [np.int8, np.int16, np.int32, np.int64]


@st.composite
def tables(draw):
    """Small tables of integers with many missing values and extremes."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    limits = np.iinfo(dtype)
    elements = st.sampled_from([-2, -1, 0, 1, 2, 7, 100, -3, limits.min, limits.max])
    shape = draw(st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 3, 17, 300])))
    return draw(hnp.arrays(dtype, shape, elements=elements, fill=elements))


LIMITS = st.sampled_from([-(1 << 63), -129, -5, -2, -1, 0, 1, 7, 99, 128, 40000, (1 << 63) - 1])


@given(tables(), LIMITS, LIMITS, st.booleans())
def test_in_range(values, low, high, negate):
    """One pass or several: the same mask and counts, whatever the limits and the type."""
    mask, counts = kernels.in_range(values, low, high, negate=negate)
    expected, expected_counts = kernels.in_range_numpy(values, low, high, negate=negate)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(counts, expected_counts)


@given(tables().filter(lambda t: t.dtype != np.int64))
def test_summarise(values):
    """Number, sum, least and greatest of what is not missing."""
    for ours, theirs in zip(kernels.summarise(values), kernels.summarise_numpy(values), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("with_second", [False, True])
def test_look_up_pairs(with_second):
    """Every pair of bytes, with either plane."""
    pairs = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), axis=-1).astype(np.int8)
    rng = np.random.default_rng(0)
    table = rng.integers(0, 2, 131072, dtype=np.uint8)
    second = rng.integers(0, 2, (256, 256)).astype(bool) if with_second else None
    ours = kernels.look_up_pairs(pairs, table, second)
    theirs = kernels.look_up_pairs_numpy(pairs, table, second)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    table[[5, 65541]] = 2
    assert kernels.look_up_pairs(pairs, table, second)[2] & 2


def test_rows_may_be_strided():
    """Views of every second value, and of no columns."""
    values = np.arange(40, dtype=np.int16).reshape(4, 10)[:, ::2]
    np.testing.assert_array_equal(kernels.in_range(values, 3, 12)[0], (values >= 3) & (values <= 12))
    assert kernels.summarise(values).sums.tolist() == values.sum(axis=1).tolist()
    empty = np.zeros((3, 0, 2), dtype=np.int8)
    assert kernels.look_up_pairs(empty, np.zeros(65536, np.uint8), None)[1].tolist() == [0, 0, 0]
