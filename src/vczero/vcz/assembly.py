"""Decoded chunks to columns, and parts of columns: what a worker does between decoding and a batch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.strings import Strings
from vczero.vcz.layout import ColumnRead, Layout
from vczero.vcz.schema import Column

__all__ = ["assemble", "assemble_text", "place", "take_places", "take_rows"]

Indexes: TypeAlias = npt.NDArray[np.integer[Any]]


def place(array: npt.NDArray[Any], read: ColumnRead, value: npt.NDArray[Any]) -> None:
    """Put a decoded chunk where it goes in the column's array."""
    if read.tile.local is not None:
        value = value[(slice(None), *read.tile.local)]
    array[(read.at, *read.tile.out)] = value


def assemble(layout: Layout, rows: int, parts: Sequence[tuple[ColumnRead, Column]]) -> Column:
    """A column of `rows` from all its parts."""
    if layout.is_text:
        texts = [(read, value) for read, value in parts if isinstance(value, Strings)]
        return assemble_text(layout, rows, texts)
    array = np.empty((rows, *layout.shape), layout.dtype)
    for read, value in parts:
        assert isinstance(value, np.ndarray)
        place(array, read, value)
    return array


def assemble_text(layout: Layout, rows: int, parts: Sequence[tuple[ColumnRead, Strings]]) -> Strings:
    """A column of text from all its parts; shares their memory where it can."""
    shape = (rows, *layout.shape)
    if not parts:
        return Strings.full(shape, "")
    if len(layout.tiles) == 1 and layout.tiles[0].in_order:
        in_order = sorted(parts, key=lambda part: part[0].at.start)
        return Strings.concatenate([value for _, value in in_order])
    places = np.empty(shape, np.int64)
    flat = []
    done = 0
    for read, value in parts:
        numbers = np.arange(done, done + value.size).reshape(value.shape)
        place(places, read, numbers)
        flat.append(value.reshape((value.size,)))
        done += value.size
    return Strings.concatenate(flat).take(places.reshape(-1)).reshape(shape)


def take_rows(column: Column, rows: Indexes) -> Column:
    """Those rows of a column, in new memory."""
    return column.take(rows) if isinstance(column, Strings) else np.take(column, rows, axis=0)


def take_places(column: Column, places: Indexes) -> Column:
    """Those places of a column's second axis, in new memory."""
    if not isinstance(column, Strings):
        return np.take(column, places, axis=1)
    rows, width, *rest = column.shape
    inner = prod(rest)
    base = (np.arange(rows)[:, None] * width + places) * inner
    index = (base[..., None] + np.arange(inner)).reshape(-1)
    return column.reshape((column.size,)).take(index).reshape((rows, len(places), *rest))
