"""What an expression's tests say of some variants, and how `&`, `&&`, `|` and `||` join it.

A test says of each variant whether it passes and, where it looks at FORMAT, which samples do. bcftools 1.16
(observed) keeps the two apart: a site may pass while none of its samples does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.strings import Strings

__all__ = [
    "UNDECIDED",
    "Both",
    "Condition",
    "Either",
    "Mask",
    "Rows",
    "Verdict",
    "decide",
    "every",
    "some",
    "union_of_used",
]

Mask: TypeAlias = npt.NDArray[np.bool_]
FAILS: Final = 0
PASSES: Final = 1
UNDECIDED: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The run of variants [start, stop) of a batch, as tests see it.

    Attributes:
        columns: field name -> array or `Strings`, variants axis first.
        start, stop: the run.
        num_samples: length of the samples axis.
        undecided: while only some of the columns are there, set to True for variants of which nothing can
            be said; (stop - start,), or None when all columns are there.
    """

    columns: Mapping[str, npt.NDArray[Any] | Strings]
    start: int
    stop: int
    num_samples: int
    undecided: Mask | None = field(default=None)

    def __len__(self) -> int:
        return self.stop - self.start

    def array(self, name: str) -> npt.NDArray[Any]:
        """The run's rows of a column of numbers, in native byte order."""
        column = self.columns[name]
        assert isinstance(column, np.ndarray)
        part = column[self.start : self.stop]
        return part if part.dtype.isnative else part.astype(part.dtype.newbyteorder("="))


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a test says of a run of variants.

    Attributes:
        sites: bool, (variants,). Which variants pass.
        samples: bool, (variants, samples), or None where the test looks at no FORMAT field. All False where
            the site fails.
        counts: int64, (variants,), or None if not known: how many of `samples` are True.
        used: bool, (samples,), or None for all: the samples that subscripts let the test look at.
    """

    sites: Mask
    samples: Mask | None = None
    counts: npt.NDArray[np.int64] | None = None
    used: Mask | None = None

    @classmethod
    def of_samples(
        cls, samples: Mask, used: Mask | None = None, counts: npt.NDArray[np.int64] | None = None
    ) -> Verdict:
        """The verdict of a test per sample: a site passes if one of its used samples does."""
        if used is not None and not used.all():
            samples = samples & used
            counts = None
        sites = some(samples, axis=1) if counts is None else counts > 0
        return cls(sites, samples, counts, used)


class Condition(Protocol):
    """A test that is bound to a store."""

    @property
    def columns(self) -> frozenset[str]:
        """The fields that it reads."""

    @property
    def early(self) -> frozenset[str]:
        """The fields without samples that may settle it; empty where only its verdict per sample counts."""

    @property
    def per_sample(self) -> bool:
        """Whether verdicts have `samples`."""

    def evaluate(self, rows: Rows) -> Verdict:
        """The verdict on some variants."""


@dataclass(frozen=True, slots=True)
class _Joined:
    """Conditions joined by operators of one level; they group from the right."""

    operands: tuple[Condition, ...]
    operators: tuple[str, ...]

    @property
    def columns(self) -> frozenset[str]:
        return frozenset().union(*(operand.columns for operand in self.operands))

    @property
    def early(self) -> frozenset[str]:
        return frozenset().union(*(operand.early for operand in self.operands))

    @property
    def per_sample(self) -> bool:
        return any(operand.per_sample for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Both(_Joined):
    """`&` (within one sample) and `&&` (perhaps in different samples)."""

    def evaluate(self, rows: Rows) -> Verdict:
        result = self.operands[-1].evaluate(rows)
        for operand, operator in zip(self.operands[-2::-1], self.operators[::-1], strict=True):
            result = _both(operand.evaluate(rows), result, same_sample=operator == "&")
        return result


@dataclass(frozen=True, slots=True)
class Either(_Joined):
    """`|` (the samples that pass) and `||` (all samples where the site passes)."""

    def evaluate(self, rows: Rows) -> Verdict:
        result = self.operands[-1].evaluate(rows)
        for operand, operator in zip(self.operands[-2::-1], self.operators[::-1], strict=True):
            result = _either(operand.evaluate(rows), result, all_samples=operator == "||")
        return result


def _both(a: Verdict, b: Verdict, *, same_sample: bool) -> Verdict:
    sites = a.sites & b.sites
    if a.samples is None and b.samples is None:
        return Verdict(sites)
    used = _union(a, b)
    if a.samples is None or b.samples is None:
        samples, other = (b.samples, a.sites) if a.samples is None else (a.samples, b.sites)
        assert samples is not None
        return Verdict(sites, samples if other.all() else samples & sites[:, None], used=used)
    if same_sample:
        samples = a.samples & b.samples
        return Verdict(some(samples, axis=1), samples, used=used)
    samples = a.samples | b.samples
    return Verdict(sites, samples if sites.all() else samples & sites[:, None], used=used)


def _either(a: Verdict, b: Verdict, *, all_samples: bool) -> Verdict:
    sites = a.sites | b.sites
    if a.samples is None and b.samples is None:
        return Verdict(sites)
    used = _union(a, b)
    if a.samples is not None and b.samples is not None:
        if not all_samples:
            return Verdict(sites, a.samples | b.samples, used=used)
        everyone = np.ones(a.samples.shape[1], dtype=bool) if used is None else used
        return Verdict(sites, sites[:, None] & everyone, used=used)
    samples, of_site = (b.samples, a.sites) if a.samples is None else (a.samples, b.sites)
    assert samples is not None
    if all_samples:
        everyone = np.ones(samples.shape[1], dtype=bool) if used is None else used
        samples = samples | (of_site[:, None] & everyone)
    return Verdict(sites, samples, used=used)


def _union(a: Verdict, b: Verdict) -> Mask | None:
    """The samples that either looks at; None where one of them looks at all."""
    return union_of_used([verdict.used for verdict in (a, b) if verdict.samples is not None])


def union_of_used(masks: Sequence[Mask | None]) -> Mask | None:
    """The samples that any of the masks chooses; None, which stands for all, if one does."""
    chosen = [mask for mask in masks if mask is not None]
    return reduce(np.logical_or, chosen) if chosen and len(chosen) == len(masks) else None


def some(mask: Mask, *, axis: int | tuple[int, ...]) -> Mask:
    """Whether any value along an axis is True."""
    result: Mask = np.logical_or.reduce(mask, axis=axis)
    return result


def every(mask: Mask, *, axis: int | tuple[int, ...]) -> Mask:
    """Whether all values along an axis are True."""
    result: Mask = np.logical_and.reduce(mask, axis=axis)
    return result


def decide(condition: Condition, rows: Rows) -> npt.NDArray[np.int8]:
    """What the early columns alone say of each variant: FAILS, PASSES or UNDECIDED; int8, (variants,)."""
    if isinstance(condition, _Joined):
        votes = [decide(operand, rows) for operand in condition.operands]
        winning, losing = (FAILS, PASSES) if isinstance(condition, Both) else (PASSES, FAILS)
        result = np.full(len(rows), losing, dtype=np.int8)
        settled = np.zeros(len(rows), dtype=bool)
        for vote in votes:
            result[vote == UNDECIDED] = UNDECIDED
            settled |= vote == winning
        result[settled] = winning
        if isinstance(condition, Both) and "&" in condition.operators and condition.per_sample:
            # That each side passes in some sample does not say that one sample passes both.
            result[result == PASSES] = UNDECIDED
        return result
    if not condition.early and condition.columns:
        return np.full(len(rows), UNDECIDED, dtype=np.int8)
    undecided = np.zeros(len(rows), dtype=bool)
    early = Rows(rows.columns, rows.start, rows.stop, rows.num_samples, undecided)
    result = condition.evaluate(early).sites.astype(np.int8)
    result[undecided] = UNDECIDED
    return result
