"""Blocks of a Blosc chunk for kernels: bit planes, and what `Stored` is made of, compressed or not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import zstandard

from support.zstd_frames import framed
from vczero.kernels.stored import Stored, memory_bytes


def as_planes(whole, block_bytes):
    """What bitshuffle makes of bytes, block by block; a block of no multiple of 8 bytes stays as it is."""
    parts = [np.empty(0, np.uint8)]
    for start in range(0, len(whole), block_bytes):
        block = whole[start : start + block_bytes]
        if len(block) % 8 == 0:
            bits = np.unpackbits(block.reshape(-1, 1), axis=1, bitorder="little")
            block = np.packbits(bits.T, axis=1, bitorder="little").reshape(-1)
        parts.append(block)
    return np.concatenate(parts)


def compressed(block, level=1):
    """A block as Blosc stores it: its length, then a Zstandard frame, or the bytes if that is not shorter.

    `level` 0: zeros at both ends make runs, as those of long blocks do, and the rest stays as it is.
    """
    data = block.tobytes()
    frame = zstandard.ZstdCompressor(level=level).compress(data) if level else _with_runs(data)
    stored = frame if len(frame) < len(block) else data
    return behind_length(stored)


def _with_runs(data):
    first, last = len(data) - len(data.lstrip(b"\0")), len(data.rstrip(b"\0"))
    cuts = sorted({0, first, max(first, last), len(data), *range(0, len(data), 131_072)})
    parts = [(data[start:stop], start < first or start >= last) for start, stop in pairwise(cuts)]
    blocks = [("run", len(part), b"\0") if zero else ("raw", len(part), part) for part, zero in parts]
    return framed(len(data), *blocks)


def behind_length(frame):
    """Any bytes as a compressed block: their length, then the bytes."""
    return len(frame).to_bytes(4, "little") + frame


def new_memory(block_bytes):
    """Memory for kernels to decompress in."""
    return np.zeros(memory_bytes(block_bytes), np.uint8)


def stored_blocks(plain, block_bytes, numbers=None, *, level=None, memory=None):
    """The blocks `numbers` (all) of a chunk whose decompressed blocks lie one after the other in `plain`.

    `level`: of compression; None: they stay as they are.
    """
    numbers = np.arange(-(-len(plain) // block_bytes)) if numbers is None else np.asarray(numbers, np.int64)
    parts = [plain[number * block_bytes : (number + 1) * block_bytes] for number in numbers.tolist()]
    pieces = [part.tobytes() if level is None else compressed(part, level) for part in parts]
    memory = new_memory(block_bytes) if memory is None else memory
    return Stored(*laid_out(pieces), numbers, block_bytes, len(plain), memory, level is not None)


def laid_out(pieces):
    """Stored pieces with a byte between them, the last one first; and where each begins."""
    starts, at = np.zeros(len(pieces), np.int64), 0
    for number in reversed(range(len(pieces))):
        starts[number] = at
        at += len(pieces[number]) + 1
    return np.frombuffer(b"\xff".join(reversed(pieces)), np.uint8), starts
