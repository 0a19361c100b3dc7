"""The options of `view` that test sites, and the filter they come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vczero.cli.sections import in_section
from vczero.errors import OptionError

if TYPE_CHECKING:
    from vczero.vcz.plan import Semantics
    from vczero.vcz.predicates import Filter
    from vczero.vcz.reader import VczReader
    from vczero.vcz.sitefilter import SiteFilter

__all__ = ["FILTERS", "set_filter", "site_options"]

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
    "private": ("-x", "--private", "Sites where only the samples selected have ALT alleles."),
    "exclude_private": ("-X", "--exclude-private", "Sites where it is not so."),
}
FILTERS = ("include", "exclude", *_VALUES, *_FLAGS)
in_section("Filters", FILTERS)
_INTEGERS = ("min_alleles", "max_alleles")
# Flags that say yes or no to the same question: the name that it has in `SiteFilter`.
_PAIRS = {
    "known": ("known", "novel"),
    "uncalled": ("uncalled", "exclude_uncalled"),
    "phased": ("phased", "exclude_phased"),
    "private": ("private", "exclude_private"),
}


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


def set_filter(reader: VczReader, given: dict[str, Any], semantics: Semantics) -> None:
    """Set the filter that -i, -e and `site_options` make on a reader whose samples are selected.

    Raises:
        OptionError: a value makes no sense, or two options exclude each other.
        ExpressionError: the expression cannot be understood, or names what the store lacks.
    """
    options = {name: value for name, value in given.items() if value not in (None, False)}
    for one, other in (("include", "exclude"), ("types", "exclude_types"), *_PAIRS.values()):
        if one in options and other in options:
            raise OptionError(f"{_spelled(one)} and {_spelled(other)} exclude each other")
    chosen: Filter | SiteFilter | None = None
    if options.keys() <= {"include", "exclude"}:
        if options:
            from vczero.vcz.predicates import Filter

            chosen = Filter(**options)
    else:
        from vczero.vcz.sitefilter import SiteFilter

        for name, pair in _PAIRS.items():
            said = [
                answer for answer, flag in zip((True, False), pair, strict=True) if options.pop(flag, None)
            ]
            if said:
                options[name] = said[0]
        if "private" in options and reader.selection.samples is None:
            raise OptionError("--private and --exclude-private need --samples: private to whom?")
        try:
            chosen = SiteFilter(**options)
        except OptionError as error:
            name, _, problem = str(error).partition(":")
            raise OptionError(f"{_spelled(name)}:{problem}" if name in FILTERS else str(error)) from None
    reader.set_variant_filter(chosen, semantics=semantics)


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"
