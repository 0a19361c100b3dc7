"""PLINK 1 files: genotypes (.bed), variants (.bim) and samples (.fam), as `plink2 --vcf X --make-bed` writes
them (v2.00a3 observed).

A1 is ALT and A2 is REF. A haploid call is written as the homozygous one, a missing one as missing. What the
format cannot hold, or plink2 refuses, is an error that names the record: more than two alleles, half-calls,
positions and names out of bounds. Calls of more than two alleles, which plink2 makes missing, are errors too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from vczero.errors import FieldNotFoundError, RecordError, SelectionError
from vczero.formats.chromosomes import chromosome_codes
from vczero.formats.columns import contig_piece, strings_of
from vczero.formats.encoder import Buffer
from vczero.formats.records import Places, check_names, check_positions, texts
from vczero.formats.rowfile import RowFile, RowSource, SelectedRows
from vczero.formats.vcf import column_piece
from vczero.kernels import pairs, pieces, text
from vczero.vcz.schema import Batch, Metadata

__all__ = ["BAD_CALLS", "BedEncoder", "BimEncoder", "check_samples", "fam_text", "sample_names"]

BED_HEADER: Final = b"\x6c\x1b\x01"
BAD_CALLS: Final = {
    pairs.HALF: "is half missing: plink2 refuses that, too",
    pairs.FOREIGN: "has an allele that the record does not have",
    pairs.CROWD: "has more than two alleles: PLINK files hold no polyploid calls",
}
_CODES = "call_genotype/codes"
_BAD_BYTES = 4
_NUMBER = (1 << 30) - 1


class BedEncoder:
    """The .bed of the samples and records that a reader selects.

    It encodes batches as they come (`Encoder`); and of a file that is never made, `read` gives any bytes.

    Args:
        reader: of the store, with the selection. `read` and `size` are about what it selects when they are
            first used.

    Raises:
        FieldNotFoundError: the store has no genotypes.
        SelectionError: no samples are selected.
    """

    def __init__(self, reader: RowSource) -> None:
        check_samples(reader)
        self._samples = strings_of(reader.sample_ids)
        self._places = Places(reader)
        self._has_alleles = reader.has_field("variant_allele")
        self._row_bytes = -(-len(self._samples) // 4)
        self._rows = SelectedRows(reader)

    @property
    def columns(self) -> frozenset[str]:
        """Genotypes as codes; alleles, and where records are, for errors."""
        alleles = {"variant_allele"} if self._has_alleles else set()
        return frozenset({_CODES, *alleles, *self._places.columns})

    @property
    def recomputed(self) -> frozenset[str]:
        """None."""
        return frozenset()

    @cached_property
    def _file(self) -> RowFile:
        length = len(BED_HEADER) + len(self._rows) * self._row_bytes
        return RowFile(self._rows, self, range(len(BED_HEADER), length + 1, self._row_bytes))

    @property
    def size(self) -> int:
        """The file's length in bytes; to know it, a filter is run over all records once."""
        return self._file.size

    def read(self, offset: int, size: int) -> bytes:
        """Bytes [offset, offset + size) of the file, as far as it goes; from any thread.

        No more records are read than the range touches, or share its first or last 64 KiB; and where it goes
        on at the end of the range read before, some behind it, up to 4 MiB. Those read last are kept.

        Raises:
            RecordError: a record there cannot be written.
            OptionError: `offset` or `size` is negative.
        """
        return self._file.read(offset, size)

    def header(self) -> bytes:
        """The format's magic number, and that a row is a variant."""
        return BED_HEADER

    def encode(self, batch: Batch) -> Sequence[Buffer]:
        """A row of codes for each variant.

        Raises:
            RecordError: a record has more than two alleles, or a call that the format cannot hold.
        """
        check_alleles(batch, self._places)
        codes = batch.columns[_CODES]
        assert isinstance(codes, np.ndarray)
        bad = np.ascontiguousarray(codes[:, :, -_BAD_BYTES:]).view(np.uint32)[:, :, 0]
        width = codes.shape[2] - _BAD_BYTES
        if bad.any():
            raise self._bad_call(batch, bad, 4 * width)
        return text.join_rows(codes[:, :, :width], self._row_bytes)

    def trailer(self) -> bytes:
        """Nothing."""
        return b""

    def _bad_call(self, batch: Batch, bad: npt.NDArray[np.uint32], tile_samples: int) -> RecordError:
        """The error for the first call that has no code."""
        row, tile = (int(axis[0]) for axis in np.nonzero(bad))
        found = int(bad[row, tile])
        number = tile * tile_samples + (found & _NUMBER) - 1
        sample = str(self._samples.to_objects()[number])
        what = BAD_CALLS[found & ~_NUMBER]
        message = f"{self._places.name(batch, row)}: the call of sample {sample} {what}"
        return RecordError(message, variant=int(batch.variant_index[row]), sample=sample)


class BimEncoder:
    """The .bim: a line for each variant.

    Args:
        metadata: of the store and the selection.
        allow_extra_chr: whether contigs that plink2 does not know are written by their names, as with its
            option of that name, and no error.
    """

    def __init__(self, metadata: Metadata, *, allow_extra_chr: bool = False) -> None:
        self._places = Places(metadata)
        self._codes = chromosome_codes(metadata.contig_ids, allow_extra=allow_extra_chr)
        self._contigs = strings_of(np.array(self._codes.names, np.dtypes.StringDType()))
        self._columns = {name for name in ("variant_id", "variant_allele") if metadata.has_field(name)}

    @property
    def columns(self) -> frozenset[str]:
        """CHROM, POS, ID, REF and ALT, as far as the store has them."""
        return frozenset({*self._columns, *self._places.columns})

    @property
    def recomputed(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def encode(self, batch: Batch) -> Sequence[Buffer]:
        """Chromosome code, ID, centimorgans (0), position, ALT, REF.

        Raises:
            RecordError: a record has more than two alleles, or a value that PLINK files cannot hold.
        """
        check_alleles(batch, self._places)
        check_positions(batch, self._places)
        check_names(batch, self._places)
        self._codes.check(batch, self._places)
        has_alleles = "variant_allele" in batch.columns
        tab = pieces.Literal(b"\t")
        parts: list[pieces.Piece] = [
            contig_piece(batch, self._contigs),
            tab,
            column_piece(batch, "variant_id"),
            pieces.Literal(b"\t0\t"),
            column_piece(batch, "variant_position"),
            tab,
            column_piece(batch, "variant_allele", start=1),
            tab,
            column_piece(batch, "variant_allele", stop=1) if has_alleles else pieces.Literal(b"N"),
            pieces.Literal(b"\n"),
        ]
        return text.lines(parts, batch.num_variants)

    def trailer(self) -> bytes:
        """Nothing."""
        return b""


def check_samples(metadata: Metadata) -> None:
    """Refuse a store without genotypes, and a selection without samples.

    Raises:
        FieldNotFoundError, SelectionError.
    """
    if not metadata.has_field("call_genotype"):
        raise FieldNotFoundError("the store has no genotypes (call_genotype) to write", field="call_genotype")
    if not len(metadata.sample_ids):
        raise SelectionError("no samples are selected: PLINK files have at least one")


def fam_text(metadata: Metadata) -> bytes:
    """The .fam: for each sample family 0, its name, no parents, sex unknown, phenotype missing.

    Raises:
        SelectionError: a name that PLINK files cannot hold.
    """
    names = sample_names(metadata)
    return "".join(f"0\t{name}\t0\t0\t0\t-9\n" for name in names).encode()


def sample_names(metadata: Metadata) -> list[str]:
    """The samples' names, checked.

    Raises:
        SelectionError: a name is empty, "0", has white space, or is longer than 16,000 bytes.
    """
    names = [str(name) for name in metadata.sample_ids]
    for name in names:
        if name in ("", "0") or len(name.encode()) > 16_000 or any(character <= " " for character in name):
            raise SelectionError(
                f"sample {name!r:.80}: PLINK files hold no name that is 0, has white space or "
                "more than 16,000 bytes"
            )
    return names


def check_alleles(batch: Batch, places: Places) -> None:
    """Refuse records of more than two alleles.

    Raises:
        RecordError: naming the first.
    """
    if "variant_allele" not in batch.columns:
        return
    lengths = np.diff(texts(batch, "variant_allele").offsets).reshape(batch.num_variants, -1)
    if lengths.shape[1] <= 2 or not lengths[:, 2:].any():
        return
    row = int(np.flatnonzero(lengths[:, 2:].any(axis=1))[0])
    raise RecordError(
        f"{places.name(batch, row)} has {int((lengths[row] > 0).sum())} alleles, and .bed and .bim hold two: "
        "leave such records out (-M 2), or write --pgen",
        variant=int(batch.variant_index[row]),
    )
