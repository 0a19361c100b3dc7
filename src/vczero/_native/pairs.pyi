import numpy as np
import numpy.typing as npt

from vczero._native.stored import Stored

def code_blocks(
    stored: Stored,
    rows: npt.NDArray[np.int64],
    used_bytes: int,
    codes: npt.NDArray[np.uint8],
    bad: npt.NDArray[np.uint32],
) -> int: ...
def code_rows(
    values: npt.NDArray[np.int8], codes: npt.NDArray[np.uint8], bad: npt.NDArray[np.uint32]
) -> None: ...
