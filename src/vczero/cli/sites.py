"""The options of `view` that test sites, and the predicates they come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vczero.errors import OptionError

if TYPE_CHECKING:
    from vczero.vcz.reader import VczReader
    from vczero.vcz.schema import Predicate

__all__ = ["SITE_OPTIONS", "site_options", "site_tests"]

F = TypeVar("F", bound=Callable[..., Any])

_LIMIT = "[:nref|alt1|minor|major|nonmajor]"
_VALUES = {
    "min_alleles": ("-m", "--min-alleles", "INT", "Sites with at least so many alleles, REF counted."),
    "max_alleles": ("-M", "--max-alleles", "INT", "Sites with at most so many alleles."),
    "types": ("-v", "--types", "LIST", "Sites with an ALT of snps, indels, mnps, bnd, overlap, other, ref."),
    "exclude_types": ("-V", "--exclude-types", "LIST", "Sites without ALT alleles of these types."),
    "apply_filters": ("-f", "--apply-filters", "LIST", 'Sites with one of these filters; "." is none.'),
    "genotype": ("-g", "--genotype", "[^]hom|het|miss", "Sites with such a genotype, or with ^ without."),
    "min_ac": ("-c", "--min-ac", f"INT{_LIMIT}", "Sites with at least so many such alleles."),
    "max_ac": ("-C", "--max-ac", f"INT{_LIMIT}", "Sites with at most so many such alleles."),
    "min_af": ("-q", "--min-af", f"FLOAT{_LIMIT}", "Sites with at least such a share of these alleles."),
    "max_af": ("-Q", "--max-af", f"FLOAT{_LIMIT}", "Sites with at most such a share of these alleles."),
}  # fmt: skip
_FLAGS = {
    "known": ("-k", "--known", "Sites with an ID."),
    "novel": ("-n", "--novel", "Sites without an ID."),
    "uncalled": ("-u", "--uncalled", "Sites without a called genotype."),
    "exclude_uncalled": ("-U", "--exclude-uncalled", "Sites with a called genotype."),
    "phased": ("-p", "--phased", "Sites where all samples are phased."),
    "exclude_phased": ("-P", "--exclude-phased", "Sites where a sample is not phased."),
}
SITE_OPTIONS = (*_VALUES, *_FLAGS)
_EXCLUSIVE = (("known", "novel"), ("uncalled", "exclude_uncalled"), ("phased", "exclude_phased"))
_INTEGERS = ("min_alleles", "max_alleles")


_GENOTYPES = ("genotype", "min_ac", "max_ac", "min_af", "max_af", "uncalled", "exclude_uncalled", "phased")


def site_options(function: F) -> F:
    """Tests of sites."""
    decorators = [
        click.option(short, long, metavar=meta, help=text, type=int if name in _INTEGERS else str)
        for name, (short, long, meta, text) in _VALUES.items()
    ]
    decorators += [
        click.option(short, long, is_flag=True, help=text) for short, long, text in _FLAGS.values()
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def site_tests(
    reader: VczReader, given: dict[str, Any], *, has_subset: bool
) -> tuple[list[Predicate], list[Predicate]]:
    """The tests that the options make: of stored records, and of the genotypes of the samples selected.

    Raises:
        OptionError: a value makes no sense, or two options exclude each other.
    """
    options = {name: given.get(name) for name in SITE_OPTIONS}
    if not any(value not in (None, False) for value in options.values()):
        return [], []
    for one, other in _EXCLUSIVE:
        if options[one] and options[other]:
            raise OptionError(f"{_FLAGS[one][1]} and {_FLAGS[other][1]} exclude each other")
    if any(options[name] for name in _GENOTYPES) and not reader.has_field("call_genotype"):
        raise OptionError("the store has no genotypes to test")
    return _of_sites(reader, options), _of_genotypes(reader, options, has_subset=has_subset)


def _of_sites(reader: VczReader, options: dict[str, Any]) -> list[Predicate]:
    from vczero.vcz import sites

    tests: list[Predicate] = []
    if options["min_alleles"] is not None or options["max_alleles"] is not None:
        tests.append(sites.AlleleLimits(options["min_alleles"], options["max_alleles"]))
    if options["known"] or options["novel"]:
        tests.append(sites.Known(options["known"], stored=reader.has_field("variant_id")))
    if options["apply_filters"] is not None:
        known = tuple(map(str, reader.filter_ids)) if reader.has_field("variant_filter") else ()
        tests.append(sites.FilterNames(tuple(options["apply_filters"].split(",")), known))
    for name in ("types", "exclude_types"):
        if options[name] is not None:
            names = tuple(options[name].split(","))
            tests.append(sites.Types(names, exclude=name == "exclude_types"))
    return tests


def _of_genotypes(reader: VczReader, options: dict[str, Any], *, has_subset: bool) -> list[Predicate]:
    from vczero.vcz import sites

    stored = not has_subset and sites.stored_counts(reader)
    tests: list[Predicate] = [
        _limit(name, options[name], stored)
        for name in ("min_ac", "max_ac", "min_af", "max_af")
        if options[name] is not None
    ]
    if options["genotype"] is not None:
        state = options["genotype"].removeprefix("^")
        if state not in ("hom", "het", "miss"):
            raise OptionError(f"--genotype {options['genotype']!r} is not one of hom, het, miss")
        tests.append(sites.GenotypeState(state, exclude=options["genotype"].startswith("^")))
    if options["uncalled"] or options["exclude_uncalled"]:
        tests.append(sites.GenotypeState("called", exclude=options["uncalled"]))
    if options["phased"] or options["exclude_phased"]:
        has_phase = reader.has_field("call_genotype_phased")
        tests.append(sites.GenotypeState("phased", exclude=options["exclude_phased"], has_phase=has_phase))
    return tests


def _limit(name: str, text: str, stored: bool) -> Predicate:
    from vczero.vcz.sites import CountLimits

    number, _, counted = text.partition(":")
    try:
        limit = float(number)
    except ValueError:
        raise OptionError(f"{_VALUES[name][1]} {text!r}: {number!r} is not a number") from None
    return CountLimits(
        limit,
        counted or "nref",  # type: ignore[arg-type]  # checked there
        largest=name.startswith("max"),
        share=name.endswith("af"),
        stored=stored,
    )
