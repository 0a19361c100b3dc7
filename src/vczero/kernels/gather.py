"""Some bytes of each row, taken from shuffled blocks without the rest being put in order.

What Blosc's shuffles make of a block of n elements of t bytes, and perhaps a few bytes behind them (c-blosc
1.21 observed). Byte shuffle: the first bytes of all elements, then the second ones, and so on. Bitshuffle,
if n is a multiple of 8 (else nothing): t x 8 planes of n / 8 bytes each, the lowest bit's first; bit i % 8
of byte i // 8 of plane p is bit p of element i. The bytes behind the elements are as they were.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from vczero._native import gather as _native
from vczero.kernels.bitplanes import unshuffle_numpy

__all__ = ["Shuffle", "take", "take_numpy"]

Bytes = npt.NDArray[np.uint8]
Int64s = npt.NDArray[np.int64]
Shuffle = Literal["none", "bytes", "bits"]

_NUMBERS: Final[dict[Shuffle, int]] = {"none": 0, "bytes": 1, "bits": 2}


def take(
    run: Bytes,
    block_bytes: int,
    typesize: int,
    shuffle: Shuffle,
    at: int,
    row_bytes: int,
    rows: Int64s,
    starts: Int64s,
    width: int,
    out: Bytes,
) -> None:
    """Write some bytes of some rows to `out`, as far as a run of blocks holds them.

    Rows need not begin where blocks do: calls with all runs that hold wanted bytes, in any order, fill `out`.
    Releases the GIL.

    Args:
        run: uint8 (bytes,), contiguous: blocks, one after the other, each of `block_bytes` but the last,
            which may be shorter.
        block_bytes: below 2**31, if anything is shuffled.
        typesize: bytes of an element, as far as shuffling goes.
        shuffle: how the elements of each block lie.
        at: where the run begins, counted from the start of row 0.
        row_bytes: length of a row.
        rows: int64 (rows,): numbers of rows; not negative.
        starts: int64 (places,): where in a row the wanted bytes begin, in any order.
        width: how many bytes are wanted from each start on.
        out: uint8 (rows, places x width), may be strided along axis 0; other bytes of it are not written.

    Raises:
        ValueError: the sizes do not fit, or there are no such bytes in a row.
    """
    _native.take(run, block_bytes, typesize, _NUMBERS[shuffle], at, row_bytes, rows, starts, width, out)


def take_numpy(
    run: Bytes,
    block_bytes: int,
    typesize: int,
    shuffle: Shuffle,
    at: int,
    row_bytes: int,
    rows: Int64s,
    starts: Int64s,
    width: int,
    out: Bytes,
) -> None:
    """`take` in NumPy."""
    blocks = [run[start : start + block_bytes] for start in range(0, len(run), block_bytes)]
    whole = np.concatenate([np.empty(0, np.uint8), *(_in_order(b, typesize, shuffle) for b in blocks)])
    places = (starts[:, None] + np.arange(width)).reshape(-1)
    wanted = rows[:, None] * row_bytes + places - at
    known = (wanted >= 0) & (wanted < len(whole))
    out[known] = whole[wanted[known]]


def _in_order(block: Bytes, typesize: int, shuffle: Shuffle) -> Bytes:
    count = len(block) // typesize
    if shuffle == "none" or (shuffle == "bits" and count % 8):
        return block
    elements, rest = block[: count * typesize], block[count * typesize :]
    if shuffle == "bits" and count:
        bytewise = np.empty((1, len(elements)), np.uint8)
        unshuffle_numpy(elements, count, 0, len(elements), bytewise, 0)
        elements = bytewise[0]
    return np.concatenate((elements.reshape(typesize, count).T.reshape(-1), rest))
