"""Some positions of axis 1 of each chunk, as an array of their own, without the chunk being made.

`SelectedColumns` stands in for a `BlockReader`: its chunks have the same coordinates and the same stored
bytes, and decode to fewer columns. Of a Blosc chunk each run of blocks is decompressed into memory that is
used again, and the wanted columns are taken from it: where they are few, straight out of the shuffled
blocks (`blosc.SINGLE_BYTES`). Any other chunk is decoded and taken from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.chunks import blosc
from vczero.chunks.blocks import BlockReader, EncodedChunk
from vczero.chunks.grid import row_runs
from vczero.errors import ChunkError, UnsupportedError
from vczero.kernels import gather
from vczero.kernels.stored import Stored

__all__ = ["SelectedColumns"]

Int64s: TypeAlias = npt.NDArray[np.int64]


class SelectedColumns(BlockReader):
    """Chunks of `reader`, (rows, columns, ...), as arrays (rows, selected columns, ...).

    Args:
        reader: of the array, which has at least two axes.
        columns: int64, (selected columns,): positions along axis 1 of a chunk, in any order, by its
            coordinate along that axis. Chunks that are not named are given whole.

    Raises:
        UnsupportedError: the array is of text of variable length.
    """

    def __init__(self, reader: BlockReader, columns: Mapping[int, Int64s]) -> None:
        if reader.meta.dtype.kind in "TO":
            raise UnsupportedError(f"{reader.meta.name}: columns of variable-length text")
        self.__dict__.update(reader.__dict__)
        self._columns = columns
        meta = reader.meta
        self._width = prod(meta.chunk_shape[2:]) * meta.dtype.itemsize
        self._starts = {chunk: places * self._width for chunk, places in columns.items()}

    def selects(self, coords: Sequence[int]) -> bool:
        """Whether the chunk is not given whole."""
        return coords[1] in self._columns

    def actual_chunk_shape(self, coords: Sequence[int]) -> tuple[int, ...]:
        """(rows, selected columns, ...) of a chunk."""
        shape = super().actual_chunk_shape(coords)
        places = self._columns.get(coords[1])
        return shape if places is None else (shape[0], len(places), *shape[2:])

    def decode(self, encoded: EncodedChunk, out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """The selected columns of each row asked for.

        Raises:
            ChunkError: the bytes do not decode to what the metadata promises.
            ValueError: `out` does not fit.
        """
        coords = encoded.coords
        if not self.selects(coords):
            whole = super().decode(encoded, out)
            assert isinstance(whole, np.ndarray)
            return whole
        shape = self.actual_chunk_shape(coords)
        runs = row_runs(encoded.rows, shape[0])
        rows = np.concatenate([np.arange(run.start, run.stop, dtype=np.int64) for run in runs])
        shape = (len(rows), *shape[1:])
        dtype = self.meta.dtype
        if out is not None and (out.shape != shape or out.dtype != dtype):
            raise ValueError(f"out is {out.dtype} {out.shape}, not {dtype} {shape}")
        if out is not None and not out[:1].flags.c_contiguous:
            out[...] = self.decode(encoded)
            return out
        if out is None:
            out = np.empty(shape, dtype)
        if not out.size:
            return out
        if encoded.data is None:
            self._decoder.decode(None, shape, out=out)
        elif self._decoder.blosc_row_bytes is not None and shape[2:] == self.meta.chunk_shape[2:]:
            self._take_blosc(encoded, rows, _as_bytes(out))
        else:
            self._take_decoded(encoded, out)
        return out

    def _take_blosc(self, encoded: EncodedChunk, rows: Int64s, out: npt.NDArray[np.uint8]) -> None:
        data, row_bytes = encoded.data, self._decoder.blosc_row_bytes
        assert data is not None
        assert row_bytes is not None
        nbytes = row_bytes * self.meta.chunk_shape[0]
        try:
            blosc.take_columns(data, nbytes, row_bytes, rows, self._starts[encoded.coords[1]], out)
        except ChunkError as error:
            raise self._chunk_error(encoded.coords, error) from error

    def _take_decoded(self, encoded: EncodedChunk, out: npt.NDArray[Any]) -> None:
        whole = super().decode(encoded)
        assert isinstance(whole, np.ndarray)
        places = self._columns[encoded.coords[1]]
        raw = _as_bytes(whole)
        width = raw.shape[1] // whole.shape[1]
        starts = np.arange(0, raw.size, raw.shape[1], dtype=np.int64)
        wanted = gather.Wanted(starts, raw.shape[1], places * width, width)
        first = np.zeros(1, np.int64)
        gather.take(Stored(raw.reshape(-1), first, first, raw.size, raw.size), wanted, _as_bytes(out))


def _as_bytes(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """uint8, (rows, row bytes): a view; rows are contiguous."""
    return array.reshape(len(array), -1).view(np.uint8)
