"""`vczero query`: columns in a format of the user's."""

from __future__ import annotations

from typing import Any

import click

from vczero.cli.options import (
    FILE,
    explain_option,
    output_option,
    reading_options,
    selection_options,
)
from vczero.cli.running import opened, put_lines, run
from vczero.cli.sections import Command
from vczero.errors import OptionError
from vczero.formats.output import open_output

__all__ = ["query"]


@click.command(cls=Command)
@click.argument("paths", metavar="STORE...", nargs=-1, type=FILE)
@output_option
@click.option("-f", "--format", "query_format", metavar="FORMAT", help=r"Such as '%CHROM\t%POS[\t%GT]\n'.")
@click.option("-v", "--vcf-list", type=FILE, metavar="FILE", help="The stores that FILE names, one a line.")
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
    vcf_list: str | None,
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
    if bool(paths) == (vcf_list is not None):
        raise OptionError("name the stores, or a file that lists them with --vcf-list")
    from vczero.formats.text import QueryEncoder

    with open_output(output) as sink:
        for number, path in enumerate(paths or listed(vcf_list)):
            with opened(path, reading) as reader:
                if query_format is None:
                    # In the store's order, whatever the order asked for (bcftools 1.16 observed).
                    put_lines(sink, (reader.sample_names[place] for place in sorted(reader.sample_indexes)))
                    continue
                encoder = QueryEncoder(
                    reader,
                    query_format,
                    allow_undefined=allow_undef_tags,
                    add_newline=not disable_automatic_newline,
                    print_header=print_header and number == 0,
                )
                run(reader, encoder, sink, explain=explain, exclude_calls=encoder.prints_calls)


def listed(path: str | None) -> list[str]:
    """The lines of a file that names stores.

    Raises:
        OptionError: it cannot be read.
    """
    assert path is not None
    try:
        with open(path, encoding="utf-8") as file:
            return [name for line in file if (name := line.strip())]
    except OSError as error:
        raise OptionError(f"--vcf-list: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise OptionError(f"--vcf-list: {path} is not text") from None
