"""A selection split over chunks is the selection: NumPy's indexing is the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.chunks.grid import AxisPart, split_axis
from vczero.errors import SelectionError

BOUND = st.one_of(st.none(), st.integers(-30, 30))


@st.composite
def selections(draw):
    length = draw(st.integers(0, 25))
    index = st.integers(0, max(length - 1, 0))
    arrays = st.lists(index, max_size=30 if length else 0).map(
        lambda values: np.array(values, dtype=np.int64)
    )
    slices = st.builds(slice, BOUND, BOUND, st.one_of(st.none(), st.integers(-4, 4).filter(bool)))
    selection = draw(st.one_of(st.none(), slices, arrays, arrays.map(np.sort)))
    return length, draw(st.integers(1, 30)), selection


@given(selections())
@settings(max_examples=300)
def test_the_parts_of_a_selection_make_the_selection(case):
    # Every wanted place once, in its place, from the chunk that holds it; chunks ascend and none is empty.
    length, chunk_size, selection = case
    axis = np.arange(length)
    expected = axis if selection is None else axis[selection]
    result = np.full(len(expected), -1)
    parts = list(split_axis(selection, length=length, chunk_size=chunk_size))
    for part in parts:
        chunk = axis[part.chunk * chunk_size : (part.chunk + 1) * chunk_size]
        values = chunk[part.local]
        assert len(values) == len(result[part.out]) > 0
        result[part.out] = values
        assert part.rows.step is None
        run = chunk[part.rows]
        assert (run[0], run[-1]) == (values.min(), values.max())
    assert result.tolist() == expected.tolist()
    numbers = [part.chunk for part in parts]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("selection", [None, slice(2, 9), np.array([2, 3, 4]), np.array([1, 3, 5])])
def test_even_spacing_becomes_slices(selection):
    # Slices are copied without an index array; a sorted run must not lose that.
    for part in split_axis(selection, length=10, chunk_size=10):
        assert isinstance(part.local, slice)
        assert isinstance(part.out, slice)


def test_only_chunks_that_hold_something_are_named():
    # Reading costs what the selection touches, not what lies between.
    parts = split_axis(np.array([5, 999_999_999]), length=10**9, chunk_size=10)
    assert [part.chunk for part in parts] == [0, 99_999_999]


@pytest.mark.parametrize(
    "indexes", [np.array([0, 10]), np.array([-1, 3]), np.array([0.5]), np.array([[1]]), np.array([True])]
)
def test_impossible_indexes_are_refused(indexes):
    # Nothing wraps around and nothing is rounded.
    with pytest.raises(SelectionError):
        split_axis(indexes, length=10, chunk_size=4)


def test_an_empty_selection_touches_nothing():
    # Zero-length axes, empty slices and empty lists are legal.
    for selection, length in [(None, 0), (slice(3, 3), 9), (np.array([]), 9)]:
        assert list(split_axis(selection, length=length, chunk_size=4)) == []


def test_a_part_knows_its_run_of_rows():
    # Rows are what a Read asks for; unsorted places need the span between the smallest and the largest.
    assert AxisPart(0, np.array([7, 2, 4]), slice(0, 3)).rows == slice(2, 8)
