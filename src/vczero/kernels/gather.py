"""Shuffled blocks: put in order, or some bytes of each row taken from them as they are.

What Blosc's shuffles make of a block of n elements of t bytes, and perhaps a few bytes behind them (c-blosc
1.21 observed). Byte shuffle: the first bytes of all elements, then the second ones, and so on. Bitshuffle,
if n is a multiple of 8 (else nothing): t x 8 planes of n / 8 bytes each, the lowest bit's first; bit i % 8
of byte i // 8 of plane p is bit p of element i. The bytes behind the elements are as they were.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from vczero._native import gather as _native
from vczero.kernels.bitplanes import unshuffle, unshuffle_numpy
from vczero.kernels.stored import Stored, plain_numpy

__all__ = ["Shuffle", "Wanted", "in_order", "in_order_numpy", "take", "take_numpy"]

Bytes = npt.NDArray[np.uint8]
Int64s = npt.NDArray[np.int64]
Shuffle = Literal["none", "bytes", "bits"]

_NUMBERS: Final[dict[Shuffle, int]] = {"none": 0, "bytes": 1, "bits": 2}


class Wanted(NamedTuple):
    """Some bytes of some rows.

    Attributes:
        rows: int64 (rows,), ascending: where in the chunk each row begins.
        row_bytes: length of a row.
        starts: int64 (places,): where in a row the wanted bytes begin, in any order.
        width: how many are wanted from each start on.
    """

    rows: Int64s
    row_bytes: int
    starts: Int64s
    width: int


def take(
    stored: Stored,
    wanted: Wanted,
    out: Bytes,
    shuffle: Shuffle = "none",
    typesize: int = 1,
    *,
    whole: bool = False,
) -> int:
    """Write the wanted bytes to `out`, as far as some blocks of a chunk hold them.

    Rows need not begin where blocks do: calls with all blocks that hold wanted bytes, in any order, fill
    `out`. Releases the GIL.

    Args:
        stored: the blocks, shorter than 2**31 bytes if anything is shuffled.
        wanted: what is taken of them.
        out: uint8 (rows, places x width), may be strided along axis 0; other bytes of it are not written.
        shuffle: how the elements of each block lie.
        typesize: bytes of an element, as far as shuffling goes.
        whole: whether a block is put in order first, which is less work where much of it is wanted; only of
            bit planes of bytes that come with memory.

    Returns:
        How many of the blocks it has been through.

    Raises:
        ValueError: the sizes do not fit, or there are no such bytes in a row.
    """
    return _native.take(stored, typesize, _NUMBERS[shuffle], whole, *wanted, out)


def take_numpy(
    stored: Stored, wanted: Wanted, out: Bytes, shuffle: Shuffle = "none", typesize: int = 1
) -> int:
    """`take` in NumPy."""
    places = (wanted.starts[:, None] + np.arange(wanted.width)).reshape(-1)
    for start, block in plain_numpy(stored):
        ordered = in_order_numpy(block, typesize, shuffle)
        numbers = wanted.rows[:, None] + places - start
        known = (numbers >= 0) & (numbers < len(ordered))
        out[known] = ordered[numbers[known]]
    return len(stored.numbers)


def in_order(block: Bytes, typesize: int, shuffle: Shuffle, out: Bytes) -> None:
    """Write the bytes of one block to `out` as they were before they were shuffled. Releases the GIL.

    Args:
        block: uint8 (bytes,), contiguous.
        typesize: bytes of an element, as far as shuffling goes.
        shuffle: how the elements lie.
        out: uint8 (bytes,), contiguous; not `block` itself.

    Raises:
        ValueError: the sizes do not fit.
    """
    count = len(block) // typesize
    if shuffle == "none" or (shuffle == "bits" and count % 8):
        out[:] = block
    elif shuffle == "bits" and count:
        bytewise = out if typesize == 1 else block.copy()
        elements = count * typesize
        unshuffle(block[:elements], count, 0, elements, bytewise[:elements].reshape(1, -1), 0)
        if typesize > 1:
            _native.in_order(bytewise, typesize, out)
    else:
        _native.in_order(block, typesize, out)


def in_order_numpy(block: Bytes, typesize: int, shuffle: Shuffle) -> Bytes:
    """What `in_order` writes, in NumPy."""
    count = len(block) // typesize
    if shuffle == "none" or (shuffle == "bits" and count % 8):
        return block
    elements, rest = block[: count * typesize], block[count * typesize :]
    if shuffle == "bits" and count:
        bytewise = np.empty((1, len(elements)), np.uint8)
        unshuffle_numpy(elements, count, 0, len(elements), bytewise, 0)
        elements = bytewise[0]
    return np.concatenate((elements.reshape(typesize, count).T.reshape(-1), rest))
