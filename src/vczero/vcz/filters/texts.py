"""Text in expressions: INFO and FORMAT strings, REF, ALT, CHROM and ID, compared with constants, with each
other and with regular expressions.

A text is a list of fields between commas. A comparison is true if any field of the left passes with any field
of the right (bcftools 1.16, observed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.kernels import match as kernels
from vczero.kernels.match import Fields
from vczero.strings import Strings
from vczero.vcz.filters.conditions import Mask, Rows, Verdict, every, some
from vczero.vcz.filters.numeric import NOTHING, OfColumn
from vczero.vcz.filters.regex import Automaton
from vczero.vcz.filters.subscripts import Elements

__all__ = [
    "AlleleText",
    "Chromosome",
    "CompareText",
    "FormatText",
    "Identifier",
    "InfoText",
    "Pattern",
    "TextConstant",
    "TextSource",
    "TextSymbol",
    "Texts",
    "fields_of",
    "text_lengths",
    "texts_of",
]

TextSymbol: TypeAlias = Literal["=", "!=", "~", "!~"]
_DOT: Final = ord(".")


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts of some variants, perhaps per sample: places in `data`. A first axis of length 1 stands for all.

    Attributes:
        data: uint8, (bytes,).
        starts, ends: int64, (variants, values) or (variants, samples, values). An empty text is none.
        absent: bool, (variants,). Which records lack the tag.
        fields: how the texts are split.
        used: bool, (samples,), or None for all: the samples that subscripts chose.
    """

    data: npt.NDArray[np.uint8]
    starts: kernels.Places
    ends: kernels.Places
    absent: Mask
    fields: Fields = Fields.EVERY
    used: Mask | None = None

    @property
    def per_sample(self) -> bool:
        """Whether there is a samples axis."""
        return self.starts.ndim == 3

    def bits(self, kernel: Callable[..., npt.NDArray[np.uint8]], *arguments: Any) -> npt.NDArray[np.uint8]:
        """What a kernel of `kernels.match` finds in all values of a variant (and sample), or-ed."""
        starts, ends = self.starts.ravel(), self.ends.ravel()
        bits = kernel(self.data, starts, ends, self.fields, *arguments).reshape(self.starts.shape)
        result: npt.NDArray[np.uint8] = np.bitwise_or.reduce(bits, axis=-1)
        return result

    def dots(self) -> Mask:
        """Which places hold the text "."."""
        result: Mask = self.ends - self.starts == 1
        result[result] = self.data[self.starts[result]] == _DOT
        return result

    def or_dot(self, lacking: Mask) -> Texts:
        """The same with the text "." in the first place of those that are `lacking`, (variants, samples)."""
        if not lacking.any():
            return self
        starts, ends = self.starts.copy(), self.ends.copy()
        starts[..., 0][lacking] = len(self.data)
        ends[..., 0][lacking] = len(self.data) + 1
        data = np.append(self.data, np.uint8(_DOT))
        return Texts(data, starts, ends, self.absent, self.fields, self.used)


class TextSource(Protocol):
    """A text, or several, for each variant or for each variant and sample."""

    @property
    def columns(self) -> frozenset[str]:
        """The fields that it reads."""

    @property
    def per_sample(self) -> bool:
        """Whether it has a samples axis."""

    def evaluate(self, rows: Rows) -> Texts:
        """The texts of some variants."""


def texts_of(rows: Rows, name: str) -> tuple[npt.NDArray[np.uint8], kernels.Places, kernels.Places]:
    """Data, starts and ends of a column of text; starts and ends in the column's shape."""
    text = Strings.of(rows.columns[name][rows.start : rows.stop])
    offsets = text.offsets
    return text.data, offsets[:-1].reshape(text.shape), offsets[1:].reshape(text.shape)


def text_lengths(rows: Rows, name: str) -> npt.NDArray[np.int64]:
    """The length in bytes of each text of a column."""
    _, starts, ends = texts_of(rows, name)
    return ends - starts


@dataclass(frozen=True, slots=True)
class TextConstant:
    """A text written in the expression."""

    value: bytes
    columns = NOTHING
    per_sample = False

    def evaluate(self, rows: Rows) -> Texts:
        length = len(self.value)
        data = np.frombuffer(self.value, dtype=np.uint8)
        zero = np.zeros((1, 1), dtype=np.int64)
        return Texts(data, zero, zero + length, np.full(1, not length))


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A regular expression, as written (less a `/i` at its end) and compiled."""

    value: bytes
    automaton: Automaton
    columns = NOTHING
    per_sample = False


@dataclass(frozen=True, slots=True)
class InfoText(OfColumn):
    """The values of an INFO tag of strings. A tag with one value pays no heed to `elements`."""

    elements: Elements

    def evaluate(self, rows: Rows) -> Texts:
        data, starts, ends = texts_of(rows, self.column)
        several = starts.ndim > 1
        starts, ends = starts.reshape(len(rows), -1), ends.reshape(len(rows), -1)
        whole = Texts(data, starts, ends, np.zeros(len(rows), dtype=bool))
        # A record without the tag has "." in every place; one with the value ".", in the first alone.
        absent = every(whole.dots(), axis=1) | every(starts == ends, axis=1)
        if several:
            chosen = self.elements.positions(starts.shape[1])
            starts, ends = starts[:, chosen], ends[:, chosen]
            absent |= every(starts == ends, axis=1)
        return Texts(data, starts, ends, absent)


@dataclass(frozen=True, slots=True)
class AlleleText:
    """REF, or the ALT alleles."""

    elements: Elements | None
    columns = frozenset({"variant_allele"})
    per_sample = False

    def evaluate(self, rows: Rows) -> Texts:
        data, starts, ends = texts_of(rows, "variant_allele")
        never = np.zeros(len(starts), dtype=bool)
        if self.elements is None:
            return Texts(data, starts[:, :1], ends[:, :1], never)
        chosen = self.elements.positions(starts.shape[1] - 1) + 1
        if self.elements.single:
            if not len(chosen):
                starts, ends, chosen = np.zeros_like(starts), np.zeros_like(ends), np.zeros(1, dtype=np.intp)
            texts = Texts(data, starts[:, chosen], ends[:, chosen], never)
            return texts.or_dot((texts.starts == texts.ends)[:, 0])
        if not self.elements.open_end:
            # bcftools 1.16 goes as far as the number of positions in the list, and there takes all behind it.
            reach = np.arange(1, min(self.elements.count() + 2, starts.shape[1]))
            chosen = reach[
                np.isin(reach, chosen) | (reach > max(last or 0 for _, last in self.elements.ranges) + 1)
            ]
        starts, ends = starts[:, chosen], ends[:, chosen]
        return Texts(data, starts, ends, every(starts == ends, axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Chromosome:
    """CHROM, from the names of the contigs."""

    contigs: Strings
    columns = frozenset({"variant_contig"})
    per_sample = False

    def evaluate(self, rows: Rows) -> Texts:
        contig = rows.array("variant_contig")[:, None]
        starts, ends = self.contigs.offsets[:-1][contig], self.contigs.offsets[1:][contig]
        return Texts(self.contigs.data, starts, ends, np.zeros(len(contig), dtype=bool))


@dataclass(frozen=True, slots=True, eq=False)
class Identifier:
    """ID; "." in a store without identifiers."""

    stored: bool
    per_sample = False

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({"variant_id"} if self.stored else ())

    def evaluate(self, rows: Rows) -> Texts:
        absent = np.zeros(len(rows), dtype=bool)
        if not self.stored:
            zero = np.zeros((len(rows), 1), dtype=np.int64)
            return Texts(np.array([_DOT], dtype=np.uint8), zero, zero + 1, absent, Fields.WHOLE)
        data, starts, ends = texts_of(rows, "variant_id")
        return Texts(data, starts[:, None], ends[:, None], absent, Fields.WHOLE)


@dataclass(frozen=True, slots=True)
class FormatText:
    """The values of a FORMAT tag of strings.

    Attributes:
        column: the field.
        elements: which values of each sample.
        used: bool, (samples,), or None for all: the samples that the subscript chose.
    """

    column: str
    elements: Elements
    used: Mask | None = None
    per_sample = True

    @property
    def columns(self) -> frozenset[str]:
        return frozenset([self.column])

    def evaluate(self, rows: Rows) -> Texts:
        data, starts, ends = texts_of(rows, self.column)
        fields = Fields.EVERY
        if starts.ndim == 2:
            starts, ends = starts[..., None], ends[..., None]
            fields = Fields.FIRST if self.elements.single else Fields.EVERY
        whole = Texts(data, starts, ends, np.zeros(len(starts), dtype=bool), fields, self.used)
        absent = every(whole.dots(), axis=(1, 2))
        chosen = self.elements.positions(starts.shape[2])
        if len(chosen):
            starts, ends = starts[..., chosen], ends[..., chosen]
        else:
            starts, ends = np.zeros_like(starts[..., :1]), np.zeros_like(ends[..., :1])
        texts = Texts(data, starts, ends, absent, fields, self.used)
        return texts.or_dot(every(starts == ends, axis=2))


@dataclass(frozen=True, slots=True)
class CompareText:
    """A comparison of texts; `~` and `!~` with a pattern on the right."""

    left: TextSource
    symbol: TextSymbol
    right: TextSource | Pattern

    @property
    def columns(self) -> frozenset[str]:
        return self.left.columns | self.right.columns

    @property
    def early(self) -> frozenset[str]:
        return frozenset() if self.per_sample else self.columns

    @property
    def per_sample(self) -> bool:
        return self.left.per_sample or self.right.per_sample

    def evaluate(self, rows: Rows) -> Verdict:
        a = self.left.evaluate(rows)
        if isinstance(self.right, Pattern):
            automaton = self.right.automaton
            bits = a.bits(kernels.search, automaton.classes, automaton.table, automaton.at_end)
            return self._verdict(a, bits, np.zeros(1, dtype=bool), fields_of(self.right.value), len(rows))
        b = self.right.evaluate(rows)
        if b.per_sample or isinstance(self.left, TextConstant):
            a, b = b, a
        constant = self.left if isinstance(self.left, TextConstant) else self.right
        if isinstance(constant, TextConstant):
            bits = a.bits(kernels.match_constant, constant.value)
            return self._verdict(a, bits, b.absent, fields_of(constant.value), len(rows))
        return self._verdict(a, self._pairs(a, b), b.absent, b, len(rows))

    def _pairs(self, a: Texts, b: Texts) -> npt.NDArray[np.uint8]:
        """The bits of each variant (and sample) of `a`, its values compared with those of `b`, which has none
        per sample."""
        bits = np.zeros(a.starts.shape[:-1], dtype=np.uint8)
        shape = (-1, *(1 for _ in a.starts.shape[1:]))
        for i in range(b.starts.shape[1]):
            starts = np.broadcast_to(b.starts[:, i].reshape(shape), a.starts.shape).ravel()
            ends = np.broadcast_to(b.ends[:, i].reshape(shape), a.starts.shape).ravel()
            bits |= a.bits(kernels.match_pairs, b.data, starts, ends)
        return bits

    def _verdict(
        self, a: Texts, bits: npt.NDArray[np.uint8], no_b: Mask, b: Texts | list[bytes], count: int
    ) -> Verdict:
        """The verdict from what was found in `a`; `no_b` says where the other side has no text at all."""
        dot: Mask | np.bool_ = np.bool_(b"." in b) if isinstance(b, list) else some(b.dots(), axis=1)
        no_a = a.absent
        if a.per_sample:
            no_a, no_b = no_a[:, None], no_b[:, None]
            dot = dot[:, None] if isinstance(dot, np.ndarray) else dot
        equal = self.symbol in ("=", "~")
        has_dot = (bits & kernels.DOT) > 0
        wanted = kernels.EQUAL if equal else kernels.UNEQUAL
        if self.symbol == "!~" and a.fields != Fields.WHOLE:
            wanted |= kernels.DOT  # a missing value has no match; an ID of "." is no missing value
        passed = (bits & wanted) > 0
        passed = np.where(no_b, has_dot if equal else ~has_dot, passed)
        passed = np.where(no_a, dot if equal else ~dot, passed)
        passed = np.where(no_a & no_b, equal, passed)
        if a.per_sample:
            return Verdict.of_samples(passed, a.used)
        return Verdict(np.array(np.broadcast_to(passed, count)))


def fields_of(value: bytes) -> list[bytes]:
    """The fields of a constant; what follows a last comma is none if it is empty."""
    fields = value.split(b",")
    return fields if fields[-1] else fields[:-1]
