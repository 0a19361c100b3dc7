"""`Strings`: variable-length text as bytes and offsets, the form in which every room passes text on.

NumPy's `StringDType` arrays must not be shared between threads (numpy issue 31415), and a Python object per
value is slow; so text stays in one buffer of UTF-8 with an offset per value, and becomes a NumPy array only
at the consumer's edge (`Strings.to_numpy`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.kernels import strings as kernels

__all__ = ["Strings"]

_SHORT_BYTES = 15  # NumPy keeps so many in an array's own cells


@dataclass(frozen=True, slots=True, eq=False)
class Strings:
    """An n-dimensional array of text in C order: value `i` is `data[offsets[i]:offsets[i + 1]]`.

    Attributes:
        data: uint8, (bytes,). UTF-8 (for `vlen-bytes`, any bytes); may hold bytes that no offset points at.
        offsets: int64, (size + 1,). Never decreasing, within `data`; the first need not be 0.
        shape: the axes; their product is `size`.
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    shape: tuple[int, ...]

    @classmethod
    def from_values(cls, values: npt.NDArray[Any] | Sequence[str | bytes]) -> Strings:
        """Text of the same shape as `values`: an array of dtype U, S, `StringDType` or object, or a sequence.

        Objects are `str`, `bytes` or None, which gives "". Fixed-width values lose the NULs that pad them, as
        in NumPy.

        Raises:
            ValueError: a value is not text that UTF-8 can hold.
            TypeError: a value is something else.
        """
        if not isinstance(values, np.ndarray):
            return cls(*_join(_encode(value) for value in values), (len(values),))
        flat = values.reshape(-1)
        if values.dtype.kind == "U":
            return cls(*kernels.from_ucs4(flat), values.shape)
        if values.dtype.kind == "S":
            return cls(*kernels.from_fixed_bytes(flat), values.shape)
        if values.dtype.kind not in "TO":
            raise TypeError(f"an array of {values.dtype} is not text")
        return cls(*_join(_encode(value) for value in flat.tolist()), values.shape)

    @classmethod
    def of(cls, column: npt.NDArray[Any] | Strings) -> Strings:
        """A column of text, however it is stored: itself, or `from_values`."""
        return column if isinstance(column, Strings) else cls.from_values(column)

    @classmethod
    def full(cls, shape: tuple[int, ...], value: str | bytes) -> Strings:
        """`value` in every place of `shape`."""
        size, encoded = math.prod(shape), _encode(value)
        data = np.frombuffer(encoded * size, np.uint8)
        return cls(data, np.arange(size + 1, dtype=np.int64) * len(encoded), shape)

    @classmethod
    def concatenate(cls, parts: Sequence[Strings]) -> Strings:
        """`parts`, at least one, one after the other along axis 0; they agree in the other axes."""
        if len(parts) == 1:
            return parts[0]
        if len({part.shape[1:] for part in parts}) != 1:
            raise ValueError(f"shapes that do not fit together: {[part.shape for part in parts]}")
        offsets = [np.zeros(1, np.int64)]
        total = 0
        for part in parts:
            offsets.append(part.offsets[1:] + (total - part.offsets[0]))
            total += int(part.offsets[-1] - part.offsets[0])
        data = np.concatenate([part.data[part.offsets[0] : part.offsets[-1]] for part in parts])
        return cls(data, np.concatenate(offsets), (sum(map(len, parts)), *parts[0].shape[1:]))

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """int64 (shape): bytes of each value."""
        return np.diff(self.offsets).reshape(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the values and their offsets; of rows of a larger array, their part of it."""
        return int(self.offsets[-1] - self.offsets[0]) + self.offsets.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Strings:
        """Those rows of axis 0; with step 1 they share this one's memory."""
        start, stop, step = rows.indices(self.shape[0])
        if step != 1:
            return self.take(np.arange(start, stop, step))
        per_row = math.prod(self.shape[1:])
        stop = max(start, stop)
        offsets = self.offsets[start * per_row : stop * per_row + 1]
        return Strings(self.data, offsets, (stop - start, *self.shape[1:]))

    def take(self, rows: npt.NDArray[np.integer[Any] | np.bool_]) -> Strings:
        """Those rows of axis 0, by number (may repeat, not negative) or mask (bool, (rows,)); a copy."""
        if rows.dtype.kind == "b":
            if len(rows) != self.shape[0]:
                raise IndexError(f"a mask of {len(rows)} for {self.shape[0]} rows")
            rows = np.flatnonzero(rows)
        per_row = math.prod(self.shape[1:])
        indices = rows.astype(np.int64, copy=False)
        if per_row != 1:
            if len(indices) and int(indices.max()) >= self.shape[0]:
                raise IndexError(f"a row outside {self.shape[0]} rows")
            indices = (indices[:, None] * per_row + np.arange(per_row)).reshape(-1)
        return Strings(
            *kernels.take(self.data, self.offsets, np.ascontiguousarray(indices)),
            (len(rows), *self.shape[1:]),
        )

    def reshape(self, shape: tuple[int, ...]) -> Strings:
        """The same values under another shape of the same size."""
        if math.prod(shape) != self.size:
            raise ValueError(f"{self.size} values do not fit the shape {shape}")
        return Strings(self.data, self.offsets, shape)

    def to_numpy(self) -> npt.NDArray[Any]:
        """A new `StringDType` array (shape). Make it on the thread that uses it (see above).

        Raises:
            ValueError: a value is not UTF-8.
        """
        dtype = np.dtypes.StringDType()
        # Most text is short ASCII, for which objects in between would take three times as long.
        short = kernels.to_fixed_bytes(self.data, self.offsets, _SHORT_BYTES)
        if short is not None:
            return short.astype(dtype).reshape(self.shape)
        values = kernels.to_str_list(self.data, self.offsets)
        return np.array(values, dtype).reshape(self.shape)

    def to_objects(self) -> npt.NDArray[np.object_]:
        """A new array of `str` objects (shape).

        Raises:
            ValueError: a value is not UTF-8.
        """
        return _objects(kernels.to_str_list(self.data, self.offsets), self.shape)

    def to_bytes(self) -> npt.NDArray[np.object_]:
        """A new array of `bytes` objects (shape)."""
        return _objects(kernels.to_bytes_list(self.data, self.offsets), self.shape)


def _encode(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    raise TypeError(f"a value of type {type(value).__name__} is not text")


def _join(values: Iterable[bytes]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    encoded = list(values)
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _objects(values: Sequence[object], shape: tuple[int, ...]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)
