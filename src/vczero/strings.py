"""`Strings`: variable-length text as bytes and offsets, the form in which every room passes text on.

NumPy's `StringDType` arrays must not be shared between threads (numpy issue 31415), and a Python object per value is
slow; so text stays in one buffer of UTF-8 with an offset per value, and becomes a NumPy array only at the consumer's
edge (`Strings.to_numpy`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Strings"]


@dataclass(frozen=True, slots=True, eq=False)
class Strings:
    """An n-dimensional array of text in C order: value `i` is `data[offsets[i]:offsets[i + 1]]`.

    Attributes:
        data: uint8, (bytes,). UTF-8 (for `vlen-bytes`, any bytes); may hold bytes that no offset points at.
        offsets: int64, (size + 1,). Never decreasing, within `data`.
        shape: the axes; their product is `size`.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self.data.nbytes + self.offsets.nbytes

    def __len__(self) -> int:
        return self.shape[0]
