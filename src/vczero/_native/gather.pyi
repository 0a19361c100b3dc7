import numpy as np
import numpy.typing as npt

from vczero._native.stored import Stored

def take(
    stored: Stored,
    typesize: int,
    layout: int,
    whole: bool,
    rows: npt.NDArray[np.int64],
    row_bytes: int,
    starts: npt.NDArray[np.int64],
    width: int,
    out: npt.NDArray[np.uint8],
) -> int: ...
def in_order(block: npt.NDArray[np.uint8], typesize: int, out: npt.NDArray[np.uint8]) -> None: ...
