"""Neighbouring small chunks as one: what a step costs is then shared by many of them.

`JoinedChunks` stands in for a `BlockReader`: one of its chunks is a run of that reader's along axis 0. A file
of 2 KB is read and decoded in 20 us; a read of its own, and its part of a step, cost twice that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.chunks.blocks import BlockReader, EncodedChunk
from vczero.chunks.grid import Rows, row_runs
from vczero.chunks.stores import Fetch
from vczero.strings import Strings

__all__ = ["JoinedChunks"]


class JoinedChunks(BlockReader):
    """Runs of `count` chunks of `reader` along axis 0, each as one chunk.

    Their requests are made one after the other, so this is for synchronous stores; chunks that have none of
    the rows asked for are left out.
    """

    def __init__(self, reader: BlockReader, count: int) -> None:
        self.__dict__.update(reader.__dict__)
        self._reader = reader
        self._count = count
        meta = reader.meta
        self._part_rows = meta.chunk_shape[0]
        self.meta = replace(meta, chunk_shape=(count * self._part_rows, *meta.chunk_shape[1:]))
        self.cdata_shape = self.meta.cdata_shape

    def actual_chunk_shape(self, coords: Sequence[int]) -> tuple[int, ...]:
        """The shape of the run, clamped at the array's edge."""
        number, *others = coords
        length = self.meta.chunk_shape[0]
        rows = min(length, self.meta.shape[0] - number * length)
        return (rows, *self._reader.actual_chunk_shape((number * self._count, *others))[1:])

    def requests(self, coords: Sequence[int], rows: Rows = None) -> Fetch[EncodedChunk]:
        """The I/O of the run. See `BlockReader`."""
        parts = []
        for at, wanted in self._parts(coords, rows):
            parts.append((yield from self._reader.requests(at, wanted)))
        return EncodedChunk(tuple(coords), rows, None, tuple(parts))

    def fetch(self, coords: Sequence[int], rows: Rows = None) -> EncodedChunk:
        """The stored bytes of the run. See `BlockReader`."""
        parts = [self._reader.fetch(at, wanted) for at, wanted in self._parts(coords, rows)]
        return EncodedChunk(tuple(coords), rows, None, tuple(parts))

    def decode(
        self, encoded: EncodedChunk, out: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any] | Strings:
        """The elements of the run. See `BlockReader`."""
        if out is None:
            values = [self._reader.decode(part) for part in encoded.parts]
            texts = [value for value in values if isinstance(value, Strings)]
            if texts:
                return Strings.concatenate(texts)
            return np.concatenate([value for value in values if isinstance(value, np.ndarray)])
        done = 0
        for part in encoded.parts:
            end = done + self._length(part)
            self._reader.decode(part, out[done:end])
            done = end
        return out

    def _parts(self, coords: Sequence[int], rows: Rows) -> Iterator[tuple[tuple[int, ...], Rows]]:
        """The coordinates of each chunk of the run that has any of the rows, and which it has."""
        number, *others = coords
        first, length = number * self._count, self._part_rows
        if rows is None:
            for each in range(first, min(first + self._count, self._reader.cdata_shape[0])):
                yield (each, *others), None
            return
        wanted: dict[int, list[slice]] = {}
        for run in row_runs(rows, self.meta.chunk_shape[0]):
            for each in range(run.start // length, -(-run.stop // length)):
                base = each * length
                part = slice(max(run.start - base, 0), min(run.stop - base, length))
                wanted.setdefault(first + each, []).append(part)
        for each, runs in wanted.items():
            yield (each, *others), runs[0] if len(runs) == 1 else tuple(runs)

    def _length(self, part: EncodedChunk) -> int:
        if part.rows is not None:
            return sum(run.stop - run.start for run in row_runs(part.rows, 0))
        return min(self._part_rows, self.meta.shape[0] - part.coords[0] * self._part_rows)
