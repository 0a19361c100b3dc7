"""Columns as native code takes them: a tuple that says where each cell is."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from vczero.kernels.pieces import Column
from vczero.strings import Strings

__all__ = ["describe", "describe_names", "strides_of"]

_NUMBERS = {("b", 1): 0, ("i", 1): 1, ("i", 2): 2, ("i", 4): 3, ("i", 8): 4, ("f", 4): 5, ("f", 8): 6}
_STRINGS, _UCS4, _BYTES = 7, 8, 9


def describe_names(names: Strings) -> tuple[Any, ...]:
    """`describe` of one list of names for all rows."""
    kind, data, offsets, *_ = describe(names, None)
    return kind, data, offsets, 0, 0, 1, len(names), 0


def describe(
    column: Column, rows: int | None, samples: int | None = None, start: int = 0, stop: int | None = None
) -> tuple[Any, ...]:
    """What native code needs to know of a column to find its cells (`parse_column` in columns.pxi takes it).

    `rows` and `samples` are the extents wanted on these axes, None for an axis that the column lacks; `start`
    and `stop` cut the values of each cell.

    Raises:
        TypeError: for a dtype that native code does not read.
        ValueError: for a column with fewer rows or samples, or with more than one axis in a cell.
    """
    for axis, extent in enumerate(extent for extent in (rows, samples) if extent is not None):
        if column.shape[axis] < extent:
            raise ValueError(f"a column of shape {column.shape} has fewer than {extent} on axis {axis}")
    inner = column.shape[(rows is not None) + (samples is not None) :]
    if len(inner) > 1:
        raise ValueError(f"a column of shape {column.shape} has more than one axis in a cell")
    offsets, width = None, 0
    if isinstance(column, Strings):
        kind, data, strides = _STRINGS, column.data, strides_of(column.shape)
        offsets = column.offsets
    else:
        kind, width = _kind_of(column)
        data, strides = column, column.strides
    row, sample, value = _by_axis(strides, rows is not None, samples is not None)
    first, last, _ = slice(start, stop).indices(inner[0] if inner else 1)
    if first and inner:
        if offsets is None:
            data = data[..., first:]
        else:
            offsets = offsets[first:]
    return kind, data, offsets, row, sample, value, max(last - first, 0), width


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a C-order array, in values."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _by_axis(strides: tuple[int, ...], has_rows: bool, has_samples: bool) -> tuple[int, int, int]:
    """The strides of rows, samples and values, 0 for an axis that is not there."""
    rest = list(strides)
    row = rest.pop(0) if has_rows else 0
    sample = rest.pop(0) if has_samples else 0
    return row, sample, rest[0] if rest else 0


def _kind_of(column: npt.NDArray[Any]) -> tuple[int, int]:
    """The native kind and, of fixed-width text, the number of characters."""
    dtype = column.dtype
    if dtype.isnative and dtype.kind == "U":
        return _UCS4, dtype.itemsize // 4
    if dtype.kind == "S":
        return _BYTES, dtype.itemsize
    kind = _NUMBERS.get((dtype.kind, dtype.itemsize))
    if kind is None or not dtype.isnative:
        raise TypeError(f"cannot write values of dtype {dtype}")
    return kind, 0
