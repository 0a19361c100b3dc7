import numpy as np
import numpy.typing as npt

def code_plane_rows(
    planes: npt.NDArray[np.uint8],
    block_bytes: int,
    first: int,
    last: int,
    at: int,
    row_bytes: int,
    used_bytes: int,
    codes: npt.NDArray[np.uint8],
    bad: npt.NDArray[np.uint32],
) -> None: ...
def code_rows(
    values: npt.NDArray[np.int8], codes: npt.NDArray[np.uint8], bad: npt.NDArray[np.uint32]
) -> None: ...
