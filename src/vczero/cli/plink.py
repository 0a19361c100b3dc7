"""`vczero view-plink`: a store as PLINK files."""

from __future__ import annotations

from typing import Any

import click

from vczero.cli.options import explain_option, reading_options, selection_options, store_argument
from vczero.cli.running import opened, put_lines
from vczero.cli.sites import site_options
from vczero.formats.output import open_output

__all__ = ["view_plink"]


@click.command(name="view-plink")
@store_argument
@click.option(
    "-o", "--output", "stem", metavar="STEM", required=True, help="Write STEM.bed, STEM.bim and STEM.fam."
)
@click.option("--no-bim", is_flag=True, help="No file of variants.")
@click.option("--no-fam", is_flag=True, help="No file of samples.")
@click.option(
    "--allow-extra-chr", is_flag=True, help="Contigs other than 0-22, X, Y, XY, MT, PAR1, PAR2, by name."
)
@explain_option
@site_options
@selection_options
@reading_options
def view_plink(
    path: str,
    stem: str,
    no_bim: bool,
    no_fam: bool,
    allow_extra_chr: bool,
    explain: bool,
    **reading: Any,
) -> None:
    """Write a store as PLINK files, as `plink2 --make-bed` does: A1 is ALT.

    Records of more than two alleles are an error; -M 2 leaves them out.
    """
    from vczero.formats.plinkfiles import plink_encoders, write_plink

    with opened(path, reading, "view") as reader:
        if explain:
            together = plink_encoders(reader, bim=not no_bim, allow_extra_chr=allow_extra_chr)
            with open_output(None) as sink:
                put_lines(sink, [str(reader.explain(sorted(together.columns)))])
            return
        write_plink(reader, stem, bim=not no_bim, fam=not no_fam, allow_extra_chr=allow_extra_chr)
