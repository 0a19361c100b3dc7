"""The commands. Each body is short: options to a reader, an encoder, and `write`.

What is slow to import is imported in the bodies, so that `--version` and `--help` are there at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

import click

import vczero
from vczero.cli.options import (
    READING,
    OutputType,
    exclude_calls,
    explain_option,
    output_option,
    reading_options,
    select,
    selection_options,
    store_argument,
)
from vczero.formats.output import ClosedPipeError, open_output
from vczero.cli.sites import SITE_OPTIONS, site_options, site_tests
from vczero.errors import ExpressionError, OptionError, VczeroError

if TYPE_CHECKING:
    from vczero.formats.encoder import Encoder, Sink
    from vczero.vcz.reader import VczReader

__all__ = ["cli", "main"]

_USAGE = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141
_SETTINGS = {"help_option_names": ["--help"], "max_content_width": 100}


@click.group(context_settings=_SETTINGS)
@click.version_option(vczero.__version__, message="vczero %(version)s")
def cli() -> None:
    """Read VCF Zarr stores: view them as VCF, print columns, ask what they hold.

    The commands and options follow bcftools.
    """


@cli.command()
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
@site_options
@selection_options
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


@cli.command()
@click.argument("paths", metavar="STORE...", nargs=-1, required=True)
@output_option
@click.option("-f", "--format", "query_format", metavar="FORMAT", help=r"Such as '%CHROM\t%POS[\t%GT]\n'.")
@click.option("-l", "--list-samples", is_flag=True, help="Print the samples' names.")
@click.option("-H", "--print-header", is_flag=True, help="A first line with the columns' names.")
@click.option("-u", "--allow-undef-tags", is_flag=True, help='Print "." for tags that the store lacks.')
@click.option("-N", "--disable-automatic-newline", is_flag=True, help="Add no line end to FORMAT.")
@explain_option
@selection_options
@reading_options
def query(
    paths: tuple[str, ...],
    output: str | None,
    query_format: str | None,
    list_samples: bool,
    print_header: bool,
    allow_undef_tags: bool,
    disable_automatic_newline: bool,
    explain: bool,
    **reading: Any,
) -> None:
    r"""Print columns in a FORMAT of your own.

    %CHROM, %POS, %ID, %REF, %ALT, %QUAL, %FILTER, %INFO/TAG and %TAG stand for a record's values; what is
    in brackets is printed for each sample, with %SAMPLE, %GT and the other FORMAT tags; \n is a line end.
    """
    if list_samples == (query_format is not None):
        raise OptionError("query needs either --format or --list-samples")
    from vczero.formats.text import QueryEncoder

    with open_output(output) as sink:
        for number, path in enumerate(paths):
            with opened(path, dict(reading)) as reader:
                if query_format is None:
                    put_lines(sink, (str(name) for name in reader.sample_ids))
                    continue
                encoder = QueryEncoder(
                    reader,
                    query_format,
                    allow_undefined=allow_undef_tags,
                    add_newline=not disable_automatic_newline,
                    print_header=print_header and number == 0,
                )
                if reading["exclude"] is not None:
                    exclude_calls(reader, reading["exclude"], encoder.columns)
                run(reader, encoder, sink, explain=explain)


@cli.command()
@store_argument
@output_option
@click.option("-n", "--nrecords", is_flag=True, help="Print the number of records.")
@click.option("-s", "--stats", is_flag=True, help="Print each contig's name, length and number of records.")
@click.option("-a", "--all", "all_contigs", is_flag=True, help="With --stats: also contigs without records.")
@reading_options
def index(
    path: str, output: str | None, nrecords: bool, stats: bool, all_contigs: bool, **reading: Any
) -> None:
    """Ask how many records a store has, in all and on each contig."""
    if nrecords == stats:
        raise OptionError("index needs either --nrecords or --stats")
    with opened(path, reading) as reader, open_output(output) as sink:
        if nrecords:
            put_lines(sink, [str(reader.num_variants)])
        else:
            put_lines(sink, contig_lines(reader, all_contigs=all_contigs))


def contig_lines(reader: VczReader, *, all_contigs: bool) -> Iterator[str]:
    """Name, length ("." if not known) and number of records of each contig, as `bcftools index -s`."""
    lengths = reader.contig_lengths
    counts = record_counts(reader)
    for number, name in enumerate(reader.contig_ids):
        if all_contigs or counts[number]:
            known = lengths is not None and lengths[number] > 0
            yield f"{name}\t{lengths[number] if known and lengths is not None else '.'}\t{counts[number]}"


def record_counts(reader: VczReader) -> list[int]:
    """The number of records on each contig: from `region_index` where there is one, else counted."""
    import numpy as np

    contigs = len(reader.contig_ids)
    table = reader.region_index
    if table is not None and int(table[:, 5].sum()) == reader.num_variants:
        counts = np.bincount(table[:, 1], weights=table[:, 5], minlength=contigs)
    else:
        counts = np.zeros(contigs, np.int64)
        for batch in reader.variant_chunks(["variant_contig"]):
            counts += np.bincount(batch["variant_contig"], minlength=contigs)
    return [int(count) for count in counts]


def compressed(encoder: Encoder, output_type: tuple[str, int | None], level: int | None) -> Encoder:
    """The encoder, within BGZF if the type of output says so."""
    kind, own_level = output_type
    if kind == "v":
        return encoder
    from vczero.formats.bgzf import BgzfEncoder

    level = own_level if own_level is not None else level
    return BgzfEncoder(encoder, level=-1 if level is None else level)


@contextmanager
def opened(
    path: str, reading: dict[str, Any], semantics: Literal["view", "query"] = "query"
) -> Iterator[VczReader]:
    """The store at `path`, with the selection that the options make, closed at the end."""
    from vczero.vcz.opening import open_vcz

    options = {name: reading.pop(name) for name in READING if reading[name] is not None}
    options["storage_options"] = dict(options["storage_options"])
    sites = {name: reading.pop(name) for name in SITE_OPTIONS if name in reading}
    selection = {name: value for name, value in reading.items() if name not in READING}
    with open_vcz(path, **options) as reader:
        if selection:
            has_subset = selection["samples"] is not None or selection["samples_file"] is not None
            tests, genotype_tests = site_tests(reader, sites, has_subset=has_subset) if sites else ([], [])
            select(reader, semantics=semantics, tests=tests, genotype_tests=genotype_tests, **selection)
        yield reader


def run(
    reader: VczReader, encoder: Encoder, sink: Sink, *, records: bool = True, explain: bool = False
) -> None:
    """Write what the encoder makes of the selected records (or of none), or explain what that would read."""
    from vczero.formats.encoder import write

    names = sorted(encoder.columns)
    if explain:
        put_lines(sink, [str(reader.explain(names))])
    elif not records:
        write(encoder, (), sink)
    else:
        with reader.map_chunks(encoder.encode, names, force_recompute=encoder.recomputed) as encoded:
            write(encoder, encoded, sink)


def put_lines(sink: Sink, lines: Iterable[str]) -> None:
    """Write lines of text."""
    from vczero.formats.encoder import write_all

    write_all(sink, "".join(f"{line}\n" for line in lines).encode())


def _version_lines() -> list[str]:
    """Header lines that say what made the output, as bcftools does."""
    import shlex
    import time

    command = shlex.join(sys.argv[1:])
    return [
        f"vczero_viewVersion={vczero.__version__}",
        f"vczero_viewCommand={command}; Date={time.strftime('%a %b %d %H:%M:%S %Y')}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0; 1 an error; 2 wrong usage; 130 Ctrl-C; 141 a closed pipe.

    An error is one line on standard error; a closed pipe is quiet.
    """
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: Sequence[str] | None) -> int:
    # NumPy's algebra, which is not used, would start a thread for each CPU: longer than reading a region.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "_VCZERO_COMPLETE" in os.environ:
        cli.main(prog_name="vczero")
    try:
        # What `cli.main` does beyond these lines is to report errors and interrupts in a way of its own.
        given = sys.argv[1:] if arguments is None else list(arguments)
        with cli.make_context("vczero", given) as context:
            cli.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        _complain(error.format_message())
        return _USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "vczero"
        _complain(f"vczero: error: {error.format_message().rstrip('.')} (see {command} --help)")
        return _USAGE
    except KeyboardInterrupt:
        _complain("vczero: error: interrupted")
        return _INTERRUPTED
    except (ClosedPipeError, BrokenPipeError):
        # What Python still holds for standard output has nowhere to go; without this it would say so at exit.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except VczeroError as error:
        _complain(f"vczero: error: {error}")
        if (
            isinstance(error, ExpressionError)
            and "\n" not in str(error)
            and error.text is not None
            and error.position is not None
        ):
            _complain(f"  {_visible(error.text)}\n  {' ' * len(_visible(error.text[: error.position]))}^")
        return _USAGE if isinstance(error, OptionError) else 1


def _visible(text: str) -> str:
    """Text on one line."""
    return text.replace("\n", r"\n").replace("\t", r"\t")


def _complain(message: str) -> None:
    """Write to standard error, which may be closed too."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)  # noqa: T201
