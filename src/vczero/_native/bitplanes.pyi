import numpy as np
import numpy.typing as npt

from vczero._native.stored import Stored

def unshuffle(
    planes: npt.NDArray[np.uint8],
    block_bytes: int,
    first: int,
    last: int,
    out: npt.NDArray[np.uint8],
    at: int,
) -> None: ...
def unshuffle_blocks(stored: Stored, spans: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]) -> int: ...
def copy_blocks(stored: Stored, spans: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]) -> int: ...
def count_blocks(
    stored: Stored,
    rows: npt.NDArray[np.int64],
    used_bytes: int,
    counts: npt.NDArray[np.int32],
    width: int,
) -> int: ...
def count_values(rows: npt.NDArray[np.uint8], counts: npt.NDArray[np.int32], width: int) -> None: ...
