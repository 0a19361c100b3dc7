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
from vczero.chunks.metadata import ArrayMeta
from vczero.errors import ChunkError, UnsupportedError
from vczero.kernels import bitplanes

__all__ = ["ValueCounts"]

Counts: TypeAlias = npt.NDArray[np.int32]


class ValueCounts(BlockReader):
    """Chunks of `reader`, (rows, columns, 1 or 2) of int8, as counts: int32, (rows, 1, num_values + 5).

    Column v of the counts is that of value v; then come those of -2 and of -1. Other values are not counted.
    The last three are of groups along the last axis: those that lack a value (the first is negative or the
    second -1), those that have none (all are negative), and all.

    Args:
        reader: of the array, or of selected columns of it: then these alone count.
        num_values: at most 254.

    Raises:
        UnsupportedError: the array is of another kind.
    """

    def __init__(self, reader: BlockReader, num_values: int) -> None:
        if not self.fits(reader.meta):
            raise UnsupportedError(f"{reader.meta.name}: values of {reader.meta.dtype} are not counted")
        self.__dict__.update(reader.__dict__)
        self._values = reader
        self._width = num_values + 5
        self.meta = replace(reader.meta, dtype=np.dtype(np.int32))

    @staticmethod
    def fits(meta: ArrayMeta) -> bool:
        """Whether an array is of one-byte signed integers, by ones or twos that no chunks share."""
        group = meta.shape[2:]
        return meta.dtype == np.int8 and group in ((), (1,), (2,)) and meta.chunk_shape[2:] == group

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
        row_bytes = self._decoder.blosc_row_bytes
        if encoded.data is None or row_bytes is None or not shape[1]:
            return False
        if isinstance(self._values, SelectedColumns) and self._values.selects(encoded.coords):
            return False
        nbytes = row_bytes * self.meta.chunk_shape[0]
        spans = [(run.start * row_bytes, run.stop * row_bytes) for run in runs]
        try:
            used_bytes, width = prod(shape[1:]), prod(shape[2:])
            return blosc.count_rows(encoded.data, nbytes, spans, row_bytes, used_bytes, counts, width)
        except ChunkError as error:
            raise self._chunk_error(encoded.coords, error) from error

    def _count_values(self, encoded: EncodedChunk, counts: Counts) -> None:
        values = self._values.decode(encoded)
        assert isinstance(values, np.ndarray)
        flat = np.ascontiguousarray(values).reshape(len(values), -1).view(np.uint8)
        if flat.shape[1]:
            bitplanes.count_values(flat, counts, prod(values.shape[2:]))
