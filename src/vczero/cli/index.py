"""`vczero index`: how many records a store has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from vczero.cli.options import explain_option, output_option, reading_options, store_argument
from vczero.cli.running import opened, put_lines
from vczero.cli.sections import Command
from vczero.errors import OptionError
from vczero.formats.output import open_output

if TYPE_CHECKING:
    import numpy.typing as npt

    from vczero.vcz.reader import VczReader

__all__ = ["contig_lines", "index"]


@click.command(cls=Command)
@store_argument
@output_option
@click.option("-n", "--nrecords", is_flag=True, help="Print the number of records.")
@click.option("-s", "--stats", is_flag=True, help="Print each contig's name, length and number of records.")
@click.option("-a", "--all", "all_contigs", is_flag=True, help="With --stats: also contigs without records.")
@explain_option
@reading_options
def index(
    path: str,
    output: str | None,
    nrecords: bool,
    stats: bool,
    all_contigs: bool,
    explain: bool,
    **reading: Any,
) -> None:
    """Ask how many records a store has, in all and on each contig."""
    if nrecords == stats:
        raise OptionError("index needs either --nrecords or --stats")
    with opened(path, reading) as reader, open_output(output) as sink:
        if explain:
            put_lines(sink, [explained(reader, stats=stats)])
        elif nrecords:
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


def explained(reader: VczReader, *, stats: bool) -> str:
    """What an answer is read from."""
    if not stats:
        return "metadata: nothing is scanned"
    if _whole_index(reader) is not None:
        return "metadata and region_index: nothing is scanned"
    return str(reader.explain(["variant_contig"]))


def _whole_index(reader: VczReader) -> npt.NDArray[Any] | None:
    """`region_index`, where there is one and it counts every record."""
    table = reader.region_index
    return table if table is not None and int(table[:, 5].sum()) == reader.num_variants else None


def record_counts(reader: VczReader) -> list[int]:
    """The number of records on each contig: from `region_index` where there is one, else counted."""
    import numpy as np

    contigs = len(reader.contig_ids)
    table = _whole_index(reader)
    if table is not None:
        counts = np.bincount(table[:, 1], weights=table[:, 5], minlength=contigs)
    else:
        counts = np.zeros(contigs, np.int64)
        for batch in reader.variant_chunks(["variant_contig"]):
            counts += np.bincount(batch["variant_contig"], minlength=contigs)
    return [int(count) for count in counts]
