"""The options of `view` that change records, and the rewrites they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from vczero.vcz.reader import VczReader
    from vczero.vcz.schema import Rewrite

__all__ = ["rewrite_options", "rewrites_of"]

F = TypeVar("F", bound=Callable[..., Any])

# With these bcftools view counts alleles, and writes AC and AN into every record.
_COUNTING = (
    *("min_ac", "max_ac", "min_af", "max_af", "uncalled", "exclude_uncalled", "private", "exclude_private"),
    "trim_alt_alleles",
)


def rewrite_options(function: F) -> F:
    """What is changed in records."""
    decorators = [
        click.option(
            "-a", "--trim-alt-alleles", is_flag=True, help="Take out ALT alleles that no genotype has."
        ),
        click.option(
            "--fill-tags",
            metavar="LIST",
            help="Compute INFO tags (AN, AC, AF, HWE ..., or all), and write them.",
        ),
        click.option(
            "--delocalise", is_flag=True, help="Write fields of local alleles as fields of all alleles."
        ),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def rewrites_of(reader: VczReader, given: Mapping[str, Any], *, no_update: bool) -> list[Rewrite]:
    """The rewrites that the options of `view` ask for; none, mostly.

    Raises:
        OptionError: there is no such tag, or the store has no genotypes.
    """
    has_subset = given["samples"] is not None or given["samples_file"] is not None
    counts = any(given.get(name) not in (None, False) for name in _COUNTING)
    update_counts = counts and not no_update and not has_subset
    tags = None if given["fill_tags"] is None else given["fill_tags"].split(",")
    asked = tags is not None or given["trim_alt_alleles"] or given["delocalise"]
    if not asked and not update_counts and "call_LA" not in reader.field_names:
        return []
    from vczero.vcz.rewrites import rewrites

    return rewrites(
        reader,
        trim_alt_alleles=given["trim_alt_alleles"],
        fill_tags=tags or (),
        delocalise=given["delocalise"],
        update_counts=update_counts,
    )
