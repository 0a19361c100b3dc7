"""BCF2: the records of `formats.vcf` in binary (VCF specification 4.3, section 6).

Header, fields, and what a record lacks are those of VCF text; bcftools 1.16 prints the same of either.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.errors import ChunkError, UnsupportedError
from vczero.formats.columns import (
    allele_lengths,
    allele_strings,
    cell_column,
    contig_piece,
    field_piece,
    filter_piece,
    start_position,
    strings_of,
)
from vczero.formats.vcf import VcfEncoder
from vczero.kernels import bcf
from vczero.kernels.pieces import Genotypes, Names
from vczero.kernels.text import Blocks
from vczero.strings import Strings
from vczero.vcz.schema import Batch, FieldInfo, Metadata

__all__ = ["BcfEncoder", "numbered_header"]

_MAGIC = b"BCF\2\2"
_DEFINITION = re.compile(r"##(FILTER|INFO|FORMAT|contig)=<ID=([^,>]*)(.*)>")
_MISSING = 0x7F800001
_LARGEST = 2**31 - 1
_MOST_SAMPLES = 2**24 - 1


class BcfEncoder:
    """BCF2.2, uncompressed, of what a store holds.

    Args:
        metadata, genotypes, recount, extra: as for `VcfEncoder`.

    Raises:
        UnsupportedError: more samples than BCF counts; a big-endian machine.
    """

    def __init__(
        self, metadata: Metadata, *, genotypes: bool = True, recount: bool = False, extra: Iterable[str] = ()
    ) -> None:
        self._text = VcfEncoder(metadata, genotypes=genotypes, recount=recount, extra=extra)
        if sys.byteorder != "little":
            raise UnsupportedError("BCF cannot be written on a big-endian machine: write VCF")
        if len(self._text.samples) > _MOST_SAMPLES:
            raise UnsupportedError(
                f"BCF holds at most {_MOST_SAMPLES} samples, not {len(self._text.samples)}: write VCF"
            )
        header, self._keys = numbered_header(self._text.header().decode())
        self._header = header.encode() + b"\0"
        self._contigs = strings_of(metadata.contig_ids)
        self._filters = strings_of(metadata.filter_ids)
        self._filter_keys = np.array([self._keys[str(name)] for name in metadata.filter_ids], np.int32)

    @property
    def columns(self) -> frozenset[str]:
        """Those of the VCF."""
        return self._text.columns

    @property
    def recomputed(self) -> frozenset[str]:
        """Those of the VCF."""
        return self._text.recomputed

    def header(self) -> bytes:
        """Magic, length and text of the header; definitions have their number in the dictionary (IDX)."""
        return _MAGIC + struct.pack("<I", len(self._header)) + self._header

    def encode(self, batch: Batch) -> Blocks:
        """A record for each variant of the batch.

        Raises:
            ChunkError: a position or a number of fields that BCF cannot hold.
        """
        samples = len(self._text.samples)
        info = [self._field(batch, field) for field in self._text.info]
        formats = [self._field(batch, field) for field in self._text.formats] if samples else []
        infos = [field for field in info if isinstance(field, bcf.Field)]
        try:
            return bcf.records(self._fixed(batch), infos, formats, batch.num_variants, samples)
        except OverflowError as error:
            row, reason = error.args
            raise ChunkError(f"variant {batch.variant_index[row]} has {reason}: write VCF") from None

    def trailer(self) -> bytes:
        """Nothing: BCF ends with its last record."""
        return b""

    def _fixed(self, batch: Batch) -> bcf.Fixed:
        identifier = batch.columns.get("variant_id")
        alleles = (
            allele_strings(batch)
            if "variant_allele" in batch.columns
            else Strings.full((batch.num_variants, 1), "N")
        )
        filters = filter_piece(batch, self._filters)
        return bcf.Fixed(
            contig=contig_piece(batch, self._contigs).column,
            position=_position(batch),
            length=_reference_length(batch, has_end=any(info.vcf_id == "END" for info in self._text.info)),
            quality=_quality(batch),
            identifier=None if identifier is None else Strings.of(cell_column(identifier, 1)),
            alleles=alleles,
            filters=filters.column if isinstance(filters, Names) else None,
            filter_keys=self._filter_keys if isinstance(filters, Names) else np.empty(0, np.int32),
        )

    def _field(self, batch: Batch, field: FieldInfo) -> bcf.Field | bcf.Calls:
        piece = field_piece(batch, field.name)
        key = self._keys[field.vcf_id]
        if isinstance(piece, Genotypes):
            return bcf.Calls(key, piece.column, piece.phased)
        column = piece.column
        if isinstance(column, np.ndarray) and column.dtype.kind in "US":
            column = Strings.from_values(column)
        if piece.samples and isinstance(column, np.ndarray) and column.dtype.kind == "b":
            # FORMAT has no flags: in text a call that is set is 1, and one that is not is missing.
            column = np.where(column, np.int8(1), np.int8(-1))
        return bcf.Field(key, column)


def numbered_header(text: str) -> tuple[str, dict[str, int]]:
    """The header with IDX in its definitions, and the dictionary of strings: FILTER, INFO and FORMAT IDs.

    IDs are numbered as they come, PASS first; contigs have a dictionary of their own (section 6.2.1).
    """
    strings: dict[str, int] = {"PASS": 0}
    contigs: dict[str, int] = {}
    lines = []
    for line in text.split("\n"):
        match = _DEFINITION.fullmatch(line)
        if match is None:
            lines.append(line)
            continue
        dictionary = contigs if match[1] == "contig" else strings
        number = dictionary.setdefault(match[2], len(dictionary))
        lines.append(f"##{match[1]}=<ID={match[2]}{match[3]},IDX={number}>")
    return "\n".join(lines), strings


def _position(batch: Batch) -> npt.NDArray[np.int32]:
    """int32, (variants,): 0-based."""
    position = start_position(batch) - 1
    if len(position) and not -1 <= int(position.min()) <= int(position.max()) < _LARGEST:
        row = int(np.flatnonzero((position < -1) | (position >= _LARGEST))[0])
        raise ChunkError(
            f"variant_position is {position[row] + 1} at variant {batch.variant_index[row]}: "
            "BCF cannot hold that, write VCF",
            array="variant_position",
        )
    return position.astype(np.int32)


def _reference_length(batch: Batch, *, has_end: bool) -> npt.NDArray[np.int32]:
    """int32, (variants,): up to INFO/END where that is a number not before POS, else of REF (bcftools 1.16
    observed: it heeds neither SVLEN nor symbolic alleles)."""
    if "variant_allele" in batch.columns:
        length = np.maximum(allele_lengths(batch)[:, 0], 1)
    else:
        length = np.ones(batch.num_variants, np.int64)
    end = cell_column(batch.columns["variant_END"], 1) if has_end else None
    if isinstance(end, np.ndarray) and end.dtype.kind == "i":
        cells = end.reshape(batch.num_variants, -1).astype(np.int64)
        if cells.shape[1]:
            position = start_position(batch)
            known = (cells[:, 0] >= position) & (cells[:, 0] >= 0) & (cells[:, 0] <= _LARGEST)
            known &= (cells[:, 1:2] == -2).all(axis=1)
            length = np.where(known, cells[:, 0] - position + 1, length)
    return length.astype(np.int32)


def _quality(batch: Batch) -> npt.NDArray[np.float32]:
    """float32, (variants,), with BCF's missing."""
    stored: Any = batch.columns.get("variant_quality")
    made = np.full(batch.num_variants, _MISSING, np.uint32)
    if stored is None:
        return made.view(np.float32)
    column = cell_column(stored, 1)
    if not isinstance(column, np.ndarray) or column.dtype.kind not in "if":
        raise ChunkError("variant_quality must hold numbers", array="variant_quality")
    column = column.reshape(batch.num_variants, -1)[:, 0]
    if column.dtype == np.float32:
        bits = column.view(np.uint32)
        known = (bits != _MISSING) & (bits != _MISSING + 1)
    elif column.dtype.kind == "f":
        wide = column.view(np.uint64)
        known = (wide != 0x7FF0000000000001) & (wide != 0x7FF0000000000002)
    else:
        known = (column != -1) & (column != -2)
    quality = made.view(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        quality[known] = column[known]
    return quality
