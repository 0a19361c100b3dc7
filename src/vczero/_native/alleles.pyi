import numpy as np
import numpy.typing as npt

def variant_types(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], alleles: int, out: npt.NDArray[np.uint8]
) -> None: ...
