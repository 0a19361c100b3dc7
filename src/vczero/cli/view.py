"""`vczero view`: a store as VCF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import vczero
from vczero.cli.logs import shown_command
from vczero.cli.options import (
    OutputType,
    explain_option,
    output_option,
    reading_options,
    selection_options,
    store_argument,
)
from vczero.cli.running import opened, run
from vczero.cli.sections import Command
from vczero.cli.sites import site_options
from vczero.errors import OptionError
from vczero.formats.output import open_output

if TYPE_CHECKING:
    from vczero.formats.encoder import Encoder

__all__ = ["view"]


@click.command(cls=Command)
@store_argument
@click.argument("region", metavar="[REGION]...", nargs=-1)
@output_option
@click.option(
    "-O",
    "--output-type",
    type=OutputType(),
    default="v",
    metavar="v|z[0-9]",
    help="VCF as text (v) or in BGZF (z, z1 to z9).",
)
@click.option("-l", "--compression-level", type=click.IntRange(0, 9), metavar="INT", help="Of -O z.")
@click.option("-h", "--header-only", is_flag=True, help="Only the header.")
@click.option("-H", "--no-header", is_flag=True, help="No header.")
@click.option("-G", "--drop-genotypes", is_flag=True, help="No FORMAT and sample columns.")
@click.option("-I", "--no-update", is_flag=True, help="Keep the stored AC and AN of a subset of samples.")
@click.option("--no-version", is_flag=True, help="No version and command in the header.")
@explain_option
@selection_options
@site_options
@reading_options
def view(
    path: str,
    region: tuple[str, ...],
    output: str | None,
    output_type: tuple[str, int | None],
    compression_level: int | None,
    header_only: bool,
    no_header: bool,
    drop_genotypes: bool,
    no_update: bool,
    no_version: bool,
    explain: bool,
    **reading: Any,
) -> None:
    """Print a store as VCF; with REGIONs, the records that overlap them."""
    if header_only and no_header:
        raise OptionError("--header-only and --no-header exclude each other")
    if region and reading["regions"] is not None:
        raise OptionError("name regions after the store or with --regions, not both")
    if region:
        reading["regions"] = ",".join(region)
    from vczero.formats.vcf import VcfEncoder

    has_subset = reading["samples"] is not None or reading["samples_file"] is not None
    with opened(path, reading, "view") as reader:
        encoder: Encoder = VcfEncoder(
            reader,
            genotypes=not drop_genotypes,
            header=not no_header,
            recount=has_subset and not no_update,
            extra=() if no_version else _version_lines(),
        )
        encoder = compressed(encoder, output_type, compression_level)
        with open_output(output) as sink:
            run(reader, encoder, sink, records=not header_only, explain=explain)


def compressed(encoder: Encoder, output_type: tuple[str, int | None], level: int | None) -> Encoder:
    """The encoder, within BGZF if the type of output says so."""
    kind, own_level = output_type
    if kind == "v":
        return encoder
    from vczero.formats.bgzf import BgzfEncoder

    level = own_level if own_level is not None else level
    return BgzfEncoder(encoder, level=-1 if level is None else level)


def _version_lines() -> list[str]:
    """Header lines that say what made the output, as bcftools does; secrets hidden."""
    import time

    command = shown_command(click.get_current_context().meta["vczero.arguments"])
    return [
        f"vczero_viewVersion={vczero.__version__}",
        f"vczero_viewCommand={command}; Date={time.strftime('%a %b %d %H:%M:%S %Y')}",
    ]
