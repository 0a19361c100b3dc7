"""From the stored bytes of a chunk to its array: one compiled decoder per array.

Pure: no I/O, no state, any thread.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vczero.chunks.metadata import ArrayMeta
from vczero.strings import Strings

__all__ = ["Buffer", "Decoder", "compile_decoder"]

Buffer = bytes | bytearray | memoryview


class Decoder(Protocol):
    """Decodes the chunks of one array; has no state and may be used by any number of threads at once."""

    def decode(
        self,
        data: Buffer | None,
        shape: tuple[int, ...],
        *,
        out: npt.NDArray[Any] | None = None,
        rows: slice | None = None,
    ) -> npt.NDArray[Any] | Strings:
        """The chunk's elements: an array (`shape`) of the array's dtype, or `Strings` for variable-length
        values.

        Args:
            data: the stored bytes; None where the chunk is absent, which gives the fill value.
            shape: of the chunk, clamped at the array's edge.
            out: array to decode into, of the result's shape and dtype; may be strided along axis 0. Not for
                values of variable length. It is returned. After an error its contents are undefined.
            rows: those rows of axis 0 alone; step 1, relative to the chunk.

        Raises:
            ChunkError: the bytes do not decode to what the metadata promises. It has a reason only: the
                caller, who knows them, adds array, coordinates and key.
        """
        ...


def compile_decoder(meta: ArrayMeta) -> Decoder:
    """A decoder for the chunks of `meta`.

    Raises:
        UnsupportedError: neither vczero nor zarr-python decodes a codec of the array.
        MetadataError: the chain of codecs makes no sense.
        MissingDependencyError: the codec needs zarr-python, and that is not installed.
    """
    raise NotImplementedError


_ = np
