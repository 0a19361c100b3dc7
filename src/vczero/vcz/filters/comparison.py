"""Comparisons of numbers, with bcftools 1.16's treatment of missing values and of several values.

A comparison is true if any value of the left passes with any value of the right; two FORMAT tags are compared
value by value within each sample. Where one value of a pair is missing, only `!=` is true; where both are,
only `=` is. A variant or sample without any value is compared as if with a missing one.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ExpressionError
from vczero.kernels import compare as kernels
from vczero.vcz.filters.conditions import Mask, Rows, Verdict, some
from vczero.vcz.filters.numeric import (
    Constant,
    FormatNumbers,
    Missing,
    Numbers,
    Quantity,
    early_of,
    missing_values,
)

__all__ = ["CompareNumbers", "Comparison"]

Comparison: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
_TESTS: Final[dict[Comparison, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRROR: Final[dict[Comparison, Comparison]] = {
    "=": "=",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}
# Above this, bcftools compares numbers as doubles; else as single floats, as the floats of a VCF are read.
WIDE: Final = 16777216.0


@dataclass(frozen=True, slots=True)
class CompareNumbers:
    """A comparison of two quantities."""

    left: Quantity
    symbol: Comparison
    right: Quantity

    @property
    def columns(self) -> frozenset[str]:
        return self.left.columns | self.right.columns

    @property
    def early(self) -> frozenset[str]:
        return early_of((self.left, self.right)) or frozenset()

    @property
    def per_sample(self) -> bool:
        return self.left.per_sample or self.right.per_sample

    def evaluate(self, rows: Rows) -> Verdict:
        verdict = self._stored_with_constant(rows)
        if verdict is not None:
            return verdict
        a, b = self.left.evaluate(rows), self.right.evaluate(rows)
        if a.per_sample and b.per_sample:
            return self._samples_with_samples(a, b)
        if a.per_sample or b.per_sample:
            return self._samples_with_sites(a, b)
        return self._sites_with_sites(a, b, len(rows))

    def _stored_with_constant(self, rows: Rows) -> Verdict | None:
        """The verdict from stored FORMAT values as they are, where one side is a constant; else None."""
        tag, symbol, constant = self.left, self.symbol, self.right
        if isinstance(constant, FormatNumbers):
            tag, symbol, constant = self.right, _MIRROR[symbol], self.left
        if not isinstance(tag, FormatNumbers) or not isinstance(constant, Constant | Missing):
            return None
        values = tag.scalar(rows)
        if values is None:
            return None
        if isinstance(constant, Missing):
            missing = missing_values(values)
            return Verdict.of_samples(missing if symbol == "=" else ~missing, tag.used)
        if not abs(constant.value) < WIDE:
            return None
        threshold = np.float32(constant.value)
        if values.dtype.kind == "f":
            # All NaNs, missing or not, fail all comparisons but `!=`.
            with np.errstate(invalid="ignore", over="ignore"):
                single = values.astype(np.float32, copy=False)
                return Verdict.of_samples(_TESTS[symbol](single, threshold), tag.used)
        if values.dtype.kind != "i":
            return None
        low, high = _interval(symbol, float(threshold))
        samples, counts = kernels.in_range(values, low, high, negate=symbol == "!=")
        return Verdict.of_samples(samples, tag.used, counts)

    def _pair(self, a: Numbers, i: int, b: Numbers, j: int) -> Mask:
        """The outcome of value `i` of the left with value `j` of the right."""
        left, right = a.data[..., i], b.data[..., j]
        a_missing, b_missing = a.missing[..., i], b.missing[..., j]
        if a.per_sample and not b.per_sample:
            right, b_missing = right[:, None], b_missing[:, None]
        elif b.per_sample and not a.per_sample:
            left, a_missing = left[:, None], a_missing[:, None]
        passed = compare(left, self.symbol, right)
        if self.symbol == "!=":
            return (passed | a_missing | b_missing) & ~(a_missing & b_missing)
        passed &= ~(a_missing | b_missing)
        return passed | (a_missing & b_missing) if self.symbol == "=" else passed

    def _with_nothing(self, side: Numbers) -> Mask:
        """The outcome where the other side has no value at all; False where this one has none either."""
        if self.symbol not in ("=", "!="):
            return np.zeros(side.data.shape[:-1], dtype=bool)
        missing, present = side.missing & side.inside, ~side.missing & side.inside
        if self.symbol == "=":
            return some(missing, axis=-1)
        # Per sample, one missing value spoils it; per site, one that is there is enough.
        if side.per_sample:
            return some(present, axis=-1) & ~some(missing, axis=-1)
        return some(present, axis=-1)

    def _sites_with_sites(self, a: Numbers, b: Numbers, count: int) -> Verdict:
        sites = np.zeros(count, dtype=bool)
        for i in range(a.width):
            for j in range(b.width):
                sites |= self._pair(a, i, b, j) & (i < a.lengths) & (j < b.lengths)
        no_a, no_b = a.lengths == 0, b.lengths == 0
        sites |= (no_a & self._with_nothing(b)) | (no_b & self._with_nothing(a))
        if self.symbol == "=":
            sites |= no_a & no_b
        return Verdict(sites)

    def _samples_with_sites(self, a: Numbers, b: Numbers) -> Verdict:
        ours, site = (a, b) if a.per_sample else (b, a)
        samples = np.zeros(ours.data.shape[:2], dtype=bool)
        for i in range(ours.width):
            for j in range(site.width):
                pair = self._pair(a, i, b, j) if ours is a else self._pair(a, j, b, i)
                samples |= pair & ((i < ours.lengths) & (j < site.lengths))[:, None]
        no_ours, no_site = ours.lengths == 0, site.lengths == 0
        samples |= no_site[:, None] & self._with_nothing(ours)
        missing = some(site.missing & site.inside, axis=-1)
        if self.symbol == "=":
            samples |= (no_ours & (no_site | missing))[:, None]
        elif self.symbol == "!=":
            samples |= (no_ours & ~no_site & ~missing)[:, None]
        return Verdict.of_samples(samples, ours.used)

    def _samples_with_samples(self, a: Numbers, b: Numbers) -> Verdict:
        no_a, no_b = a.lengths == 0, b.lengths == 0
        if (~no_a & ~no_b & (a.lengths != b.lengths)).any():
            raise ExpressionError("two FORMAT tags can only be compared where they have equally many values")
        samples = np.zeros(a.data.shape[:2], dtype=bool)
        for i in range(min(a.width, b.width)):
            samples |= self._pair(a, i, b, i) & ((i < a.lengths) & (i < b.lengths))[:, None]
        samples |= no_a[:, None] & self._with_nothing(b)
        samples |= no_b[:, None] & self._with_nothing(a)
        if self.symbol == "=":
            samples |= (no_a & no_b)[:, None]
        used = a.used if b.used is None else b.used if a.used is None else a.used & b.used
        return Verdict.of_samples(samples, used)


def compare(a: npt.NDArray[Any], symbol: Comparison, b: npt.NDArray[Any]) -> Mask:
    """Compares float64 as bcftools 1.16 does: as single floats, unless one of the two is above WIDE."""
    test = _TESTS[symbol]
    with np.errstate(invalid="ignore", over="ignore"):
        wide = (a > WIDE) | (b > WIDE)
        result: Mask = test(a.astype(np.float32), b.astype(np.float32))
        if wide.any():
            result = np.where(wide, test(a, b), result)
    return result


def _interval(symbol: Comparison, threshold: float) -> tuple[int, int]:
    """The integers that pass; for `!=`, those that do not. Empty: low is above high.

    Below WIDE it does not matter that bcftools compares single floats: integers up to there are exact in
    them, and larger ones stay on their side of the threshold.
    """
    lowest, highest = -(1 << 63), (1 << 63) - 1
    if symbol == "<":
        return lowest, math.ceil(threshold) - 1
    if symbol == "<=":
        return lowest, math.floor(threshold)
    if symbol == ">":
        return math.floor(threshold) + 1, highest
    if symbol == ">=":
        return math.ceil(threshold), highest
    return math.ceil(threshold), math.floor(threshold)
