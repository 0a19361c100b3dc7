import numpy as np
import numpy.typing as npt

def memory_bytes(block_bytes: int) -> int: ...

class Stored:
    def __init__(
        self,
        data: npt.NDArray[np.uint8],
        starts: npt.NDArray[np.int64],
        numbers: npt.NDArray[np.int64],
        block_bytes: int,
        nbytes: int,
        memory: npt.NDArray[np.uint8] | None = None,
        is_compressed: bool = False,
    ) -> None: ...
    @property
    def data(self) -> memoryview: ...
    @property
    def starts(self) -> memoryview: ...
    @property
    def numbers(self) -> memoryview: ...
    @property
    def block_bytes(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def is_compressed(self) -> bool: ...
