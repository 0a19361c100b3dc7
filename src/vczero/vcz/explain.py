"""What a scan is going to read, told before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.vcz.layout import Layout
from vczero.vcz.plan import ScanPlan

__all__ = ["ArrayCost", "Explanation", "explain"]

Int64s: TypeAlias = npt.NDArray[np.int64]

# Sizes of stored objects are asked of a store that knows them without reading; of very many, of a sample.
_MOST_SIZES = 1000


@dataclass(frozen=True, slots=True)
class ArrayCost:
    """What is read of one array.

    Attributes:
        name: of the array.
        phase: "first" is read for certain; "rest" only where the filter lets variants through.
        chunks, all_chunks: chunks read, of how many (inner chunks, where the array is sharded).
        objects: stored objects they lie in: each is one request, or a few ranges.
        stored_bytes: about how many bytes those chunks have as stored; of a sharded array, their part of the
            shards. None where a store cannot tell without requests, being remote.
        decoded_bytes: bytes of the chunks, decompressed. Where few rows of a chunk are wanted, only the
            blocks that hold them are decompressed, and where few samples are, no more than these are made;
            this counts all.
        wanted_bytes: bytes that the batches hold of it.
    """

    name: str
    phase: Literal["first", "rest"]
    chunks: int
    all_chunks: int
    objects: int
    stored_bytes: int | None
    decoded_bytes: int
    wanted_bytes: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a scan is going to read. `str()` of it is a table.

    Attributes:
        steps: batches at most.
        variants, all_variants: selected before the filter, of how many.
        arrays: what is read of each.
    """

    steps: int
    variants: int
    all_variants: int
    arrays: tuple[ArrayCost, ...]

    @property
    def requests(self) -> int:
        """Stored objects read, at most."""
        return sum(cost.objects for cost in self.arrays)

    @property
    def decoded_bytes(self) -> int:
        """Decoded bytes, at most."""
        return sum(cost.decoded_bytes for cost in self.arrays)

    def __str__(self) -> str:
        lines = [
            f"{self.variants:,} of {self.all_variants:,} variants in {self.steps:,} batches; "
            f"{self.requests:,} stored objects"
        ]
        rows = [("array", "read", "chunks", "of", "stored", "decoded", "wanted")]
        for cost in self.arrays:
            stored = "?" if cost.stored_bytes is None else _bytes(cost.stored_bytes)
            when = "always" if cost.phase == "first" else "if any pass"
            sizes = (stored, _bytes(cost.decoded_bytes), _bytes(cost.wanted_bytes))
            rows.append((cost.name, when, f"{cost.chunks:,}", f"{cost.all_chunks:,}", *sizes))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            left = [text.ljust(width) for text, width in zip(row[:2], widths[:2], strict=True)]
            right = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
            lines.append("  ".join(left + right))
        return "\n".join(lines)


def explain(plan: ScanPlan) -> Explanation:
    """The cost of a plan; linear in runs and chunks, and reads nothing."""
    tested = tuple((plan.tested or {}).values())
    rest: Literal["first", "rest"] = "first" if plan.tested is None else "rest"
    costs = [_cost(layout, plan, "first") for layout in tested]
    costs += [_cost(layout, plan, rest) for layout in plan.rest]
    variants = int((plan.runs[:, 1] - plan.runs[:, 0]).sum())
    return Explanation(len(plan), variants, plan.num_variants, tuple(costs))


def _cost(layout: Layout, plan: ScanPlan, phase: Literal["first", "rest"]) -> ArrayCost:
    meta = layout.reader.stored_meta
    rows = _chunks_of(plan.runs, layout.chunk_rows, meta.cdata_shape[0])
    tails = [tile.coords for tile in layout.tiles]
    lengths = np.minimum(layout.chunk_rows, meta.shape[0] - rows * layout.chunk_rows)
    variants = int((plan.runs[:, 1] - plan.runs[:, 0]).sum())
    objects = len(rows) * len(tails)
    if meta.shard is not None:
        shape = [s // c for s, c in zip(meta.shard.shape, meta.chunk_shape, strict=True)]
        shards = {tuple(c // n for c, n in zip(tail, shape[1:], strict=True)) for tail in tails}
        objects = len(np.unique(rows // shape[0])) * len(shards)
    return ArrayCost(
        name=layout.name,
        phase=phase,
        chunks=len(rows) * len(tails),
        all_chunks=prod(meta.cdata_shape),
        objects=objects,
        stored_bytes=_stored_bytes(layout, rows),
        decoded_bytes=int(lengths.sum()) * layout.row_work,
        wanted_bytes=variants * layout.row_nbytes,
    )


def _chunks_of(runs: Int64s, chunk_rows: int, num_chunks: int) -> Int64s:
    """int64, (chunks,): the chunks along the variants axis that hold any row of the runs, ascending."""
    runs = runs[runs[:, 1] > runs[:, 0]]
    marks = np.zeros(num_chunks + 1, np.int64)
    np.add.at(marks, runs[:, 0] // chunk_rows, 1)
    np.add.at(marks, (runs[:, 1] - 1) // chunk_rows + 1, -1)
    return np.flatnonzero(np.cumsum(marks)[:-1] > 0)


def _stored_bytes(layout: Layout, rows: Int64s) -> int | None:
    size_of = getattr(layout.reader.store, "size_of", None)
    if size_of is None:
        return None
    every = max(1, len(rows) * len(layout.tiles) // _MOST_SIZES)
    sampled = rows[::every]
    sizes: dict[str, int] = {}
    total = 0.0
    for row in sampled.tolist():
        for tile in layout.tiles:
            coords = (row, *tile.coords)
            key = layout.reader.chunk_key(coords)
            if key not in sizes:
                sizes[key] = size_of(key) or 0
            total += sizes[key] / _chunks_beside(layout, coords)
    return round(total * len(rows) / max(1, len(sampled)))


def _chunks_beside(layout: Layout, coords: tuple[int, ...]) -> int:
    """How many chunks share the stored object of one, itself counted."""
    meta = layout.reader.stored_meta
    if meta.shard is None:
        return 1
    per_shard = [s // c for s, c in zip(meta.shard.shape, meta.chunk_shape, strict=True)]
    axes = zip(coords, per_shard, meta.cdata_shape, strict=True)
    return prod(min(n, count - coord // n * n) for coord, n, count in axes)


def _bytes(count: int) -> str:
    """A byte count for people: 1.5 MiB."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
