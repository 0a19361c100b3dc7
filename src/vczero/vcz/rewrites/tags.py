"""`--fill-tags`: INFO fields that are computed, as `bcftools +fill-tags` 1.16 computes them.

What it does, observed: an allele is counted once in a genotype of several distinct alleles, twice in one of a
single allele called more than once, once where the rest is missing or there is none ("hemizygous"); AN is
the sum. HWE and ExcHet take heterozygous genotypes, and homozygous ones of REF and of the allele itself, not
of other ALTs. Without an ALT allele only NS, AN, F_MISSING, TYPE and END are there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import OptionError
from vczero.kernels.alleles import TYPE_BITS, variant_types
from vczero.kernels.genotypes import hardy_weinberg, tally
from vczero.strings import Strings
from vczero.vcz.derived import (
    ALLELE,
    COUNTS,
    GENOTYPE,
    counted_calls,
    missing_calls,
    occurrences,
    present_alleles,
)
from vczero.vcz.rewrites.metadata import Altered, info_field
from vczero.vcz.schema import Batch, Column, Metadata
from vczero.vcz.values import FLOAT_FILL, FLOAT_MISSING, INT_FILL

__all__ = ["ALL_TAGS", "FillTags"]

Int64s: TypeAlias = npt.NDArray[np.int64]
Need: TypeAlias = Literal["counts", "genotypes", "phases", "alleles", "span"]

_TABLE: Final[tuple[tuple[str, Need, Any, Any, str], ...]] = (
    ("AN", "counts", "1", "Integer", "Total number of alleles in called genotypes"),
    ("AC", "counts", "A", "Integer", "Allele count in genotypes"),
    ("NS", "counts", "1", "Integer", "Number of samples with data"),
    ("AC_Hom", "genotypes", "A", "Integer", "Allele counts in homozygous genotypes"),
    ("AC_Het", "genotypes", "A", "Integer", "Allele counts in heterozygous genotypes"),
    ("AC_Hemi", "genotypes", "A", "Integer", "Allele counts in hemizygous genotypes"),
    ("AF", "counts", "A", "Float", "Allele frequency"),
    ("MAF", "counts", "1", "Float", "Frequency of the second most common allele"),
    ("HWE", "genotypes", "A", "Float", "HWE test (PMID:15789306); 1=good, 0=bad"),
    ("ExcHet", "genotypes", "A", "Float", "Test excess heterozygosity; 1=good, 0=bad"),
    ("F_MISSING", "phases", "1", "Float", "Fraction of missing genotypes"),
    ("TYPE", "alleles", ".", "String", "Variant type"),
    ("END", "span", "1", "Integer", "End position of the variant"),
)
_NEEDS: Final = {tag: need for tag, need, *_ in _TABLE}
# `all` leaves out what bcftools 1.16 leaves out.
ALL_TAGS: Final = tuple(tag for tag in _NEEDS if tag not in ("F_MISSING", "TYPE", "END"))
_OF_GENOTYPES: Final = frozenset({"counts", "genotypes", "phases"})
_DIPLOID: Final = 2
_PHASED: Final = "call_genotype_phased"


class FillTags:
    """The rewrite; `metadata` as of the rewrite before, or of the reader.

    Args:
        metadata: says which fields there are.
        tags: names from the table above, or "all"; `INFO/` may stand before them.

    Raises:
        OptionError: there is no such tag, or the store has no genotypes to compute it from.
    """

    def __init__(self, metadata: Metadata, tags: Sequence[str]) -> None:
        names = [tag.removeprefix("INFO/") for tag in tags]
        unknown = [tag for tag in names if tag not in _NEEDS and tag != "all"]
        if unknown:
            known = ", ".join(["all", *_NEEDS])
            raise OptionError(f"--fill-tags: {', '.join(map(repr, unknown))}: not one of {known}")
        wanted = {*names, *(ALL_TAGS if "all" in names else ())}
        self._tags = [tag for tag in _NEEDS if tag in wanted]
        lacking = [tag for tag in self._tags if _NEEDS[tag] in _OF_GENOTYPES]
        if lacking and not metadata.has_field(GENOTYPE):
            raise OptionError(f"--fill-tags: the store has no genotypes to compute {', '.join(lacking)} from")
        ploidy = metadata.get_field_info(GENOTYPE).shape[2:] if lacking else ()
        self._by_kind = any(_NEEDS[tag] in ("genotypes", "phases") for tag in self._tags) or ploidy > (
            _DIPLOID,
        )
        self._made = {f"variant_{tag}": tag for tag in self._tags}
        self._length = "variant_length" if metadata.has_field("variant_length") else ALLELE
        self._has_phase = metadata.has_field(_PHASED)
        fields = [
            info_field(metadata, tag, number, vcf_type, text)
            for tag, _, number, vcf_type, text in _TABLE
            if tag in self._tags
        ]
        self.metadata: Metadata = Altered(metadata, fields)

    def reads(self, columns: frozenset[str]) -> frozenset[str]:
        """The columns that are not made, and what those that are made need."""
        needs = {_NEEDS[self._made[name]] for name in columns & self._made.keys()}
        read = columns - self._made.keys()
        if needs & _OF_GENOTYPES:
            read |= {ALLELE, GENOTYPE if self._by_kind else COUNTS}
        if "phases" in needs and self._has_phase:
            read |= {_PHASED}
        if "alleles" in needs:
            read |= {ALLELE}
        if "span" in needs:
            read |= {"variant_position", self._length}
        return read

    def apply(self, batch: Batch) -> Batch:
        """The batch with the tags."""
        columns = dict(batch.columns)
        counted = _Counted(dict(columns), by_kind=self._by_kind)
        for name, tag in self._made.items():
            if self.reads(frozenset({name})) <= batch.columns.keys():
                columns[name] = _MAKERS[tag](counted)
        return Batch(columns, batch.variant_index, batch.sample_mask)


@dataclass(eq=False)
class _Counted:
    """What tags are computed from; each worked out once, when it is first asked for."""

    columns: dict[str, Column]
    by_kind: bool

    @cached_property
    def present(self) -> npt.NDArray[np.bool_]:
        """bool, (variants, alleles)."""
        return present_alleles(self.columns[ALLELE])

    @cached_property
    def has_alt(self) -> npt.NDArray[np.bool_]:
        """bool, (variants,)."""
        return np.asarray(self.present[:, 1:].any(axis=1))

    @cached_property
    def calls(self) -> npt.NDArray[Any]:
        """(variants, samples, ploidy)."""
        calls = self.columns[GENOTYPE]
        assert isinstance(calls, np.ndarray)
        return calls if calls.ndim == 3 else calls[:, :, None]

    @cached_property
    def tallies(self) -> tuple[Int64s, Int64s]:
        """What `kernels.genotypes.tally` gives."""
        kinds, called = tally(self.calls, self.present.shape[1])
        return np.where(self.present[:, :, None], kinds, 0).astype(np.int64), called.astype(np.int64)

    @cached_property
    def counts(self) -> Int64s:
        """int64, (variants, alleles)."""
        if self.by_kind:
            return np.asarray(self.tallies[0].sum(axis=2))
        return np.where(self.present, occurrences(self.columns[COUNTS]), 0)

    @cached_property
    def called(self) -> Int64s:
        """int64, (variants,): genotypes that have an allele."""
        if self.by_kind:
            return self.tallies[1]
        _, empty, samples = counted_calls(self.columns[COUNTS])
        return np.asarray(samples - empty, np.int64)

    @cached_property
    def total(self) -> Int64s:
        """int64, (variants,)."""
        return np.asarray(self.counts.sum(axis=1))

    @cached_property
    def tests(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """HWE and ExcHet of each ALT; NaN where copies are not in pairs (as only beyond diploids)."""
        homs, hets = self.tallies[0][:, :, 0], self.tallies[0][:, :, 1]
        width = hets.shape[1] - 1
        others = homs[:, :1] + hets.sum(axis=1, keepdims=True) - hets[:, 1:]
        reference, alternate = others.reshape(-1), (homs + hets)[:, 1:].reshape(-1)
        odd = (reference + alternate) % 2 == 1
        equilibrium, excess = hardy_weinberg(np.where(odd, 0, reference), alternate, hets[:, 1:].reshape(-1))
        equilibrium[odd] = excess[odd] = np.nan
        return equilibrium.reshape(-1, width), excess.reshape(-1, width)

    def per_alt(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
        """Integers of each ALT, with fill beyond."""
        return np.where(self.present[:, 1:], values, INT_FILL).astype(np.int32)

    def floats_per_alt(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Floats of each ALT, NaN as missing, with fill beyond."""
        floats = _floats(values)
        floats.view(np.uint32)[~self.present[:, 1:]] = FLOAT_FILL.view(np.uint32)
        return floats

    def share(self, part: Int64s, whole: Int64s) -> npt.NDArray[np.float64]:
        """NaN of nothing."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(part / np.where(whole == 0, np.nan, whole))


def _floats(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """float32, NaN as missing."""
    floats = np.ascontiguousarray(values, np.float32)
    floats.view(np.uint32)[np.isnan(values)] = FLOAT_MISSING.view(np.uint32)
    return floats


def _frequency(counted: _Counted) -> Column:
    return counted.floats_per_alt(counted.share(counted.counts[:, 1:], counted.total[:, None]))


def _minor_frequency(counted: _Counted) -> Column:
    counts = counted.counts
    second = np.sort(counts, axis=1)[:, -2] if counts.shape[1] > 1 else np.zeros(len(counts), np.int64)
    share = counted.share(second, counted.total)
    return _floats(np.where(counted.has_alt, share, np.nan))


def _fraction_missing(counted: _Counted) -> Column:
    """As bcftools 1.16 has it, which overlooks a missing allele that is phased and not the first."""
    missing = missing_calls(counted.calls, counted.columns.get(_PHASED))
    return np.asarray(missing.sum(axis=1) / max(1, missing.shape[1]), np.float32)


def _type(counted: _Counted) -> Column:
    texts = Strings.of(counted.columns[ALLELE])
    bits = variant_types(texts.data, texts.offsets, texts.size // max(1, len(texts)))
    names = [
        ",".join(name.upper() for name, bit in TYPE_BITS.items() if combination & bit) or "REF"
        for combination in range(2 * max(TYPE_BITS.values()))
    ]
    return Strings.from_values(names).take(bits.astype(np.int64))


def _end(counted: _Counted) -> Column:
    position = np.asarray(counted.columns["variant_position"], np.int64)
    length = counted.columns.get("variant_length")
    if isinstance(length, np.ndarray):
        return (position + length - 1).astype(np.int32)
    lengths = Strings.of(counted.columns[ALLELE]).lengths
    return (position + np.maximum(lengths[:, 0], 1) - 1).astype(np.int32)


_MAKERS: Final[dict[str, Callable[[_Counted], Column]]] = {
    "AN": lambda counted: counted.total.astype(np.int32),
    "AC": lambda counted: counted.per_alt(counted.counts[:, 1:]),
    "NS": lambda counted: counted.called.astype(np.int32),
    "AC_Hom": lambda counted: counted.per_alt(counted.tallies[0][:, 1:, 0]),
    "AC_Het": lambda counted: counted.per_alt(counted.tallies[0][:, 1:, 1]),
    "AC_Hemi": lambda counted: counted.per_alt(counted.tallies[0][:, 1:, 2]),
    "AF": _frequency,
    "MAF": _minor_frequency,
    "HWE": lambda counted: counted.floats_per_alt(counted.tests[0]),
    "ExcHet": lambda counted: counted.floats_per_alt(counted.tests[1]),
    "F_MISSING": _fraction_missing,
    "TYPE": _type,
    "END": _end,
}
