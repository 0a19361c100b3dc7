"""Columns of a batch as pieces of a line: what VCF and query formats share.

A column is what the store has: any dtype of a VCZ store, in any shape. A piece wants native byte order and at
most one axis of values in a cell.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vczero.errors import ChunkError
from vczero.kernels import pieces
from vczero.strings import Strings
from vczero.vcz.schema import Batch, Column, FieldInfo, Metadata

__all__ = [
    "allele_lengths",
    "allele_strings",
    "cell_column",
    "contig_piece",
    "end_position",
    "field_piece",
    "filter_piece",
    "format_fields",
    "genotype_piece",
    "info_fields",
    "start_position",
    "strings_of",
    "type_piece",
]

_HALF_MISSING, _SINGLE_MISSING = 0x7C01, 0x7F800001


def info_fields(metadata: Metadata) -> list[FieldInfo]:
    """The INFO fields that a VCF of the store has, by name."""
    fields = _fields(metadata, "variant_")
    return [info for info in fields if info.category == "INFO" and info.has_variants_axis]


def format_fields(metadata: Metadata) -> list[FieldInfo]:
    """The FORMAT fields that a VCF of the store has: GT first, the others by name."""
    fields = _fields(metadata, "call_")
    found = [info for info in fields if info.category == "FORMAT" and info.has_samples_axis]
    return sorted(found, key=lambda info: info.vcf_id != "GT")


def _fields(metadata: Metadata, prefix: str) -> list[FieldInfo]:
    names = sorted(name for name in metadata.field_names if name.startswith(prefix))
    return metadata.get_field_infos(names)


def strings_of(names: npt.NDArray[Any]) -> Strings:
    """Names as `Strings`, which workers may share (NumPy's own text they may not)."""
    return Strings.from_values(names)


def cell_column(column: Column, axes: int) -> Column:
    """The column as a piece wants it: native byte order, and after `axes` axes at most one more.

    Half-precision floats become float32 with missing and fill kept; unsigned integers become int64.
    """
    if len(column.shape) - axes > 1:
        column = column.reshape((*column.shape[:axes], math.prod(column.shape[axes:])))
    if isinstance(column, Strings):
        return column
    if not column.dtype.isnative:
        column = column.astype(column.dtype.newbyteorder("="))
    if column.dtype.kind == "u":
        return column.astype(np.int64)
    return _widen_half(column) if column.dtype == np.float16 else column


def _widen_half(column: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    bits = column.view(np.uint16)
    wide = column.astype(np.float32)
    for offset in (0, 1):
        wide.view(np.uint32)[bits == _HALF_MISSING + offset] = _SINGLE_MISSING + offset
    return wide


def field_piece(
    batch: Batch, name: str, *, start: int = 0, stop: int | None = None
) -> pieces.Values | pieces.Genotypes:
    """The piece that writes the cells of a `variant_*` or `call_*` field, its key the VCF ID."""
    if name == "call_genotype":
        return genotype_piece(batch)
    prefix, _, key = name.partition("_")
    samples = prefix == "call"
    column = cell_column(batch.columns[name], 2 if samples else 1)
    lone = not samples and (start, stop) != (0, None)
    return pieces.Values(column, key.encode(), samples=samples, start=start, stop=stop, lone=lone)


def genotype_piece(
    batch: Batch, spelling: Literal["numbers", "bases", "iupac"] = "numbers"
) -> pieces.Genotypes:
    """The piece that writes calls; without `call_genotype_phased` in the batch all are unphased.

    `spelling`: the alleles' numbers, their text, or their text with IUPAC codes where two bases have one.
    """
    calls = cell_column(batch.columns["call_genotype"], 2)
    phased = batch.columns.get("call_genotype_phased")
    if not isinstance(calls, np.ndarray) or isinstance(phased, Strings):
        raise ChunkError("call_genotype must hold integers and call_genotype_phased booleans")
    if calls.ndim == 2:
        calls = calls[:, :, None]
    phase = None if phased is None else phased.astype(np.bool_, copy=False)
    if spelling == "numbers":
        return pieces.Genotypes(calls, phase)
    return pieces.Genotypes(calls, phase, alleles=allele_strings(batch), iupac=spelling == "iupac")


def contig_piece(batch: Batch, contigs: Strings) -> pieces.Lookup:
    """The piece that writes CHROM.

    Raises:
        ChunkError: a contig number that `contig_id` does not have.
    """
    numbers = cell_column(batch.columns["variant_contig"], 1)
    assert isinstance(numbers, np.ndarray)
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < len(contigs):
        row = int(np.flatnonzero((numbers < 0) | (numbers >= len(contigs)))[0])
        raise ChunkError(
            f"variant_contig is {numbers[row]} at variant {batch.variant_index[row]}, "
            f"but contig_id has {len(contigs)} names",
            array="variant_contig",
        )
    return pieces.Lookup(numbers, contigs)


def type_piece(batch: Batch) -> pieces.Lookup:
    """The piece that writes %TYPE: the types of the ALT alleles, or REF."""
    from vczero.kernels.alleles import TYPE_BITS, variant_types

    alleles = allele_strings(batch)
    bits = variant_types(alleles.data, alleles.offsets, alleles.shape[1])
    names = [
        ",".join(name.upper() for name, bit in TYPE_BITS.items() if combination & bit) or "REF"
        for combination in range(2 * max(TYPE_BITS.values()))
    ]
    return pieces.Lookup(bits.astype(np.int16), Strings.from_values(names))


def filter_piece(batch: Batch, filters: Strings) -> pieces.Names | pieces.Literal:
    """The piece that writes FILTER; "." where the store has no filters."""
    flags = batch.columns.get("variant_filter")
    if flags is None or not len(filters):
        return pieces.Literal(b".")
    assert isinstance(flags, np.ndarray)
    if flags.shape[1] != len(filters):
        raise ChunkError(
            f"variant_filter has {flags.shape[1]} columns, but filter_id has {len(filters)} names",
            array="variant_filter",
        )
    return pieces.Names(flags.astype(np.bool_, copy=False), filters)


def start_position(batch: Batch) -> npt.NDArray[np.int64]:
    """int64, (variants,): the first position of each variant, 1-based."""
    return np.asarray(batch.columns["variant_position"], dtype=np.int64)


def end_position(batch: Batch) -> npt.NDArray[np.int64]:
    """int64, (variants,): the last position of each variant, 1-based; from `variant_length` if the batch has
    it, else from the length of REF."""
    position = start_position(batch)
    length = batch.columns.get("variant_length")
    if isinstance(length, np.ndarray):
        return position + length.astype(np.int64) - 1
    return position + np.maximum(allele_lengths(batch)[:, 0], 1) - 1


def allele_strings(batch: Batch) -> Strings:
    """Text, (variants, alleles): REF first, "" beyond a variant's alleles."""
    alleles = Strings.of(cell_column(batch.columns["variant_allele"], 1))
    return alleles if len(alleles.shape) == 2 else alleles.reshape((*alleles.shape, 1))


def allele_lengths(batch: Batch) -> npt.NDArray[np.int64]:
    """int64, (variants, alleles): bytes of each allele, 0 beyond a variant's alleles."""
    return allele_strings(batch).lengths
