"""Blocks of a Blosc chunk as they are stored, which kernels decompress for themselves, one after the other.

`Stored(data, starts, numbers, block_bytes, nbytes, memory=None, is_compressed=False)`:

    data            uint8 (bytes,), contiguous, read-only or not
    starts          int64 (blocks,): where in them each block begins
    numbers         int64 (blocks,), ascending: which blocks of the chunk these are
    block_bytes     length of each, decompressed; the chunk's last may be shorter
    nbytes          length of the chunk, decompressed; at least 1
    memory          uint8 (`memory_bytes(block_bytes)` or more,), contiguous, to decompress blocks and put
                    them in order, for one thread at a time; zeros, when first used. None: neither is needed
    is_compressed   whether blocks are decompressed; else they lie in `data` as they are

A compressed block is its length (uint32, little-endian) and a Zstandard frame, or bytes that did not get
shorter. It may not hold what it should: a kernel that gets a `Stored` returns how many blocks it has been
through, and the one behind these, if there is one, cannot be decompressed here: it is damaged, or has a
checksum or a dictionary, which no Blosc writes. All that it writes of the blocks before has been written.

The decompressor is ours so that a chunk costs one call, within which the GIL is not held. What is zero at the
end of a block, as most bit planes are, is known from the frame, and neither written nor read again.

Raises `ValueError` where the blocks do not ascend, or do not lie in the data or the chunk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vczero._native.stored import Stored, memory_bytes

__all__ = ["Stored", "memory_bytes", "plain_numpy"]

Bytes = npt.NDArray[np.uint8]


def plain_numpy(stored: Stored) -> list[tuple[int, Bytes]]:
    """The blocks decompressed by the library: each with its place in the chunk. For the twins of kernels."""
    from zstandard import ZstdDecompressor

    data = np.asarray(stored.data)
    found = []
    for start, number in zip(stored.starts, stored.numbers, strict=True):
        place = number * stored.block_bytes
        size = min(stored.block_bytes, stored.nbytes - place)
        block = data[start : start + size]
        if stored.is_compressed:
            length = int.from_bytes(data[start : start + 4].tobytes(), "little")
            block = data[start + 4 : start + 4 + length]
            if length != size:
                block = np.frombuffer(ZstdDecompressor().decompress(block.tobytes()), np.uint8)
        found.append((place, block))
    return found
