"""Regions and targets: text, files and lists to intervals, and the test of records against them.

Forms and semantics are those of bcftools 1.16 (`-r`, `-R`, `-t`, `-T`, `--regions-overlap`), observed on the
program. Positions are 1-based and closed, as in VCF.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import SelectionError

__all__ = ["Intervals", "Overlap", "RegionInput", "Regions", "parse_regions", "read_regions"]

Overlap: TypeAlias = Literal["pos", "record", "variant"]
RegionItem: TypeAlias = str | tuple[str, int | None, int | None]
RegionInput: TypeAlias = "str | os.PathLike[str] | Sequence[RegionItem] | Regions"
Int64s: TypeAlias = npt.NDArray[np.int64]

# Beyond every position: htslib's largest coordinate is 2^44 in CSI, but a VCF's POS fits 32 bits.
MAX_POSITION: Final = 2**40 - 1
_CONTIG_SHIFT: Final = 40
_UNIT: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
# htslib's numbers: decimals, an exponent, one of the units k, M, G; so 1e6, 1.5M.
_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([kKmMgG]?)")
_LARGEST_NUMBER: Final = 1e18


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Intervals by contig name, in the order given.

    Attributes:
        contigs: names, each once, in the order of first appearance.
        contig: int64, (regions,). Index into `contigs`.
        start: int64, (regions,). First position, 1-based.
        end: int64, (regions,). Last position; `MAX_POSITION` where open.
        complement: select what lies outside.
    """

    contigs: tuple[str, ...]
    contig: Int64s
    start: Int64s
    end: Int64s
    complement: bool = False

    def __len__(self) -> int:
        return len(self.contig)


def parse_regions(
    value: RegionInput, *, what: str = "regions", complement: bool = False, contigs: Collection[str] = ()
) -> Regions:
    """Regions from text (`chr1`, `chr1:100`, `chr1:100-`, `chr1:100-200`, comma-separated), a path, or a
    list.

    A list holds such texts, one region each, or tuples (contig, first, last) with None for an open end. A
    `^` before text (or `complement`) selects the rest. A contig whose name has a colon is written in
    braces, `{HLA:1}:5-6`; the braces may be left out where `contigs` names it or where what follows the
    last colon is no position.

    Raises:
        SelectionError: a region is malformed, or the file cannot be read; says which and why.
    """
    if isinstance(value, Regions):
        return value
    if isinstance(value, os.PathLike):
        return read_regions(value, what=what, complement=complement)
    if isinstance(value, str):
        complement = complement or value.startswith("^")
        items: Iterable[RegionItem] = _split(value.removeprefix("^"), what)
    else:
        items = value
    known = frozenset(contigs)
    try:
        rows = [_parse_item(item, known) for item in items]
    except _BadRegionError as error:
        raise SelectionError(f"{what}: {error}") from None
    if not rows and isinstance(value, str):
        raise SelectionError(f"{what}: {value!r} names no region")
    return _collect(rows, complement)


class _BadRegionError(ValueError):
    """What is wrong with one region."""


def _split(text: str, what: str) -> Iterator[str]:
    """The regions of a comma-separated text; commas within braces belong to a name."""
    rest = text
    while rest:
        end = 0
        if rest.startswith("{"):
            end = rest.find("}")
            if end < 0:
                raise SelectionError(f"{what}: no closing brace in {text!r}")
        comma = rest.find(",", end)
        if comma < 0:
            comma = len(rest)
        if rest[:comma]:
            yield rest[:comma]
        rest = rest[comma + 1 :]


def _parse_item(item: RegionItem, known: frozenset[str]) -> tuple[str, int, int]:
    """(contig, start, end) of one region."""
    if isinstance(item, str):
        return _parse_text(item, known)
    try:
        contig, first, last = item
    except (TypeError, ValueError):
        raise _BadRegionError(f"{item!r} is neither text nor (contig, first, last)") from None
    if not isinstance(contig, str):
        raise _BadRegionError(f"the contig of {item!r} is not text")
    try:
        start = 1 if first is None else int(first)
        end = MAX_POSITION if last is None else int(last)
    except (TypeError, ValueError):
        raise _BadRegionError(f"a position of {item!r} is not a number") from None
    return contig, start, min(end, MAX_POSITION)


def _parse_text(text: str, known: frozenset[str]) -> tuple[str, int, int]:
    if text in known:
        return text, 1, MAX_POSITION
    if text.startswith("{"):
        contig, closed, span = text[1:].partition("}")
        if not closed or (span and not span.startswith(":")):
            raise _BadRegionError(f"{text!r} is not a region: expected {{contig}}:first-last")
        colon, span = span[:1], span[1:]
    else:
        contig, colon, span = text.rpartition(":")
        if not colon:
            contig, span = text, ""
    if not contig:
        raise _BadRegionError(f"{text!r} has no contig")
    if not colon:
        return contig, 1, MAX_POSITION
    first = _NUMBER.match(span)
    if first is None or first[1].startswith("-") or re.search(r":\d+-\d*$", contig):
        raise _BadRegionError(
            f"{text!r} is not a region: expected a position after the colon, as in chr1:100-200"
        )
    start = _to_int(first, text)
    rest = span[first.end() :]
    if not rest:
        return contig, start, start
    last = _NUMBER.fullmatch(rest[1:])
    if rest[0] != "-" or (last is None and rest != "-"):
        raise _BadRegionError(
            f"{text!r} is not a region: {rest!r} after the first position is not understood"
        )
    return contig, start, MAX_POSITION if last is None else _to_int(last, text)


def _to_int(match: re.Match[str], text: str) -> int:
    """The number that `_NUMBER` matched, clamped to the largest position."""
    number = float(match[1]) * _UNIT[match[2].lower()]
    if abs(number) < 2**53:
        return min(int(number), MAX_POSITION)
    if number < 0:
        raise _BadRegionError(f"{text!r} has a position out of range")
    return MAX_POSITION


def _collect(rows: Sequence[tuple[str, int, int]], complement: bool) -> Regions:
    contigs = {contig: number for number, contig in enumerate(dict.fromkeys(row[0] for row in rows))}
    table = np.array([(contigs[contig], start, end) for contig, start, end in rows], np.int64).reshape(-1, 3)
    return Regions(tuple(contigs), table[:, 0], table[:, 1], table[:, 2], complement)


def read_regions(path: str | os.PathLike[str], *, what: str = "regions", complement: bool = False) -> Regions:
    """Regions from a file, plain or gzip: tab-delimited contig, first[, last], 1-based; or BED by its suffix.

    Lines that begin with `#` and empty lines are skipped. Where a third column is absent or not a number,
    that line and all after it are taken as contig and position, which makes a VCF a region file (bcftools
    1.16, observed; it also stops at an empty line, which we do not).

    Raises:
        SelectionError: the file cannot be read, a line is malformed, or there is no region in it.
    """
    name = os.fspath(path)
    is_bed = re.search(r"\.bed(\.gz|\.bgz)?$", name, re.IGNORECASE) is not None
    rows = []
    two_columns = False
    for number, line in enumerate(_lines(name, what), start=1):
        if not line or line.startswith("#"):
            continue
        columns = line.split("\t")
        start = _column(columns, 1)
        if start is None:
            why = "expected contig, first and last position, separated by tabs"
            raise SelectionError(f"{what}: {name}, line {number}: {why}")
        end = None if two_columns else _column(columns, 2)
        if end is None:
            if is_bed:
                raise SelectionError(f"{what}: {name}, line {number}: a BED line needs three columns")
            two_columns = True
            end = start
        rows.append((columns[0], start + is_bed, end))
    if not rows:
        raise SelectionError(f"{what}: {name} holds no region")
    return _collect(rows, complement)


def _column(columns: Sequence[str], index: int) -> int | None:
    """The number in a column, None where there is none."""
    if index >= len(columns):
        return None
    text = columns[index]
    if text.isdecimal() and len(text) < 13:
        return int(text)
    match = _NUMBER.fullmatch(text)
    try:
        return None if match is None else _to_int(match, text)
    except _BadRegionError:
        return None


def _lines(name: str, what: str) -> Iterator[str]:
    """The lines of a text file, gunzipped by its magic number, without their ends."""
    import gzip
    import zlib

    try:
        with open(name, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(name, "rb") if packed else open(name, "rb") as file:
            for line in file:
                yield line.decode().rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SelectionError(f"{what}: cannot read {name}: {reason}") from error
    except UnicodeDecodeError:
        raise SelectionError(f"{what}: {name} is not text") from None


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Disjoint intervals over a store's contigs, and the test of records against them.

    Positions are keys, contig number << 40 | position, so that one sorted search serves all contigs.

    Attributes:
        starts: int64, (intervals,). Ascending.
        ends: int64, (intervals,). Ascending.
        contig_order: the contigs, by number, in the order in which the regions name them.
        complement: whether what lies outside is selected.
    """

    starts: Int64s
    ends: Int64s
    contig_order: tuple[int, ...]
    complement: bool = False

    @classmethod
    def resolve(cls, regions: Regions, contig_ids: Sequence[str]) -> Intervals:
        """The regions over a store's contigs, merged; contigs that it lacks select nothing."""
        numbers: dict[str, int] = {}
        for number, name in enumerate(contig_ids):
            numbers.setdefault(name, number)
        in_store = np.array([numbers.get(name, -1) for name in regions.contigs], np.int64)
        contig = in_store[regions.contig]
        start = np.maximum(regions.start, 0)
        keep = (contig >= 0) & (regions.end >= start)
        base = contig[keep] << _CONTIG_SHIFT
        starts, ends = _merge(base + start[keep], base + regions.end[keep])
        named = set(contig[keep].tolist())
        order = tuple(number for number in in_store.tolist() if number in named)
        return cls(starts, ends, order, regions.complement)

    def select(
        self, contig: npt.NDArray[Any], first: npt.NDArray[Any], last: npt.NDArray[Any]
    ) -> npt.NDArray[np.bool_]:
        """bool, (records,): whether [first, last], 1-based and closed, meets an interval; negated by
        complement.

        A record with `last` = `first` - 1 lies between two bases, and is met by intervals that hold both.
        """
        hit = np.zeros(len(contig), np.bool_)
        if len(self.starts):
            base = contig.astype(np.int64) << _CONTIG_SHIFT
            at = np.searchsorted(self.ends, base + first)
            inside = at < len(self.ends)
            hit[inside] = self.starts[at[inside]] <= (base + last)[inside]
        return ~hit if self.complement else hit


def _merge(starts: Int64s, ends: Int64s) -> tuple[Int64s, Int64s]:
    """The union of intervals, disjoint and ascending; those that only touch stay apart, as in htslib."""
    if not len(starts):
        return starts, ends
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    first = np.concatenate(([True], starts[1:] > ends[:-1]))
    return starts[first], ends[np.concatenate((first[1:], [True]))]
