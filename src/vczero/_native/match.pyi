import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int64]

def match_constant(
    data: _Bytes, starts: _Places, ends: _Places, fields: int, constant: _Bytes, out: _Bytes
) -> None: ...
def match_pairs(
    data: _Bytes,
    starts: _Places,
    ends: _Places,
    fields: int,
    other: _Bytes,
    other_starts: _Places,
    other_ends: _Places,
    out: _Bytes,
) -> None: ...
def search(
    data: _Bytes,
    starts: _Places,
    ends: _Places,
    fields: int,
    classes: _Bytes,
    table: npt.NDArray[np.int16],
    at_end: _Bytes,
    out: _Bytes,
) -> None: ...
def hash_values(data: _Bytes, starts: _Places, ends: _Places, out: npt.NDArray[np.uint64]) -> None: ...
