"""zlib streams (RFC 1950) of bytes that mostly repeat with a known period, such as the calls of a variant."""

from __future__ import annotations

import zlib
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero._native import deflate as _native

__all__ = ["LONGEST_PERIOD", "Values", "deflate_runs", "deflate_runs_numpy"]

Values: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""Bytes and offsets: value i is `data[offsets[i]:offsets[i + 1]]`."""

LONGEST_PERIOD: Final = 4096
_STORED_BLOCK = 65_535


def deflate_runs(values: Values, periods: npt.NDArray[Any]) -> Values:
    """The zlib stream of each value; releases the GIL.

    It looks for repetitions one period back only: many times as fast as zlib, and on calls smaller than its
    level 1. It is never longer than the bytes stored as they are.

    Args:
        values: what to compress.
        periods: a number per value, at least 1; those above `LONGEST_PERIOD` are taken as 1.
    """
    data, offsets = values
    sizes = np.diff(offsets)
    # At worst all is stored, with a header for each block; none but the last has less than 32 KiB.
    room = int(sizes.sum() + (16 + 5 * (sizes // 32_768 + sizes // _STORED_BLOCK + 2)).sum())
    out, ends = np.empty(room, np.uint8), np.empty(len(sizes) + 1, np.int64)
    steps = np.where(periods > LONGEST_PERIOD, 1, periods).astype(np.int32)
    _native.deflate_runs(data, offsets, steps, out, ends)
    return out[: ends[-1]], ends


def deflate_runs_numpy(values: Values, periods: npt.NDArray[Any]) -> Values:
    """Streams of the same bytes as `deflate_runs`', made by zlib: runs of one byte only, other sizes."""
    data, offsets = values
    streams = []
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        stream = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
        streams.append(stream.compress(data[start:stop].tobytes()) + stream.flush())
    ends = np.cumsum([0, *map(len, streams)], dtype=np.int64)
    return np.frombuffer(b"".join(streams), np.uint8), ends
