"""Where in the store the records of regions and targets are: a predicate over positions, and what narrows
it down.

Regions and targets are resolved to runs of variants before anything else of a scan is planned: positions
are a few bytes per variant, and with `region_index` only the chunks that can hold a hit are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.strings import Strings
from vczero.vcz.regions import Intervals, Overlap
from vczero.vcz.schema import Batch

__all__ = ["RegionTest", "candidate_runs", "hits", "joined", "span_columns"]

Int64s: TypeAlias = npt.NDArray[np.int64]


class RegionTest:
    """Which records regions and targets select; a `Predicate`.

    `columns` has `variant_contig`, `variant_position` and, where more than positions is compared, what
    tells the records' spans (`span_columns`).
    """

    def __init__(self, tests: Sequence[tuple[Intervals, Overlap]], spans: frozenset[str]) -> None:
        self._tests = tests
        self.columns = frozenset({"variant_contig", "variant_position"})
        if any(overlap != "pos" for _, overlap in tests):
            self.columns |= spans

    def evaluate(self, batch: Batch) -> npt.NDArray[np.bool_]:
        """bool, (variants,): those that every test selects."""
        contig = batch["variant_contig"]
        position = batch["variant_position"].astype(np.int64)
        passed = np.ones(len(position), np.bool_)
        for intervals, overlap in self._tests:
            first = last = position
            if overlap != "pos":
                last = position + _lengths(batch, position) - 1
            if overlap == "variant":
                first = position + _shared_prefix(Strings.of(batch.columns["variant_allele"]))
            passed &= intervals.select(contig, first, last)
        return passed


def span_columns(has: Callable[[str], bool], overlaps: Sequence[Overlap]) -> frozenset[str]:
    """The columns that tell where records end, of those that the store has."""
    wanted = {"variant_length"} if has("variant_length") else {"variant_allele", "variant_END"}
    if "variant" in overlaps:
        wanted.add("variant_allele")
    return frozenset(name for name in wanted if has(name))


def _lengths(batch: Batch, position: Int64s) -> Int64s:
    """int64, (variants,): bases on the reference, at least 1: END - POS + 1, or that of REF (htslib)."""
    if "variant_length" in batch.columns:
        return np.maximum(batch["variant_length"].astype(np.int64), 1)
    lengths = np.ones(len(position), np.int64)
    if "variant_allele" in batch.columns:
        lengths = np.maximum(Strings.of(batch.columns["variant_allele"]).lengths[:, 0], 1)
    if "variant_END" in batch.columns and batch["variant_END"].ndim == 1:
        end = batch["variant_END"].astype(np.int64)
        lengths = np.where(end >= position, end - position + 1, lengths)
    return lengths


def _shared_prefix(alleles: Strings) -> Int64s:
    """int64, (variants,): bases that REF has in common, from its start, with every ALT; all of REF without
    ALT.

    With it, [POS + prefix, end] is what bcftools 1.16 compares under `--regions-overlap 2` (observed): an
    insertion after POS lies between two bases.
    """
    rows, width = alleles.shape
    starts = alleles.offsets[:-1].reshape(rows, width)
    lengths = alleles.lengths
    prefix = lengths[:, 0].copy()
    for alt in range(1, width):
        active = np.flatnonzero(lengths[:, alt] > 0)
        shared = np.zeros(rows, np.int64)
        limit = np.minimum(lengths[:, 0], lengths[:, alt])
        while len(active):
            active = active[shared[active] < limit[active]]
            at = shared[active]
            same = alleles.data[starts[active, 0] + at] == alleles.data[starts[active, alt] + at]
            active = active[same]
            shared[active] += 1
        prefix = np.where(lengths[:, alt] > 0, np.minimum(prefix, shared), prefix)
    return prefix


def candidate_runs(
    table: npt.NDArray[Any],
    *,
    chunk_rows: int,
    num_variants: int,
    tests: Sequence[tuple[Intervals, Overlap]],
) -> Int64s | None:
    """int64, (runs, 2): rows of the store that may hold a hit, by its `region_index`; None where that does
    not fit.

    Args:
        table: integers, (contig runs, 6): chunk, contig, start, end, max end, count.
        chunk_rows: the chunk length of `variant_position`, which the index counts in.
        num_variants: of the store.
        tests: all of which a record must pass.
    """
    chunk, contig, first, last, max_end, count = table.astype(np.int64).T
    ends = np.cumsum(count)
    starts = ends - count
    fits = len(table) and ends[-1] == num_variants and (count > 0).all()
    if not fits or (starts // chunk_rows != chunk).any() or ((ends - 1) // chunk_rows != chunk).any():
        return None
    keep = np.ones(len(table), np.bool_)
    for intervals, overlap in tests:
        if not intervals.complement:
            keep &= intervals.select(contig, first, last if overlap == "pos" else np.maximum(last, max_end))
    return np.stack((starts[keep], ends[keep]), axis=1)


def hits(batch: Batch) -> Int64s:
    """int64, (runs, 3): runs [first, end) of the batch's variants that lie on one contig, and the contig."""
    rows, contig = batch.variant_index, batch["variant_contig"].astype(np.int64)
    breaks = (np.diff(rows) != 1) | (np.diff(contig) != 0)
    first, last = np.append(True, breaks), np.append(breaks, True)
    return np.stack((rows[first], rows[last] + 1, contig[first]), axis=1)


def joined(found: Sequence[Int64s], order: Sequence[int] | None) -> Int64s:
    """int64, (runs, 2): what `hits` found, in as few runs as can be; contigs in `order`, or as found."""
    runs = np.concatenate([np.empty((0, 3), np.int64), *found])
    if not len(runs):
        return runs[:, :2]
    if order is not None:
        rank = np.zeros(int(runs[:, 2].max()) + 1, np.int64)
        for place, number in enumerate(order):
            if number < len(rank):
                rank[number] = place
        runs = runs[np.argsort(rank[runs[:, 2]], kind="stable")]
    breaks = runs[1:, 0] != runs[:-1, 1]
    first, last = np.append(True, breaks), np.append(breaks, True)
    return np.stack((runs[first, 0], runs[last, 1]), axis=1)
