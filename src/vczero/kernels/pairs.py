"""Two-bit codes of pairs of small integers, four codes to a byte, the first lowest.

| pair | code |
| --- | --- |
| (0, 0) | 3 |
| (0, 1), (1, 0) | 2 |
| (1, 1) | 0 |
| both negative | 1 |
| (x, -2) | that of (x, x) |

No other pair has a code: one of a value and -1, or of a negative and a value, is *half* there, and one with a
value other than -2, -1, 0 or 1 is *foreign*. The first such pair of a row is reported in `bad`: its number
and 1, in the lower 30 bits, and HALF or FOREIGN (or CROWD: what callers report of more values than two); 0
where all have codes. The codes of a row that has such a pair mean nothing.

The kernels release the GIL and may run in any number of threads. Each has its twin in NumPy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from vczero._native import pairs as _native
from vczero.kernels.bitplanes import Bytes, Int64s, unshuffle_blocks_numpy
from vczero.kernels.stored import Stored

__all__ = [
    "CROWD",
    "FOREIGN",
    "HALF",
    "code_blocks",
    "code_blocks_numpy",
    "code_rows",
    "code_rows_numpy",
]

Bad = npt.NDArray[np.uint32]

HALF: Final = 1 << 30
FOREIGN: Final = 1 << 31
CROWD: Final = 3 << 30


def code_rows(values: npt.NDArray[np.int8], codes: Bytes, bad: Bad) -> None:
    """Write the codes of rows of pairs.

    Args:
        values: int8 (rows, pairs, 2), or (rows, pairs, 1): the second value is then -2 everywhere. May be
            strided along axis 0 only.
        codes: uint8 (rows, ceil(pairs / 4)), may be strided along axis 0; bits without a pair become 0.
        bad: uint32 (rows,), contiguous. Rows in which it is not 0 keep what they have.

    Raises:
        ValueError: the sizes do not fit.
    """
    _native.code_rows(values, codes, bad)


def code_rows_numpy(values: npt.NDArray[np.int8], codes: Bytes, bad: Bad) -> None:
    """`code_rows` in NumPy."""
    if values.shape[2] == 1:
        values = np.concatenate((values, np.full_like(values, -2)), axis=2)
    a, b = values[:, :, 0], values[:, :, 1]
    b = np.where((b == -2) & (a >= 0), a, b)
    found = np.select([(a < 0) & (b < 0), a + b == 0, a + b == 1], [1, 3, 2], 0).astype(np.uint8)
    padded = np.zeros((len(values), 4 * codes.shape[1]), np.uint8)
    padded[:, : found.shape[1]] = found
    codes[...] = sum(padded[:, place::4] << (2 * place) for place in range(4))
    foreign = np.logical_or.reduce((values < -2) | (values > 1), axis=2)
    wrong: npt.NDArray[np.bool_] = foreign | ((a < 0) != (b < 0))
    for row in np.flatnonzero(wrong.any(axis=1) & (bad == 0)):
        pair = int(wrong[row].argmax())
        bad[row] = (FOREIGN if foreign[row, pair] else HALF) | (pair + 1)


def code_blocks(stored: Stored, rows: Int64s, used_bytes: int, codes: Bytes, bad: Bad) -> int:
    """Write the codes of rows, as far as some blocks of bit planes (see `kernels.bitplanes`) hold them.

    Rows need not begin where blocks do: calls with all blocks of a chunk, in order, add up to the whole.

    Args:
        stored: the blocks; the lengths of block and chunk are multiples of 8.
        rows: int64 (rows,), ascending: where in the chunk each row begins, a multiple of 8.
        used_bytes: how many bytes of each row are pairs that are wanted, from its start; at least one.
        codes: uint8 (rows, ceil(used_bytes / 8)), may be strided along axis 0.
        bad: as for `code_rows`.

    Returns:
        How many of the blocks it has been through.

    Raises:
        ValueError: the sizes make no sense.
    """
    return _native.code_blocks(stored, rows, used_bytes, codes, bad)


def code_blocks_numpy(stored: Stored, rows: Int64s, used_bytes: int, codes: Bytes, bad: Bad) -> int:
    """`code_blocks` in NumPy, of all blocks of a chunk."""
    values = np.empty((len(rows), used_bytes), np.uint8)
    spans = np.stack((rows, rows + used_bytes), axis=1)
    unshuffle_blocks_numpy(stored, spans, values)
    code_rows_numpy(values.view(np.int8).reshape(len(rows), -1, 2), codes, bad)
    return len(stored.numbers)
