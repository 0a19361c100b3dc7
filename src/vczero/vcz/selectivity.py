"""What scans ask of a predicate, and whether in one go or in two, by what it has let through so far.

A predicate over `QUAL>30 & FMT/DP>10` can often settle a variant's fate by QUAL, of which a row has four
bytes, while DP has one for each sample. Asked in two goes, the first columns are read, then for the
variants that are still undecided the others, and with them the columns of the batch, since a step has two
phases. Asked in one go, the columns of the batch are read only for variants that pass. Per row, with the
bytes of the predicate's other columns (other) and of the batch's (rest), the first way costs

    undecided x (other + rest)      the second      other + passed x rest

and the cheaper is taken, the two fractions being those of the rows seen so far (at the outset 1/2 and 1/4,
with the weight of a thousand rows). Steps are planned ahead of their answers, so the choice follows with a
delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from vczero.errors import OptionError
from vczero.vcz.schema import Batch, Passed, Predicate

__all__ = ["UNDECIDED", "FullPredicate", "Plain", "Selectivity"]

UNDECIDED = 2
"""What `decide` says of a variant that it cannot settle."""

_PRIOR_ROWS = 1000


class FullPredicate(Predicate):
    """All that scans ask of a predicate; the answers here are those of one that makes nothing cheaper."""

    __slots__ = ()

    @property
    def first(self) -> frozenset[str]:
        """The columns that may settle a variant's fate, for `decide`; none: it is not called."""
        return frozenset()

    @property
    def sees_selected(self) -> bool:
        """Whether the samples selected will do, where the semantics let it see all."""
        return False

    def decide(self, batch: Batch) -> npt.NDArray[np.int8]:
        """int8, (variants,), by the columns `first`: 0 dropped, 1 kept, 2 not to be settled by them."""
        return np.full(batch.num_variants, UNDECIDED, np.int8)

    def by_call(self) -> FullPredicate:
        """The same, but what it excludes by FORMAT values it excludes sample by sample."""
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Plain(FullPredicate):
    """A predicate that has no more than a `Predicate` needs.

    Raises:
        OptionError: it has not even that.
    """

    predicate: Predicate

    def __post_init__(self) -> None:
        if not (hasattr(self.predicate, "columns") and hasattr(self.predicate, "evaluate")):
            raise OptionError(
                f"{self.predicate!r:.80} is no filter: give an expression, a Filter, a SiteFilter, "
                "or what has `columns` and `evaluate`"
            )

    @property
    def columns(self) -> frozenset[str]:
        """Its columns."""
        return self.predicate.columns

    def evaluate(self, batch: Batch) -> npt.NDArray[np.bool_] | Passed:
        """What it says."""
        return self.predicate.evaluate(batch)


class Selectivity:
    """Fractions of rows that stay undecided after the first columns, and that pass; for any number of
    threads.

    Args:
        other_bytes: of a row, in the predicate's columns that are not read first.
        rest_bytes: of a row, in the batch's columns that the predicate does not read.
    """

    def __init__(self, other_bytes: int, rest_bytes: int) -> None:
        self._other = other_bytes
        self._rest = rest_bytes
        self._lock = Lock()
        self._rows = self._undecided = self._tested = self._passed = 0

    def seen(self, rows: int, undecided: int) -> None:
        """Count rows whose first columns were looked at."""
        with self._lock:
            self._rows += rows
            self._undecided += undecided

    def passed(self, rows: int, passed: int) -> None:
        """Count rows that the whole predicate, or its first columns, settled."""
        with self._lock:
            self._tested += rows
            self._passed += passed

    @property
    def in_two(self) -> bool:
        """Whether the first columns should be read before the others."""
        with self._lock:
            undecided = (self._undecided + _PRIOR_ROWS / 2) / (self._rows + _PRIOR_ROWS)
            passed = (self._passed + _PRIOR_ROWS / 4) / (self._tested + _PRIOR_ROWS)
        return undecided * (self._other + self._rest) < self._other + passed * self._rest
