"""Lines of text from columns: the one loop behind VCF and query output.

A line is a sequence of pieces. `lines` runs it for every row in native code, without the GIL; `lines_numpy`
says the same in plain Python. Text out is UTF-8. What the pieces write, as bcftools 1.16 does (observed):

- the values of a cell are joined by ","; fill ends them; missing is "."; so is a cell without values;
- floats have six significant digits, ties away from zero between 0.0001 and 999999, else as C's `%g`;
- fixed-width text ends at the first NUL;
- a call's alleles are joined by "|" if it is phased, else by "/"; fill ends it, as in a haploid call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero._native import blocks as _blocks
from vczero._native import text as _native
from vczero._native.blocks import Block, empty_pool
from vczero.kernels.columns import describe, describe_names, strides_of
from vczero.kernels.pieces import (
    Format,
    Genotypes,
    Info,
    Line,
    Literal,
    Lookup,
    Names,
    Piece,
    Samples,
    Values,
)
from vczero.strings import Strings

__all__ = [
    "Block",
    "Blocks",
    "empty_pool",
    "join_rows",
    "join_rows_numpy",
    "lines",
    "lines_numpy",
]


class Blocks(list[Block]):
    """Blocks of bytes, in order; they may end anywhere."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory held, as far as they are in use."""
        return sum(len(block) for block in self)


def join_rows(parts: npt.NDArray[np.uint8], row_bytes: int) -> Blocks:
    """The parts of each row side by side, row after row, in blocks of bytes that end anywhere.

    Args:
        parts: uint8 (rows, parts, width), may be strided along axes 0 and 1; of the last part of each row no
            more is taken than makes `row_bytes`.
        row_bytes: more than all parts but the last have.

    Raises:
        ValueError: the sizes do not fit.
    """
    return Blocks(_blocks.join_rows(parts, row_bytes))


def join_rows_numpy(parts: npt.NDArray[np.uint8], row_bytes: int) -> bytes:
    """The same in NumPy."""
    rows, count, width = parts.shape
    return parts.reshape(rows, count * width)[:, :row_bytes].tobytes()


def lines(pieces: Sequence[Piece], rows: int, samples: int = 0) -> Blocks:
    """The pieces' text, row after row, in blocks of bytes that end anywhere; the GIL is not held.

    Raises:
        TypeError: for a column of a dtype that is not listed at `Values`.
        ValueError: for a column with fewer rows or samples than asked for.
    """
    program: list[tuple[Any, ...]] = []
    for piece in pieces:
        _compile(piece, program, rows, samples)
    return Blocks(_native.assemble(program, rows, samples))


def _compile(piece: Piece, program: list[tuple[Any, ...]], rows: int, samples: int) -> None:
    match piece:
        case Literal(text):
            program.append((0, text, None, None, None, 0))
        case Values(column, key, has_rows, has_samples):
            extents = (rows if has_rows else None, samples if has_samples else None)
            first = None
            if piece.lone and isinstance(column, np.ndarray) and column.dtype.kind in "if":
                first = describe(column, *extents, 0, 2)
            program.append((1, key, describe(column, *extents, piece.start, piece.stop), first, None, 0))
        case Lookup(column, names):
            program.append((2, b"", describe(column, rows), describe_names(names), None, 0))
        case Names(column, names):
            if column.shape[1] != len(names):
                raise ValueError(f"{column.shape[1]} columns of flags for {len(names)} names")
            program.append((3, b"", describe(column, rows), describe_names(names), None, 0))
        case Genotypes(column, phased, key):
            other = None if phased is None else describe(phased, rows, samples)
            alleles = None if piece.alleles is None else describe(piece.alleles, rows)
            code = 4 if alleles is None else 9 if piece.iupac else 8
            program.append((code, key, describe(column, rows, samples), other, alleles, 0))
        case Info(pieces):
            _compile_parent((5, b"", None, None, None), pieces, program, rows, samples)
        case Samples(pieces, mask):
            other = None if mask is None else describe(mask, rows, samples)
            _compile_parent((6, b"", None, other, None), pieces, program, rows, samples)
        case Format(pieces):
            _compile_parent((7, b"", None, None, None), pieces, program, rows, samples)
        case Line(pieces):
            for child in pieces:
                _compile(child, program, rows, samples)


def _compile_parent(
    operation: tuple[Any, ...],
    pieces: Sequence[Piece],
    program: list[tuple[Any, ...]],
    rows: int,
    samples: int,
) -> None:
    """The operation, with the number of those that follow and belong to it."""
    at = len(program)
    program.append(operation)
    for piece in pieces:
        _compile(piece, program, rows, samples)
    program[at] = (*operation, len(program) - at - 1)


def lines_numpy(pieces: Sequence[Piece], rows: int, samples: int = 0) -> bytes:
    """The same as `lines`, in plain Python: the reference."""
    return b"".join(_text(piece, row, 0, samples) for row in range(rows) for piece in pieces)


def _text(piece: Piece, row: int, sample: int, samples: int) -> bytes:
    match piece:
        case Literal(text):
            return text
        case Values():
            return _values_text(piece, row, sample, samples)
        case Lookup(column, names):
            number = int(column[row])
            return _string(names, number) if 0 <= number < len(names) else b"."
        case Names(column, names):
            return b";".join(_string(names, int(k)) for k in np.flatnonzero(column[row])) or b"."
        case Genotypes(column, phased):
            bar = b"|" if phased is not None and phased[row, sample] else b"/"
            if piece.alleles is None:
                return bar.join(_alleles(column[row, sample])) or b"."
            bases = list(_bases(column[row, sample], piece.alleles, row))
            return (_iupac(bases) if piece.iupac else b"") or bar.join(bases) or b"."
        case Info(entries):
            return b";".join(_info(entry, row) for entry in entries if _has_value(entry, row, 0)) or b"."
        case Samples(children, mask):
            wanted = range(samples) if mask is None else np.flatnonzero(mask[row])
            return b"".join(_text(child, row, int(k), samples) for k in wanted for child in children)
        case Line(children):
            return b"".join(_text(child, row, sample, samples) for child in children)
        case Format(formats):
            present = [
                item
                for item in formats
                if isinstance(item, Genotypes) or any(_has_value(item, row, k) for k in range(samples))
            ]
            keys = b":".join(item.key for item in present) or b"."
            cells = [b":".join(_cell_text(item, row, k) for item in present) for k in range(samples)]
            return b"\t".join([keys, *(cell or b"." for cell in cells)])


def _values_text(piece: Values, row: int, sample: int, samples: int) -> bytes:
    if piece.lone and isinstance(piece.column, np.ndarray) and piece.column.dtype.kind in "if":
        whole = list(_cell(piece._replace(start=0, stop=None), row, sample))
        if len(whole) <= 1:
            return b",".join(whole) or b"."
    if not any(_has_value(piece, row, k) for k in (range(samples) if piece.samples else (0,))):
        return b"."
    return _cell_text(piece, row, sample)


def _cell_text(piece: Values | Genotypes, row: int, sample: int) -> bytes:
    if isinstance(piece, Genotypes):
        return _text(piece, row, sample, 0)
    return b",".join(_cell(piece, row, sample)) or b"."


def _info(entry: Values, row: int) -> bytes:
    if isinstance(entry.column, np.ndarray) and entry.column.dtype.kind == "b":
        return entry.key
    return entry.key + b"=" + _cell_text(entry, row, 0)


def _has_value(entry: Values, row: int, sample: int) -> bool:
    """Whether any value of the cell is neither missing nor fill (of a flag: set)."""
    return any(text not in (b"", b".") for text in _raw_cell(entry, row, sample))


def _cell(piece: Values, row: int, sample: int) -> Iterator[bytes]:
    """The texts of a cell's values, up to the first fill."""
    for text in _raw_cell(piece, row, sample):
        if not text:
            return
        yield text


def _raw_cell(piece: Values, row: int, sample: int) -> list[bytes]:
    """The texts of all values of a cell; fill is b""."""
    at = (row,) * piece.rows + (sample,) * piece.samples
    column = piece.column
    if isinstance(column, Strings):
        inner = column.shape[len(at) :]
        size = inner[0] if inner else 1
        first = sum(k * stride for k, stride in zip(at, strides_of(column.shape), strict=False))
        return [_string(column, first + k) for k in range(size)][piece.start : piece.stop]
    return [_value(value) for value in np.atleast_1d(column[at])[piece.start : piece.stop]]


def _string(column: Strings, index: int) -> bytes:
    return column.data[column.offsets[index] : column.offsets[index + 1]].tobytes()


def _alleles(call: npt.NDArray[Any]) -> Iterator[bytes]:
    for allele in call:
        if allele == -2:
            return
        yield b"%d" % allele if allele >= 0 else b"."


def _bases(call: npt.NDArray[Any], alleles: Strings, row: int) -> Iterator[bytes]:
    count = alleles.shape[1]
    for allele in call:
        if allele == -2:
            return
        text = _string(alleles, row * count + int(allele)) if 0 <= allele < count else b""
        yield text or b"."


def _iupac(bases: list[bytes]) -> bytes:
    """The code of two bases; b"" where there is none."""
    sets = [b"ACGT".find(base.upper()) if len(base) == 1 else -1 for base in bases]
    if len(sets) != 2 or min(sets) < 0:
        return b""
    code = (1 << sets[0]) | (1 << sets[1])
    return b"-ACMGRSVTWYHKDBN"[code : code + 1]


def _value(value: Any) -> bytes:
    """One value's text; of fill, b""."""
    match value.dtype.kind:
        case "b":
            return b"1" if value else b"."
        case "i":
            return b"" if value == -2 else b"." if value == -1 else b"%d" % value
        case "f":
            bits = int(value.view(f"u{value.dtype.itemsize}"))
            missing = 0x7F800001 if value.dtype.itemsize == 4 else 0x7FF0000000000001
            return b"" if bits == missing + 1 else b"." if bits == missing else float_text(float(value))
        case "S":
            return bytes(value).partition(b"\0")[0]
        case _:
            return str(value).partition("\0")[0].encode()


def float_text(value: float) -> bytes:
    """A float as bcftools 1.16 writes it; value: what a float32 held, exactly."""
    from decimal import ROUND_HALF_UP, Decimal

    size = abs(value)
    if not 0.0001 <= size <= 999999:
        return b"-nan" if math.isnan(value) and math.copysign(1, value) < 0 else b"%g" % value
    exact = Decimal(size)
    rounded = exact.quantize(Decimal(1).scaleb(exact.adjusted() - 5), rounding=ROUND_HALF_UP)
    text = format(rounded, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return (("-" if value < 0 else "") + text).encode()
