import numpy as np
import numpy.typing as npt

def unshuffle(
    planes: npt.NDArray[np.uint8],
    block_bytes: int,
    first: int,
    last: int,
    out: npt.NDArray[np.uint8],
    at: int,
) -> None: ...
def unshuffle_blocks(
    planes: npt.NDArray[np.uint8],
    block_bytes: int,
    blocks: npt.NDArray[np.int64],
    spans: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
) -> None: ...
def copy_rows(source: npt.NDArray[np.uint8], out: npt.NDArray[np.uint8], at: int) -> None: ...
def count_planes(
    planes: npt.NDArray[np.uint8],
    block_bytes: int,
    at: int,
    row_bytes: int,
    used_bytes: int,
    counts: npt.NDArray[np.int32],
    width: int,
) -> None: ...
def count_values(rows: npt.NDArray[np.uint8], counts: npt.NDArray[np.int32], width: int) -> None: ...
