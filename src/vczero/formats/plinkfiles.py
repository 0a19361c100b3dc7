"""`write_plink`, `write_bim`, `write_fam`: what `view-plink` writes, from Python."""

from __future__ import annotations

import os
from typing import Protocol

from vczero.formats.encoder import Together, write_all, write_together
from vczero.formats.output import Output, open_outputs, sinks_of
from vczero.formats.plink import BedEncoder, BimEncoder, fam_text
from vczero.formats.rowfile import RowSource
from vczero.formats.writing import Source, Watch, encoded, unwatched, write_selected

__all__ = ["PlinkSource", "plink_encoders", "write_bim", "write_fam", "write_plink"]


class PlinkSource(RowSource, Source, Protocol):
    """What is written: a `VczReader`, with the selection set on it."""


def plink_encoders(reader: PlinkSource, *, bim: bool = True, allow_extra_chr: bool = False) -> Together:
    """What makes the .bed, and the .bim if it is wanted, in one scan."""
    bed = BedEncoder(reader)
    return Together([bed, BimEncoder(reader, allow_extra_chr=allow_extra_chr)] if bim else [bed])


def write_plink(
    reader: PlinkSource,
    stem: str | os.PathLike[str],
    *,
    bim: bool = True,
    fam: bool = True,
    allow_extra_chr: bool = False,
    watch: Watch = unwatched,
) -> None:
    """Write the records and samples that a reader selects to `stem`.bed, .bim and .fam.

        with vczero.open("cohort.vcz", regions="chr20") as reader:
            vczero.write_plink(reader, "chr20")

    The files appear when all are complete; after an error, none does.

    Args:
        reader: its samples are the file's, in order.
        stem: the files' name without its extension.
        bim, fam: whether these are written.
        allow_extra_chr: whether contigs that plink2 does not know are written by their names, and no error.
        watch: is entered around the scan, which it gets, and may ask it for its statistics.

    Raises:
        RecordError: a record cannot be written: it has more than two alleles, a half-call, or so.
        SelectionError: there are no samples, or one has a name that PLINK files cannot hold.
        FieldNotFoundError: the store has no genotypes.
        VczeroError: the store cannot be read, or the files cannot be written.
    """
    stem = os.fspath(stem)
    together = plink_encoders(reader, bim=bim, allow_extra_chr=allow_extra_chr)
    samples = fam_text(reader) if fam else b""
    names = [f"{stem}.bed", *([f"{stem}.bim"] if bim else []), *([f"{stem}.fam"] if fam else [])]
    with open_outputs(names) as sinks:
        if fam:
            write_all(sinks.pop(), samples)
        with encoded(reader, together) as scan, watch(scan):
            write_together(together, scan, sinks)


def write_bim(reader: PlinkSource, output: Output, *, allow_extra_chr: bool = False) -> int:
    """Write a .bim of the records that a reader selects, and return the number of bytes.

    Args:
        reader, allow_extra_chr: as for `write_plink`.
        output: a path, or a binary file, which stays open.

    Raises:
        RecordError: a record cannot be written.
        VczeroError: the store cannot be read, or the file cannot be written.
        OSError: from `output`.
    """
    return write_selected(reader, BimEncoder(reader, allow_extra_chr=allow_extra_chr), output)


def write_fam(reader: PlinkSource, output: Output) -> int:
    """Write a .fam of the samples that a reader selects, and return the number of bytes.

    Raises:
        SelectionError: a name that PLINK files cannot hold.
        OutputError: the file cannot be written.
        OSError: from `output`.
    """
    samples = fam_text(reader)
    with sinks_of([output]) as (sink,):
        return write_all(sink, samples)
