"""Numbers in expressions: constants, the values of INFO and FORMAT tags, arithmetic.

The rules are bcftools 1.16's, observed; docs/expressions.md tells them in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ExpressionError
from vczero.vcz.filters.conditions import Mask, Rows, every, some, union_of_used
from vczero.vcz.filters.subscripts import Elements
from vczero.vcz.values import FLOAT_BITS, INT_FILL, INT_MISSING, is_fill

__all__ = [
    "Arithmetic",
    "Constant",
    "Floats",
    "FormatNumbers",
    "InfoNumbers",
    "Missing",
    "Numbers",
    "OfColumn",
    "Quantity",
    "Scalar",
    "Truth",
    "as_floats",
    "early_of",
    "missing_values",
]

Floats: TypeAlias = npt.NDArray[np.float64]
NOTHING: Final = frozenset[str]()
# A missing value within an INFO vector of integers counts as BCF's code for it.
_MISSING_INT: Final = -2147483648.0


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Numbers of some variants, perhaps per sample. A first axis of length 1 stands for all variants.

    Attributes:
        data: float64, (variants, values) or (variants, samples, values).
        missing: bool, same shape. True also beyond `lengths`.
        lengths: int64, (variants,). How many values the record has (per sample: the longest's); 0 if it
            has none at all.
        used: bool, (samples,), or None for all: the samples that subscripts chose.
    """

    data: Floats
    missing: Mask
    lengths: npt.NDArray[np.int64]
    used: Mask | None = None

    @property
    def per_sample(self) -> bool:
        """Whether there is a samples axis."""
        return self.data.ndim == 3

    @property
    def width(self) -> int:
        """Length of the values axis."""
        return int(self.data.shape[-1])

    @property
    def inside(self) -> Mask:
        """bool: which places hold one of the record's values, missing or not; broadcasts to `data`."""
        lengths = self.lengths[:, None, None] if self.per_sample else self.lengths[:, None]
        result: Mask = np.arange(self.width) < lengths
        return result

    @classmethod
    def of_sites(cls, data: npt.NDArray[Any], absent: Mask | None = None) -> Numbers:
        """One number per variant, or none where `absent`."""
        data = as_floats(data)[:, None]
        missing = np.zeros(data.shape, dtype=bool) if absent is None else absent[:, None]
        return cls(data, missing, (~missing[:, 0]).astype(np.int64))

    @classmethod
    def of_samples(cls, data: Floats, missing: Mask, used: Mask | None) -> Numbers:
        """One number per variant and sample, from (variants, samples)."""
        return cls(data[..., None], missing[..., None], np.ones(len(data), dtype=np.int64), used)


class Quantity(Protocol):
    """A number, or several, for each variant or for each variant and sample."""

    @property
    def columns(self) -> frozenset[str]:
        """The fields that it reads."""

    @property
    def early(self) -> frozenset[str] | None:
        """The fields without samples that may give it; None if none do."""

    @property
    def per_sample(self) -> bool:
        """Whether it has a samples axis."""

    def evaluate(self, rows: Rows) -> Numbers:
        """The numbers of some variants."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number written in the expression."""

    value: float
    columns = early = NOTHING
    per_sample = False

    def evaluate(self, rows: Rows) -> Numbers:
        return Numbers.of_sites(np.full(1, self.value))


@dataclass(frozen=True, slots=True)
class Missing:
    """`"."`, compared with a tag of numbers."""

    columns = early = NOTHING
    per_sample = False

    def evaluate(self, rows: Rows) -> Numbers:
        return Numbers(np.zeros((1, 1)), np.ones((1, 1), dtype=bool), np.ones(1, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class OfColumn:
    """What reads one column without samples."""

    column: str
    per_sample = False

    @property
    def columns(self) -> frozenset[str]:
        return frozenset([self.column])

    @property
    def early(self) -> frozenset[str] | None:
        return self.columns


@dataclass(frozen=True, slots=True)
class Scalar(OfColumn):
    """POS or QUAL. A missing quality is a value, unlike a tag's: COUNT(QUAL) is 1."""

    def evaluate(self, rows: Rows) -> Numbers:
        column = rows.array(self.column)[:, None]
        return Numbers(as_floats(column), missing_values(column), np.ones(len(column), dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Truth(OfColumn):
    """A Flag tag: 1 where the record has it, else 0."""

    def evaluate(self, rows: Rows) -> Numbers:
        return Numbers.of_sites(rows.array(self.column).astype(bool))


@dataclass(frozen=True, slots=True)
class InfoNumbers(OfColumn):
    """The values of an INFO tag of numbers. A tag with one value pays no heed to `elements`."""

    elements: Elements

    def evaluate(self, rows: Rows) -> Numbers:
        column = rows.array(self.column)
        if column.ndim == 1:
            return Numbers.of_sites(column, missing_values(column))
        column = column.reshape(len(column), -1)
        missing = missing_values(column)
        lengths = column.shape[1] - _fill_values(column).sum(axis=1)
        lengths[every(missing, axis=1)] = 0
        if self.elements.single:
            return self._one(column, missing, lengths)
        chosen = self.elements.positions(column.shape[1])
        lengths = np.searchsorted(chosen, lengths)
        data, missing = as_floats(column[:, chosen]), missing[:, chosen]
        beyond = np.arange(len(chosen)) >= lengths[:, None]
        if column.dtype.kind == "i":
            data[missing] = _MISSING_INT
            missing = beyond
        return Numbers(data, missing | beyond, lengths)

    def _one(self, column: npt.NDArray[Any], missing: Mask, lengths: npt.NDArray[np.int64]) -> Numbers:
        """The value at one position; in a record that has one value, any position gives it."""
        position = np.where(lengths == 1, 0, self.elements.ranges[0][0])
        absent = position >= lengths
        position[absent] = 0
        if not column.shape[1]:
            return Numbers.of_sites(np.zeros(len(column)), absent)
        index = (np.arange(len(column)), position)
        return Numbers.of_sites(column[index], absent | missing[index])


@dataclass(frozen=True, slots=True)
class FormatNumbers:
    """The values of a FORMAT tag of numbers.

    Attributes:
        column: the field.
        elements: which values of each sample.
        used: bool, (samples,), or None for all: the samples that the subscript chose.
        genotypes: the field of genotypes that `[GT]` looks at, else None.
    """

    column: str
    elements: Elements
    used: Mask | None = None
    genotypes: str | None = None
    early = None
    per_sample = True

    @property
    def columns(self) -> frozenset[str]:
        return frozenset([self.column] if self.genotypes is None else [self.column, self.genotypes])

    def scalar(self, rows: Rows) -> npt.NDArray[Any] | None:
        """The stored values, (variants, samples), where there is one of each sample; else None."""
        column = rows.array(self.column)
        if column.ndim == 2:
            return column if self.elements.every or self.elements.ranges == ((0, 0),) else None
        position = self.elements.ranges[0][0]
        if self.genotypes is None and self.elements.single and position < column.shape[2]:
            result: npt.NDArray[Any] = column[:, :, position]
            return result
        return None

    def evaluate(self, rows: Rows) -> Numbers:
        scalar = self.scalar(rows)
        if scalar is not None:
            return Numbers.of_samples(as_floats(scalar), missing_values(scalar), self.used)
        column = rows.array(self.column)
        column = column.reshape(*column.shape[:2], -1)
        missing = missing_values(column)
        present = ~every(missing, axis=(1, 2))
        stored = some(~_fill_values(column), axis=1)
        lengths = np.where(present, (stored * np.arange(1, column.shape[2] + 1)).max(axis=1, initial=0), 0)
        if self.genotypes is not None:
            missing |= ~_carried(rows.array(self.genotypes), column.shape[2])
        chosen = self.elements.positions(column.shape[2])
        data, missing = as_floats(column[:, :, chosen]), missing[:, :, chosen]
        # A closed choice has its own length; an open one, the record's, and is filled up with missing values.
        width = column.shape[2]
        if not self.elements.open_end:
            lengths = np.where(present, self.elements.count(), 0)
            width = min(self.elements.count(), width + 1)
        pad = [(0, 0), (0, 0), (0, max(0, width - len(chosen)))]
        return Numbers(np.pad(data, pad), np.pad(missing, pad, constant_values=True), lengths, self.used)


def _carried(genotypes: npt.NDArray[Any], count: int) -> Mask:
    """bool, (variants, samples, alleles): which alleles each genotype carries."""
    carried = np.zeros((*genotypes.shape[:2], count), dtype=bool)
    for allele in range(count):
        (genotypes == allele).any(axis=2, out=carried[:, :, allele])
    return carried


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Quantities joined by `+` and `-`, or by `*`, `/` and `%`; they group from the right."""

    operands: tuple[Quantity, ...]
    operators: tuple[Literal["+", "-", "*", "/", "%"], ...]

    @property
    def columns(self) -> frozenset[str]:
        return frozenset().union(*(operand.columns for operand in self.operands))

    @property
    def early(self) -> frozenset[str] | None:
        return early_of(self.operands)

    @property
    def per_sample(self) -> bool:
        return any(operand.per_sample for operand in self.operands)

    def evaluate(self, rows: Rows) -> Numbers:
        result = self.operands[-1].evaluate(rows)
        for operand, symbol in zip(self.operands[-2::-1], self.operators[::-1], strict=True):
            result = _arithmetic(operand.evaluate(rows), symbol, result)
        return result


def early_of(quantities: tuple[Quantity, ...]) -> frozenset[str] | None:
    """The early fields of several quantities together; None if one has none."""
    early = [quantity.early for quantity in quantities]
    return None if None in early else frozenset().union(*(fields for fields in early if fields is not None))


def _arithmetic(a: Numbers, symbol: str, b: Numbers) -> Numbers:
    """One operation, value by value; a single value meets each of the other side's."""
    both = (a.lengths > 0) & (b.lengths > 0)
    wanted = a.per_sample == b.per_sample
    unequal = (a.lengths != b.lengths) & (a.lengths != 1) & (b.lengths != 1)
    if not wanted:
        unequal = (b.lengths if a.per_sample else a.lengths) > 1
    if (both & unequal).any():
        raise ExpressionError(f"`{symbol}` needs equally many values on both sides, or one on one of them")
    used = union_of_used([side.used for side in (a, b) if side.per_sample])
    a_data, a_missing = _spread(a, max(a.width, b.width), b.per_sample)
    b_data, b_missing = _spread(b, max(a.width, b.width), a.per_sample)
    missing = a_missing | b_missing
    for side in (a, b):
        if side.used is not None:
            missing |= ~side.used[:, None]
    with np.errstate(all="ignore"):
        if symbol == "+":
            data = a_data + b_data
        elif symbol == "-":
            data = a_data - b_data
        elif symbol == "*":
            data = a_data * b_data
        elif symbol == "/":
            data = a_data / b_data
        else:
            divisor = np.trunc(b_data)
            data = np.fmod(np.trunc(a_data), divisor)
            missing |= divisor == 0  # here bcftools dies
    lengths = np.where(both, np.maximum(a.lengths, b.lengths), 0)
    shape = (-1, 1, 1) if data.ndim == 3 else (-1, 1)
    missing |= np.arange(data.shape[-1]) >= lengths.reshape(shape)
    lengths = np.where(missing.reshape(len(missing), -1).all(axis=1), 0, lengths)
    return Numbers(data, missing, lengths, used)


def _spread(side: Numbers, width: int, per_sample: bool) -> tuple[Floats, Mask]:
    """A side's data and missing, where the record has one value that value in all `width` places."""
    data, missing = side.data, side.missing
    if side.width < width:
        pad = [(0, 0)] * (data.ndim - 1) + [(0, width - side.width)]
        data, missing = np.pad(data, pad), np.pad(missing, pad, constant_values=True)
    if width > 1:
        single = (side.lengths == 1).reshape((-1,) + (1,) * (data.ndim - 1))
        data = np.where(single, data[..., :1], data)
        missing = np.where(single, missing[..., :1], missing)
    if per_sample and not side.per_sample:
        data, missing = data[:, None], missing[:, None]
    return data, missing


def as_floats(values: npt.NDArray[Any]) -> Floats:
    """The values as new float64."""
    with np.errstate(invalid="ignore"):  # missing floats are signalling NaNs
        return values.astype(np.float64)


def missing_values(column: npt.NDArray[Any]) -> Mask:
    """bool, same shape: which values are missing or fill (VCF Zarr specification); other NaNs are data."""
    result: Mask
    if column.dtype.kind == "i":
        result = (column == INT_MISSING) | (column == INT_FILL)
        return result
    if column.dtype.kind != "f":
        return np.zeros(column.shape, dtype=bool)
    # Most columns have no NaN at all: one look settles them.
    result = np.isnan(column)
    if result.any():
        size = column.dtype.itemsize
        result[result] = np.isin(
            column[result].view(f"u{size}"), [FLOAT_BITS[size] + 1, FLOAT_BITS[size] + 2]
        )
    return result


def _fill_values(column: npt.NDArray[Any]) -> Mask:
    """bool, same shape: which values are fill; unsigned integers have none."""
    return np.zeros(column.shape, dtype=bool) if column.dtype.kind == "u" else is_fill(column)
