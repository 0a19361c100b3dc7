"""Help in sections: commands by purpose are the group's affair, options by theirs this one's."""

from __future__ import annotations

from collections.abc import Iterable

import click

__all__ = ["Command", "in_section"]

_DEFAULT, _OTHER = "Output", "Other"
_ORDER = (_DEFAULT, "Regions and samples", "Filters", "Reading the store", _OTHER)
_SECTION_OF = {"help": _OTHER}


def in_section(section: str, names: Iterable[str]) -> None:
    """Let help show the parameters of these names under a heading, whichever command has them."""
    _SECTION_OF.update(dict.fromkeys(names, section))


class Command(click.Command):
    """A command whose help shows its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each heading that has options."""
        records: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                name = "help" if "--help" in parameter.opts else parameter.name or ""
                records.setdefault(_SECTION_OF.get(name, _DEFAULT), []).append(record)
        for section in _ORDER:
            if section in records:
                with formatter.section(section):
                    formatter.write_dl(records[section])
