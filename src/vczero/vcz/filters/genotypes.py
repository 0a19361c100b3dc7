"""GT in expressions: keywords such as "het", genotypes such as "0|1", and regular expressions on either.

A test is a table: it is worked out once for each genotype that occurs, and looked up for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.kernels import compare as kernels
from vczero.vcz.filters.conditions import Mask, Rows, Verdict
from vczero.vcz.filters.regex import Automaton
from vczero.vcz.filters.texts import TextSymbol, fields_of

__all__ = ["GenotypeTest", "View", "as_keyword"]

View: TypeAlias = Literal["text", "zygosity", "alternate", "alleles"]
"""As what a genotype is seen: its text; het, hom or hap; ref, alt or mis; or r, a, rr, ra, aa or aA."""

_KEYWORDS: Final[dict[str, View]] = {
    **dict.fromkeys(("hom", "het", "hap"), "zygosity"),
    **dict.fromkeys(("mis", "ref", "alt"), "alternate"),
    **dict.fromkeys(("rr", "ra", "ar", "aa", "a", "r"), "alleles"),
}
_UNKNOWN: Final = 2


def as_keyword(text: str) -> tuple[View, str]:
    """How a constant asks for genotypes to be seen, and the constant in the spelling to compare with."""
    if text in ("aA", "Aa"):
        return "alleles", "aA"
    lower = text.lower()
    if lower not in _KEYWORDS:
        return "text", text
    return _KEYWORDS[lower], "ra" if lower == "ar" else lower


def see(call: Sequence[int], *, phased: bool, view: View) -> bytes:
    """A genotype as text.

    Args:
        call: alleles; -2 fills up calls of lower ploidy, any other negative number is missing.
        phased: whether alleles are joined by `|`.
        view: as what it is seen.
    """
    alleles = [allele for allele in call if allele != -2]
    if view == "text":
        return (b"|" if phased else b"/").join(b"%d" % a if a >= 0 else b"." for a in alleles) or b"."
    if not alleles or min(alleles) < 0:
        return b"mis" if view == "alternate" else b"."
    has_ref = 0 in alleles
    if view == "alternate":
        return b"ref" if set(alleles) == {0} else b"alt"
    is_het = any(a != b for a, b in pairwise(alleles))
    if view == "zygosity":
        return b"hap" if len(alleles) == 1 else b"het" if is_het else b"hom"
    if len(alleles) == 1:
        return b"r" if has_ref else b"a"
    if is_het:
        return b"ra" if has_ref else b"aA"
    return b"rr" if has_ref else b"aa"


@dataclass(frozen=True, slots=True, eq=False)
class GenotypeTest:
    """A comparison of GT with a constant.

    Attributes:
        symbol: `=`, `!=`, `~` or `!~`.
        view: as what genotypes are seen.
        constant: what they are compared with, in the view's spelling.
        automaton: the constant as a regular expression, for `~` and `!~`.
        phased: the field that says which calls are phased; None where the store has none, or where the view
            does not tell.
        used: bool, (samples,), or None for all: the samples that the subscript chose.
    """

    symbol: TextSymbol
    view: View
    constant: bytes
    automaton: Automaton | None
    phased: str | None
    used: Mask | None = None
    per_sample = True
    early = frozenset[str]()
    _tables: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict, init=False)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"call_genotype"} | ({self.phased} if self.phased else set()))

    def evaluate(self, rows: Rows) -> Verdict:
        genotypes = rows.array("call_genotype")
        phased = None if self.phased is None else rows.array(self.phased)
        if genotypes.dtype == np.int8 and genotypes.shape[2] == 2:
            return Verdict.of_samples(*self._pairs(genotypes, phased))
        flat = np.ascontiguousarray(genotypes).reshape(-1, genotypes.shape[2])
        if phased is not None:
            flat = np.column_stack([flat, phased.reshape(-1)])
        calls, inverse = np.unique(flat, axis=0, return_inverse=True)
        ploidy = genotypes.shape[2]
        outcomes = [
            self._passes(c[:ploidy], phased=len(c) > ploidy and bool(c[ploidy])) for c in calls.tolist()
        ]
        samples = np.array(outcomes, dtype=bool)[inverse.reshape(-1)].reshape(genotypes.shape[:2])
        return Verdict.of_samples(samples, self.used)

    def _pairs(
        self, genotypes: npt.NDArray[Any], phased: npt.NDArray[Any] | None
    ) -> tuple[Mask, Mask | None, npt.NDArray[np.int64]]:
        """The verdict's parts for diploid calls, by a table that grows with the alleles that occur."""
        table = self._tables.get("pairs")
        table = self._table(-2, 4) if table is None else table
        samples, counts, seen = kernels.look_up_pairs(genotypes, table, phased)
        if seen & _UNKNOWN:
            table = self._table(int(genotypes.min()), int(genotypes.max()))
            samples, counts, seen = kernels.look_up_pairs(genotypes, table, phased)
        return samples.view(np.bool_), self.used, counts

    def _table(self, least: int, most: int) -> npt.NDArray[np.uint8]:
        """The outcome of each diploid call with alleles from `least` to `most`, and from -2 to 4 anyway."""
        table = np.full(65536 * (2 if self.phased else 1), _UNKNOWN, dtype=np.uint8)
        alleles = range(min(least, -2), max(most, 4) + 1)
        for phased in (False, True) if self.phased else (False,):
            for a in alleles:
                for b in alleles:
                    outcome = self._passes((a, b), phased=phased)
                    table[(a & 255) + 256 * (b & 255) + 65536 * phased] = outcome
        self._tables["pairs"] = table
        return table

    def _passes(self, call: Sequence[int], *, phased: bool) -> bool:
        """Whether one genotype passes. A text of "." is missing to the comparison; "./." is not."""
        seen = see(call, phased=phased, view=self.view)
        if self.automaton is not None:
            if self.symbol == "!~":
                return seen == b"." or not _found(self.automaton, seen)
            return _found(self.automaton, seen)
        if not self.constant:
            return (seen == b".") == (self.symbol == "=")
        fields = fields_of(self.constant)
        return seen in fields if self.symbol == "=" else any(seen != text for text in fields)


def _found(automaton: Automaton, text: bytes) -> bool:
    """Whether the automaton finds its pattern in a text."""
    state = 1
    for byte in text:
        state = int(automaton.table[state, automaton.classes[byte]])
        if not state:
            break
    return bool(automaton.at_end[state])
