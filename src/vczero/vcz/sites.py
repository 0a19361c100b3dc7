"""Tests of sites that `bcftools view` has options for: alleles, types, ID, FILTER, counts, phase, genotypes.

Each test is a predicate, `AllOf` is several at once. The rules are those of bcftools 1.16, observed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import OptionError
from vczero.kernels.alleles import TYPE_BITS, variant_types
from vczero.strings import Strings
from vczero.vcz.assembly import take_places
from vczero.vcz.derived import allele_counts, occurrences, present_alleles, stored_counts
from vczero.vcz.schema import Batch, Metadata, Passed
from vczero.vcz.selectivity import FullPredicate

__all__ = [
    "AllOf",
    "AlleleLimits",
    "CountLimits",
    "Counted",
    "FilterNames",
    "GenotypeState",
    "Known",
    "OfSamples",
    "Private",
    "Types",
    "has_stored_counts",
]

Int64s: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Counted: TypeAlias = Literal["nref", "alt1", "minor", "major", "nonmajor"]
State: TypeAlias = Literal["hom", "het", "miss", "called", "phased"]

_TYPE_NAMES: Final = {
    "snps": "snp", "indels": "indel", "mnps": "mnp", "other": "other", "bnd": "bnd", "overlap": "overlap",
}  # fmt: skip
_REF_BIT: Final = 1 << 7


@dataclass(frozen=True, slots=True)
class AllOf(FullPredicate):
    """Sites that pass every one of the tests.

    Attributes:
        tests: in the order in which they are made.
        sees_selected: whether all of them are content to see the samples selected.
    """

    tests: tuple[FullPredicate, ...]
    sees_selected: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """What all tests need."""
        return frozenset[str]().union(*(test.columns for test in self.tests))

    def evaluate(self, batch: Batch) -> Mask | Passed:
        """bool, (variants,); with samples where a test judges them."""
        passed = np.ones(batch.num_variants, np.bool_)
        samples = None
        for test in self.tests:
            found: Any = test.evaluate(batch)
            if isinstance(found, np.ndarray):
                passed &= found
                continue
            passed &= found.sites
            if found.samples is not None:
                samples = found.samples if samples is None else samples & found.samples
        return passed if samples is None else Passed(passed, samples)

    def by_call(self) -> AllOf:
        """The same with exclusions that drop samples one by one."""
        return replace(self, tests=tuple(test.by_call() for test in self.tests))


@dataclass(frozen=True, slots=True)
class AlleleLimits(FullPredicate):
    """-m, -M: sites with so many alleles, REF counted."""

    least: int | None = None
    most: int | None = None
    columns: frozenset[str] = frozenset({"variant_allele"})

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        number = _num_alleles(batch)
        passed = np.ones(len(number), np.bool_)
        if self.least is not None:
            passed &= number >= self.least
        if self.most is not None:
            passed &= number <= self.most
        return passed


@dataclass(frozen=True, slots=True)
class Known(FullPredicate):
    """-k, -n: sites with an ID, or without."""

    known: bool
    stored: bool

    @property
    def columns(self) -> frozenset[str]:
        """ID, where the store has it."""
        return frozenset({"variant_id"} if self.stored else ())

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        if not self.stored:
            return np.full(batch.num_variants, not self.known)
        names = Strings.of(batch.columns["variant_id"])
        lengths = names.lengths
        places = np.minimum(names.offsets[:-1], max(0, len(names.data) - 1))
        first = names.data[places] if len(names.data) else np.zeros(len(lengths), np.uint8)
        absent = (lengths == 0) | ((lengths == 1) & (first == ord(".")))
        return np.asarray(~absent if self.known else absent, np.bool_)


@dataclass(frozen=True, slots=True)
class FilterNames(FullPredicate):
    """-f: sites with one of the filters; "." for sites without any.

    Attributes:
        names: the filters asked for.
        known: `filter_id` of the store.
    """

    names: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def columns(self) -> frozenset[str]:
        """FILTER, where the store has filters."""
        return frozenset({"variant_filter"} if self.known else ())

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        none = np.full(batch.num_variants, "." in self.names)
        if not self.known:
            return none
        flags = np.asarray(batch.columns["variant_filter"], np.bool_)
        wanted = [place for place, name in enumerate(self.known) if name in self.names]
        return np.asarray(np.where(flags.any(axis=1), flags[:, wanted].any(axis=1), none), np.bool_)


@dataclass(frozen=True, slots=True)
class Types(FullPredicate):
    """-v, -V: sites with an ALT allele of one of the types, or without.

    Raises:
        OptionError: there is no such type.
    """

    names: tuple[str, ...]
    exclude: bool
    columns: frozenset[str] = frozenset({"variant_allele"})

    def __post_init__(self) -> None:
        unknown = set(self.names) - _TYPE_NAMES.keys() - {"ref"}
        if unknown:
            known = ", ".join([*_TYPE_NAMES, "ref"])
            raise OptionError(f"{', '.join(sorted(unknown))}: not a type of variant; there are {known}")

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        alleles = Strings.of(batch.columns["variant_allele"])
        bits = variant_types(alleles.data, alleles.offsets, alleles.size // max(1, len(alleles)))
        bits = np.where(bits == 0, _REF_BIT, bits)
        wanted = sum(_REF_BIT if name == "ref" else TYPE_BITS[_TYPE_NAMES[name]] for name in set(self.names))
        found = np.asarray((bits & wanted) != 0, np.bool_)
        return ~found if self.exclude else found


@dataclass(frozen=True, slots=True)
class CountLimits(FullPredicate):
    """-c, -C, -q, -Q: limits on how often an allele occurs, as a number or as a share of the alleles called.

    AC and AN are taken as stored where a record has both and all samples are selected, else counted. A share
    is compared with a float32 (so that 5 of 50 is less than 0.1); there is none where no allele is called.

    Attributes:
        limit: the number or share.
        counted: which allele: all that are not REF, the first ALT, the rarest, the most frequent, or all but
            the most frequent.
        largest: whether it is the largest allowed, not the smallest.
        share: whether it is a share.
        stored: whether stored AC and AN may be used.
    """

    limit: float
    counted: Counted
    largest: bool
    share: bool
    stored: bool

    @property
    def columns(self) -> frozenset[str]:
        """Genotypes and alleles, and AC and AN if they may be used."""
        return _counted(stored=self.stored)

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        counts = _counts(batch, stored=self.stored)
        total = counts.sum(axis=1)
        present = np.arange(counts.shape[1]) < _num_alleles(batch)[:, None]
        if self.counted == "nref":
            value = counts[:, 1:].sum(axis=1)
        elif self.counted == "alt1":
            value = counts[:, 1] if counts.shape[1] > 1 else np.zeros_like(total)
        elif self.counted == "minor":
            value = np.where(present, counts, np.iinfo(counts.dtype).max).min(axis=1)
        else:
            major = counts.max(axis=1)
            value = major if self.counted == "major" else total - major
        if not self.share:
            return np.asarray(value <= self.limit if self.largest else value >= self.limit)
        share, limit = value / np.maximum(total, 1), float(np.float32(self.limit))
        return np.asarray((share <= limit if self.largest else share >= limit) & (total > 0))


@dataclass(frozen=True, slots=True)
class GenotypeState(FullPredicate):
    """-g, -u, -U, -p, -P: sites by what their genotypes are.

    Attributes:
        state: "hom", "het", "miss": a sample is; "called": a sample has an allele; "phased": all are, and
            lack no allele but the first.
        exclude: the sites of which it is not so.
        has_phase: whether the store tells phase; if not, only haploid genotypes are phased.
    """

    state: State
    exclude: bool = False
    has_phase: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """Genotypes, and their phase if it is asked for."""
        phased = self.state == "phased" and self.has_phase
        return frozenset({"call_genotype", "call_genotype_phased"} if phased else {"call_genotype"})

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        calls = np.asarray(batch.columns["call_genotype"])
        found = self._found(calls, batch)
        return ~found if self.exclude else found

    def _found(self, calls: npt.NDArray[Any], batch: Batch) -> Mask:
        if self.state == "called":
            return np.asarray((calls >= 0).any(axis=(1, 2)))
        fill, missing = calls == -2, calls == -1
        if self.state == "phased":
            haploid = fill[:, :, 1:].all(axis=2)
            phased = batch.columns.get("call_genotype_phased")
            whole = ~missing[:, :, 1:].any(axis=2)
            flags = haploid if phased is None else haploid | (np.asarray(phased, np.bool_) & whole)
            return np.asarray(flags.all(axis=1))
        absent = missing.any(axis=2)
        if self.state == "miss":
            return np.asarray(absent.any(axis=1))
        different = ((calls != calls[:, :, :1]) & ~fill).any(axis=2) & ~absent
        if self.state == "het":
            return np.asarray(different.any(axis=1))
        return np.asarray((~different & ~absent).any(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class OfSamples(FullPredicate):
    """A test of genotypes that sees some of the samples.

    Attributes:
        test: reads no computed column.
        places: int64, (samples,): where the samples are among those of the batch.
    """

    test: FullPredicate
    places: Int64s

    @property
    def columns(self) -> frozenset[str]:
        """The test's."""
        return self.test.columns

    def evaluate(self, batch: Batch) -> Mask | Passed:
        """What the test makes of those samples."""
        return self.test.evaluate(_of_samples(batch, self.places, self.columns))


@dataclass(frozen=True, slots=True, eq=False)
class Private(FullPredicate):
    """-x, -X: sites where some samples have ALT alleles and the others have none.

    Attributes:
        places: int64, (samples,): where the samples are among those of the batch.
        exclude: the sites of which it is not so.
        stored: whether stored AC and AN may tell what all samples have.
    """

    places: Int64s
    exclude: bool
    stored: bool

    @property
    def columns(self) -> frozenset[str]:
        """Genotypes and alleles, and AC and AN if they may be used."""
        return _counted(stored=self.stored)

    def evaluate(self, batch: Batch) -> Mask:
        """bool, (variants,)."""
        total = _counts(batch, stored=self.stored)[:, 1:].sum(axis=1)
        of_these = _counts(_of_samples(batch, self.places, self.columns), stored=False)[:, 1:].sum(axis=1)
        found = np.asarray((of_these > 0) & (of_these == total), np.bool_)
        return ~found if self.exclude else found


def has_stored_counts(metadata: Metadata) -> bool:
    """Whether a store has AC and AN."""
    return metadata.has_field("variant_AC") and metadata.has_field("variant_AN")


def _of_samples(batch: Batch, places: Int64s, names: Iterable[str]) -> Batch:
    """The columns named, those of calls with some of the samples, in the order of `places`."""
    columns = {name: batch.columns[name] for name in names}
    calls = {name: take_places(columns[name], places) for name in columns if name.startswith("call_")}
    return Batch(columns | calls, batch.variant_index)


def _num_alleles(batch: Batch) -> npt.NDArray[np.int64]:
    """int64, (variants,): alleles of each variant, REF counted."""
    return np.asarray(present_alleles(batch.columns["variant_allele"]).sum(axis=1), np.int64)


def _counted(*, stored: bool) -> frozenset[str]:
    """What `_counts` reads."""
    wanted = {"call_genotype", "variant_allele"}
    return frozenset(wanted | {"variant_AC", "variant_AN"} if stored else wanted)


def _counts(batch: Batch, *, stored: bool) -> npt.NDArray[np.int64]:
    """int64, (variants, alleles): by AC and AN where they may be used and are believed; else counted."""
    alleles = batch.columns["variant_allele"]
    counts = occurrences(allele_counts(batch.columns["call_genotype"], alleles.shape[1]))
    if not stored:
        return counts
    alternate, number, believed = stored_counts(batch.columns, present_alleles(alleles))
    known = np.maximum(alternate[believed], 0).astype(np.int64)
    counts[believed, 1 : known.shape[1] + 1] = known
    counts[believed, 0] = number[believed] - known.sum(axis=1)
    return counts
