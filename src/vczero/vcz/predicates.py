"""Filter expressions as predicates: `Filter`, a frozen value; bound to a store, a `BoundFilter`.

passed = Filter("QUAL>30 & FMT/DP>10").bind(reader).evaluate(batch)
passed.sites, passed.samples
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ExpressionError, OptionError, SelectionError
from vczero.strings import Strings
from vczero.vcz.expr import Expression, parse
from vczero.vcz.filters.conditions import UNDECIDED, Condition, Mask, Rows, Verdict, decide
from vczero.vcz.schema import Batch, Metadata, Passed
from vczero.vcz.selectivity import FullPredicate

if TYPE_CHECKING:
    from vczero.vcz.selector import Selector

__all__ = ["BcftoolsFilter", "BoundFilter", "Filter", "Passed", "Semantics", "numbers_in_store"]

Semantics: TypeAlias = Literal["view", "query", "calls"]
"""Whether only sites are judged (bcftools `view`), or also which samples of them (`query`).

Where FORMAT values are printed ("calls"), `query` excludes samples one by one, and a site with its last one;
else it excludes sites where a sample passes (bcftools 1.16 observed).
"""

# Rows are evaluated so many values at a time, so that what is worked out on the way stays in the cache.
_BLOCK_VALUES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter expression, parsed: `Filter("DP>10")` or `Filter(exclude="DP<=10")`.

    The language is that of bcftools 1.16 (docs/expressions.md).

    Attributes:
        include: the variants that pass are kept.
        exclude: the variants that pass are dropped.

    Raises:
        ExpressionError: the expression cannot be understood; the message shows where.
        OptionError: both or neither are given.
    """

    include: str | None = None
    exclude: str | None = field(default=None, kw_only=True)
    expression: Expression = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.include is None) == (self.exclude is None):
            raise OptionError("a filter either includes or excludes: give one expression")
        text = self.include if self.include is not None else self.exclude
        assert text is not None
        object.__setattr__(self, "expression", parse(text))

    def bind(
        self,
        metadata: Metadata,
        *,
        semantics: Semantics = "query",
        sample_ids: npt.NDArray[Any] | None = None,
        sample_numbers: npt.NDArray[np.int64] | None = None,
    ) -> BoundFilter:
        """The predicate that this filter is in a store; no data are read.

        Args:
            metadata: of the store.
            semantics: whether samples are judged one by one ("query", "calls") or only sites ("view").
            sample_ids: the samples that the predicate sees, in the order of their axis; by default the
                selected ones.
            sample_numbers: int64, (samples,): the numbers by which subscripts (`GT[0]`) call them; by default
                0, 1, 2 ...

        Raises:
            ExpressionError: a name that the store lacks, or operands that do not fit.
        """
        from vczero.vcz.filters.resolve import resolve

        ids = metadata.sample_ids if sample_ids is None else sample_ids
        condition = resolve(self.expression, metadata, ids, sample_numbers)
        return BoundFilter(self, condition, len(ids), semantics)

    def bind_to(self, reader: Selector, semantics: str) -> BoundFilter:
        """`bind` to what the semantics of a reader's query let a predicate see."""
        if semantics != "view":
            numbers = numbers_in_store(reader) if semantics == "query" else None
            return self.bind(reader, sample_numbers=numbers)
        real = reader.raw_sample_ids[reader.raw_sample_ids != ""]
        return self.bind(reader, semantics="view", sample_ids=real)


def numbers_in_store(metadata: Metadata) -> npt.NDArray[np.int64] | None:
    """int64, (samples,): how many of the selected samples stand before each in the store; None if in order.

    By these bcftools 1.16 calls samples in subscripts, in whatever order they are selected.
    """
    places = getattr(metadata, "sample_indexes", None)
    if places is None or not (np.diff(places) < 0).any():
        return None
    return np.argsort(np.argsort(places))


def BcftoolsFilter(  # noqa: N802  # the name that vcztools has for it
    reader: Metadata, *, include: str | None = None, exclude: str | None = None
) -> BoundFilter:
    """The predicate that an expression is over the selected samples of a reader; `Filter(...).bind(reader)`.

    Raises:
        ExpressionError: the expression cannot be understood, or names what the store lacks.
        OptionError: both or neither are given.
    """
    return Filter(include, exclude=exclude).bind(reader)


@dataclass(frozen=True, slots=True, eq=False)
class BoundFilter(FullPredicate):
    """A filter bound to a store: a predicate over batches, which leaves no state from one to the next."""

    filter: Filter
    condition: Condition
    num_samples: int
    semantics: Semantics

    def by_call(self) -> BoundFilter:
        """The same, but an exclusion by FORMAT values drops samples one by one, and a site with its last one.

        `bcftools query -e` does so where FORMAT values are printed.
        """
        return replace(self, semantics="calls") if self.semantics == "query" else self

    @property
    def columns(self) -> frozenset[str]:
        """The fields that `evaluate` reads."""
        return self.condition.columns

    @property
    def first(self) -> frozenset[str]:
        """The fields without samples that may settle a variant's fate, for `decide`; may be empty."""
        return self.condition.early

    def evaluate(self, batch: Batch) -> Passed:
        """Which variants of a batch pass, and which of their samples.

        Raises:
            ExpressionError: values that an operator cannot take together, such as vectors of two lengths.
        """
        return self._evaluate(batch.columns, batch.num_variants)

    def decide(self, batch: Batch) -> npt.NDArray[np.int8]:
        """What the columns `first` say of each variant: 0 dropped, 1 kept, 2 the other columns are needed.

        With "query" semantics, what is kept may need the other columns to tell its samples; then it is 2.
        """
        count = batch.num_variants
        votes = decide(self.condition, Rows(batch.columns, 0, count, self.num_samples))
        if self._tells_samples and self.filter.exclude is not None:
            return np.full(count, UNDECIDED, np.int8)
        if self.filter.exclude is not None:
            return np.where(votes == UNDECIDED, votes, 1 - votes).astype(np.int8)
        if self._tells_samples:
            votes[votes == 1] = UNDECIDED
        return votes

    @property
    def _tells_samples(self) -> bool:
        judges = ("query", "calls") if self.filter.exclude is None else ("calls",)
        return self.semantics in judges and self.condition.per_sample

    def _evaluate(self, columns: Any, count: int) -> Passed:
        self._check_samples(columns)
        step = self._block_rows(columns, count)
        parts = []
        try:
            for start in range(0, count, step):
                rows = Rows(columns, start, min(start + step, count), self.num_samples)
                parts.append(self.condition.evaluate(rows))
        except ExpressionError as error:
            if error.text is not None:
                raise
            text = self.filter.expression.text
            raise ExpressionError(f"{error.message}, in the expression {text}", text=text) from None
        sites = np.concatenate([part.sites for part in parts]) if parts else np.zeros(0, dtype=bool)
        samples = self._samples(parts) if self._tells_samples else None
        if self.filter.exclude is None:
            return Passed(sites, samples)
        if samples is None:
            return Passed(~sites, None)
        kept = ~(samples & sites[:, None])
        return Passed(~sites | kept.any(axis=1), kept)

    def _check_samples(self, columns: Any) -> None:
        for name in self.columns:
            column = columns[name]
            if name.startswith("call_") and "/" not in name and column.shape[1] != self.num_samples:
                found = f"the filter was made for {self.num_samples} samples and meets {column.shape[1]}"
                raise SelectionError(f"{found}; select samples before setting the filter")

    def _samples(self, parts: list[Verdict]) -> Mask:
        samples = [part.samples for part in parts if part.samples is not None]
        return np.concatenate(samples) if samples else np.zeros((0, self.num_samples), dtype=bool)

    def _block_rows(self, columns: Any, count: int) -> int:
        """Variants to evaluate at once."""
        widest = 1
        for name in self.columns:
            column = columns.get(name)
            shape = column.shape if isinstance(column, Strings | np.ndarray) else ()
            widest = max(widest, int(np.prod(shape[1:], dtype=np.int64)))
        return max(1, min(count, _BLOCK_VALUES // widest))
