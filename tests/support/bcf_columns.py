"""Columns for BCF: every dtype and shape, with missing values, ragged ends, and the edges of types."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.strings import Strings

# Around the ends of BCF's types, their reserved numbers, and what no type holds.
EDGES = [
    0,
    1,
    62,
    63,
    126,
    127,
    128,
    -3,
    -120,
    -121,
    -126,
    -127,
    -128,
    -129,
    32767,
    32768,
    -32760,
    -32761,
    -32768,
]
EDGES += [-32769, 2**31 - 1, 2**31, -(2**31), -(2**31) + 1, -(2**31) + 7, -(2**31) + 8, 2**40, -(2**40)]
FLOATS = [0.0, -0.0, 1.5, -2.25, 1e-4, 1e10, 3.4e38, np.inf, -np.inf, np.nan, 0.1, 123457.0]
WORDS = ["", ".", "x", "yy", "a,b", "é", "word " * 30]


def ragged(values: npt.NDArray[Any], random: np.random.Generator, fill: Any) -> npt.NDArray[Any]:
    """Cells that end early, some before their first value."""
    if values.ndim and values.shape[-1] > 1:
        ends = random.integers(0, values.shape[-1] + 1, values.shape[:-1])
        values[np.arange(values.shape[-1]) >= ends[..., None]] = fill
    return values


def integers(
    shape: tuple[int, ...], dtype: str, random: np.random.Generator, *, large: bool
) -> npt.NDArray[Any]:
    """Small numbers, some of them behind fill; with `large`, also the edges of types that the dtype holds.

    What stands behind fill is no value, but may ask for a larger type: not with `large`.
    """
    made = random.integers(-1 if large else -2, 100, shape).astype(dtype)
    if large:
        held = [value for value in EDGES if np.iinfo(dtype).min <= value <= np.iinfo(dtype).max]
        made = np.where(random.random(shape) < 0.2, random.choice(np.array(held, dtype), shape), made)
    rows = random.random(shape[0]) < 0.2
    made[rows] = -1
    return ragged(made.astype(dtype), random, -2)


def floats(shape: tuple[int, ...], dtype: str, random: np.random.Generator) -> npt.NDArray[Any]:
    """Numbers with missing and fill in the bits of the dtype."""
    bits = {"f4": ("u4", 0x7F800001), "f8": ("u8", 0x7FF0000000000001)}[dtype]
    made = random.choice(np.array(FLOATS, dtype), shape)
    view = made.view(bits[0])
    view[random.random(shape) < 0.2] = bits[1]
    view[random.random(shape[0]) < 0.2] = bits[1]
    ragged(view, random, bits[1] + 1)
    return made


def texts(shape: tuple[int, ...], random: np.random.Generator) -> Strings:
    """Words, some of them missing, fill, or with commas."""
    made = random.choice(np.array(WORDS, object), shape)
    made[random.random(shape[0]) < 0.2] = "."
    return Strings.from_values(made)


def calls(shape: tuple[int, ...], dtype: str, random: np.random.Generator, largest: int) -> npt.NDArray[Any]:
    """Allele numbers; missing alleles, and calls of fewer alleles, in some of the rows."""
    made = random.integers(0, largest + 1, shape).astype(dtype)
    made[random.random(shape) < 0.1] = -1
    short = random.random(shape[:2]) < 0.2
    short[random.random(shape[0]) < 0.5] = False
    made[short, 1:] = -2
    made[random.random(shape[0]) < 0.1, :, 1:] = -2
    made[(random.random(shape[:2]) < 0.02) & short] = -2
    return made
