"""Tags of an expression to what they stand for in a store.

Names resolve as in bcftools 1.16 (observed): columns by any beginning of their name and in any case (`q` is
QUAL), then the tags of the store, in their case, then the variables that are computed, in any case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ExpressionError, SelectionError
from vczero.strings import Strings
from vczero.vcz import expr
from vczero.vcz.derived import COUNTS
from vczero.vcz.expr import Tag
from vczero.vcz.filters.conditions import Mask
from vczero.vcz.filters.numeric import FormatNumbers, InfoNumbers, Missing, Quantity, Scalar, Truth
from vczero.vcz.filters.subscripts import (
    EVERY,
    Elements,
    parse_elements,
    read_list,
    sample_mask,
    split_subscript,
)
from vczero.vcz.filters.texts import AlleleText, Chromosome, FormatText, Identifier, InfoText, TextSource
from vczero.vcz.filters.variables import AlleleLengths, Alleles, CountedAlleles, MissingGenotypes, SampleCount
from vczero.vcz.schema import FieldInfo, Metadata

__all__ = ["Genotype", "Names", "Special", "Value"]


@dataclass(frozen=True, slots=True)
class Special:
    """FILTER or TYPE, which can only be compared with text."""

    name: Literal["FILTER", "TYPE"]


@dataclass(frozen=True, slots=True, eq=False)
class Genotype:
    """GT, which can only be compared with text."""

    used: Mask | None


Value: TypeAlias = Quantity | TextSource | Special | Genotype
_COLUMNS: Final = (
    *("QUAL", "TYPE", "FILTER", "ID", "CHROM", "POS", "REF", "ALT"),
    *("N_ALT", "N_SAMPLES", "N_MISSING", "F_MISSING"),
)
_VARIABLES: Final = ("AC", "AN", "AF", "MAC", "MAF", "ILEN")
_PREFIX: Final = re.compile(r"(INFO|FORMAT|FMT)/", re.IGNORECASE)
_FIRST: Final = Elements(((0, 0),), single=True)
_NO_SUBSCRIPT: Final = "cannot have a subscript"


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What the names in one expression mean.

    Attributes:
        text: the expression, for errors.
        metadata: of the store.
        sample_ids: (samples,). The samples that are looked at, in the order of their axis.
        numbers: int64, (samples,). The numbers by which subscripts call them; None: 0, 1, 2 ...
    """

    text: str
    metadata: Metadata
    sample_ids: npt.NDArray[Any]
    numbers: npt.NDArray[np.int64] | None = None

    def error(self, position: int, problem: str) -> ExpressionError:
        """The error that shows the place."""
        return expr.error_at(self.text, position, problem)

    def find(self, tag: Tag) -> Value:
        """What a tag stands for.

        Raises:
            ExpressionError: nothing, or it is ambiguous, or has a subscript that makes no sense.
        """
        prefix = _PREFIX.match(tag.name)
        name = tag.name[prefix.end() :] if prefix else tag.name
        if prefix and prefix[1].upper() != "INFO":
            info = self._format(name)
            if info is None:
                raise self._unknown(tag)
            return self._format_value(tag, info)
        if not prefix:
            if tag.subscript is None:
                for column in _COLUMNS:
                    if column.startswith(name.upper()):
                        return self._column(tag, column)
            elif name.upper() == "ALT":
                return AlleleText(self._elements(tag))
        stored = self._stored(f"variant_{name}", "INFO")
        if not prefix and (per_sample := self._format(name)) is not None:
            if stored is not None:
                raise self.error(
                    tag.start, f"{name} is both an INFO and a FORMAT tag; write INFO/{name} or FORMAT/{name}"
                )
            return self._format_value(tag, per_sample)
        if stored is not None:
            return self._info_value(tag, stored)
        if name.upper() in _VARIABLES:
            return self._variable(tag, name.upper())
        if name.upper() in _COLUMNS and tag.subscript is not None:
            raise self.error(tag.start, f"{name} {_NO_SUBSCRIPT}")
        raise self._unknown(tag)

    def has(self, field: str) -> bool:
        """Whether the store has an array."""
        return self._info(field) is not None

    def phased(self) -> str | None:
        """The field that tells which calls are phased."""
        return "call_genotype_phased" if self.has("call_genotype_phased") else None

    def filter_positions(self, filters: str, start: int) -> tuple[int | None, ...]:
        """The positions of filters, joined by `;`; "." and "" are none."""
        names = [name for name in filters.split(";") if name]
        if "." in names:
            if len(names) > 1:
                raise self.error(start, 'a set of filters cannot hold "." and others')
            return ()
        known = {str(name): position for position, name in enumerate(self.metadata.filter_ids.tolist())}
        for name in names:
            if name not in known and name != "PASS":
                raise self.error(start, f"there is no filter {name[:40]!r}{_near(name, known)}")
        return tuple(known.get(name) for name in names)

    def _info(self, field: str) -> FieldInfo | None:
        # Not what could be computed: the variables of expressions have definitions of their own.
        return self.metadata.get_field_info(field) if self.metadata.has_field(field) else None

    def _stored(self, field: str, category: str) -> FieldInfo | None:
        info = self._info(field)
        return info if info is not None and info.category == category else None

    def _format(self, name: str) -> FieldInfo | None:
        return self._info("call_genotype") if name == "GT" else self._stored(f"call_{name}", "FORMAT")

    def _unknown(self, tag: Tag) -> ExpressionError:
        fields = self.metadata.field_names
        known = [field.split("_", 1)[1] for field in fields if field.startswith(("variant_", "call_"))]
        shown = tag.name[:40]
        hint = _near(_PREFIX.sub("", shown), [*known, *_COLUMNS, *_VARIABLES, "GT"])
        return self.error(tag.start, f"there is no tag {shown}{hint} (text is written in quotes)")

    def _column(self, tag: Tag, column: str) -> Value:
        if column in ("FILTER", "TYPE"):
            return Special(column)  # type: ignore[arg-type]  # narrowed by the line above
        if column == "QUAL":
            return Scalar("variant_quality") if self.has("variant_quality") else Missing()
        if column == "POS":
            return Scalar("variant_position")
        if column == "ID":
            return Identifier(self.has("variant_id"))
        if column == "CHROM":
            return Chromosome(Strings.from_values(self.metadata.contig_ids))
        if column in ("REF", "ALT"):
            return AlleleText(None if column == "REF" else EVERY)
        if column == "N_ALT":
            return Alleles()
        if column == "N_SAMPLES":
            return SampleCount()
        if not self.has("call_genotype"):
            raise self.error(tag.start, f"{column} needs genotypes, which the store does not have")
        return MissingGenotypes(self.phased(), fraction=column == "F_MISSING")

    def _variable(self, tag: Tag, name: str) -> Quantity:
        # Without a subscript, bcftools takes the first ALT allele's.
        elements = _FIRST if tag.subscript is None else self._elements(tag)
        if name == "ILEN":
            return AlleleLengths()
        stored = (
            self._stored("variant_AC", "INFO") is not None and self._stored("variant_AN", "INFO") is not None
        )
        counted = None
        if self.has("call_genotype"):
            # A reader counts alleles without making the genotypes.
            counted = COUNTS if hasattr(self.metadata, "virtual_field_names") else "call_genotype"
        if counted is None and not stored:
            raise self.error(tag.start, f"{name} needs genotypes, which the store does not have")
        return CountedAlleles(name, elements, counted, stored)  # type: ignore[arg-type]  # one of Variable

    def _elements(self, tag: Tag) -> Elements:
        """Which values a subscript chooses."""
        text = tag.subscript or ""
        elements = EVERY if tag.subscript is None else parse_elements(text)
        if elements is None or elements.of_genotype:
            is_format = ":" in text or text.startswith("@") or text == "GT"
            raise self.error(
                tag.start, f"[{text[:40]}] {'is for FORMAT tags' if is_format else 'is no subscript'}"
            )
        return elements

    def _info_value(self, tag: Tag, info: FieldInfo) -> Quantity | TextSource:
        elements = self._elements(tag)
        if info.dtype.kind == "b" and len(info.dims) == 1:
            return Truth(info.name)
        return InfoNumbers(info.name, elements) if info.dtype.kind in "iuf" else InfoText(info.name, elements)

    def _format_value(self, tag: Tag, info: FieldInfo) -> Value:
        single = len(info.dims) == 2 or info.name == "call_genotype"
        elements, used = self._format_subscript(tag, info, single=single)
        if info.name == "call_genotype":
            return Genotype(used)
        if elements.of_genotype:
            if info.vcf_number != "R" or not self.has("call_genotype"):
                raise self.error(
                    tag.start, "[GT] is for tags with a number for each allele, and needs genotypes"
                )
            return FormatNumbers(info.name, EVERY, used, "call_genotype")
        if info.dtype.kind in "iuf":
            return FormatNumbers(info.name, elements, used)
        return FormatText(info.name, elements, used)

    def _format_subscript(self, tag: Tag, info: FieldInfo, *, single: bool) -> tuple[Elements, Mask | None]:
        """The values and the samples that a FORMAT tag's subscript chooses."""
        if tag.subscript is None:
            return (_FIRST if single else EVERY), None
        samples, values = split_subscript(tag.subscript)
        if samples is None:
            chosen = self._parse(tag, values)
            if chosen.every:
                return chosen, None
            if not single:
                name = tag.name[:40]
                raise self.error(
                    tag.start, f"{name} has several values per sample: write {name}[sample:value]"
                )
            return _FIRST, self._samples(tag, chosen)
        elements = self._parse(tag, values)
        if samples.startswith("@"):
            try:
                mask = sample_mask(read_list(samples[1:]), self.sample_ids)
            except SelectionError as error:
                raise self.error(tag.start, error.message) from error
            return elements, None if mask.all() else mask
        return elements, self._samples(tag, self._parse(tag, samples))

    def _parse(self, tag: Tag, text: str) -> Elements:
        elements = parse_elements(text)
        if elements is None:
            raise self.error(tag.start, f"[{tag.subscript or ''}] is no subscript"[:60])
        return elements

    def _samples(self, tag: Tag, chosen: Elements) -> Mask | None:
        """The chosen samples, by their positions."""
        count = len(self.sample_ids)
        if chosen.of_genotype:
            raise self.error(tag.start, "[GT] chooses values, not samples")
        if any(
            (first if last is None else last) >= count for first, last in chosen.ranges if last is not None
        ):
            raise self.error(
                tag.start, f"the subscript is too large: there are {count} samples, the first is number 0"
            )
        mask = np.zeros(count, dtype=bool)
        mask[chosen.positions(count)] = True
        if self.numbers is not None:
            mask = mask[self.numbers]
        return None if mask.all() else mask


def _near(name: str, known: Any) -> str:
    """A hint at names that are nearly `name`."""
    import difflib

    near = difflib.get_close_matches(name, list(dict.fromkeys(known)), n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""
