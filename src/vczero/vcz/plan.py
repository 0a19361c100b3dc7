"""A query and its plan: which rows of which chunks make each batch. Pure: nothing is read.

A batch is a *run of variants* as long as the shortest chunk along the variants axis among the arrays that
are read; arrays with longer chunks, or chunks that do not line up, give rows to several batches, and the
runtime reads each of their chunks once. Only the batches that hold selected variants are in the plan.
Where a batch should have a certain size, a run is cut into pieces, or several are joined. Where batches are
very small, one step makes several of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.chunks.joined import JoinedChunks
from vczero.chunks.steps import Step
from vczero.vcz.derived import ALLELE, CODES, COUNTS, GENOTYPE, TAPPED
from vczero.vcz.layout import Layout, Runs, lay_out, lay_out_codes, lay_out_counts, split_runs
from vczero.vcz.regions import Overlap, Regions
from vczero.vcz.selectivity import FullPredicate, Selectivity

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader

__all__ = ["Query", "ScanPlan", "Semantics", "StoredArray", "plan"]

# Less of a chunk, and the Blosc blocks at its ends, which two pieces decode, would cost too much.
_LEAST_PIECE_BYTES = 2 * 2**20
# More in a batch of several chunks, and workers would wait for each other.
_MOST_JOINED_BYTES = 2**20
_MANY_STEPS = 32
# Small chunks read by a step that makes several batches: what the step costs is then little beside them, and
# they are read in a millisecond or two.
_MOST_TOGETHER_CHUNKS = 64
_MOST_TOGETHER_BYTES = 2**20
# Nobody knows how long text is, and a batch keeps the memory of all of its step.
_MOST_TOGETHER_WITH_TEXT = 4

Int64s: TypeAlias = npt.NDArray[np.int64]
Semantics: TypeAlias = Literal["selection", "query", "view"]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is asked of a store.

    Attributes:
        fields: the columns, in order; None: every field.
        samples: int64, (samples,). Indexes on the samples axis, in order; None: all that are not null.
        variants: int64, (runs, 2). Runs [first, end) of variants, in the order of delivery; None: all.
        regions: what `-r` selects: records that overlap, contigs in the order named.
        targets: what `-t` selects.
        regions_overlap, targets_overlap: what of a record is compared: its position, its span, or the span
            in which its alleles differ (bcftools 1.16, `--regions-overlap`).
        predicate: which variants (and samples) pass.
        semantics: what a selection of samples does to a predicate, and to stored columns that come from
            genotypes (AC, AN ...). "selection": both are about the samples selected. "query": the predicate
            sees the samples selected, and what is stored counts as it is (bcftools `query`). "view": the
            predicate sees the stored record with all its samples (bcftools `view`).
        recompute: computed fields whose stored values are not wanted.
    """

    fields: tuple[str, ...] | None = None
    samples: Int64s | None = None
    variants: Int64s | None = None
    regions: Regions | None = None
    targets: Regions | None = None
    regions_overlap: Overlap = "record"
    targets_overlap: Overlap = "pos"
    predicate: FullPredicate | None = None
    semantics: Semantics = "selection"
    recompute: frozenset[str] = frozenset()


class StoredArray(NamedTuple):
    """An array of the store: how its chunks are had, and the names of its axes ("" where not known)."""

    name: str
    reader: BlockReader
    dims: tuple[str, ...]

    @property
    def has_variants_axis(self) -> bool:
        """Whether the first axis is variants."""
        return self.dims[:1] == ("variants",)

    @property
    def has_samples_axis(self) -> bool:
        """Whether an axis is samples."""
        return "samples" in self.dims


@dataclass(frozen=True, slots=True, eq=False)
class ScanPlan:
    """How a query is answered.

    Attributes:
        num_variants: of the store.
        step_rows: the length of a run of variants.
        together: how many batches a step makes; more than one only where all variants are read.
        in_pieces: layouts whose chunks are read in pieces, each of that length.
        tested: layouts that the predicate reads, by field; None without one.
        first: those of them by which the predicate can settle the fate of some variants.
        outputs: layouts of the batch's stored columns, by field.
        rest: layouts read only for the variants that pass (all of them, without a predicate).
        tested_places: int64, (samples,). Where the batch's samples are among those tested; None: they are
        the same.
        runs: int64, (runs, 2). Rows [first, end) in the order of delivery.
        offsets: int64, (batches + 1,). Batch i has `runs[offsets[i]:offsets[i + 1]]`.
    """

    num_variants: int
    step_rows: int
    together: int
    in_pieces: frozenset[Layout]
    tested: Mapping[str, Layout] | None
    first: Mapping[str, Layout]
    outputs: Mapping[str, Layout]
    rest: tuple[Layout, ...]
    tested_places: Int64s | None
    runs: Int64s
    offsets: Int64s

    def __len__(self) -> int:
        """The number of batches, before the predicate."""
        return len(self.offsets) - 1

    @property
    def variant_counts(self) -> Int64s:
        """int64, (batches,): variants of each batch, before the predicate."""
        ends = np.concatenate(([0], np.cumsum(self.runs[:, 1] - self.runs[:, 0])))
        return np.diff(ends[self.offsets])

    def step_runs(self, index: int, end: int) -> list[tuple[int, int]]:
        """The rows of the batches of one step."""
        runs = self.runs[self.offsets[index] : self.offsets[end]].tolist()
        return [(runs[0][0], runs[-1][1])] if self.together > 1 else [(first, last) for first, last in runs]

    def steps(self, start: int = 0, selectivity: Selectivity | None = None) -> Iterator[Step]:
        """The steps from batch `start` on, made when asked for.

        Tagged with (runs, rows before, whether in two goes, number of the batch after them).
        """
        done = 0
        for first in range(start - start % self.together, len(self), self.together):
            end = min(first + self.together, len(self))
            runs = self.step_runs(max(start, first), end)
            in_two = selectivity is not None and selectivity.in_two
            tag = (runs, done, in_two, end)
            rest = self.reads(self.rest, runs)
            if self.tested is None:
                yield Step(rest, (), tag)
            elif in_two:
                others = [layout for name, layout in self.tested.items() if name not in self.first]
                rest = self.reads(others, runs) + rest
                yield Step(self.reads(tuple(self.first.values()), runs), rest, tag)
            else:
                yield Step(self.reads(tuple(self.tested.values()), runs), rest, tag)
            done += sum(end - first for first, end in runs)

    def reads(self, layouts: Sequence[Layout], runs: Runs) -> list[Any]:
        """The reads that fill the columns of one batch."""
        parts: dict[int, Any] = {}
        found = []
        for layout in layouts:
            rows = layout.chunk_rows
            if rows not in parts:
                parts[rows] = split_runs(runs, chunk_rows=rows, num_rows=self.num_variants)
            piece = runs[0][0] // self.step_rows if layout in self.in_pieces else -1
            found += layout.reads(parts[rows], piece)
        return found


def plan(
    arrays: Mapping[str, StoredArray],
    *,
    num_variants: int,
    fields: Sequence[str],
    tested: Sequence[str] | None = None,
    first: Collection[str] = (),
    samples: Int64s | None = None,
    tested_samples: Int64s | None = None,
    variants: Int64s | None = None,
    step_rows: int | None = None,
    batch_bytes: int | None = None,
    singly: bool = False,
) -> ScanPlan:
    """The plan of a scan; linear in steps, runs and chunks per step.

    Args:
        arrays: of every field named, each with a variants axis; for `TAPPED` ones, of genotypes and alleles.
        num_variants: of the store.
        fields: the batch's stored columns.
        tested: what the predicate reads; None: there is no predicate.
        first: those of them by which it can settle the fate of some variants.
        samples: int64, (samples,): of the batch; None: all.
        tested_samples: int64, (samples,), ascending, or `samples` itself: what the predicate sees; None: all.
        variants: int64, (runs, 2): the rows wanted, in the order of delivery; None: all.
        step_rows: the step's length where no field is named.
        batch_bytes: about how large batches should be; None: as chunks are.
        singly: whether each step makes one batch, however small it is.
    """
    same_samples = samples is tested_samples
    of_test = {name: _lay_out(arrays, name, tested_samples) for name in tested or ()}
    shared = {name for name in fields if name in of_test and (same_samples or name not in TAPPED)}
    rest = {name: _lay_out(arrays, name, samples) for name in fields if name not in shared}
    places = None
    if of_test and not same_samples and samples is not None:
        places = samples if tested_samples is None else np.searchsorted(tested_samples, samples)
    layouts = [*of_test.values(), *rest.values()]
    rows = chunk_rows = min((e.chunk_rows for e in layouts), default=step_rows or max(1, num_variants))
    in_pieces, together = frozenset[Layout](), 1
    if batch_bytes is not None and layouts:
        rows, in_pieces = _fitted(rows, layouts, batch_bytes, num_variants)
    elif variants is None and not singly:
        together = _together(rows, layouts)
    if variants is None and rows * together > chunk_rows:
        of_test, rest = _joined((of_test, rest), chunk_rows, rows * together // chunk_rows)
    outputs = {name: of_test[name] if name in shared else rest[name] for name in fields}
    runs, offsets = _steps(variants, rows, num_variants)
    firsts = {name: layout for name, layout in of_test.items() if name in first}
    return ScanPlan(
        num_variants=num_variants,
        step_rows=rows,
        together=together,
        in_pieces=in_pieces,
        tested=None if tested is None else of_test,
        first=firsts if len(firsts) < len(of_test) else {},
        outputs=outputs,
        rest=tuple(rest.values()),
        tested_places=places,
        runs=runs,
        offsets=offsets,
    )


def _lay_out(arrays: Mapping[str, StoredArray], name: str, samples: Int64s | None) -> Layout:
    if name == COUNTS:
        num_alleles = arrays[ALLELE].reader.meta.shape[1]
        return lay_out_counts(name, arrays[GENOTYPE].reader, samples, num_alleles)
    if name == CODES:
        return lay_out_codes(name, arrays[GENOTYPE].reader)
    array = arrays[name]
    return lay_out(array.name, array.reader, array.dims, samples)


def _fitted(
    rows: int, layouts: Sequence[Layout], batch_bytes: int, num_variants: int
) -> tuple[int, frozenset[Layout]]:
    """The length of a run of variants, changed so that batches come to about `batch_bytes`, and what is read
    in pieces for that.

    What cannot be read in pieces is not counted: cutting batches would save nothing of it.
    """
    work, nbytes = (sum(sizes) for sizes in zip(*((e.row_work, e.row_nbytes) for e in layouts), strict=True))
    most = min(batch_bytes, _MOST_JOINED_BYTES)
    # Where little is kept of much that is decoded, few samples of many, workers have enough steps left.
    joined = max(
        most // max(1, rows * work), min(most // max(1, rows * nbytes), num_variants // (rows * _MANY_STEPS))
    )
    if joined > 1:
        return rows * joined, frozenset()
    large = [e for e in layouts if e.chunk_rows == rows and e.reader.reads_in_part(rows // 2)]
    pieces = -(-rows * sum(layout.row_nbytes for layout in large) // batch_bytes)
    if pieces < 2:
        return rows, frozenset()
    tile_bytes = sum(prod(e.reader.meta.chunk_shape[1:]) * e.dtype.itemsize for e in large)
    most = max(1, rows * tile_bytes // (len(large) * _LEAST_PIECE_BYTES))
    pieces = min(pieces, most)
    even = (number for number in range(pieces, 2 * pieces) if rows % number == 0)
    return -(-rows // next(even, pieces)), frozenset(large)


def _together(rows: int, layouts: Sequence[Layout]) -> int:
    """How many batches to make by one step, where they are of few small chunks of a synchronous store."""
    if not layouts or not all(layout.reader.store.synchronous for layout in layouts):
        return 1
    work = rows * sum(layout.row_work for layout in layouts)
    chunks = sum(len(layout.tiles) for layout in layouts)
    found = min(_MOST_TOGETHER_BYTES // max(1, work), _MOST_TOGETHER_CHUNKS // max(1, chunks))
    if any(layout.is_text for layout in layouts):
        found = min(found, _MOST_TOGETHER_WITH_TEXT)
    return max(1, found)


def _joined(columns: Sequence[dict[str, Layout]], chunk_rows: int, count: int) -> Iterator[dict[str, Layout]]:
    """The columns, with `count` of those chunks that have so many rows read as one.

    Not of large chunks: each is a worker's job, and fresh memory for several at a time costs page faults.
    """
    readers: dict[BlockReader, JoinedChunks] = {}

    def join(layout: Layout) -> Layout:
        reader = layout.reader
        if layout.chunk_rows != chunk_rows or reader.meta.shard is not None or not reader.store.synchronous:
            return layout
        if chunk_rows * layout.row_work > _MOST_JOINED_BYTES:
            return layout
        return replace(layout, reader=readers.setdefault(reader, JoinedChunks(reader, count)))

    return ({name: join(layout) for name, layout in each.items()} for each in columns)


def _steps(variants: Int64s | None, rows: int, num_variants: int) -> tuple[Int64s, Int64s]:
    """(runs, offsets) of a plan: `variants` cut at multiples of `rows`; each cell is one step."""
    if variants is None:
        starts = np.arange(0, num_variants, rows, dtype=np.int64)
        runs = np.stack((starts, np.minimum(starts + rows, num_variants)), axis=1)
        return runs, np.arange(len(runs) + 1, dtype=np.int64)
    variants = variants[variants[:, 1] > variants[:, 0]]
    first_cell, last_cell = variants[:, 0] // rows, (variants[:, 1] - 1) // rows
    count = last_cell - first_cell + 1
    run = np.repeat(np.arange(len(variants)), count)
    cell = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count) + first_cell[run]
    runs = np.stack(
        (np.maximum(variants[run, 0], cell * rows), np.minimum(variants[run, 1], (cell + 1) * rows)), axis=1
    )
    # A run that does not come after the one before it (regions that name contigs in another order) starts a
    # step.
    new = np.ones(len(runs), np.bool_)
    new[1:] = (np.diff(cell) != 0) | (runs[1:, 0] < runs[:-1, 1])
    return runs, np.concatenate((np.flatnonzero(new), [len(runs)])).astype(np.int64)
