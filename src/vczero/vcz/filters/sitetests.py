"""Tests of FILTER, TYPE, and of ID against a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from vczero.kernels import match as kernels
from vczero.kernels.alleles import variant_types
from vczero.strings import Strings
from vczero.vcz.filters.conditions import Mask, Rows, Verdict, every
from vczero.vcz.filters.texts import Identifier, TextSymbol

__all__ = ["FilterTest", "ListedIdentifier", "TypeTest"]


@dataclass(frozen=True, slots=True)
class FilterTest:
    """FILTER as a set: `=` the same filters, `~` all of these and perhaps others.

    Attributes:
        symbol: `=`, `!=`, `~` or `!~`.
        wanted: positions in `filter_id`; None for a filter that the store does not have.
        stored: whether the store has filters; if not, each record's set is empty.
    """

    symbol: TextSymbol
    wanted: tuple[int | None, ...]
    stored: bool
    per_sample: ClassVar[bool] = False

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"variant_filter"} if self.stored else ())

    @property
    def early(self) -> frozenset[str]:
        return self.columns

    def evaluate(self, rows: Rows) -> Verdict:
        filters = rows.array("variant_filter") if self.stored else np.zeros((len(rows), 0), dtype=bool)
        counts = filters.sum(axis=1)
        passed: Mask
        if not self.stored or None in self.wanted:
            passed = np.zeros(len(rows), dtype=bool)
        else:
            passed = every(filters[:, [position for position in self.wanted if position is not None]], axis=1)
        if not self.wanted:
            passed = counts == 0
        elif self.symbol in ("=", "!="):
            passed &= counts == len(self.wanted)
        return Verdict(~passed if self.symbol in ("!=", "!~") else passed)


@dataclass(frozen=True, slots=True)
class TypeTest:
    """TYPE: `=` all ALT alleles are of a type, `~` one is. `bit` is that of `kernels.alleles`; 0 is "ref"."""

    symbol: TextSymbol
    bit: int
    columns: ClassVar[frozenset[str]] = frozenset({"variant_allele"})
    early: ClassVar[frozenset[str]] = columns
    per_sample: ClassVar[bool] = False

    def evaluate(self, rows: Rows) -> Verdict:
        text = Strings.of(rows.columns["variant_allele"][rows.start : rows.stop])
        types = variant_types(text.data, text.offsets, text.shape[1])
        some = self.symbol in ("~", "!~") and self.bit > 0
        passed = (types & self.bit) > 0 if some else types == self.bit
        return Verdict(~passed if self.symbol in ("!=", "!~") else passed)


@dataclass(frozen=True, slots=True, eq=False)
class ListedIdentifier:
    """`ID=@file`: whether a record's ID is one of many, found by hash and then compared.

    Attributes:
        symbol: `=` or `!=`.
        identifier: the column.
        listed: the IDs, no two the same, ordered by `hashes`.
        hashes: uint64, (listed,), ascending.
    """

    symbol: TextSymbol
    identifier: Identifier
    listed: Strings
    hashes: npt.NDArray[np.uint64]
    per_sample: ClassVar[bool] = False

    @classmethod
    def of(cls, symbol: TextSymbol, identifier: Identifier, names: list[str]) -> ListedIdentifier:
        """The test for a list of IDs, in any order, perhaps repeated."""
        listed = Strings.from_values(list(dict.fromkeys(names)))
        hashes = kernels.hash_values(listed.data, listed.offsets[:-1], listed.offsets[1:])
        order = np.argsort(hashes, kind="stable")
        return cls(symbol, identifier, listed.take(order), hashes[order])

    @property
    def columns(self) -> frozenset[str]:
        return self.identifier.columns

    @property
    def early(self) -> frozenset[str]:
        return self.columns

    def evaluate(self, rows: Rows) -> Verdict:
        texts = self.identifier.evaluate(rows)
        starts, ends = texts.starts[:, 0], texts.ends[:, 0]
        hashes = kernels.hash_values(texts.data, starts, ends)
        passed = np.zeros(len(rows), dtype=bool)
        place = np.searchsorted(self.hashes, hashes)
        # Most IDs are settled by the first look; the loop goes on for values whose hashes are the same.
        pending = np.flatnonzero(place < len(self.hashes))
        while len(pending := pending[self.hashes[place[pending]] == hashes[pending]]):
            other = place[pending]
            passed[pending] = self._same(texts.data, starts[pending], ends[pending], other)
            pending = pending[~passed[pending]]
            place[pending] += 1
            pending = pending[place[pending] < len(self.hashes)]
        return Verdict(~passed if self.symbol == "!=" else passed)

    def _same(
        self,
        data: npt.NDArray[np.uint8],
        starts: kernels.Places,
        ends: kernels.Places,
        other: npt.NDArray[np.intp],
    ) -> npt.NDArray[np.bool_]:
        """Whether texts are those listed at `other`."""
        offsets = self.listed.offsets
        bits = kernels.match_pairs(
            data,
            starts,
            ends,
            kernels.Fields.WHOLE,
            self.listed.data,
            offsets[:-1][other],
            offsets[1:][other],
        )
        result: npt.NDArray[np.bool_] = (bits & kernels.EQUAL) > 0
        return result
