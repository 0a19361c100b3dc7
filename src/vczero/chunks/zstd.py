"""Zstandard: decoding into memory that is there, and what headers say about decoded sizes (RFC 8878, 3.1).

What headers claim is never allocated unread: a hostile one may claim anything.
"""

from __future__ import annotations

import threading
from typing import cast

import numpy as np
import numpy.typing as npt
from zstandard import ZstdDecompressionReader, ZstdDecompressor, ZstdError

from vczero.errors import ChunkError

__all__ = ["decode", "fill", "largest_size"]

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]

_MAGIC = b"\x28\xb5\x2f\xfd"
_MAX_BLOCK_BYTES = 2**17
_RLE_BLOCK = 1


class _Local(threading.local):
    """A decompressor of the thread's own: to make one costs more than to decode a small frame."""

    def __init__(self) -> None:
        self.decompressor = ZstdDecompressor()


_local = _Local()


def fill(data: Buffer, out: npt.NDArray[np.uint8]) -> None:
    """Decode frames into `out`, uint8 (bytes,), contiguous, which they have to fill. Releases the GIL.

    That nothing is missing behind what fills it, such as a checksum, is for `largest_size` to say.

    Raises:
        ChunkError: they do not, or are damaged.
    """
    reader = _reader(data)
    try:
        if reader.readinto(out) == len(out) and not reader.read(1):
            return
    except ZstdError as error:
        raise _damaged(error) from None
    raise ChunkError(f"its Zstandard frames do not hold {len(out)} bytes")


def decode(data: Buffer, at_most: int) -> bytes:
    """What frames hold that may not say how much it is.

    Raises:
        ChunkError: it may be more than `at_most` bytes, or they are damaged.
    """
    size = largest_size(data)
    if size > at_most:
        raise ChunkError("it decompresses to too many bytes")
    try:
        return _reader(data).read(size)
    except ZstdError as error:
        raise _damaged(error) from None


def _reader(data: Buffer) -> ZstdDecompressionReader:
    # An ndarray is a buffer, to mypy from 3.12 on.
    return _local.decompressor.stream_reader(cast("bytes", data), read_across_frames=True)


def _damaged(error: ZstdError) -> ChunkError:
    return ChunkError(f"Zstandard cannot decode it ({error})")


def largest_size(data: Buffer) -> int:
    """Decoded bytes of all frames; for a frame that does not tell, the most that its blocks can decode to.

    Raises:
        ChunkError: the frames and blocks do not fill the buffer exactly.
    """
    total = position = 0
    while position < len(data):
        if bytes(data[position + 1 : position + 4]) == b"\x2a\x4d\x18" and data[position] >> 4 == 5:
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")  # to be skipped
            continue
        first_block, size, checksum_bytes = _header(data, position)
        position, blocks = _skip_blocks(data, first_block)
        total += blocks * _MAX_BLOCK_BYTES if size is None else size
        position += checksum_bytes
    if position != len(data):
        raise _cut_short()
    return total


def _header(data: Buffer, start: int) -> tuple[int, int | None, int]:
    """Position of the first block, decoded size or None, and bytes of checksum behind the blocks."""
    if bytes(data[start : start + 4]) != _MAGIC:
        raise ChunkError("it is not a Zstandard frame")
    if len(data) < start + 6:
        raise _cut_short()
    descriptor = int(data[start + 4])
    single_segment = descriptor >> 5 & 1
    size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
    position = start + 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    checksum_bytes = descriptor & 4
    if not size_bytes:
        return position, None, checksum_bytes
    if len(data) < position + size_bytes:
        raise _cut_short()
    size = int.from_bytes(data[position : position + size_bytes], "little") + (256 if size_bytes == 2 else 0)
    return position + size_bytes, size, checksum_bytes


def _skip_blocks(data: Buffer, position: int) -> tuple[int, int]:
    """The position behind the last block of the frame whose first is at `position`, and their number."""
    blocks = 0
    while position + 3 <= len(data):
        header = int.from_bytes(data[position : position + 3], "little")
        blocks += 1
        position += 3 + (1 if header >> 1 & 3 == _RLE_BLOCK else header >> 3)
        if header & 1:
            return position, blocks
    raise _cut_short()


def _cut_short() -> ChunkError:
    return ChunkError("its Zstandard frame is cut short")
