"""What to start next and what to let go, as pure data: no threads, no clock, no I/O.

A plan is an iterable of `Step`; each step lists the `Read`s that one batch needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader

__all__ = ["Read", "Step"]


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One chunk, or a run of its rows, that a step needs.

    Reads are compared by identity: the object in the step is the key in `StepWork.destination` and in `decoded`. Each read
    asks for just the rows that its step wants; when a neighbouring step wants rows of the same chunk, the runtime reads the
    chunk once, whole, and gives each step its rows.

    Attributes:
        reader: the array.
        coords: the chunk, an inner chunk if the array is sharded.
        rows: a slice with step 1 along axis 0, relative to the chunk; `None` for all rows.
    """

    reader: BlockReader
    coords: tuple[int, ...]
    rows: slice | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the read gives, clamped at the array's edge."""
        shape = self.reader.actual_chunk_shape(self.coords)
        rows = self.rows
        return shape if rows is None else (rows.stop - rows.start, *shape[1:])

    @property
    def nbytes(self) -> int:
        """Decoded bytes; for variable-length text (whose dtype counts a pointer per value) a guess."""
        return prod(self.shape) * int(self.reader.meta.dtype.itemsize)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The reads that one batch needs.

    Attributes:
        first: fetched as soon as the window lets the step in (with a predicate: its columns; else everything).
        rest: what may be needed once `first` has been looked at (`StepWork.second` decides). Empty: a single phase.
        tag: whatever the planner wants to find again in `StepWork.begin` (which rows, which batch); not looked at here.
    """

    first: Sequence[Read]
    rest: Sequence[Read] = ()
    tag: Any = None

    @property
    def nbytes(self) -> int:
        """Decoded bytes of all reads."""
        return sum(read.nbytes for read in self.first) + sum(read.nbytes for read in self.rest)
