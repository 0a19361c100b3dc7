"""Bytes stored as bit planes: made whole, or counted by value without being made whole.

What bitshuffle makes of a block of n one-byte elements, n a multiple of 8 (c-blosc 1.21 observed): eight
planes of n / 8 bytes each, the lowest bit's first; bit j % 8 of byte j // 8 of plane p is bit p of byte j
of the block. A block of any other length is stored as it is. `planes` below is a run of such blocks, one
after the other, each of `block_bytes` but the last, which may be shorter.

All kernels release the GIL and may run in any number of threads. Each has its twin in NumPy, the definition
that tests compare it with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vczero._native import bitplanes as _native

__all__ = [
    "copy_rows",
    "copy_rows_numpy",
    "count_planes",
    "count_planes_numpy",
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
    copy_rows_numpy(np.concatenate(whole)[first:last], out, at)


def unshuffle_blocks(planes: Bytes, block_bytes: int, blocks: Int64s, spans: Int64s, out: Bytes) -> None:
    """Write what some blocks of a chunk hold of `spans` to `out`, in which the spans lie one after the other.

    Blocks need not be neighbours: calls with all that hold bytes of the spans, in any order, fill `out`.

    Args:
        planes: uint8 (bytes,), contiguous: those blocks, one after the other.
        block_bytes: length of each block but the chunk's last, which may be shorter.
        blocks: int64 (blocks,), ascending: their numbers in the chunk.
        spans: int64 (spans, 2), contiguous: bytes [start, stop) of the chunk, ascending and disjoint.
        out: as for `unshuffle`. No other bytes of it are written.

    Raises:
        ValueError: the sizes do not fit, or blocks or spans do not ascend.
    """
    _native.unshuffle_blocks(planes, block_bytes, blocks, spans, out)


def unshuffle_blocks_numpy(
    planes: Bytes, block_bytes: int, blocks: Int64s, spans: Int64s, out: Bytes
) -> None:
    """`unshuffle_blocks` in NumPy."""
    values = np.empty((1, len(planes)), np.uint8)
    unshuffle_numpy(planes, block_bytes, 0, len(planes), values, 0)
    numbers = (blocks[:, None] * block_bytes + np.arange(block_bytes)).reshape(-1)[: len(planes)]
    at = 0
    for start, stop in spans.tolist():
        held = (numbers >= start) & (numbers < stop)
        out[np.unravel_index(at + numbers[held] - start, out.shape)] = values[0, held]
        at += stop - start


def copy_rows(source: Bytes, out: Bytes, at: int) -> None:
    """Write `source`, uint8 (bytes,), to `out`, uint8 (rows, row bytes), from its place `at` in C order on.

    Raises:
        ValueError: it does not fit, or `out` is strided along axis 1.
    """
    _native.copy_rows(source, out, at)


def copy_rows_numpy(source: Bytes, out: Bytes, at: int) -> None:
    """`copy_rows` in NumPy."""
    places = np.arange(at, at + len(source))
    out[np.unravel_index(places, out.shape)] = source


def count_planes(
    planes: Bytes, block_bytes: int, at: int, row_bytes: int, used_bytes: int, counts: Counts, width: int = 0
) -> None:
    """Add to `counts` how often each value occurs in each row, as far as a run of blocks holds the rows.

    Rows need not begin where blocks do: calls with all runs of a chunk, in any order, add up to the whole.

    Args:
        planes: uint8 (bytes,), contiguous.
        block_bytes: length of each block.
        at: where the run begins, counted from the start of row 0; may be negative. Rows beyond `counts` are
            left out.
        row_bytes: length of a row.
        used_bytes: how many bytes of each row count, from its start; at least 1.
        counts: int32 (rows, k + 2): values 0 to k - 1, then 254 and 255 (-2 and -1 as int8). Other values
            are not counted. k is at most 254. With `width` three more: groups of so many bytes that lack a
            value (as int8 the first is negative, or the second is -1), that have none (all are negative),
            and all groups.
        width: 0, 1 or 2; for 2 all the lengths have to be even.

    Raises:
        ValueError: the sizes make no sense.
    """
    _native.count_planes(planes, block_bytes, at, row_bytes, used_bytes, counts, width)


def count_planes_numpy(
    planes: Bytes, block_bytes: int, at: int, row_bytes: int, used_bytes: int, counts: Counts, width: int = 0
) -> None:
    """`count_planes` in NumPy."""
    values = np.empty((1, len(planes)), np.uint8)
    unshuffle_numpy(planes, block_bytes, 0, len(planes), values, 0)
    row, column = np.divmod(np.arange(at, at + len(planes)), row_bytes)
    known = (row >= 0) & (row < len(counts)) & (column < used_bytes)
    step = max(width, 1)
    ones = np.zeros((len(planes) // step, counts.shape[1]), np.int32)
    count_values_numpy(values.reshape(-1, step), ones, width)
    np.add.at(counts, row[::step][known[::step]], ones[known[::step]])


def count_values(rows: Bytes, counts: Counts, width: int = 0) -> None:
    """Add to `counts` how often each value occurs in each row.

    Args:
        rows: uint8 (rows, row bytes); may be strided along axis 0 only.
        counts, width: as for `count_planes`.

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
