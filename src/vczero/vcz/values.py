"""What missing and fill (end of vector) are in a VCF Zarr store, by dtype (VCF Zarr specification).

Integers: -1 and -2. Floats: two NaNs, told from others by their bits. Text: "." and "".
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "FLOAT_BITS",
    "FLOAT_FILL",
    "FLOAT_MISSING",
    "INT_FILL",
    "INT_MISSING",
    "is_fill",
    "is_missing",
    "trim_fill",
]

INT_MISSING: Final = -1
INT_FILL: Final = -2
FLOAT_MISSING, FLOAT_FILL = np.array([0x7F800001, 0x7F800002], np.uint32).view(np.float32)

FLOAT_BITS: Final = {2: 0x7C00, 4: 0x7F800000, 8: 0x7FF0000000000000}
"""Missing and fill by the size of the float: these bits, all of the exponent, and 1 or 2."""


def is_missing(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """bool, of the array's shape: where a value is missing. A flag that is not set is."""
    if array.dtype.kind == "b":
        return ~array
    return _equals(array, INT_MISSING, 1, ".")


def is_fill(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """bool, of the array's shape: where there is no value, the vector having ended before."""
    if array.dtype.kind == "b":
        return np.zeros(array.shape, np.bool_)
    return _equals(array, INT_FILL, 2, "")


def trim_fill(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view of a one-dimensional array without the fill at its end."""
    values = np.flatnonzero(~is_fill(array))
    return array[: values[-1] + 1] if len(values) else array[:0]


def _equals(array: npt.NDArray[Any], integer: int, low_bits: int, text: str) -> npt.NDArray[np.bool_]:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "i":
        found = array == integer
    elif kind == "f" and size in FLOAT_BITS:
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        found = (native.view(f"u{size}") == FLOAT_BITS[size] + low_bits).reshape(array.shape)
    elif kind == "S":
        found = array == text.encode()
    elif kind in "OUT":
        found = array == text
    else:
        raise TypeError(f"{array.dtype} has no missing values")
    return np.asarray(found, np.bool_)
