"""Tests and summaries of rows of integers, where -1 and -2 stand for missing values.

Beside each kernel stands its NumPy twin, `<name>_numpy`, with the same result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vczero._native import compare as _native

__all__ = [
    "Summary",
    "in_range",
    "in_range_numpy",
    "look_up_pairs",
    "look_up_pairs_numpy",
    "summarise",
    "summarise_numpy",
]

Integers = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def in_range(values: Integers, low: int, high: int, *, negate: bool = False) -> tuple[Mask, Counts]:
    """Which values are in [low, high] and not missing, and how many in each row.

    Args:
        values: signed integers in native byte order, (rows, columns).
        low, high: any integers, both included.
        negate: the opposite: those outside, and the missing ones.

    Returns:
        bool, (rows, columns), and int64, (rows,).
    """
    limits = np.iinfo(values.dtype)
    if low > limits.max or high < limits.min or low > high:
        low, high = 1, 0
    out = np.empty(values.shape, dtype=np.uint8)
    counts = np.empty(len(values), dtype=np.int64)
    low, high = max(low, limits.min), min(high, limits.max)
    _native.in_range(np.ascontiguousarray(values), low, high, negate, out, counts)
    return out.view(np.bool_), counts


def in_range_numpy(values: Integers, low: int, high: int, *, negate: bool = False) -> tuple[Mask, Counts]:
    """The same as `in_range`, in several passes."""
    limits = np.iinfo(values.dtype)
    if low > limits.max or high < limits.min:
        inside = np.zeros(values.shape, dtype=bool)
    else:
        inside = (values >= max(low, limits.min)) & (values <= min(high, limits.max))
    inside &= (values != -1) & (values != -2)
    result = ~inside if negate else inside
    return result, np.count_nonzero(result, axis=1).astype(np.int64)


class Summary(NamedTuple):
    """Number, sum, least and greatest of each row's values that are there; int64, (rows,); 0 if none are."""

    counts: Counts
    sums: Counts
    minima: Counts
    maxima: Counts


def summarise(values: Integers) -> Summary:
    """What `Summary` says, of signed integers in native byte order, (rows, columns)."""
    summary = Summary(*(np.empty(len(values), dtype=np.int64) for _ in range(4)))
    _native.summarise(np.ascontiguousarray(values), *summary)
    return summary


def summarise_numpy(values: Integers) -> Summary:
    """The same as `summarise`, in several passes."""
    wide = values.astype(np.int64)
    present = (values != -1) & (values != -2)
    limits = np.iinfo(np.int64)
    counts = np.count_nonzero(present, axis=1).astype(np.int64)
    sums = np.where(present, wide, 0).sum(axis=1)
    minima = np.where(present, wide, limits.max).min(axis=1, initial=limits.max)
    maxima = np.where(present, wide, limits.min).max(axis=1, initial=limits.min)
    return Summary(counts, sums, np.where(counts > 0, minima, 0), np.where(counts > 0, maxima, 0))


def look_up_pairs(
    pairs: npt.NDArray[np.int8], table: npt.NDArray[np.uint8], second: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.uint8], Counts, int]:
    """The table's entry for each pair of bytes.

    Args:
        pairs: (rows, columns, 2).
        table: (131072,), or without `second` (65536,): the entry of the pair (a, b) of column c is number
            a + 256 b + 65536 second[c], a and b as unsigned bytes.
        second: (rows, columns).

    Returns:
        uint8, (rows, columns); how many entries of each row are 1, if all are 0 or 1; and all entries or-ed.
    """
    rows, columns = pairs.shape[:2]
    out = np.empty((rows, columns), dtype=np.uint8)
    counts = np.empty(rows, dtype=np.int64)
    flat = np.ascontiguousarray(pairs).reshape(rows, 2 * columns)
    plane = (
        np.empty((0, 0), dtype=np.uint8) if second is None else np.ascontiguousarray(second).view(np.uint8)
    )
    seen = _native.look_up_pairs(flat, table, plane, out, counts)
    return out, counts, seen


def look_up_pairs_numpy(
    pairs: npt.NDArray[np.int8], table: npt.NDArray[np.uint8], second: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.uint8], Counts, int]:
    """The same as `look_up_pairs`, in several passes."""
    unsigned = pairs.view(np.uint8).astype(np.intp)
    index = unsigned[..., 0] + 256 * unsigned[..., 1]
    if second is not None:
        index += 65536 * second
    out = table[index]
    return out, out.sum(axis=1, dtype=np.int64), int(np.bitwise_or.reduce(out, axis=None))
