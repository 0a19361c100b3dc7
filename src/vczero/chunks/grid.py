"""A selection on one axis as the chunks that hold it, with what is wanted of each and where it goes. Pure.

>>> for part in split_axis(np.array([7, 0, 8]), length=10, chunk_size=4):
...     print(part.chunk, part.local, part.out)
0 slice(0, 1, 1) slice(1, 2, 1)
1 slice(3, 4, 1) slice(0, 1, 1)
2 slice(0, 1, 1) slice(2, 3, 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import SelectionError

__all__ = ["AxisPart", "AxisSelection", "Indexer", "Rows", "row_runs", "split_axis"]

AxisSelection: TypeAlias = slice | npt.NDArray[np.integer[Any]] | None
"""What is wanted of an axis: a slice, indexes in any order (repeats allowed, negative ones not), or all of
it.
"""

Indexer: TypeAlias = slice | npt.NDArray[np.intp]

Rows: TypeAlias = slice | tuple[slice, ...] | None
"""Rows of axis 0 of a chunk: all, one run, or several runs, ascending and disjoint; step 1."""


def row_runs(rows: Rows, length: int) -> tuple[slice, ...]:
    """The runs of rows of a chunk with `length` rows.

    >>> row_runs(None, 9), row_runs(slice(2, 4), 9)
    ((slice(0, 9, None),), (slice(2, 4, None),))
    """
    if rows is None:
        return (slice(0, length),)
    return rows if isinstance(rows, tuple) else (rows,)


class AxisPart(NamedTuple):
    """What one chunk gives to a selection: `result[out] = chunk[local]` along this axis.

    Both are slices with a positive step where the places are evenly spaced, else intp arrays of the same
    length.

    Attributes:
        chunk: the chunk's number on this axis.
        local: places in the chunk.
        out: places in the result.
    """

    chunk: int
    local: Indexer
    out: Indexer

    @property
    def rows(self) -> slice:
        """The shortest run of the chunk, with step 1, that has all places wanted."""
        if isinstance(self.local, slice):
            last = range(self.local.start, self.local.stop, self.local.step)[-1]
            return slice(self.local.start, last + 1)
        return slice(int(self.local.min()), int(self.local.max()) + 1)


def split_axis(selection: AxisSelection, *, length: int, chunk_size: int) -> Iterator[AxisPart]:
    """The parts of a selection on an axis of `length`, one for each chunk that has any of it, by ascending
    chunk number.

    Linear in the number of parts for slices, in that of indexes (n log n if they are not sorted) for arrays.

    Raises:
        SelectionError: An index is negative or beyond the axis, or the array is not one-dimensional and of
            integers.
    """
    if isinstance(selection, np.ndarray):
        return _split_indexes(_checked(selection, length), chunk_size)
    start, stop, step = slice(None).indices(length) if selection is None else selection.indices(length)
    if step < 0:
        return _split_indexes(np.arange(start, stop, step), chunk_size)
    return _split_range(range(start, stop, step), chunk_size)


def _split_range(places: range, chunk_size: int) -> Iterator[AxisPart]:
    done = 0
    while done < len(places):
        first = places[done]
        chunk = first // chunk_size
        base = chunk * chunk_size
        count = len(range(first, min(base + chunk_size, places.stop), places.step))
        last = first + (count - 1) * places.step
        local = slice(first - base, last - base + 1, places.step)
        yield AxisPart(chunk, local, slice(done, done + count, 1))
        done += count


def _checked(indexes: npt.NDArray[np.integer[Any]], length: int) -> npt.NDArray[np.intp]:
    if indexes.ndim != 1 or not (indexes.dtype.kind in "iu" or indexes.size == 0):
        raise SelectionError(f"indexes must be a list of integers, not {indexes.ndim}-d {indexes.dtype}")
    if indexes.size and (int(indexes.min()) < 0 or int(indexes.max()) >= length):
        wrong = next(int(i) for i in (indexes.min(), indexes.max()) if not 0 <= int(i) < length)
        raise SelectionError(f"index {wrong} is not on an axis of length {length}")
    return indexes.astype(np.intp, copy=False)


def _split_indexes(indexes: npt.NDArray[np.intp], chunk_size: int) -> Iterator[AxisPart]:
    if not indexes.size:
        return
    order: npt.NDArray[np.intp] | None = None
    if np.any(indexes[1:] < indexes[:-1]):
        order = np.argsort(indexes, kind="stable")
        indexes = indexes[order]
    chunks = indexes // chunk_size
    bounds = [0, *(np.flatnonzero(np.diff(chunks)) + 1).tolist(), len(indexes)]
    for first, end in pairwise(bounds):
        chunk = int(chunks[first])
        local = _as_slice(indexes[first:end] - chunk * chunk_size)
        out = slice(first, end, 1) if order is None else _as_slice(order[first:end])
        yield AxisPart(chunk, local, out)


def _as_slice(places: npt.NDArray[np.intp]) -> Indexer:
    """`places` as a slice if they ascend by even steps."""
    first, last = int(places[0]), int(places[-1])
    if len(places) == 1:
        return slice(first, first + 1, 1)
    step = int(places[1]) - first
    if step > 0 and last - first == step * (len(places) - 1) and bool(np.all(np.diff(places) == step)):
        return slice(first, last + 1, step)
    return places
