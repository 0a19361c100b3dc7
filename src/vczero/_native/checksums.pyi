import numpy as np
import numpy.typing as npt

def crc32c(data: bytes | bytearray | memoryview | npt.NDArray[np.uint8]) -> int: ...
