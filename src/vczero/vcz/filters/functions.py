"""The functions of expressions: MAX to SUM over all values or per sample, ABS, COUNT, STRLEN, N_PASS, F_PASS,
binom and phred, as bcftools 1.16 has them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ExpressionError
from vczero.kernels import compare as kernels
from vczero.vcz.filters.conditions import Condition, Mask, Rows, some
from vczero.vcz.filters.numeric import Floats, FormatNumbers, Numbers, Quantity, early_of
from vczero.vcz.filters.texts import FormatText, TextSource

__all__ = [
    "Absolute",
    "Binomial",
    "CountFields",
    "CountPassing",
    "CountValues",
    "Phred",
    "Reduce",
    "TextLength",
]

# Axes up to this length are reduced a position at a time.
_FEW: Final = 16

Reduction: TypeAlias = Literal["MAX", "MIN", "AVG", "MEDIAN", "STDEV", "SUM"]


@dataclass(frozen=True, slots=True)
class _OfOne:
    """A function of one quantity."""

    operand: Quantity

    @property
    def columns(self) -> frozenset[str]:
        return self.operand.columns

    @property
    def early(self) -> frozenset[str] | None:
        return self.operand.early


@dataclass(frozen=True, slots=True)
class Reduce(_OfOne):
    """MAX, MIN, AVG, MEDIAN, STDEV or SUM of all values that are not missing, or of each sample's."""

    reduction: Reduction
    by_sample: bool

    @property
    def per_sample(self) -> bool:
        return self.by_sample and self.operand.per_sample

    def evaluate(self, rows: Rows) -> Numbers:
        if not self.by_sample:
            stored = self._stored(rows)
            if stored is not None:
                return stored
        numbers = self.operand.evaluate(rows)
        data, missing = numbers.data, numbers.missing
        if not self.per_sample:
            if numbers.used is not None:
                data, missing = data[:, numbers.used], missing[:, numbers.used]
            data, missing = data.reshape(len(data), -1), missing.reshape(len(missing), -1)
        result, absent = _reduce(self.reduction, data, missing)
        if self.per_sample:
            return Numbers.of_samples(result, absent, numbers.used)
        return Numbers.of_sites(result, absent)

    def _stored(self, rows: Rows) -> Numbers | None:
        """The result from stored integers as they are; None where it takes the long way."""
        tag = self.operand
        if not isinstance(tag, FormatNumbers) or self.reduction not in ("MAX", "MIN", "AVG", "SUM"):
            return None
        values = tag.scalar(rows)
        if values is None and tag.elements.every and tag.genotypes is None:
            values = rows.array(tag.column)
        if values is None or values.dtype.kind != "i":
            return None
        values = values if tag.used is None else values[:, tag.used]
        summary = kernels.summarise(values.reshape(len(values), -1))
        if self.reduction == "AVG":
            result = summary.sums / np.maximum(summary.counts, 1)
        else:
            by_name = {"MAX": summary.maxima, "MIN": summary.minima, "SUM": summary.sums}
            result = by_name[self.reduction].astype(np.float64)
        return Numbers.of_sites(result, summary.counts == 0)


def _reduce(reduction: Reduction, data: Floats, missing: Mask) -> tuple[Floats, Mask]:
    """The reduction of the last axis, and where there is no value to reduce."""
    if data.shape[-1] <= _FEW:
        counts = np.zeros(data.shape[:-1], dtype=np.int64)
        for position in range(data.shape[-1]):
            counts += ~missing[..., position]
    else:
        counts = np.count_nonzero(~missing, axis=-1)
    absent = counts == 0
    if not data.shape[-1]:
        return np.zeros(data.shape[:-1]), absent
    if data.shape[-1] <= _FEW and reduction in ("MAX", "MIN", "SUM", "AVG"):
        return _reduce_few(reduction, data, missing, counts), absent
    if reduction in ("MAX", "MIN"):
        # A NaN that is data is neither larger nor smaller than anything.
        limit, choose = (-np.inf, np.fmax) if reduction == "MAX" else (np.inf, np.fmin)
        return choose.reduce(np.where(missing, limit, data), axis=-1, initial=limit), absent
    if reduction == "MEDIAN":
        ordered = np.sort(np.where(missing, np.inf, data), axis=-1)
        middle = np.maximum(counts, 1)[..., None]
        low = np.take_along_axis(ordered, (middle - 1) // 2, axis=-1)
        high = np.take_along_axis(ordered, middle // 2, axis=-1)
        with np.errstate(invalid="ignore"):
            return np.where(low == high, low, (low + high) * 0.5)[..., 0], absent
    with np.errstate(all="ignore"):
        total = np.where(missing, 0.0, data).sum(axis=-1)
        if reduction == "SUM":
            return total, absent
        mean = total / np.maximum(counts, 1)
        if reduction == "AVG":
            return mean, absent
        square = np.where(missing, 0.0, (data - mean[..., None]) ** 2).sum(axis=-1)
        deviation: Floats = np.sqrt(square / np.maximum(counts, 1))
        return deviation, absent


def _reduce_few(reduction: Reduction, data: Floats, missing: Mask, counts: npt.NDArray[np.int64]) -> Floats:
    """The reduction of a short last axis, a position at a time: NumPy is slow along short axes."""
    limit = {"MAX": -np.inf, "MIN": np.inf}.get(reduction, 0.0)
    step = {"MAX": np.fmax, "MIN": np.fmin}.get(reduction, np.add)
    result = np.full(data.shape[:-1], limit)
    with np.errstate(all="ignore"):
        for position in range(data.shape[-1]):
            step(result, data[..., position], out=result, where=~missing[..., position])
        return result / np.maximum(counts, 1) if reduction == "AVG" else result


@dataclass(frozen=True, slots=True)
class Absolute(_OfOne):
    """ABS: each value without its sign."""

    @property
    def per_sample(self) -> bool:
        return self.operand.per_sample

    def evaluate(self, rows: Rows) -> Numbers:
        numbers = self.operand.evaluate(rows)
        return Numbers(np.abs(numbers.data), numbers.missing, numbers.lengths, numbers.used)


@dataclass(frozen=True, slots=True)
class Phred(_OfOne):
    """phred: -10 log10 of each value."""

    @property
    def per_sample(self) -> bool:
        return self.operand.per_sample

    def evaluate(self, rows: Rows) -> Numbers:
        numbers = self.operand.evaluate(rows)
        with np.errstate(all="ignore"):
            data = -4.34294481903 * np.log(numbers.data)  # bcftools' constant
        return Numbers(data, numbers.missing, numbers.lengths, numbers.used)


@dataclass(frozen=True, slots=True)
class CountValues(_OfOne):
    """COUNT of a tag's values: in INFO those stored, in FORMAT those of all samples that are not missing."""

    per_sample = False

    def evaluate(self, rows: Rows) -> Numbers:
        numbers = self.operand.evaluate(rows)
        if not numbers.per_sample:
            return Numbers.of_sites(numbers.lengths)
        present = ~numbers.missing if numbers.used is None else ~numbers.missing[:, numbers.used]
        return Numbers.of_sites(present.reshape(len(present), -1).sum(axis=1))


@dataclass(frozen=True, slots=True)
class _OfText:
    """A function of text without samples."""

    operand: TextSource
    per_sample = False

    @property
    def columns(self) -> frozenset[str]:
        return self.operand.columns

    @property
    def early(self) -> frozenset[str] | None:
        return None if self.operand.per_sample else self.operand.columns


@dataclass(frozen=True, slots=True)
class CountFields(_OfText):
    """COUNT of a tag of strings: the number of its fields."""

    def evaluate(self, rows: Rows) -> Numbers:
        texts = self.operand.evaluate(rows)
        filled = texts.ends > texts.starts
        commas = np.zeros(filled.shape, dtype=np.int64)
        positions = np.flatnonzero(texts.data == ord(","))
        if len(positions):
            commas = np.searchsorted(positions, texts.ends) - np.searchsorted(positions, texts.starts)
        return Numbers.of_sites(np.where(texts.absent, 0, (filled + commas).sum(axis=1)))


@dataclass(frozen=True, slots=True)
class TextLength(_OfText):
    """STRLEN: the length in bytes of each value; of a FORMAT tag, the first sample's (so bcftools 1.16)."""

    listed: bool

    def evaluate(self, rows: Rows) -> Numbers:
        texts = self.operand.evaluate(rows)
        starts, ends, dots = texts.starts, texts.ends, texts.dots()
        if isinstance(self.operand, FormatText):
            starts, ends, dots = starts[:, 0], ends[:, 0], dots[:, 0]
        lengths = ends - starts
        counts = np.where(texts.absent, 0, (lengths > 0).sum(axis=1))
        # The text "." alone has length 0, unless it stands in a list.
        data = lengths if self.listed else np.where(dots, 0, lengths)
        missing = np.arange(lengths.shape[1]) >= counts[:, None]
        return Numbers(data.astype(np.float64), missing, counts)


@dataclass(frozen=True, slots=True)
class CountPassing:
    """N_PASS, F_PASS (where `fraction`) and COUNT of a test on FORMAT: the samples that pass it."""

    condition: Condition
    fraction: bool
    per_sample = False
    early = None

    @property
    def columns(self) -> frozenset[str]:
        return self.condition.columns

    def evaluate(self, rows: Rows) -> Numbers:
        verdict = self.condition.evaluate(rows)
        assert verdict.samples is not None
        counts = verdict.counts
        if counts is None:
            counts = np.count_nonzero(verdict.samples, axis=1)
        if self.fraction:
            return Numbers.of_sites(counts / max(rows.num_samples, 1))
        return Numbers.of_sites(counts)


@dataclass(frozen=True, slots=True)
class Binomial:
    """binom: the two-sided binomial test of two counts, with an expected fraction of one half.

    With one FORMAT tag, the counts are those of the two alleles of each diploid genotype.
    """

    operands: tuple[Quantity, ...]

    @property
    def columns(self) -> frozenset[str]:
        columns = frozenset().union(*(operand.columns for operand in self.operands))
        return columns | {"call_genotype"} if self._by_genotype else columns

    @property
    def early(self) -> frozenset[str] | None:
        return early_of(self.operands)

    @property
    def per_sample(self) -> bool:
        return self.operands[0].per_sample

    @property
    def _by_genotype(self) -> bool:
        return len(self.operands) == 1 and self.operands[0].per_sample

    def evaluate(self, rows: Rows) -> Numbers:
        a = self.operands[0].evaluate(rows)
        if self._by_genotype:
            return self._of_genotypes(a, rows.array("call_genotype"))
        if len(self.operands) == 1:
            wrong = a.lengths != 2
            places = np.zeros(len(a.data), dtype=np.intp), np.where(wrong, 0, 1)
            index = np.arange(len(a.data))
            if not a.width:
                return Numbers.of_sites(np.zeros(len(a.data)), wrong)
            first, second = (a.data[index, place] for place in places)
            missing = wrong | a.missing[index, places[0]] | a.missing[index, places[1]]
            return _site_test(first, second, missing)
        b = self.operands[1].evaluate(rows)
        if self.per_sample:
            if ((a.lengths > 1) | (b.lengths > 1)).any():
                raise ExpressionError("binom() of two FORMAT tags needs one value of each")
            data, missing = _test(a.data[..., 0], b.data[..., 0], a.missing[..., 0] | b.missing[..., 0])
            return Numbers.of_samples(data, missing, a.used)
        if not a.width or not b.width:
            return Numbers.of_sites(np.zeros(len(rows)), np.ones(len(rows), dtype=bool))
        missing = (a.lengths != 1) | (b.lengths != 1) | a.missing[:, 0] | b.missing[:, 0]
        return _site_test(a.data[:, 0], b.data[:, 0], missing)

    @staticmethod
    def _of_genotypes(counts: Numbers, genotypes: npt.NDArray[Any]) -> Numbers:
        """The test of the counts at the positions of each call's two alleles."""
        if genotypes.shape[2] < 2 or not counts.width:
            shape = counts.data.shape[:2]
            return Numbers.of_samples(np.zeros(shape), np.ones(shape, dtype=bool), counts.used)
        alleles = genotypes[:, :, :2].astype(np.intp)
        wrong = (alleles < 0) | (alleles >= counts.width)
        alleles[wrong] = 0
        pair = np.take_along_axis(counts.data, alleles, axis=2)
        missing = np.take_along_axis(counts.missing, alleles, axis=2) | wrong
        data, missing = _test(pair[..., 0], pair[..., 1], some(missing, axis=2))
        return Numbers.of_samples(data, missing, counts.used)


def _site_test(a: Floats, b: Floats, missing: Mask) -> Numbers:
    """The test per variant; a missing outcome is a value, as in bcftools."""
    data, missing = _test(a, b, missing)
    return Numbers(data[:, None], missing[:, None], np.ones(len(data), dtype=np.int64))


# Counts up to this are looked up in a table; larger ones are worked out pair by pair.
_TABLE_SIZE: Final = 512


def _test(a: Floats, b: Floats, missing: Mask) -> tuple[Floats, Mask]:
    """The test of whole numbers `a` and `b`; missing where both are 0."""
    with np.errstate(invalid="ignore"):
        low = np.where(missing, 0, np.minimum(a, b)).astype(np.int64)
        high = np.where(missing, 0, np.maximum(a, b)).astype(np.int64)
    missing = missing | ((low == 0) & (high == 0))
    result = np.full(low.shape, np.nan)
    valid = ~missing & (low >= 0)
    small = valid & (high < _TABLE_SIZE)
    result[small] = _small_tests()[low[small], high[small]]
    large = valid & ~small
    result[large] = _large_tests(low[large], high[large])
    return result, missing


@lru_cache(maxsize=1)
def _small_tests() -> Floats:
    """The test of [low, high], for low <= high < _TABLE_SIZE: twice P(at most `low` heads)."""
    result = np.ones((_TABLE_SIZE, _TABLE_SIZE))
    # Of n coins at most k show heads: as many of the first n - 1, or one less, by the last coin.
    at_most = np.ones(_TABLE_SIZE)
    for n in range(1, 2 * _TABLE_SIZE - 1):
        at_most[1:] = (at_most[1:] + at_most[:-1]) / 2
        at_most[0] /= 2
        low = np.arange(max(0, n - _TABLE_SIZE + 1), (n + 1) // 2)
        result[low, n - low] = np.minimum(2 * at_most[low], 1)
    return result


def _large_tests(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> Floats:
    """The test of pairs of counts, (pairs,), summed from the largest term down."""
    heads: Floats = low.astype(np.float64)
    tails: Floats = high.astype(np.float64)
    n = heads + tails
    term: Floats = np.exp(_log_factorial(n) - _log_factorial(heads) - _log_factorial(tails) - n * np.log(2))
    total = term.copy()
    while (term > total * 1e-17).any():
        term *= heads / (n - heads + 1)
        heads -= 1
        total += term
    result: Floats = np.where(low == high, 1.0, np.minimum(2 * total, 1))
    return result


def _log_factorial(n: Floats) -> Floats:
    """log n!, by Stirling's series; exact to rounding from 16 on, and shifted there below."""
    shift = np.where(n < 16, 1.0, 0.0)
    product = np.ones_like(n)
    for step in range(1, 17):
        product = np.where(n < 16, product * (n + step), product)
    x = n + 16 * shift + 1
    inverse = 1 / x
    series = inverse * (1 / 12 - inverse**2 * (1 / 360 - inverse**2 * (1 / 1260 - inverse**2 / 1680)))
    result: Floats = (x - 0.5) * np.log(x) - x + 0.5 * np.log(2 * np.pi) + series - np.log(product)
    return result
