"""Numbers computed on the fly: N_ALT, ILEN, N_SAMPLES, N_MISSING, F_MISSING, AC, AN, AF, MAC, MAF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.vcz.derived import COUNTS, missing_calls, occurrences
from vczero.vcz.filters.conditions import Rows
from vczero.vcz.filters.numeric import NOTHING, Numbers, as_floats
from vczero.vcz.filters.subscripts import Elements
from vczero.vcz.filters.texts import text_lengths

__all__ = ["AlleleLengths", "Alleles", "CountedAlleles", "MissingGenotypes", "SampleCount"]


@dataclass(frozen=True, slots=True)
class SampleCount:
    """N_SAMPLES: the number of samples that are looked at."""

    columns = early = NOTHING
    per_sample = False

    def evaluate(self, rows: Rows) -> Numbers:
        return Numbers.of_sites(np.full(1, rows.num_samples))


@dataclass(frozen=True, slots=True)
class _OfAlleles:
    columns = early = frozenset({"variant_allele"})
    per_sample = False


@dataclass(frozen=True, slots=True)
class Alleles(_OfAlleles):
    """N_ALT: the number of ALT alleles."""

    def evaluate(self, rows: Rows) -> Numbers:
        return Numbers.of_sites((text_lengths(rows, "variant_allele")[:, 1:] > 0).sum(axis=1))


@dataclass(frozen=True, slots=True)
class AlleleLengths(_OfAlleles):
    """ILEN: per ALT allele its length less that of REF; missing where they are equal. A symbolic allele's is
    that of its text."""

    def evaluate(self, rows: Rows) -> Numbers:
        lengths = text_lengths(rows, "variant_allele")
        data = lengths[:, 1:] - lengths[:, :1]
        counts = (lengths[:, 1:] > 0).sum(axis=1)
        missing = (data == 0) | (np.arange(data.shape[1]) >= counts[:, None])
        return Numbers(data.astype(np.float64), missing, counts)


@dataclass(frozen=True, slots=True)
class MissingGenotypes:
    """N_MISSING, or where `fraction`, F_MISSING: samples with a missing allele in their genotype.

    As in bcftools 1.16, a missing allele behind a `|` does not count.
    """

    phased: str | None
    fraction: bool
    early = None
    per_sample = False

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"call_genotype"} | ({self.phased} if self.phased else set()))

    def evaluate(self, rows: Rows) -> Numbers:
        phased = None if self.phased is None else rows.array(self.phased)
        result = np.count_nonzero(missing_calls(rows.array("call_genotype"), phased), axis=1)
        return Numbers.of_sites(result / max(rows.num_samples, 1) if self.fraction else result)


Variable: TypeAlias = Literal["AC", "AN", "AF", "MAC", "MAF"]


@dataclass(frozen=True, slots=True)
class CountedAlleles:
    """AC, AN, AF, MAC or MAF, per ALT allele (AN: one number).

    Where the record has INFO/AC and INFO/AN they are believed, else genotypes are counted.

    Attributes:
        variable: which of them.
        elements: the subscript.
        counted: what to count: genotypes, or the reader's counts of them; None where the store has neither.
        stored: whether the store has INFO/AC and INFO/AN.
    """

    variable: Variable
    elements: Elements
    counted: str | None
    stored: bool
    per_sample = False

    @property
    def columns(self) -> frozenset[str]:
        fields = {"variant_allele"} | ({self.counted} if self.counted else set())
        return frozenset(fields | ({"variant_AC", "variant_AN"} if self.stored else set()))

    @property
    def early(self) -> frozenset[str] | None:
        return frozenset({"variant_AC", "variant_AN", "variant_allele"}) if self.stored else None

    def evaluate(self, rows: Rows) -> Numbers:
        alts = (text_lengths(rows, "variant_allele")[:, 1:] > 0).sum(axis=1)
        counts, total = self._counts(rows, int(alts.max(initial=0)))
        if self.variable == "AN":
            return Numbers.of_sites(total)
        if self.elements.single:
            position = self.elements.ranges[0][0]
            inside = position < alts
            index = (np.arange(len(counts)), np.where(inside, position, 0))
            data = (
                np.where(inside, counts[index], 0.0)[:, None]
                if counts.shape[1]
                else np.zeros((len(counts), 1))
            )
            lengths = np.ones(len(counts), dtype=np.int64)
        else:
            data = counts if counts.shape[1] else np.zeros((len(counts), 1))
            lengths = np.maximum(alts, 1)
        return self._derive(data, lengths, total)

    def _derive(
        self, data: npt.NDArray[Any], lengths: npt.NDArray[np.int64], total: npt.NDArray[Any]
    ) -> Numbers:
        """The variable from the counts of ALT alleles and the total."""
        lengths = np.where(total == 0, 0, lengths)
        whole = total[:, None].astype(np.float64)
        with np.errstate(all="ignore"):
            if self.variable == "MAC":
                data = np.where(data > whole * 0.5, whole - data, data)
            elif self.variable != "AC":
                data = data / whole
                if self.variable == "MAF":
                    data = np.where(data > 0.5, 1 - data, data)
        missing = np.arange(data.shape[1]) >= lengths[:, None]
        return Numbers(data, missing, lengths)

    def _counts(self, rows: Rows, alts: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Counts per ALT allele, (variants, alts), and of all alleles, (variants,)."""
        counts = np.zeros((len(rows), alts))
        total = np.zeros(len(rows))
        wanted = np.ones(len(rows), dtype=bool)
        if self.stored:
            ac = rows.array("variant_AC").reshape(len(rows), -1)[:, :alts]
            an = rows.array("variant_AN").reshape(-1)
            wanted = (an < 0) | (ac < 0).all(axis=1)
            total = np.where(wanted, 0.0, as_floats(an))
            counts[:, : ac.shape[1]] = np.where(wanted[:, None] | (ac < 0), 0.0, as_floats(ac))
        if not wanted.any() or self.counted is None:
            return counts, total
        if self.counted not in rows.columns:
            assert rows.undecided is not None
            rows.undecided[wanted] = True
            return counts, total
        occurrences = self._occurrences(rows, alts)
        total[wanted] = occurrences.sum(axis=1)[wanted]
        counts[wanted] = occurrences[wanted, 1 : alts + 1]
        return counts, total

    def _occurrences(self, rows: Rows, alts: int) -> npt.NDArray[np.int64]:
        """int64, (variants, alleles): how often each allele occurs."""
        assert self.counted is not None
        counted = rows.array(self.counted)
        if self.counted == COUNTS:
            return occurrences(counted)
        flat = counted.reshape(len(counted), -1)
        alleles = range(max(alts, int(flat.max(initial=0))) + 1)
        return np.stack([np.count_nonzero(flat == allele, axis=1) for allele in alleles], axis=1)
