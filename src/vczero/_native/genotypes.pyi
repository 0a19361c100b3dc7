from typing import Any

import numpy as np
import numpy.typing as npt

def tally(
    calls: npt.NDArray[np.signedinteger[Any]],
    kinds: npt.NDArray[np.int32],
    called_samples: npt.NDArray[np.int32],
) -> None: ...
def hardy_weinberg(
    reference: npt.NDArray[np.int64],
    alternate: npt.NDArray[np.int64],
    hets: npt.NDArray[np.int64],
    equilibrium: npt.NDArray[np.float64],
    excess: npt.NDArray[np.float64],
) -> None: ...
