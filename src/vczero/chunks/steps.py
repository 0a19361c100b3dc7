"""What a batch needs and what is made of it: the values that planners, the window and the runtime share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy.typing as npt

from vczero.chunks.grid import Rows, row_runs
from vczero.strings import Strings

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader

__all__ = ["Chunk", "Decoded", "Read", "Step", "StepWork"]

T = TypeVar("T")

Chunk: TypeAlias = tuple["BlockReader", tuple[int, ...], int]
Decoded: TypeAlias = "Mapping[Read, npt.NDArray[Any] | Strings]"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One chunk, or some of its rows, that a step needs.

    Reads are compared by identity: the object in the step is the key in `StepWork.destination` and in
    `decoded`. Each read asks for just the rows that its step wants; when a neighbouring step wants rows of
    the same chunk, the runtime reads the chunk once, whole, and gives each step its rows; unless the reads
    are of different pieces of it.

    Attributes:
        reader: the array.
        coords: the chunk, an inner chunk if the array is sharded.
        rows: a slice with step 1 along axis 0, relative to the chunk, or several, ascending and disjoint;
            `None` for all rows.
        piece: of a chunk that is read in pieces, the number of the one that the rows are of; else -1.
        chunk: what the read is of; equal for two reads of one chunk, or of one piece.
        shape: of what the read gives, clamped at the array's edge.
        nbytes: decoded; for variable-length text a guess, a few bytes per value.
        work: bytes to decode for that; more, where not all that is decoded is given.
        is_text: whether the dtype does not tell the size: variable-length text or bytes.
    """

    reader: BlockReader
    coords: tuple[int, ...]
    rows: Rows = None
    piece: int = -1
    chunk: Chunk = field(init=False)
    shape: tuple[int, ...] = field(init=False)
    nbytes: int = field(init=False)
    work: int = field(init=False)
    is_text: bool = field(init=False)

    def __post_init__(self) -> None:
        reader, rows = self.reader, self.rows
        shape = reader.actual_chunk_shape(self.coords)
        if rows is not None:
            shape = (sum(run.stop - run.start for run in row_runs(rows, shape[0])), *shape[1:])
        dtype = reader.meta.dtype
        put = object.__setattr__
        put(self, "chunk", (reader, self.coords, self.piece))
        put(self, "shape", shape)
        put(self, "nbytes", prod(shape) * dtype.itemsize)
        put(self, "work", (shape[0] if shape else 1) * reader.row_work)
        put(self, "is_text", dtype.kind in "TO")


class Step(NamedTuple):
    """The reads that one batch needs.

    Attributes:
        first: fetched as soon as the window lets the step in (with a predicate: its columns; else
            everything).
        rest: what may be needed once `first` has been looked at (`StepWork.second` decides). Empty: one phase
            only.
        tag: whatever the planner wants to find again in `StepWork.begin` (which rows, which batch); not
            looked at here.
    """

    first: Sequence[Read]
    rest: Sequence[Read] = ()
    tag: Any = None

    @property
    def nbytes(self) -> int:
        """Decoded bytes of all reads."""
        return sum(read.nbytes for read in chain(self.first, self.rest))


class StepWork(Protocol[T]):
    """What is made of a step. Every method is called on workers only, for one step by one worker at a time.

    The order of calls for a step: `begin`; `destination` for each read of `first`; with a `rest`: `second`,
    and `destination` for each read that it returned; `finish`; `nbytes`. Different steps run at once, so what
    is kept outside of the state must bear that.
    """

    def begin(self, step: Step) -> Any:
        """The step's state: whatever the other methods need, such as the batch's arrays."""

    def destination(self, state: Any, read: Read) -> npt.NDArray[Any] | None:
        """Where to decode `read`: an array of the read's shape and dtype, perhaps strided along axis 0.

        `None` (always for text): the decoded value comes in `decoded`, and belongs to the step.
        """

    def second(self, state: Any, decoded: Decoded) -> Sequence[Read]:
        """Which of `step.rest` are wanted still; a read may be replaced by one of fewer rows of the same
        chunk.

        Called only for steps with a `rest`, when all of `step.first` has been decoded.
        """

    def finish(self, state: Any, decoded: Decoded) -> T | None:
        """The result; `None` yields nothing. `decoded` has each read of both phases without a destination."""

    def nbytes(self, result: T) -> int:
        """Bytes of memory that `result` keeps; they count against the budget until it is consumed."""
