"""Values of cells taken by place: what cutting and spreading fields by allele come to.

A cell is what a record, or a sample of it, has of one field: its last axis. Fill ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.strings import Strings
from vczero.vcz.schema import Column
from vczero.vcz.values import FLOAT_BITS, INT_FILL, INT_MISSING, is_fill, is_missing

__all__ = ["TAKE_FILL", "TAKE_MISSING", "Places", "lengths", "pair_places", "take"]

Int64s: TypeAlias = npt.NDArray[np.int64]
Places: TypeAlias = npt.NDArray[np.signedinteger[Any]]

# Places that stand for no value of the cell.
TAKE_FILL, TAKE_MISSING = -1, -2


def _special(dtype: np.dtype[Any], integer: int, text: str) -> Any:
    """Missing or fill of the dtype, from what it is among integers and in text."""
    if dtype.kind == "f":
        # By bits: NumPy would make a signalling NaN quiet, which is data then, when it converts one.
        size = dtype.itemsize
        return np.array([FLOAT_BITS[size] - integer], f"u{size}").view(f"f{size}")[0]
    if dtype.kind == "S":
        return text.encode()
    return text if dtype.kind in "UTO" else integer


def lengths(column: Column) -> Int64s:
    """int64 (...): how many values each cell has: those before fill, none if all are missing.

    Of floats, those before missing ones at the end: a store does not keep where a vector of floats ended, and
    has missing for what follows (bio2zarr 0.2.1).
    """
    if isinstance(column, Strings):
        sizes = column.lengths
        fill = sizes == 0
        starts = np.minimum(column.offsets[:-1], max(0, len(column.data) - 1)).reshape(column.shape)
        dots = column.data[starts] == ord(".") if len(column.data) else fill
        missing = (sizes == 1) & dots
    else:
        fill, missing = is_fill(column), is_missing(column)
    is_float = not isinstance(column, Strings) and column.dtype.kind == "f"
    ended = fill | missing if is_float else fill
    width = fill.shape[-1]
    if not width:
        return np.zeros(fill.shape[:-1], np.int64)
    trailing = np.argmin(ended[..., ::-1], axis=-1)
    return np.asarray(np.where((fill | missing).all(axis=-1), 0, width - trailing), np.int64)


def take(column: Column, places: Places) -> Column:
    """Cells of the values at `places`: integers (..., width), which are broadcast to the cells.

    `TAKE_FILL` and `TAKE_MISSING` give these; so does, fill, a place that the cell does not have.
    """
    shape = (*column.shape[:-1], places.shape[-1])
    width = column.shape[-1]
    places = np.where(places >= width, TAKE_FILL, places)
    if isinstance(column, Strings):
        specials = Strings.from_values(["", "."])
        every = Strings.concatenate([column.reshape((column.size,)), specials])
        first = np.arange(0, column.size, max(1, width)).reshape((*column.shape[:-1], 1)) if width else 0
        flat = np.where(places >= 0, first + places, column.size - 1 - places)
        return every.take(np.broadcast_to(flat, shape).reshape(-1).astype(np.int64)).reshape(shape)
    if width:
        taken = np.take_along_axis(column, np.broadcast_to(np.maximum(places, 0), shape), axis=-1)
    else:
        taken = np.empty(shape, column.dtype)
    for special, integer, text in ((TAKE_FILL, INT_FILL, ""), (TAKE_MISSING, INT_MISSING, ".")):
        where = places == special
        if where.any():
            _put(taken, np.broadcast_to(where, shape), _special(column.dtype, integer, text))
    return taken


def _put(array: npt.NDArray[Any], where: npt.NDArray[np.bool_], value: Any) -> None:
    """Set values, floats by their bits."""
    if array.dtype.kind == "f":
        unsigned = f"u{array.dtype.itemsize}"
        array.view(unsigned)[where] = np.array(value).view(unsigned)
    else:
        array[where] = value


def pair_places(alleles: Sequence[int]) -> list[int]:
    """Where genotypes of two of `alleles` (ascending) are among all, in the order of Number=G."""
    return [k * (k + 1) // 2 + j for place, k in enumerate(alleles) for j in alleles[: place + 1]]
