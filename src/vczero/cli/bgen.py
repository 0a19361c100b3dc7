"""`vczero view-bgen`: a store as BGEN."""

from __future__ import annotations

from typing import Any

import click

from vczero.cli.options import explain_option, reading_options, selection_options, store_argument
from vczero.cli.running import opened, put_lines
from vczero.cli.sites import site_options
from vczero.errors import OptionError
from vczero.formats.output import open_output

__all__ = ["view_bgen"]

_STRING_BYTES = 64


@click.command("view-bgen")
@store_argument
@click.option(
    "-o", "--output", metavar="STEM", help="Write STEM.bgen, STEM.bgen.bgi and STEM.sample, all or none."
)
@click.option(
    "--field", type=click.Choice(["GT", "GP", "DS"]), default="GT", help="Of what probabilities are."
)
@click.option("--compression", type=click.Choice(["zlib", "zstd", "none"]), default="zlib", help="Of blocks.")
@click.option(
    "--compression-level",
    type=click.IntRange(-1, 22),
    metavar="INT",
    help="zlib: -1 to 9 [1]; 0 makes what BgenEncoder reads. zstd: 1 to 22 [3].",
)
@click.option("--unphased", is_flag=True, help="Pass over phase.")
@click.option("--no-bgi", is_flag=True, help="No STEM.bgen.bgi, bgenix's index.")
@click.option("--no-sample-file", is_flag=True, help="No STEM.sample.")
@click.option("--no-header-samples", is_flag=True, help="No names of samples in the .bgen file.")
@click.option(
    "--variant-id-field",
    type=click.Choice(["rsid", "varid"]),
    default="rsid",
    help='Which of BGEN\'s two names the ID is; the other is ".".',
)
@click.option(
    "--fixed-variant-size", is_flag=True, help="Variants of one size: two alleles, one ploidy, level 0."
)
@click.option(
    "--total-string-length",
    type=int,
    metavar="INT",
    help=f"With --fixed-variant-size: bytes of a variant's names and alleles [{_STRING_BYTES}].",
)
@click.option("--pad-byte", metavar="CHAR", help="With --fixed-variant-size: fills names up [.].")
@explain_option
@site_options
@selection_options
@reading_options
def view_bgen(
    path: str,
    output: str | None,
    no_bgi: bool,
    no_sample_file: bool,
    explain: bool,
    **options: Any,
) -> None:
    """Print a store as BGEN 1.2, or with -o write it beside its index and the samples' names.

    Probabilities have 8 bits and come from calls, or with --field from GP or DS. A variant is phased if all
    its calls are. Variants come in the store's order.
    """
    from vczero.formats.bgen import BgenOptions, BgenVariants
    from vczero.formats.bgenwriting import Files, write_files

    fixed = options.pop("fixed_variant_size")
    length, pad = options.pop("total_string_length"), options.pop("pad_byte")
    if not fixed and (length is not None or pad is not None):
        raise OptionError("--total-string-length and --pad-byte go with --fixed-variant-size")
    chosen = BgenOptions(
        field=options.pop("field"),
        compression=options.pop("compression"),
        level=options.pop("compression_level"),
        unphased=options.pop("unphased"),
        header_samples=not options.pop("no_header_samples"),
        variant_id_field=options.pop("variant_id_field"),
        string_bytes=(_STRING_BYTES if length is None else length) if fixed else None,
        pad_byte=b"." if pad is None else pad.encode(),
    )
    with opened(path, options, "view") as reader:
        if explain:
            columns = sorted(BgenVariants(reader, 0, chosen).columns)
            with open_output(None) as sink:
                put_lines(sink, [str(reader.explain(columns))])
            return
        from vczero.cli.progress import shown

        with open_output(None) as sink:
            files = Files(
                sink if output is None else f"{output}.bgen",
                None if output is None or no_bgi else f"{output}.bgen.bgi",
                None if output is None or no_sample_file else f"{output}.sample",
            )
            write_files(reader, files, chosen, shown)
