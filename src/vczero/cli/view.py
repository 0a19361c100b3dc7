"""`vczero view`: a store as VCF."""

from __future__ import annotations

import re
from typing import Any

import click

import vczero
from vczero.cli.logs import shown_command
from vczero.cli.options import (
    explain_option,
    output_option,
    reading_options,
    selection_options,
    store_argument,
)
from vczero.cli.rewriting import rewrite_options, rewrites_of
from vczero.cli.running import opened, run
from vczero.cli.sections import Command
from vczero.cli.sites import site_options
from vczero.errors import OptionError
from vczero.formats.output import open_output
from vczero.formats.outputtype import OutputType, record_encoder

__all__ = ["view"]


class _View(Command):
    """Takes the value of --write-index with "=" only, since a store may come next."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As `Command`, with an empty value for --write-index where none is given."""
        whole = (re.sub("^(-W|--write-index)(=|$)", "--write-index=", argument) for argument in args)
        return super().parse_args(ctx, list(whole))


class OutputTypeOption(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """v, z, u or b; z and b with a compression level: z1."""

    name = "v|z|u|b[0-9]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> OutputType:
        """The type."""
        if isinstance(value, OutputType):
            return value
        try:
            return OutputType.parse(str(value))
        except OptionError as error:
            self.fail(str(error), param, ctx)


@click.command(cls=_View)
@store_argument
@click.argument("region", metavar="[REGION]...", nargs=-1)
@output_option
@click.option(
    "-O",
    "--output-type",
    type=OutputTypeOption(),
    metavar="v|z|u|b[0-9]",
    help="VCF (v), in BGZF (z, z0 to z9), BCF (u), BCF in BGZF (b, b0 to b9) [default: by FILE, or v].",
)
@click.option("-l", "--compression-level", type=click.IntRange(0, 9), metavar="INT", help="Of -O z and -O b.")
@click.option(
    "-W", "--write-index", metavar="[=csi|tbi]", help="Index FILE, in BGZF, when it is complete [csi]."
)
@click.option("-h", "--header-only", is_flag=True, help="Only the header.")
@click.option("-H", "--no-header", is_flag=True, help="No header.")
@click.option("--with-header", is_flag=True, help="Header and records, whatever -h and -H say.")
@click.option("-G", "--drop-genotypes", is_flag=True, help="No FORMAT and sample columns.")
@click.option("-I", "--no-update", is_flag=True, help="Keep the stored AC and AN of a subset of samples.")
@click.option("--no-version", is_flag=True, help="No version and command in the header.")
@explain_option
@selection_options
@site_options
@rewrite_options
@reading_options
def view(
    path: str,
    region: tuple[str, ...],
    output: str | None,
    output_type: OutputType | None,
    compression_level: int | None,
    write_index: str | None,
    header_only: bool,
    no_header: bool,
    with_header: bool,
    drop_genotypes: bool,
    no_update: bool,
    no_version: bool,
    explain: bool,
    **reading: Any,
) -> None:
    """Print a store as VCF; with REGIONs, the records that overlap them."""
    if with_header:
        header_only = no_header = False
    if header_only and no_header:
        raise OptionError("--header-only and --no-header exclude each other")
    if region and reading["regions"] is not None:
        raise OptionError("name regions after the store or with --regions, not both")
    if region:
        reading["regions"] = ",".join(region)
    from vczero.formats.rewriting import metadata_after, rewriting

    written = written_type(output_type, compression_level, output)
    companion = None
    if write_index is not None and not explain:
        from vczero.formats.indexing import index_of

        companion = index_of(output, written, write_index or "csi")
    has_subset = reading["samples"] is not None or reading["samples_file"] is not None
    with opened(path, reading, "view") as reader:
        rewrites = rewrites_of(reader, reading, no_update=no_update)
        encoder = record_encoder(
            metadata_after(reader, rewrites),
            written,
            genotypes=not drop_genotypes,
            header=not no_header,
            recount=has_subset and not no_update,
            extra=() if no_version else _version_lines(),
        )
        with open_output(output, companion) as sink:
            run(reader, rewriting(encoder, rewrites), sink, records=not header_only, explain=explain)


def written_type(given: OutputType | None, level: int | None, path: str | None) -> OutputType:
    """What -O says, else the output's name; -l is for types that are compressed."""
    written = OutputType.of_name(path) if given is None else given
    if level is None:
        return written
    if not written.is_compressed:
        raise OptionError(f"--compression-level is of -O z and -O b, not of -O {written.kind}")
    return written if written.level >= 0 else written._replace(level=level)


def _version_lines() -> list[str]:
    """Header lines that say what made the output, as bcftools does; secrets hidden."""
    import time

    command = shown_command(click.get_current_context().meta["vczero.arguments"])
    return [
        f"vczero_viewVersion={vczero.__version__}",
        f"vczero_viewCommand={command}; Date={time.strftime('%a %b %d %H:%M:%S %Y')}",
    ]
