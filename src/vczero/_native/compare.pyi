from typing import Any

import numpy as np
import numpy.typing as npt

_Integers = npt.NDArray[Any]
_Bytes = npt.NDArray[np.uint8]
_Counts = npt.NDArray[np.int64]

def in_range(values: _Integers, low: int, high: int, negate: bool, out: _Bytes, counts: _Counts) -> None: ...
def summarise(
    values: _Integers, counts: _Counts, sums: _Counts, minima: _Counts, maxima: _Counts
) -> None: ...
def look_up_pairs(
    pairs: npt.NDArray[np.int8], table: _Bytes, second: _Bytes, out: _Bytes, counts: _Counts
) -> int: ...
