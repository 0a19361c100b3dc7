"""`SiteFilter`: the tests of sites of `bcftools view` under the names of its options, as a frozen value.

Bound to a reader it is a predicate. The order of the tests is of no account, as all have to pass; what counts
is whom they see (bcftools 1.16 observed): an expression the stored record with all its samples, tests of
genotypes the samples selected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from vczero.errors import OptionError
from vczero.vcz import sites
from vczero.vcz.selectivity import FullPredicate
from vczero.vcz.sites import Counted

if TYPE_CHECKING:
    from vczero.vcz.plan import Semantics
    from vczero.vcz.selector import Selector

__all__ = ["SiteFilter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFilter:
    """Tests of sites, all of which have to pass: `SiteFilter(types="snps", min_ac="2:minor")`.

        vczero.open("cohort.vcz", samples="^NA00001", variant_filter=SiteFilter(known=True), semantics="view")

    With semantics "view", `include` and `exclude` see the stored record with all its samples, the tests of
    genotypes those selected (as `bcftools view`); else both see those selected.

    Attributes:
        include, exclude: an expression (see `Filter`); at most one of them.
        min_alleles, max_alleles: limits on the number of alleles, REF counted.
        types, exclude_types: types of which an ALT allele has to be, or must not be: a list, or text with
            commas: snps, indels, mnps, bnd, overlap, other, ref.
        apply_filters: filters of which a site has to have one; "." stands for none.
        known: whether there has to be an ID, or not to be.
        genotype: "hom", "het", "miss": what one sample at least has to be; "^hom": what none may be.
        min_ac, max_ac, min_af, max_af: limits on how often an allele occurs, as a number or as a share: 2, or
            "2:minor" with one of nref (the default), alt1, minor, major, nonmajor.
        uncalled: whether there must be no called genotype, or has to be one.
        phased: whether all samples have to be phased, or one not to be.
        private: whether no other than the selected samples, but one of these, has an ALT allele; or it is not
            so. Needs selected samples and the semantics "view".

    Raises:
        OptionError: a value makes no sense; when bound: two options exclude each other, or the store lacks
            what is tested.
    """

    include: str | None = None
    exclude: str | None = None
    min_alleles: int | None = None
    max_alleles: int | None = None
    types: str | Sequence[str] | None = None
    exclude_types: str | Sequence[str] | None = None
    apply_filters: str | Sequence[str] | None = None
    known: bool | None = None
    genotype: str | None = None
    min_ac: float | str | None = None
    max_ac: float | str | None = None
    min_af: float | str | None = None
    max_af: float | str | None = None
    uncalled: bool | None = None
    phased: bool | None = None
    private: bool | None = None

    def __post_init__(self) -> None:
        for one, other in (("include", "exclude"), ("types", "exclude_types")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise OptionError(f"{one} and {other} exclude each other")
        if self.genotype is not None and self.genotype.removeprefix("^") not in ("hom", "het", "miss"):
            raise OptionError(f"genotype: {self.genotype!r} is not one of hom, het, miss")
        for name in ("types", "exclude_types"):
            if getattr(self, name) is not None:
                self._types(name)
        for name in _LIMITS:
            if getattr(self, name) is not None:
                self._limit(name, stored=False)

    def bind_to(self, reader: Selector, semantics: Semantics) -> FullPredicate | None:
        """The predicate that this is on a reader, with the samples that are selected; None: all pass.

        Raises:
            OptionError: the store has no genotypes to test, or `private` has nothing to compare.
            ExpressionError: names what the store lacks.
        """
        tests, genotype_tests = self._of_sites(reader), self._of_genotypes(reader)
        if (genotype_tests or self.private is not None) and not reader.has_field("call_genotype"):
            raise OptionError("the store has no genotypes to test")
        expression = self._expression(reader, semantics)
        subset = reader.selection.samples is not None
        if self.private is not None and not (subset and semantics == "view"):
            raise OptionError('private is about selected samples: select some, with semantics "view"')
        sees_selected = self.private is None and _without_samples(reader, expression)
        if subset and semantics == "view" and not sees_selected:
            places = np.searchsorted(reader.real_samples, reader.sample_indexes)
            genotype_tests = [sites.OfSamples(test, places) for test in genotype_tests]
            if self.private is not None:
                stored = sites.has_stored_counts(reader)
                genotype_tests.append(sites.Private(places, exclude=not self.private, stored=stored))
        found = [*tests, *([] if expression is None else [expression]), *genotype_tests]
        if len(found) == 1 and not (genotype_tests and sees_selected):
            return found[0]
        return sites.AllOf(tuple(found), sees_selected=sees_selected) if found else None

    def _expression(self, reader: Selector, semantics: Semantics) -> FullPredicate | None:
        if self.include is None and self.exclude is None:
            return None
        from vczero.vcz.predicates import Filter

        return Filter(self.include, exclude=self.exclude).bind_to(reader, semantics)

    def _of_sites(self, reader: Selector) -> list[FullPredicate]:
        tests: list[FullPredicate] = []
        if self.min_alleles is not None or self.max_alleles is not None:
            tests.append(sites.AlleleLimits(self.min_alleles, self.max_alleles))
        if self.known is not None:
            tests.append(sites.Known(self.known, stored=reader.has_field("variant_id")))
        if self.apply_filters is not None:
            known = tuple(map(str, reader.filter_ids)) if reader.has_field("variant_filter") else ()
            tests.append(sites.FilterNames(_listed(self.apply_filters), known))
        names = ("types", "exclude_types")
        return tests + [self._types(name) for name in names if getattr(self, name) is not None]

    def _of_genotypes(self, reader: Selector) -> list[FullPredicate]:
        stored = reader.selection.samples is None and sites.has_stored_counts(reader)
        limits = [name for name in _LIMITS if getattr(self, name) is not None]
        tests: list[FullPredicate] = [self._limit(name, stored=stored) for name in limits]
        if self.genotype is not None:
            state: Any = self.genotype.removeprefix("^")
            tests.append(sites.GenotypeState(state, exclude=self.genotype.startswith("^")))
        if self.uncalled is not None:
            tests.append(sites.GenotypeState("called", exclude=self.uncalled))
        if self.phased is not None:
            has_phase = reader.has_field("call_genotype_phased")
            tests.append(sites.GenotypeState("phased", exclude=not self.phased, has_phase=has_phase))
        return tests

    def _types(self, name: str) -> sites.Types:
        try:
            return sites.Types(_listed(getattr(self, name)), exclude=name == "exclude_types")
        except OptionError as error:
            raise OptionError(f"{name}: {error}") from None

    def _limit(self, name: str, *, stored: bool) -> sites.CountLimits:
        value = getattr(self, name)
        number, _, counted = str(value).partition(":")
        counted = counted or "nref"
        if counted not in get_args(Counted):
            raise OptionError(f"{name}: {counted!r} is not one of {', '.join(get_args(Counted))}")
        try:
            limit = float(number)
        except ValueError:
            raise OptionError(f"{name}: {number!r} is not a number") from None
        largest, share = name.startswith("max"), name.endswith("af")
        return sites.CountLimits(limit, counted, largest=largest, share=share, stored=stored)  # type: ignore[arg-type]


_LIMITS = ("min_ac", "max_ac", "min_af", "max_af")


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    """Names in a list, or in text with commas."""
    return tuple(names.split(",") if isinstance(names, str) else names)


def _without_samples(reader: Selector, expression: FullPredicate | None) -> bool:
    """Whether an expression reads no more than stored columns without samples, whomever it sees."""
    columns = () if expression is None else expression.columns
    return all(
        reader.has_field(name) and not reader.get_field_info(name).has_samples_axis for name in columns
    )
