import numpy as np
import numpy.typing as npt

def take(
    run: npt.NDArray[np.uint8],
    block_bytes: int,
    typesize: int,
    layout: int,
    at: int,
    row_bytes: int,
    rows: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    width: int,
    out: npt.NDArray[np.uint8],
) -> None: ...
def in_order(block: npt.NDArray[np.uint8], typesize: int, out: npt.NDArray[np.uint8]) -> None: ...
