"""How often each value occurs in each row of a chunk, without the chunk being made where its codec allows.

`ValueCounts` stands in for the `BlockReader` of an array of one-byte integers: its chunks have the same
coordinates and the same stored bytes, and decode to counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.chunks import blosc
from vczero.chunks.blocks import BlockReader, EncodedChunk
from vczero.chunks.columns import SelectedColumns
from vczero.chunks.grid import row_runs
from vczero.errors import ChunkError, UnsupportedError
from vczero.kernels import bitplanes

__all__ = ["ValueCounts"]

Counts: TypeAlias = npt.NDArray[np.int32]


class ValueCounts(BlockReader):
    """Chunks of `reader`, (rows, ...) of int8, as counts: int32, (rows, 1, num_values + 2).

    Column v of the counts is that of value v; the last two are those of -2 and of -1. Other values are not
    counted.

    Args:
        reader: of the array, or of selected columns of it: then these alone count.
        num_values: at most 254.

    Raises:
        UnsupportedError: the array is not of one-byte signed integers.
    """

    def __init__(self, reader: BlockReader, num_values: int) -> None:
        if reader.meta.dtype != np.int8:
            raise UnsupportedError(f"{reader.meta.name}: values of {reader.meta.dtype} are not counted")
        self.__dict__.update(reader.__dict__)
        self._values = reader
        self._width = num_values + 2
        self.meta = replace(reader.meta, dtype=np.dtype(np.int32))

    def actual_chunk_shape(self, coords: Sequence[int]) -> tuple[int, ...]:
        """(rows, 1, counts) of a chunk."""
        return (self._values.actual_chunk_shape(coords)[0], 1, self._width)

    def decode(self, encoded: EncodedChunk, out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """The counts of each row asked for.

        Raises:
            ChunkError: the bytes do not decode to what the metadata promises.
        """
        shape = self._values.actual_chunk_shape(encoded.coords)
        runs = row_runs(encoded.rows, shape[0])
        counts = np.zeros((sum(run.stop - run.start for run in runs), self._width), np.int32)
        if not self._count_planes(encoded, shape, runs, counts):
            self._count_values(encoded, counts)
        if out is None:
            return counts[:, None, :]
        out[:, 0, :] = counts
        return out

    def _count_planes(
        self, encoded: EncodedChunk, shape: tuple[int, ...], runs: Sequence[slice], counts: Counts
    ) -> bool:
        """Count bit planes, if the chunk holds them and a row's elements lie at its start."""
        chunk = self.meta.chunk_shape
        row_bytes = self._decoder.blosc_row_bytes
        if encoded.data is None or row_bytes is None or shape[2:] != chunk[2:] or not prod(shape[1:]):
            return False
        if isinstance(self._values, SelectedColumns) and self._values.selects(encoded.coords):
            return False
        nbytes = row_bytes * chunk[0]
        spans = [(run.start * row_bytes, run.stop * row_bytes) for run in runs]
        try:
            return blosc.count_rows(encoded.data, nbytes, spans, row_bytes, prod(shape[1:]), counts)
        except ChunkError as error:
            raise self._chunk_error(encoded.coords, error) from error

    def _count_values(self, encoded: EncodedChunk, counts: Counts) -> None:
        values = self._values.decode(encoded)
        assert isinstance(values, np.ndarray)
        flat = np.ascontiguousarray(values).reshape(len(values), -1).view(np.uint8)
        if flat.shape[1]:
            bitplanes.count_values(flat, counts)
