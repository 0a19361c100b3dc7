"""Bytes stored as bit planes: made whole, or counted by value without being made whole.

What bitshuffle makes of a block of n one-byte elements, n a multiple of 8 (c-blosc 1.21 observed): eight
planes of n / 8 bytes each, the lowest bit's first; bit j % 8 of byte j // 8 of plane p is bit p of byte j
of the block. A block of any other length is stored as it is. Kernels get blocks of a chunk as they are stored
(`kernels.stored` says what comes back), or decompressed: `planes` is a run of blocks, one after the other,
each of `block_bytes` but the last, which may be shorter.

All kernels release the GIL and may run in any number of threads. Each has its twin in NumPy, the definition
that tests compare it with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vczero._native import bitplanes as _native
from vczero.kernels.stored import Stored, plain_numpy

__all__ = [
    "copy_blocks",
    "copy_blocks_numpy",
    "count_blocks",
    "count_blocks_numpy",
    "count_values",
    "count_values_numpy",
    "unshuffle",
    "unshuffle_blocks",
    "unshuffle_blocks_numpy",
    "unshuffle_numpy",
]

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


def unshuffle(planes: Bytes, block_bytes: int, first: int, last: int, out: Bytes, at: int) -> None:
    """Write bytes [first, last) of a run of blocks to `out`, from its place `at` on.

    Args:
        planes: uint8 (bytes,), contiguous.
        block_bytes: length of each block.
        first, last: the bytes wanted, counted from the start of the run.
        out: uint8 (rows, row bytes); may be strided along axis 0 only. No other bytes of it are written.
        at: where the first of them goes, counted in C order over `out`.

    Raises:
        ValueError: the bytes are not in the run, or do not fit `out`.
    """
    _native.unshuffle(planes, block_bytes, first, last, out, at)


def unshuffle_numpy(planes: Bytes, block_bytes: int, first: int, last: int, out: Bytes, at: int) -> None:
    """`unshuffle` in NumPy."""
    whole = [np.empty(0, np.uint8)]
    for start in range(0, len(planes), block_bytes):
        block = planes[start : start + block_bytes]
        if len(block) % 8 == 0:
            bits = np.unpackbits(block.reshape(8, -1), axis=1, bitorder="little")
            block = np.packbits(bits, axis=0, bitorder="little")[0]
        whole.append(block)
    out[np.unravel_index(np.arange(at, at + last - first), out.shape)] = np.concatenate(whole)[first:last]


def unshuffle_blocks(stored: Stored, spans: Int64s, out: Bytes) -> int:
    """Write what some blocks of a chunk hold of `spans` to `out`, in which the spans lie one after the other.

    Calls with all blocks that hold bytes of the spans, in any order, fill `out`.

    Args:
        stored: the blocks.
        spans: int64 (spans, 2), contiguous: bytes [start, stop) of the chunk, ascending and disjoint.
        out: as for `unshuffle`. No other bytes of it are written.

    Returns:
        How many of the blocks it has been through.

    Raises:
        ValueError: the sizes do not fit, or the spans do not ascend.
    """
    return _native.unshuffle_blocks(stored, spans, out)


def unshuffle_blocks_numpy(stored: Stored, spans: Int64s, out: Bytes) -> int:
    """`unshuffle_blocks` in NumPy."""
    return _copy_numpy(_unshuffled_numpy(stored), stored, spans, out)


def _unshuffled_numpy(stored: Stored) -> list[tuple[int, Bytes]]:
    found = []
    for start, planes in plain_numpy(stored):
        block = np.empty(len(planes), np.uint8)
        unshuffle_numpy(planes, len(planes), 0, len(planes), block.reshape(1, -1), 0)
        found.append((start, block))
    return found


def _copy_numpy(blocks: list[tuple[int, Bytes]], stored: Stored, spans: Int64s, out: Bytes) -> int:
    values, known = _chunk_numpy(blocks, stored)
    at = 0
    for start, stop in spans.tolist():
        places = np.arange(start, min(stop, len(known)))
        places = places[known[places]]
        out[np.unravel_index(at + places - start, out.shape)] = values[places]
        at += stop - start
    return len(stored.numbers)


def _chunk_numpy(blocks: list[tuple[int, Bytes]], stored: Stored) -> tuple[Bytes, npt.NDArray[np.bool_]]:
    """The chunk, as far as these blocks hold it; and how far that is."""
    values, known = np.zeros(stored.nbytes, np.uint8), np.zeros(stored.nbytes, np.bool_)
    for start, block in blocks:
        values[start : start + len(block)] = block
        known[start : start + len(block)] = True
    return values, known


def copy_blocks(stored: Stored, spans: Int64s, out: Bytes) -> int:
    """`unshuffle_blocks` of blocks that hold bytes as they are, and no planes."""
    return _native.copy_blocks(stored, spans, out)


def copy_blocks_numpy(stored: Stored, spans: Int64s, out: Bytes) -> int:
    """`copy_blocks` in NumPy."""
    return _copy_numpy(plain_numpy(stored), stored, spans, out)


def count_blocks(stored: Stored, rows: Int64s, used_bytes: int, counts: Counts, width: int = 0) -> int:
    """Add to `counts` how often each value occurs in each row, as far as some blocks of a chunk hold it.

    Rows need not begin where blocks do: calls with all blocks, in any order, add up to the whole.

    Args:
        stored: the blocks.
        rows: int64 (rows,), ascending: where in the chunk each row begins.
        used_bytes: how many bytes of each row count, from its start; at least 1.
        counts: int32 (rows, k + 2): values 0 to k - 1, then 254 and 255 (-2 and -1 as int8). Other values
            are not counted. k is at most 254. With `width` three more: groups of so many bytes that lack a
            value (as int8 the first is negative, or the second is -1), that have none (all are negative),
            and all groups.
        width: 0, 1 or 2; for 2 all the lengths have to be even.

    Returns:
        How many of the blocks it has been through.

    Raises:
        ValueError: the sizes make no sense.
    """
    return _native.count_blocks(stored, rows, used_bytes, counts, width)


def count_blocks_numpy(stored: Stored, rows: Int64s, used_bytes: int, counts: Counts, width: int = 0) -> int:
    """`count_blocks` in NumPy."""
    values, known = _chunk_numpy(_unshuffled_numpy(stored), stored)
    for row, start in enumerate(rows.tolist()):
        held = values[start : start + used_bytes][known[start : start + used_bytes]]
        count_values_numpy(held.reshape(1, -1), counts[row : row + 1], width)
    return len(stored.numbers)


def count_values(rows: Bytes, counts: Counts, width: int = 0) -> None:
    """Add to `counts` how often each value occurs in each row.

    Args:
        rows: uint8 (rows, row bytes); may be strided along axis 0 only.
        counts, width: as for `count_blocks`.

    Raises:
        ValueError: the sizes do not fit.
    """
    _native.count_values(rows, counts, width)


def count_values_numpy(rows: Bytes, counts: Counts, width: int = 0) -> None:
    """`count_values` in NumPy."""
    values = counts.shape[1] - (5 if width else 2)
    for number, value in enumerate([*range(values), 254, 255]):
        counts[:, number] += (rows == value).sum(axis=1, dtype=np.int32)
    if width:
        groups = rows.reshape(len(rows), rows.shape[1] // width, width)
        lacking = (groups[:, :, 0] >= 128) | (groups[:, :, 1:] == 255).any(axis=2)
        counts[:, -3] += lacking.sum(axis=1, dtype=np.int32)
        counts[:, -2] += (groups >= 128).all(axis=2).sum(axis=1, dtype=np.int32)
        counts[:, -1] += groups.shape[1]
