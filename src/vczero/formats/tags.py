"""What the tags of a query format mean in a store: `Resolver` turns each into a `Slot`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from vczero.errors import ExpressionError, FieldNotFoundError
from vczero.formats import columns, vcf
from vczero.formats.queryformat import Part, Tag, Text
from vczero.kernels import pieces
from vczero.strings import Strings
from vczero.vcz.schema import FIXED_FIELDS, Batch, Metadata, is_helper

__all__ = ["Resolver", "Slot"]

# A column of VCF: the field, and which values of a cell it shows.
_FIXED: dict[str, tuple[str, int, int | None]] = {
    "POS": ("variant_position", 0, None),
    "ID": ("variant_id", 0, None),
    "REF": ("variant_allele", 0, 1),
    "ALT": ("variant_allele", 1, None),
    "FIRST_ALT": ("variant_allele", 1, 2),
    "QUAL": ("variant_quality", 0, None),
}


_SPELLINGS: dict[str, Literal["bases", "iupac"]] = {"TGT": "bases", "IUPACGT": "iupac"}


class Slot(NamedTuple):
    """A part of a format, resolved against a store.

    Attributes:
        columns: the fields it reads.
        make: the piece that writes it, from a batch with those fields.
        loops: whether it writes something for each sample.
    """

    columns: frozenset[str]
    make: Callable[[Batch], pieces.Piece]
    loops: bool = False


class Resolver:
    """Resolves the parts of one format.

    Args:
        metadata: of the store and the selection.
        query_format: the format's text, for messages.
        allow_undefined: whether a tag that the store lacks writes "." instead of being an error.
    """

    def __init__(self, metadata: Metadata, query_format: str, allow_undefined: bool) -> None:
        self.metadata = metadata
        self.query_format = query_format
        self.allow_undefined = allow_undefined

    @cached_property
    def samples(self) -> Strings:
        """The selected samples' names; read when first asked for."""
        return columns.strings_of(self.metadata.sample_ids)

    def resolve(self, part: Part) -> Slot:
        """The slot of a part.

        Raises:
            ExpressionError: a FORMAT tag stands outside of brackets, or the tag cannot be subscripted.
            FieldNotFoundError: the store has no such tag.
        """
        if isinstance(part, Text):
            return literal(part.text)
        if isinstance(part, Tag):
            return self._column(part) or self._info(part, inside=False)
        slots = [self._inside(item) for item in part.parts]
        wanted = frozenset[str]().union(*(slot.columns for slot in slots))
        return Slot(wanted, lambda batch: _group(batch, slots), loops=True)

    def _inside(self, part: Text | Tag) -> Slot:
        """A part within brackets."""
        if isinstance(part, Text):
            return literal(part.text)
        if part.argument is not None:
            message = f"query format: %{part.name}() counts samples: write it outside of brackets"
            raise ExpressionError(message, text=self.query_format, position=part.position)
        if part.name == "SAMPLE" and not part.category:
            piece = pieces.Values(self.samples, rows=False, samples=True)
            return Slot(frozenset(), lambda _: piece)
        return (
            self._translated(part)
            or self._format(part)
            or self._column(part)
            or self._info(part, inside=True)
        )

    def _translated(self, tag: Tag) -> Slot | None:
        """TGT and IUPACGT: calls as bases."""
        spelling = _SPELLINGS.get(tag.name)
        if spelling is None or tag.category or not self.metadata.has_field("call_genotype"):
            return None
        wanted = {"call_genotype", "call_genotype_phased", "variant_allele"}
        return self._slot(wanted, lambda batch: columns.genotype_piece(batch, spelling))

    def _column(self, tag: Tag) -> Slot | None:
        """A column of VCF, or of what bcftools makes of them; None for a tag of INFO or FORMAT."""
        if tag.category:
            return None
        if tag.name in _FIXED:
            return self._fixed(tag)
        if tag.name in ("POS0", "END", "END0"):
            return self._coordinate(tag.name)
        if tag.name == "CHROM":
            contigs = columns.strings_of(self.metadata.contig_ids)
            return Slot(frozenset({"variant_contig"}), lambda batch: columns.contig_piece(batch, contigs))
        if tag.name == "TYPE":
            return self._slot({"variant_allele"}, columns.type_piece)
        if tag.name == "FILTER":
            filters = columns.strings_of(self.metadata.filter_ids)
            return self._slot({"variant_filter"}, lambda batch: columns.filter_piece(batch, filters))
        if tag.name in ("INFO", "FORMAT", "LINE"):
            return self._whole(tag.name)
        if tag.name == "MASK":
            return literal("")  # stores are read one by one: there is never another to compare with
        return self._passes(tag) if tag.argument is not None else None

    def _passes(self, tag: Tag) -> Slot:
        """`%N_PASS(EXPR)`: how many of the selected samples pass."""
        from vczero.vcz.predicates import Filter, numbers_in_store

        bound = Filter(tag.argument).bind(self.metadata, sample_numbers=numbers_in_store(self.metadata))
        if not bound.condition.per_sample:
            message = f"query format: %N_PASS needs a test of a FORMAT tag, not {tag.argument}"
            raise ExpressionError(message, text=self.query_format, position=tag.position)

        def make(batch: Batch) -> pieces.Piece:
            samples = bound.evaluate(batch).samples
            assert samples is not None
            return pieces.Values(samples.sum(axis=1, dtype=np.int64))

        return Slot(bound.columns, make)

    def _slot(self, wanted: frozenset[str] | set[str], make: Callable[[Batch], pieces.Piece]) -> Slot:
        return Slot(frozenset(name for name in wanted if self.metadata.has_field(name)), make)

    def _fixed(self, tag: Tag) -> Slot:
        name, start, stop = _FIXED[tag.name]
        if tag.subscript is not None:
            start += tag.subscript
            stop = start + 1
        return self._slot({name}, lambda batch: vcf.column_piece(batch, name, start=start, stop=stop))

    def _coordinate(self, name: str) -> Slot:
        wanted = {"variant_position"}
        if name != "POS0":
            wanted.add("variant_length" if self.metadata.has_field("variant_length") else "variant_allele")
        shift = 0 if name == "END" else 1

        def make(batch: Batch) -> pieces.Piece:
            end = columns.start_position(batch) if name == "POS0" else columns.end_position(batch)
            return pieces.Values(end - shift)

        return self._slot(wanted, make)

    def _whole(self, name: str) -> Slot:
        """`%INFO`, `%FORMAT` or `%LINE`: the columns as in VCF."""
        if name == "LINE":
            encoder = vcf.VcfEncoder(self.metadata, header=False)
            return Slot(encoder.columns, encoder.line, loops=True)
        if name == "INFO":
            info = columns.info_fields(self.metadata)
            return Slot(frozenset(field.name for field in info), lambda batch: vcf.info_piece(batch, info))
        formats = columns.format_fields(self.metadata)
        wanted = {"call_genotype_phased", *(field.name for field in formats)}
        slot = self._slot(wanted, lambda batch: vcf.format_piece(batch, formats))
        return Slot(slot.columns, slot.make, loops=True)

    def _format(self, tag: Tag) -> Slot | None:
        """A FORMAT tag of the store; None if there is none, unless the format says that it is one."""
        name = _format_name(tag)
        if tag.category != "INFO" and self._is_field(name):
            return self._tag(tag, name)
        return self._missing(tag, "FORMAT") if tag.category == "FORMAT" else None

    def _info(self, tag: Tag, *, inside: bool) -> Slot:
        """An INFO tag of the store.

        Raises:
            ExpressionError: only FORMAT has the tag, and it stands outside of brackets.
            FieldNotFoundError: there is none.
        """
        name = f"variant_{tag.name}"
        if tag.category != "FORMAT" and self._is_field(name):
            return self._tag(tag, name)
        if not inside and (
            tag.name == "SAMPLE" or (tag.category != "INFO" and self._is_field(_format_name(tag)))
        ):
            raise ExpressionError(
                f'query format: %{tag.name} has a value for each sample: write "[ %{tag.name}]"',
                text=self.query_format,
                position=tag.position,
            )
        return self._missing(tag, tag.category or ("FORMAT" if inside else "INFO"))

    def _is_field(self, name: str) -> bool:
        """Whether the store has the array, as a field of INFO or FORMAT."""
        base = name.rpartition("_")[0]
        bases = [base] if is_helper(name) and self.metadata.has_field(base) else [""]
        return name not in FIXED_FIELDS and not is_helper(name, bases) and self.metadata.has_field(name)

    def _tag(self, tag: Tag, name: str) -> Slot:
        start, stop = (0, None) if tag.subscript is None else (tag.subscript, tag.subscript + 1)
        wanted = {name}
        if name == "call_genotype":
            wanted.add("call_genotype_phased")
        return self._slot(wanted, lambda batch: columns.field_piece(batch, name, start=start, stop=stop))

    def _missing(self, tag: Tag, category: str) -> Slot:
        if self.allow_undefined:
            return literal(".")
        import difflib

        prefix = "variant_" if category == "INFO" else "call_"
        known = [name.removeprefix(prefix) for name in self.metadata.field_names if name.startswith(prefix)]
        near = difflib.get_close_matches(tag.name, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        message = f"query format: the store has no {category} tag {tag.name}{hint}"
        raise FieldNotFoundError(message, field=tag.name)


def _format_name(tag: Tag) -> str:
    return "call_genotype" if tag.name == "GT" else f"call_{tag.name}"


def literal(value: str) -> Slot:
    """A slot that writes the same text always."""
    piece = pieces.Literal(value.encode(errors="surrogateescape"))
    return Slot(frozenset(), lambda _: piece)


def _group(batch: Batch, slots: list[Slot]) -> pieces.Samples:
    parts = tuple(slot.make(batch) for slot in slots)
    return pieces.Samples(parts, batch.sample_mask)
