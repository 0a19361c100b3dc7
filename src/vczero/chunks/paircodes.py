"""Two-bit codes of pairs of small integers, without the chunk being made where its codec allows.

`PairCodes` stands in for the `BlockReader` of an array of one-byte integers whose last axis has one or two
values: its chunks have the same coordinates and the same stored bytes, and decode to codes (see
`kernels.pairs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vczero.chunks import blosc
from vczero.chunks.blocks import BlockReader, EncodedChunk
from vczero.chunks.grid import row_runs
from vczero.chunks.metadata import ArrayMeta
from vczero.errors import ChunkError, UnsupportedError
from vczero.kernels import pairs

__all__ = ["BAD_BYTES", "PairCodes"]

Bytes = npt.NDArray[np.uint8]
Bad = npt.NDArray[np.uint32]

BAD_BYTES: Final = 4


class PairCodes(BlockReader):
    """Chunks of `reader`, (rows, items, 1 or 2) of int8, as codes: uint8, (rows, 1, ceil(items / 4) + 4).

    Four codes to a byte; then four bytes that tell, as a uint32 in native order, which pair of the row has
    no code (`kernels.pairs`). Bytes between the codes of a chunk at the array's edge and those four mean
    nothing.

    Raises:
        UnsupportedError: the array is of another kind, or chunked along its last axis.
    """

    def __init__(self, reader: BlockReader) -> None:
        if not self.fits(reader.meta):
            raise UnsupportedError(f"{reader.meta.name}: no pairs of one-byte integers")
        self.__dict__.update(reader.__dict__)
        self._values = reader
        self._width = -(-reader.meta.chunk_shape[1] // 4) + BAD_BYTES
        self.meta = replace(reader.meta, dtype=np.dtype(np.uint8))

    @staticmethod
    def fits(meta: ArrayMeta) -> bool:
        """Whether an array is of that kind."""
        is_small = meta.dtype == np.int8 and meta.ndim == 3
        return is_small and meta.shape[2] in (1, 2) and meta.chunk_shape[2] == meta.shape[2]

    def actual_chunk_shape(self, coords: Sequence[int]) -> tuple[int, ...]:
        """(rows, 1, bytes) of a chunk."""
        return (self._values.actual_chunk_shape(coords)[0], 1, self._width)

    def decode(self, encoded: EncodedChunk, out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """The codes of each row asked for.

        Raises:
            ChunkError: the bytes do not decode to what the metadata promises.
        """
        shape = self._values.actual_chunk_shape(encoded.coords)
        runs = row_runs(encoded.rows, shape[0])
        count = sum(run.stop - run.start for run in runs)
        if out is None:
            out = np.empty((count, 1, self._width), np.uint8)
        codes = out[:, 0, : -(-shape[1] // 4)]
        bad = np.zeros(count, np.uint32)
        if not self._code_planes(encoded, shape, runs, codes, bad):
            values = self._values.decode(encoded)
            assert isinstance(values, np.ndarray)
            pairs.code_rows(np.ascontiguousarray(values), codes, bad)
        out[:, 0, -BAD_BYTES:] = bad.view(np.uint8).reshape(count, BAD_BYTES)
        return out

    def _code_planes(
        self, encoded: EncodedChunk, shape: tuple[int, ...], runs: Sequence[slice], codes: Bytes, bad: Bad
    ) -> bool:
        """Take the codes from bit planes, if the chunk holds them and rows begin at whole bytes of bits."""
        row_bytes = self._decoder.blosc_row_bytes
        if encoded.data is None or row_bytes is None or shape[2] != 2:
            return False
        nbytes = row_bytes * self.meta.chunk_shape[0]
        spans = [(run.start * row_bytes, run.stop * row_bytes) for run in runs]
        try:
            return blosc.code_rows(encoded.data, nbytes, spans, row_bytes, 2 * shape[1], codes, bad)
        except ChunkError as error:
            raise self._chunk_error(encoded.coords, error) from error
