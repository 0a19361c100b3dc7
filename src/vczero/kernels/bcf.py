"""BCF2 records from columns (VCF specification 4.3, section 6.3).

`records` runs in native code, without the GIL; `records_numpy` says the same in plain Python. What a field
comes to is what its text in VCF says (`vczero.kernels.text`), as bcftools 1.16 writes it (observed):

- integers take the smallest type that holds all values of the field in the record; those that no type holds
  are missing. The eight smallest numbers of a type are reserved, and not values;
- vectors have as many places as the longest needs; fill ends them. A cell without values is a missing one;
- texts of a cell are joined by ","; in FORMAT they are padded with NUL;
- a field whose values are all missing is left out; calls never are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero._native import bcf as _native
from vczero.kernels.columns import describe, strides_of
from vczero.kernels.pieces import Column
from vczero.kernels.text import Blocks
from vczero.strings import Strings

__all__ = ["Calls", "Field", "Fixed", "records", "records_numpy"]

_FLAG, _FLOAT, _CHAR = 0, 5, 7
_MISSING, _END = 0x7F800001, 0x7F800002
_BITS = {1: 8, 2: 16, 3: 32}


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """An INFO or FORMAT field.

    Attributes:
        key: its number in the dictionary of strings.
        column: axes rows, in FORMAT samples, and at most one more: integers, float32, float64 in native byte
            order or `Strings`; in INFO also bool, which is a flag.
    """

    key: int
    column: Column


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """The calls of a record.

    Attributes:
        key: as for `Field`.
        column: integers, (rows, samples, ploidy).
        phased: bool, (rows, samples); None where no call is phased.
    """

    key: int
    column: npt.NDArray[Any]
    phased: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """What every record has.

    Attributes:
        contig, position, length: int32, (rows,): the contig's number; 0-based; bases of the reference.
        quality: float32, (rows,).
        identifier: (rows,) or (rows, identifiers); None where there are none.
        alleles: (rows, alleles), REF first; a "" ends the ALT alleles, and one that is "." alone is none.
        filters: bool, (rows, filters), or None.
        filter_keys: int32, (filters,): their numbers in the dictionary of strings.
    """

    contig: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32]
    length: npt.NDArray[np.int32]
    quality: npt.NDArray[np.float32]
    identifier: Strings | None
    alleles: Strings
    filters: npt.NDArray[np.bool_] | None
    filter_keys: npt.NDArray[np.int32]


def records(
    fixed: Fixed, info: Iterable[Field], formats: Iterable[Field | Calls], rows: int, samples: int
) -> Blocks:
    """The records of `rows` rows, in blocks of bytes that end anywhere; the GIL is not held.

    Raises:
        OverflowError: a record has more alleles or fields than BCF counts; arguments: the row, and a reason.
        TypeError: for a column of a dtype that is not listed at `Field`.
        ValueError: for a column with fewer rows or samples than asked for.
    """
    numbers = [
        np.ascontiguousarray(array, kind)
        for array, kind in (
            (fixed.contig, np.int32),
            (fixed.position, np.int32),
            (fixed.length, np.int32),
            (fixed.quality, np.float32),
        )
    ]
    if any(len(array) < rows for array in numbers):
        raise ValueError(f"a column has fewer than {rows} rows")
    filters = fixed.filters
    if filters is not None and filters.shape[1] != len(fixed.filter_keys):
        raise ValueError(f"{filters.shape[1]} columns of flags for {len(fixed.filter_keys)} filters")
    described = (
        *numbers,
        None if fixed.identifier is None else describe(fixed.identifier, rows),
        describe(fixed.alleles, rows),
        None if filters is None else describe(filters, rows),
        np.ascontiguousarray(fixed.filter_keys, np.int32),
    )
    return Blocks(
        _native.assemble(
            described,
            [_describe_field(field, rows, None) for field in info],
            [_describe_field(field, rows, samples) for field in formats],
            rows,
            samples,
        )
    )


def _describe_field(field: Field | Calls, rows: int, samples: int | None) -> tuple[Any, ...]:
    column = field.column
    if isinstance(column, np.ndarray):
        if column.dtype.kind not in ("i" if isinstance(field, Calls) else "bif" if samples is None else "if"):
            raise TypeError(f"cannot write values of dtype {column.dtype}")
        if not column.flags.aligned:
            column = column.copy()
    if isinstance(field, Calls):
        phased = None if field.phased is None else describe(field.phased, rows, samples)
        return field.key, True, describe(column, rows, samples), phased
    return field.key, False, describe(column, rows, samples), None


def records_numpy(
    fixed: Fixed, info: Sequence[Field], formats: Sequence[Field | Calls], rows: int, samples: int
) -> bytes:
    """The same as `records`, in plain Python: the reference."""
    return b"".join(_record(fixed, info, formats, row, samples) for row in range(rows))


def _record(
    fixed: Fixed, info: Sequence[Field], formats: Sequence[Field | Calls], row: int, samples: int
) -> bytes:
    alleles = _texts(fixed.alleles, (row,))
    alts = list(_until_fill(alleles[1:]))
    if alts == [b"."]:
        alts = []
    texts = [alleles[0] or b".", *alts]
    keys: list[int | None] = []
    if fixed.filters is not None:
        keys = fixed.filter_keys[np.flatnonzero(fixed.filters[row])].tolist()
    identifiers = [] if fixed.identifier is None else _texts(fixed.identifier, (row,))
    has_identifier = any(text not in (b"", b".") for text in identifiers)
    infos = [made for field in info if (made := _field(field, (row,), None))]
    calls = [made for field in formats if (made := _field(field, (row,), samples))]
    shared = b"".join(
        [
            _typed_text(_joined(identifiers) if has_identifier else b""),
            *(_typed_text(text) for text in texts),
            _integers([keys]) if keys else bytes([_FLAG]),
            *infos,
        ]
    )
    counts = (len(infos), len(texts), len(calls) << 24 | samples)
    if len(infos) > 65535 or len(texts) > 65535 or len(calls) > 255:
        raise OverflowError(row, "more than a BCF record can hold")
    head = struct.pack("<3i", fixed.contig[row], fixed.position[row], fixed.length[row])
    quality: bytes = fixed.quality[row].tobytes()
    shared = head + quality + struct.pack("<HHI", *counts) + shared
    indiv = b"".join(calls)
    return struct.pack("<II", len(shared), len(indiv)) + shared + indiv


def _field(field: Field | Calls, at: tuple[int, ...], samples: int | None) -> bytes:
    """A field with its key; nothing if all of its values are missing."""
    places = [at] if samples is None else [(*at, sample) for sample in range(samples)]
    key = _integers([[field.key]])
    column = field.column
    if isinstance(field, Calls):
        return key + _integers([_call(field, place) for place in places])
    if isinstance(column, Strings):
        texts = [_texts(column, place) for place in places]
        if all(text in (b"", b".") for cell in texts for text in cell):
            return b""
        cells = [_joined(cell) for cell in texts]
        width = max(map(len, cells))
        return key + _size(width, _CHAR) + b"".join(cell.ljust(width, b"\0") for cell in cells)
    values = [np.atleast_1d(column[place]) for place in places]
    if column.dtype.kind == "b":
        return key + bytes([_FLAG]) if any(bool(cell.any()) for cell in values) else b""
    if column.dtype.kind == "f":
        bits = [[_float_bits(value) for value in cell] for cell in values]
        if all(value in (_MISSING, _END) for cell in bits for value in cell):
            return b""
        rectangle = _rectangle([list(_until(cell, _END)) for cell in bits], _MISSING, _END)
        return key + _size(len(rectangle[0]), _FLOAT) + np.array(rectangle, "<u4").tobytes()
    numbers = [cell.tolist() for cell in values]
    if all(value in (-1, -2) for cell in numbers for value in cell):
        return b""
    return key + _integers([[None if v == -1 else v for v in _until(cell, -2)] for cell in numbers])


def _call(field: Calls, at: tuple[int, ...]) -> list[int | None]:
    bar = field.phased is not None and bool(field.phased[at])
    alleles = _until(field.column[at].tolist(), -2)
    return [(max(allele, -1) + 1) << 1 | (bar and k > 0) for k, allele in enumerate(alleles)] or [0]


def _integers(cells: list[list[int | None]]) -> bytes:
    """Cells of integers, None for a missing one, behind their descriptor."""
    values = [value for cell in cells for value in cell if value is not None and _fits(value, 3)]
    kind = next((kind for kind in (1, 2) if all(_fits(value, kind) for value in values)), 3)
    missing = -(1 << _BITS[kind] - 1)
    filled = [[v if v is not None and _fits(v, kind) else missing for v in cell] for cell in cells]
    rectangle = _rectangle(filled, missing, missing + 1)
    return _size(len(rectangle[0]), kind) + np.array(rectangle, f"<i{_BITS[kind] // 8}").tobytes()


def _fits(value: int, kind: int) -> bool:
    limit = 1 << (_BITS[kind] - 1)
    return 8 - limit <= value < limit


def _rectangle(cells: list[list[int]], missing: int, end: int) -> list[list[int]]:
    width = max([1, *map(len, cells)])
    cells = [cell or [missing] for cell in cells]
    return [cell + [end] * (width - len(cell)) for cell in cells]


def _size(count: int, kind: int) -> bytes:
    if count < 15:
        return bytes([count << 4 | kind])
    return bytes([15 << 4 | kind]) + _integers([[count]])


def _typed_text(text: bytes) -> bytes:
    return _size(len(text), _CHAR) + text


def _texts(column: Strings, at: tuple[int, ...]) -> list[bytes]:
    inner = column.shape[len(at) :]
    first = sum(k * stride for k, stride in zip(at, strides_of(column.shape), strict=False))
    offsets = column.offsets[first : first + (inner[0] if inner else 1) + 1]
    return [column.data[start:stop].tobytes() for start, stop in pairwise(offsets)]


def _joined(texts: list[bytes]) -> bytes:
    return b",".join(_until_fill(texts)) or b"."


def _until_fill(texts: list[bytes]) -> Iterator[bytes]:
    return _until(texts, b"")


def _until(values: Sequence[Any], fill: Any) -> Iterator[Any]:
    for value in values:
        if value == fill:
            return
        yield value


def _float_bits(value: Any) -> int:
    if value.dtype.itemsize == 4:
        return int(value.view("u4"))
    bits = int(value.view("u8"))
    if bits in (0x7FF0000000000001, 0x7FF0000000000002):
        return _MISSING + bits - 0x7FF0000000000001
    with np.errstate(over="ignore", invalid="ignore"):
        return int(np.float32(value).view("u4"))
