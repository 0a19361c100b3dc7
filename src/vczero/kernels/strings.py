"""Text as two arrays, `data` (uint8) and `offsets` (int64, one more than there are values): value i is
`data[offsets[i]:offsets[i + 1]]`.

Every function here takes and gives those arrays alone; `vczero.strings.Strings` adds the shape. Bad bytes
raise `ValueError` with a reason. The native functions release the GIL, except those that make Python objects.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero._native import strings as _native

__all__ = [
    "Buffer",
    "Pair",
    "check_utf8",
    "check_utf8_numpy",
    "decode_vlen",
    "decode_vlen_numpy",
    "from_fixed_bytes",
    "from_fixed_bytes_numpy",
    "from_ucs4",
    "from_ucs4_numpy",
    "take",
    "take_numpy",
    "to_bytes_list",
    "to_bytes_list_numpy",
    "to_fixed_bytes",
    "to_fixed_bytes_numpy",
    "to_str_list",
    "to_str_list_numpy",
]

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]
Data = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Pair = tuple[Data, Offsets]
"""(data, offsets)"""


def decode_vlen(buffer: Buffer, count: int, first: int, last: int, *, utf8: bool) -> Pair:
    """Data and offsets of values `first` to `last` of a buffer in the `vlen-utf8` or `vlen-bytes` form.

    The form (numcodecs; Parquet's PLAIN byte arrays behind a count): the number of values, then each value
    behind its length in bytes; numbers are uint32, little-endian. Lengths behind `last` are not looked at.

    Args:
        buffer: contiguous bytes.
        count: how many values there must be.
        first, last: 0 <= first <= last <= count.
        utf8: whether values must be UTF-8.

    Raises:
        ValueError: the counts differ, a length leads out of the buffer, bytes are left over, or a value is
            not UTF-8.
    """
    _check_count(buffer, count)
    offsets = np.empty(last - first + 1, np.int64)
    start = _native.vlen_offsets(buffer, first, last, last == count, offsets)
    if start < 0:
        raise _bad_length(-1 - start, count)
    data = np.empty(offsets[-1], np.uint8)
    _native.vlen_gather(buffer, start, offsets, data)
    if utf8:
        check_utf8(data, offsets, first=first)
    return data, offsets


def decode_vlen_numpy(buffer: Buffer, count: int, first: int, last: int, *, utf8: bool) -> Pair:
    """The same as `decode_vlen`, a value at a time."""
    _check_count(buffer, count)
    raw = bytes(buffer)
    values = []
    position = 4
    for i in range(last):
        length = int.from_bytes(raw[position : position + 4], "little")
        if position + 4 + length > len(raw) or position + 4 > len(raw):
            raise _bad_length(i, count)
        values.append(raw[position + 4 : position + 4 + length])
        position += 4 + length
    if last == count and position != len(raw):
        raise _bad_length(count, count)
    data, offsets = _join(values[first:])
    if utf8:
        check_utf8_numpy(data, offsets, first=first)
    return data, offsets


def _check_count(buffer: Buffer, count: int) -> None:
    if len(buffer) < 4:
        raise ValueError("text without its count")
    found = int.from_bytes(buffer[:4], "little")
    if found != count:
        raise ValueError(f"{found} values in place of {count}")


def _bad_length(i: int, count: int) -> ValueError:
    return ValueError("bytes after the last value" if i == count else f"value {i} leads out of the chunk")


def check_utf8(data: Data, offsets: Offsets, *, first: int = 0) -> None:
    """Checks that each value is UTF-8 by itself: no overlong form, no surrogate, nothing above U+10FFFF.

    Raises:
        ValueError: one is not; it is named by its number, counted from `first`.
    """
    failed = _native.first_invalid_utf8(data, offsets)
    if failed >= 0:
        raise ValueError(f"value {first + failed} is not UTF-8")


def check_utf8_numpy(data: Data, offsets: Offsets, *, first: int = 0) -> None:
    """The same as `check_utf8`, by Python's decoder."""
    for i, value in enumerate(to_bytes_list_numpy(data, offsets)):
        try:
            value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"value {first + i} is not UTF-8") from None


def take(data: Data, offsets: Offsets, indices: npt.NDArray[np.int64]) -> Pair:
    """Data and offsets of the values at `indices` (int64, (n,); not negative; may repeat), in their order."""
    _check_indices(offsets, indices)
    out_offsets = np.empty(len(indices) + 1, np.int64)
    out = np.empty(_native.take_offsets(offsets, indices, out_offsets), np.uint8)
    _native.take_data(data, offsets, indices, out_offsets, out)
    return out, out_offsets


def take_numpy(data: Data, offsets: Offsets, indices: npt.NDArray[np.int64]) -> Pair:
    """The same as `take`."""
    _check_indices(offsets, indices)
    lengths = np.diff(offsets)[indices]
    out_offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    from_start = np.repeat(offsets[:-1][indices] - out_offsets[:-1], lengths)
    return data[np.arange(out_offsets[-1]) + from_start], out_offsets


def _check_indices(offsets: Offsets, indices: npt.NDArray[np.int64]) -> None:
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(offsets) - 1:
        raise IndexError(f"an index outside {len(offsets) - 1} values")


def from_ucs4(values: npt.NDArray[np.str_]) -> Pair:
    """Data (UTF-8) and offsets of fixed-width text (`U`, (n,)), without the NULs that pad it.

    Raises:
        ValueError: a value holds what is not a Unicode scalar value.
    """
    chars = _cells(values, np.uint32)
    offsets = np.empty(len(chars) + 1, np.int64)
    failed = _native.ucs4_offsets(chars, offsets)
    if failed >= 0:
        raise ValueError(f"value {failed} is not Unicode text")
    data = np.empty(offsets[-1], np.uint8)
    _native.ucs4_encode(chars, offsets, data)
    return data, offsets


def from_ucs4_numpy(values: npt.NDArray[np.str_]) -> Pair:
    """The same as `from_ucs4`, by Python's encoder."""
    encoded = []
    for i, row in enumerate(_cells(values, np.uint32)):
        try:
            encoded.append("".join(map(chr, row.tolist())).rstrip("\0").encode())
        except (ValueError, OverflowError):
            raise ValueError(f"value {i} is not Unicode text") from None
    return _join(encoded)


def from_fixed_bytes(values: npt.NDArray[np.bytes_]) -> Pair:
    """Data and offsets of fixed-width bytes (`S`, (n,)), without the NULs that pad them; UTF-8 or not."""
    cells = _cells(values, np.uint8)
    offsets = np.empty(len(cells) + 1, np.int64)
    _native.fixed_offsets(cells, offsets)
    data = np.empty(offsets[-1], np.uint8)
    _native.fixed_gather(cells, offsets, data)
    return data, offsets


def from_fixed_bytes_numpy(values: npt.NDArray[np.bytes_]) -> Pair:
    """The same as `from_fixed_bytes`."""
    return _join([row.tobytes().rstrip(b"\0") for row in _cells(values, np.uint8)])


def _cells(values: npt.NDArray[Any], unit: type[np.generic]) -> npt.NDArray[Any]:
    """(n, width) of `unit`, native byte order, contiguous."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return native.view(unit).reshape(len(values), values.dtype.itemsize // np.dtype(unit).itemsize)


def to_fixed_bytes(data: Data, offsets: Offsets, most: int) -> npt.NDArray[np.bytes_] | None:
    """The values as `S`, (n,), as wide as the longest; None where one has more than `most` bytes, is not
    ASCII, or ends in a NUL, which would be taken for padding.
    """
    width = max(1, _native.longest(offsets))
    if width > most:
        return None
    cells = np.empty((len(offsets) - 1, width), np.uint8)
    if not _native.to_fixed(data, offsets, cells):
        return None
    return cells.view(f"S{width}").reshape(-1)


def to_fixed_bytes_numpy(data: Data, offsets: Offsets, most: int) -> npt.NDArray[np.bytes_] | None:
    """The same as `to_fixed_bytes`."""
    values = to_bytes_list_numpy(data, offsets)
    width = max(1, *map(len, values)) if values else 1
    if width > most or not all(value.isascii() and not value.endswith(b"\0") for value in values):
        return None
    return np.array(values, f"S{width}")


def to_str_list(data: Data, offsets: Offsets) -> list[str]:
    """The values as `str`. Raises UnicodeDecodeError (a ValueError) where one is not UTF-8."""
    return _native.to_str_list(data, offsets)


def to_str_list_numpy(data: Data, offsets: Offsets) -> list[str]:
    """The same as `to_str_list`."""
    return [value.decode() for value in to_bytes_list_numpy(data, offsets)]


def to_bytes_list(data: Data, offsets: Offsets) -> list[bytes]:
    """The values as `bytes`."""
    return _native.to_bytes_list(data, offsets)


def to_bytes_list_numpy(data: Data, offsets: Offsets) -> list[bytes]:
    """The same as `to_bytes_list`."""
    raw, bounds = data.tobytes(), offsets.tolist()
    return [raw[a:b] for a, b in pairwise(bounds)]


def _join(values: list[bytes]) -> Pair:
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    return np.frombuffer(b"".join(values), np.uint8), offsets
