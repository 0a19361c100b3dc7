"""`vczero view-plink`: a store as PLINK files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vczero.cli.options import explain_option, reading_options, selection_options, store_argument
from vczero.cli.running import opened, put_lines
from vczero.cli.sites import site_options
from vczero.errors import OptionError
from vczero.formats.output import open_output

if TYPE_CHECKING:
    from vczero.formats.pgen import PgenEncoder
    from vczero.vcz.reader import VczReader

__all__ = ["view_plink"]


@click.command(name="view-plink")
@store_argument
@click.option("-o", "--output", metavar="STEM", required=True, help="Write STEM.bed, STEM.bim and STEM.fam.")
@click.option("--no-bim", is_flag=True, help="No file of variants.")
@click.option("--no-fam", is_flag=True, help="No file of samples.")
@click.option(
    "--allow-extra-chr", is_flag=True, help="Contigs other than 0-22, X, Y, XY, MT, PAR1, PAR2, by name."
)
@click.option("--pgen", is_flag=True, help="STEM.pgen, STEM.pvar and STEM.psam of PLINK 2, by pgenlib.")
@explain_option
@site_options
@selection_options
@reading_options
def view_plink(
    path: str,
    output: str,
    no_bim: bool,
    no_fam: bool,
    allow_extra_chr: bool,
    pgen: bool,
    explain: bool,
    **reading: Any,
) -> None:
    """Write a store as PLINK files, as `plink2 --make-bed` does: A1 is ALT.

    Records of more than two alleles are an error; -M 2 leaves them out. Files of PLINK 2 (--pgen) hold
    them, and phase.
    """
    if pgen and (no_bim or no_fam):
        raise OptionError("--pgen writes all three of its files: --no-bim and --no-fam are about others")
    from vczero.cli.progress import shown
    from vczero.formats.plinkfiles import plink_encoders, write_plink

    with opened(path, reading, "view") as reader:
        if explain:
            encoder = _pgen(reader) if pgen else plink_encoders(reader, bim=not no_bim)
            with open_output(None) as sink:
                put_lines(sink, [str(reader.explain(sorted(encoder.columns)))])
        elif pgen:
            from vczero.formats.pgen import write_pgen

            write_pgen(reader, output, allow_extra_chr=allow_extra_chr, watch=shown)
        else:
            write_plink(
                reader, output, bim=not no_bim, fam=not no_fam, allow_extra_chr=allow_extra_chr, watch=shown
            )


def _pgen(reader: VczReader) -> PgenEncoder:
    from vczero.formats.pgen import PgenEncoder

    return PgenEncoder(reader)
