"""VCF text: a header from the store's metadata, and a line for each variant.

A field is in a line if one of its values is there: a store does not tell an absent INFO or FORMAT key from
one whose values are all missing. GT is in every line, since a call that is missing is a value.
"""

from __future__ import annotations

from collections.abc import Iterable

from vczero.formats.columns import (
    cell_column,
    contig_piece,
    field_piece,
    filter_piece,
    format_fields,
    info_fields,
    strings_of,
)
from vczero.formats.counts import ALLELE_COUNT, ALLELE_NUMBER
from vczero.formats.header import vcf_header
from vczero.kernels import pieces, text
from vczero.strings import Strings
from vczero.vcz.schema import Batch, FieldInfo, Metadata

__all__ = ["VcfEncoder", "column_piece", "fixed_pieces", "format_piece", "info_piece"]

_FIXED = ("variant_id", "variant_allele", "variant_quality", "variant_filter")
_TAB = pieces.Literal(b"\t")


class VcfEncoder:
    """VCF of what a store holds.

    Args:
        metadata: of the store and the selection: its `sample_ids` are the columns, in order.
        genotypes: whether there are FORMAT and sample columns.
        header: whether there is a header.
        recount: whether AC and AN are counted in the calls of the samples, and stored ones passed over.
        extra: header lines that end the meta-information, without `##`.

    Attributes:
        samples: names of the sample columns; none without genotypes.
        info, formats: the fields that a line may have, in its order.
    """

    def __init__(
        self,
        metadata: Metadata,
        *,
        genotypes: bool = True,
        header: bool = True,
        recount: bool = False,
        extra: Iterable[str] = (),
    ) -> None:
        self._metadata = metadata
        self.samples = [str(name) for name in metadata.sample_ids] if genotypes else []
        self.info = info_fields(metadata)
        self._recount = recount and metadata.has_field("call_genotype") and len(metadata.sample_ids) > 0
        if self._recount:
            known = {field.name for field in self.info}
            self.info += [field for field in (ALLELE_COUNT, ALLELE_NUMBER) if field.name not in known]
            self.info.sort(key=lambda field: field.name)
        self.formats = format_fields(metadata) if genotypes else []
        self._contigs = strings_of(metadata.contig_ids)
        self._filters = strings_of(metadata.filter_ids)
        self._has_header = header
        self._extra = tuple(extra)

    @property
    def columns(self) -> frozenset[str]:
        """The fields that a line is made of, as far as the store has them."""
        return line_columns(self._metadata, self.info, self.formats if self.samples else [])

    @property
    def recomputed(self) -> frozenset[str]:
        """AC and AN where they are counted anew."""
        return frozenset({ALLELE_COUNT.name, ALLELE_NUMBER.name} if self._recount else ())

    def header(self) -> bytes:
        """The header's text; nothing if it is not wanted."""
        if not self._has_header:
            return b""
        return vcf_header(
            self._metadata, info=self.info, formats=self.formats, samples=self.samples, extra=self._extra
        ).encode(errors="replace")

    def encode(self, batch: Batch) -> text.Blocks:
        """A line for each variant of the batch."""
        return text.lines([self.line(batch)], batch.num_variants, len(self.samples))

    def line(self, batch: Batch) -> pieces.Line:
        """The piece that writes a variant's line."""
        fixed = fixed_pieces(batch, self._contigs, self._filters)
        parts = [*fixed, _TAB, info_piece(batch, self.info)]
        if self.samples:
            parts += [_TAB, format_piece(batch, self.formats)]
        parts.append(pieces.Literal(b"\n"))
        return pieces.Line(tuple(parts))

    def trailer(self) -> bytes:
        """Nothing: text ends with its last line."""
        return b""


def line_columns(
    metadata: Metadata, info: Iterable[FieldInfo], formats: Iterable[FieldInfo]
) -> frozenset[str]:
    """The fields that a line with these INFO and FORMAT fields is made of."""
    wanted = {"variant_contig", "variant_position", *(field.name for field in (*info, *formats))}
    wanted.update(name for name in _FIXED if metadata.has_field(name))
    if "call_genotype" in wanted and metadata.has_field("call_genotype_phased"):
        wanted.add("call_genotype_phased")
    return frozenset(wanted)


def fixed_pieces(batch: Batch, contigs: Strings, filters: Strings) -> list[pieces.Piece]:
    """CHROM to FILTER; "." (REF: "N") for what the batch does not have."""
    parts: list[pieces.Piece] = [
        contig_piece(batch, contigs),
        column_piece(batch, "variant_position"),
        column_piece(batch, "variant_id"),
        column_piece(batch, "variant_allele", stop=1)
        if "variant_allele" in batch.columns
        else pieces.Literal(b"N"),
        column_piece(batch, "variant_allele", start=1),
        column_piece(batch, "variant_quality"),
        filter_piece(batch, filters),
    ]
    return [item for piece in parts for item in (piece, _TAB)][:-1]


def column_piece(
    batch: Batch, name: str, *, start: int = 0, stop: int | None = None
) -> pieces.Values | pieces.Literal:
    """A column without a category of its own; "." where the batch does not have it."""
    column = batch.columns.get(name)
    if column is None:
        return pieces.Literal(b".")
    return pieces.Values(cell_column(column, 1), start=start, stop=stop)


def info_piece(batch: Batch, fields: Iterable[FieldInfo]) -> pieces.Info:
    """The INFO column."""
    parts = (field_piece(batch, field.name) for field in fields)
    return pieces.Info(tuple(piece for piece in parts if isinstance(piece, pieces.Values)))


def format_piece(batch: Batch, fields: Iterable[FieldInfo]) -> pieces.Format:
    """The FORMAT column and those of the samples."""
    return pieces.Format(tuple(field_piece(batch, field.name) for field in fields))
