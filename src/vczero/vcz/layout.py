"""Where the chunks of an array go in the columns of a batch, as data.

A column has the variants axis first. On the axes after it a *tile* is one chunk's part: the same for every
batch, so that it is worked out once. Along the variants axis `split_runs` says which rows of which chunks a
batch wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.chunks.columns import SelectedColumns
from vczero.chunks.counts import ValueCounts
from vczero.chunks.grid import AxisPart, Indexer, Rows, split_axis
from vczero.chunks.steps import Read

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader
    from vczero.chunks.metadata import ArrayMeta

__all__ = [
    "ColumnRead",
    "Layout",
    "Part",
    "Runs",
    "Tile",
    "can_be_coded",
    "can_be_counted",
    "lay_out",
    "lay_out_codes",
    "lay_out_counts",
    "runs_of",
    "split_runs",
]

Int64s: TypeAlias = npt.NDArray[np.int64]
Runs: TypeAlias = Sequence[tuple[int, int]]
"""Rows of the store as runs [first, end), ascending and disjoint."""


class Tile(NamedTuple):
    """One chunk's part of a column, on the axes after the variants axis.

    Attributes:
        coords: the chunk's coordinates on those axes.
        local: what is taken of the chunk, per axis; None: all of it.
        out: where it goes in the column, per axis.
        in_order: whether it is all of the chunk, as it lies in the chunk.
        direct: whether the chunk can be decoded straight into its place.
    """

    coords: tuple[int, ...]
    local: tuple[Indexer, ...] | None
    out: tuple[Indexer, ...]
    in_order: bool
    direct: bool


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """One array as a column of every batch.

    Attributes:
        name: of the field.
        reader: of the array.
        tiles: in the order of their chunks.
        shape: of the column, after the variants axis.
        dtype: of the column: the array's in native byte order.
        is_text: whether its values are `Strings`.
        has_samples: whether its second axis is samples.
    """

    name: str
    reader: BlockReader
    tiles: tuple[Tile, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_text: bool
    has_samples: bool

    @property
    def chunk_rows(self) -> int:
        """The chunk's length along the variants axis."""
        return self.reader.meta.chunk_shape[0]

    @property
    def row_nbytes(self) -> int:
        """Bytes of one row of the column; text counts a pointer per value."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def row_work(self) -> int:
        """Bytes to decode for one row: of chunks of which few columns are wanted, those of all columns."""
        meta = self.reader.stored_meta
        return sum(prod(_ends(meta, tile.coords)) for tile in self.tiles) * meta.dtype.itemsize

    def reads(self, parts: Sequence[Part], piece: int = -1) -> list[ColumnRead]:
        """The reads that fill the column, given what `split_runs` made of a batch's rows."""
        return [
            ColumnRead(
                self.reader, (part.chunk, *tile.coords), part.rows, piece, layout=self, tile=tile, at=part.at
            )
            for part in parts
            for tile in self.tiles
        ]


class Part(NamedTuple):
    """What one chunk along the variants axis gives to a batch: `column[at] = chunk[rows]`."""

    chunk: int
    rows: Rows | None
    at: slice


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ColumnRead(Read):
    """A read that knows where it goes: `column[at, *tile.out] = value[:, *tile.local]`."""

    layout: Layout
    tile: Tile
    at: slice


def lay_out(name: str, reader: BlockReader, dims: Sequence[str], samples: Int64s | None) -> Layout:
    """The layout of an array whose first axis is variants; `samples` are taken of an axis of that name."""
    meta = reader.meta
    axes: list[list[AxisPart]] = []
    shape = []
    is_text = meta.dtype.kind in "TO"
    has_samples = "samples" in dims[1:2]
    for length, chunk in zip(meta.shape[1:], meta.chunk_shape[1:], strict=True):
        selection = samples if has_samples and not axes else None
        axes.append(list(split_axis(selection, length=length, chunk_size=chunk)))
        shape.append(length if selection is None else len(selection))
    selected = {} if not has_samples or is_text else _columns_of(axes[0], meta)
    dtype = meta.dtype if meta.dtype.isnative else meta.dtype.newbyteorder("=")
    can_be_direct = not is_text and meta.dtype.isnative and all(len(parts) == 1 for parts in axes[1:])
    tiles = []
    for parts in product(*axes):
        coords = tuple(part.chunk for part in parts)
        ends = _ends(meta, coords)
        locals_ = [part.local for part in parts]
        if coords and coords[0] in selected:  # the reader gives no other columns
            ends[0] = len(selected[coords[0]])
            locals_[0] = slice(0, ends[0], 1)
        whole = all(
            isinstance(local, slice) and local == slice(0, end, 1)
            for local, end in zip(locals_, ends, strict=True)
        )
        out = tuple(part.out for part in parts)
        in_order = whole and all(isinstance(place, slice) and place.step in (1, None) for place in out)
        local = None if whole else tuple(locals_)
        tiles.append(Tile(coords, local, out, in_order, direct=can_be_direct and in_order))
    if selected:
        reader = SelectedColumns(reader, selected)
    return Layout(name, reader, tuple(tiles), tuple(shape), dtype, is_text, has_samples)


def _ends(meta: ArrayMeta, coords: tuple[int, ...]) -> list[int]:
    """A chunk's length on each axis after the first."""
    axes = zip(coords, meta.chunk_shape[1:], meta.shape[1:], strict=True)
    return [min(chunk, length - coord * chunk) for coord, chunk, length in axes]


def _columns_of(parts: Sequence[AxisPart], meta: ArrayMeta) -> dict[int, Int64s]:
    """The columns wanted of chunks along axis 1, by coordinate, where they are not all of the chunk's."""
    length, chunk_size = meta.shape[1], meta.chunk_shape[1]
    columns = {}
    for part in parts:
        end = min(chunk_size, length - part.chunk * chunk_size)
        if not isinstance(part.local, slice) or part.local != slice(0, end, 1):
            columns[part.chunk] = np.arange(end, dtype=np.int64)[part.local]
    return columns


def lay_out_counts(name: str, reader: BlockReader, samples: Int64s | None, num_values: int) -> Layout:
    """The layout of how often each value occurs in (variants, samples, ...), in `samples`.

    Column: int32, (variants, chunks, num_values + 5), a row of counts (`ValueCounts`) for each chunk with any
    of the samples.
    """
    meta = reader.meta
    by_samples = list(split_axis(samples, length=meta.shape[1], chunk_size=meta.chunk_shape[1]))
    whole = slice(None)
    tiles = [
        Tile(
            (part.chunk, *[0] * (meta.ndim - 2)),
            None,
            (slice(number, number + 1), whole),
            in_order=False,
            direct=True,
        )
        for number, part in enumerate(by_samples)
    ]
    if selected := _columns_of(by_samples, meta):
        reader = SelectedColumns(reader, selected)
    counts = ValueCounts(reader, num_values)
    return Layout(name, counts, tuple(tiles), (len(tiles), num_values + 5), np.dtype(np.int32), False, False)


def can_be_counted(reader: BlockReader) -> bool:
    """Whether `lay_out_counts` can lay the array out."""
    return ValueCounts.fits(reader.meta)


def lay_out_codes(name: str, reader: BlockReader) -> Layout:
    """The layout of the two-bit codes of (variants, samples, ploidy), of all samples.

    Column: uint8, (variants, chunks, bytes); what each chunk gives is described at `PairCodes`.
    """
    from vczero.chunks.paircodes import BAD_BYTES, PairCodes

    codes = PairCodes(reader)
    whole = slice(None)
    tiles = [
        Tile((number, 0), None, (slice(number, number + 1), whole), in_order=False, direct=True)
        for number in range(reader.cdata_shape[1])
    ]
    width = -(-reader.meta.chunk_shape[1] // 4) + BAD_BYTES
    return Layout(name, codes, tuple(tiles), (len(tiles), width), np.dtype(np.uint8), False, False)


def can_be_coded(reader: BlockReader) -> bool:
    """Whether `lay_out_codes` can lay the array out, so that each chunk of samples begins a byte of codes."""
    from vczero.chunks.paircodes import PairCodes

    meta = reader.meta
    return PairCodes.fits(meta) and (meta.chunk_shape[1] % 4 == 0 or meta.chunk_shape[1] >= meta.shape[1])


def split_runs(runs: Runs, *, chunk_rows: int, num_rows: int) -> list[Part]:
    """The rows of a batch as what each chunk of `chunk_rows` gives to it; linear in runs and chunks.

    >>> for part in split_runs([(3, 5), (7, 12)], chunk_rows=10, num_rows=100):
    ...     print(part.chunk, part.rows, part.at)
    0 (slice(3, 5, None), slice(7, 10, None)) slice(0, 5, None)
    1 slice(0, 2, None) slice(5, 7, None)
    """
    parts: list[Part] = []
    chunk = -1
    of_chunk: list[slice] = []
    start = done = 0
    for first, end in runs:
        while first < end:
            if first // chunk_rows != chunk:
                if of_chunk:
                    parts.append(_part(chunk, of_chunk, slice(start, done), chunk_rows, num_rows))
                chunk, of_chunk, start = first // chunk_rows, [], done
            base = chunk * chunk_rows
            stop = min(end, base + chunk_rows)
            of_chunk.append(slice(first - base, stop - base))
            done += stop - first
            first = stop  # noqa: PLW2901  # the rest of the run, in the next chunk
    if of_chunk:
        parts.append(_part(chunk, of_chunk, slice(start, done), chunk_rows, num_rows))
    return parts


def _part(chunk: int, runs: list[slice], at: slice, chunk_rows: int, num_rows: int) -> Part:
    if len(runs) > 1:
        return Part(chunk, tuple(runs), at)
    length = min(chunk_rows, num_rows - chunk * chunk_rows)
    whole = runs[0].start == 0 and runs[0].stop == length
    return Part(chunk, None if whole else runs[0], at)


def runs_of(rows: npt.NDArray[np.integer[Any]]) -> list[tuple[int, int]]:
    """Ascending row numbers as runs.

    >>> runs_of(np.array([1, 2, 3, 7]))
    [(1, 4), (7, 8)]
    """
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    starts = rows[np.concatenate(([0], breaks))]
    ends = rows[np.concatenate((breaks - 1, [len(rows) - 1]))] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
