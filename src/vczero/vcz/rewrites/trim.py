"""`-a/--trim-alt-alleles`: ALT alleles that no genotype has are taken out of the record.

As bcftools 1.16 does it: an allele stays if a genotype of the samples selected has it, whatever it is (`*`
and `<NON_REF>` too); genotypes are renumbered, and fields with a value per ALT, per allele or per genotype
are cut. A cell of Number=G with no more values than there are alleles is one of a haploid genotype.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ChunkError
from vczero.strings import Strings
from vczero.vcz.derived import ALLELE, COUNTS, GENOTYPE, OTHER_COUNTS, occurrences, present_alleles
from vczero.vcz.rewrites.cells import TAKE_FILL, lengths, pair_places, take
from vczero.vcz.rewrites.local import LOCAL, drop_alleles
from vczero.vcz.schema import Batch, Column, Metadata

__all__ = ["TrimAlleles"]

Int64s: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_CUT: Final = frozenset({"A", "R", "G"})


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The variants that keep the same alleles of as many."""

    rows: Int64s
    num_alleles: int
    kept: tuple[int, ...]

    def places(self, number: str) -> list[int]:
        """The values that stay in a cell of this Number."""
        if number == "A":
            return [allele - 1 for allele in self.kept[1:]]
        return list(self.kept) if number == "R" else pair_places(self.kept)

    def expected(self, number: str) -> int:
        """The values of a whole cell."""
        n = self.num_alleles
        return n - 1 if number == "A" else n if number == "R" else n * (n + 1) // 2


class TrimAlleles:
    """The rewrite; `metadata` as of the rewrite before, or of the reader."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        names = [name for name in metadata.field_names if name.startswith(("variant_", "call_"))]
        infos = metadata.get_field_infos(sorted(names))
        # AC may be computed where it is not stored.
        self._numbers = {ALLELE: "R", "variant_AC": "A"}
        self._numbers |= {info.name: info.vcf_number for info in infos if info.vcf_number in _CUT}

    def reads(self, columns: frozenset[str]) -> frozenset[str]:
        """The columns themselves, and the alleles and their counts."""
        return columns | {ALLELE, COUNTS}

    def apply(self, batch: Batch) -> Batch:
        """The batch without unseen alleles.

        Raises:
            ChunkError: a cell has more values than its variant's alleles allow.
        """
        columns = dict(batch.columns)
        groups = _groups(columns)
        if not groups:
            return batch
        rows = np.concatenate([group.rows for group in groups])
        for name, number in self._numbers.items():
            if name in columns:
                columns[name] = _cut(columns[name], groups, rows, number, batch, name)
        columns[COUNTS] = _cut_counts(columns[COUNTS], groups)
        if GENOTYPE in columns:
            columns[GENOTYPE] = _renumbered(columns[GENOTYPE], groups)
        if not LOCAL.isdisjoint(columns):
            columns |= drop_alleles(columns, [(group.rows, group.kept) for group in groups])
        return Batch(columns, batch.variant_index, batch.sample_mask)


def _groups(columns: dict[str, Column]) -> list[_Group]:
    """The variants that lose alleles, by what they keep."""
    present, seen = present_alleles(columns[ALLELE]), occurrences(columns[COUNTS]) > 0
    seen[:, :1] = True
    unseen = (present & ~seen).any(axis=1)
    if not unseen.any():
        return []
    rows = np.flatnonzero(unseen)
    states = present[rows].astype(np.uint8) + (present & seen)[rows]
    # Variants are grouped by the bytes of their states: much quicker than by rows of an array.
    keys = np.ascontiguousarray(states).view(f"S{states.shape[1]}").reshape(-1)
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(group, kind="stable")
    members = np.split(rows[order], np.cumsum(np.bincount(group))[:-1])
    return [
        _Group(own, int(present[own[0]].sum()), tuple(np.flatnonzero(states[one] == 2).tolist()))
        for own, one in zip(members, first.tolist(), strict=True)
    ]


def _cut(column: Column, groups: list[_Group], rows: Int64s, number: str, batch: Batch, name: str) -> Column:
    """The column with the values of kept alleles alone in the rows of the groups."""
    has_axis = len(column.shape) > (2 if name.startswith("call_") else 1)
    flat = column if has_axis else column.reshape((*column.shape, 1))
    width = flat.shape[-1]
    parts = []
    for group in groups:
        cells = flat.take(group.rows) if isinstance(flat, Strings) else flat[group.rows]
        parts.append(take(cells, _places(cells, group, number, width, batch, name)))
    return _with_rows(flat, rows, parts).reshape(column.shape)


def _places(cells: Column, group: _Group, number: str, width: int, batch: Batch, name: str) -> Int64s:
    """Which values the cells of a group keep."""
    used = lengths(cells)
    if number == "G":
        is_haploid = used <= group.num_alleles
        diploid, haploid = _padded(group.places("G"), width), _padded(list(group.kept), width)
        places = np.where(is_haploid[..., None], haploid, diploid)
    else:
        places = _padded(group.places(number), width)
    if used.size and int(used.max()) > group.expected(number):
        of_row = used.reshape(len(used), -1).max(axis=1)
        row = int(np.argmax(of_row))
        raise ChunkError(
            f"{name} has {of_row[row]} values at variant {batch.variant_index[group.rows[row]]}, but "
            f"{group.expected(number)} go with its alleles: they cannot be trimmed",
            array=name,
        )
    return places


def _padded(places: list[int], width: int) -> Int64s:
    return np.array((places + [TAKE_FILL] * width)[:width], np.int64)


def _with_rows(column: Column, rows: Int64s, parts: list[Any]) -> Column:
    """The column with other values in those rows."""
    if isinstance(column, Strings):
        every = Strings.concatenate([column, *parts])
        order = np.arange(len(column))
        order[rows] = np.arange(len(column), len(every))
        return every.take(order)
    changed = column.copy()
    changed[rows] = np.concatenate(parts)
    return changed


def _cut_counts(column: Column, groups: list[_Group]) -> Column:
    """The counts of kept alleles, then zeros, then the other counts."""
    changed = np.array(column)
    for group in groups:
        own = changed[group.rows]
        kept = own[:, :, list(group.kept)]
        own[:, :, :-OTHER_COUNTS] = 0
        own[:, :, : len(group.kept)] = kept
        changed[group.rows] = own
    return changed


def _renumbered(column: Column, groups: list[_Group]) -> Column:
    """Genotypes with the numbers of the alleles that are left."""
    changed: npt.NDArray[Any] | None = None
    for group in groups:
        if group.kept == tuple(range(len(group.kept))):
            continue
        if changed is None:
            changed = np.array(column)
        numbers = np.arange(-2, group.num_alleles, dtype=changed.dtype)
        numbers[np.array(group.kept) + 2] = np.arange(len(group.kept))
        changed[group.rows] = np.take(numbers, changed[group.rows].astype(np.intp) + 2, mode="clip")
    return column if changed is None else changed
