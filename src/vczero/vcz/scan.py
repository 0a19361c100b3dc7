"""The work of a scan: from the decoded chunks of a step to a batch, on a worker.

Without a predicate a step has one phase. With one, the predicate's columns are read first and evaluated; of
the other columns only the rows that passed are read, and nothing at all where none did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.steps import Decoded, Read, Step
from vczero.strings import Strings
from vczero.vcz.assembly import assemble_text, place, take_places, take_rows
from vczero.vcz.derived import Derived, compute
from vczero.vcz.layout import ColumnRead, Layout, Runs, runs_of
from vczero.vcz.plan import ScanPlan, reads
from vczero.vcz.schema import Batch, Column, Passed, Predicate

__all__ = ["BatchWork"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _State:
    """A step under way.

    Attributes:
        runs: the rows wanted; after the predicate, those that passed.
        done: how many rows the steps before want.
        layouts: the columns of the phase under way.
        arrays: their memory.
        loose: their reads that are not decoded straight into place.
        columns: those that are complete.
        kept: where among the rows tested those are that passed; None: all.
        sample_mask: which samples of the rows that passed.
    """

    runs: list[tuple[int, int]]
    done: int
    layouts: tuple[Layout, ...] = ()
    arrays: dict[Layout, npt.NDArray[Any]] = field(default_factory=dict)
    loose: list[ColumnRead] = field(default_factory=list)
    columns: dict[Layout, Column] = field(default_factory=dict)
    is_tested: bool = False
    kept: npt.NDArray[np.intp] | None = None
    sample_mask: npt.NDArray[np.bool_] | None = None


class BatchWork(Generic[T]):
    """`StepWork` for a `ScanPlan`: gives what `function` makes of each batch that has variants.

    Args:
        plan: whose steps are run.
        fields: the batch's columns, in order.
        predicate: what the plan's tested columns are for.
        static: columns without variants axis, given to every batch as they are.
        derived: columns of the batch that are computed.
        tested_derived: those of the predicate.
        whole: without a predicate, arrays of all batches together; each batch is then a view of its rows.
        function: called with each batch, on the worker, by several at once.
        empty: makes the batch's arrays; `Runtime.empty` uses the memory of dropped batches.
    """

    def __init__(
        self,
        plan: ScanPlan,
        *,
        fields: Sequence[str],
        predicate: Predicate | None,
        static: Mapping[str, Column],
        derived: Sequence[Derived] = (),
        tested_derived: Sequence[Derived] = (),
        whole: Mapping[Layout, npt.NDArray[Any]] | None = None,
        function: Callable[[Batch], T],
        empty: Callable[[tuple[int, ...], np.dtype[Any]], npt.NDArray[Any]] = np.empty,
    ) -> None:
        self._plan = plan
        self._tested = plan.tested or {}
        self._fields = fields
        self._predicate = predicate
        self._static = dict(static)
        self._derived = derived
        self._tested_derived = tested_derived
        self._whole = whole or {}
        self._function = function
        self._empty = empty
        self._lock = Lock()
        self.variants_yielded = 0

    def begin(self, step: Step) -> _State:
        """Memory for the columns of the first phase."""
        runs, done = step.tag
        state = _State(runs, done)
        self._allocate(state, self._plan.rest if self._predicate is None else self._tested.values())
        return state

    def destination(self, state: _State, read: Read) -> npt.NDArray[Any] | None:
        """The read's place in its column, where it can be decoded straight into it."""
        assert isinstance(read, ColumnRead)
        if not read.tile.direct:
            state.loose.append(read)
            return None
        place: npt.NDArray[Any] = state.arrays[read.layout][(read.at, *read.tile.out)]
        return place

    def second(self, state: _State, decoded: Decoded) -> Sequence[Read]:
        """The reads of the other columns, of the rows that passed."""
        self._test(state, decoded)
        if not state.runs:
            return ()
        self._allocate(state, self._plan.rest)
        return reads(self._plan.rest, state.runs, self._plan.num_variants)

    def finish(self, state: _State, decoded: Decoded) -> T | None:
        """What `function` makes of the batch; None where no variant passed."""
        if self._predicate is not None and not state.is_tested:
            self._test(state, decoded)
            self._allocate(state, self._plan.rest)
        if not state.runs:
            return None
        self._complete(state, decoded)
        batch = self._batch(state)
        with self._lock:
            self.variants_yielded += batch.num_variants
        return self._function(batch)

    def nothing(self) -> T:
        """What `function` makes of a batch without variants."""
        state = _State([], 0)
        self._allocate(state, {*self._tested.values(), *self._plan.rest})
        self._complete(state, {})
        return self._function(self._batch(state))

    def nbytes(self, result: T) -> int:
        """Bytes that a result keeps."""
        if isinstance(result, bytes):
            return len(result)
        return int(getattr(result, "nbytes", 0))

    def _allocate(self, state: _State, layouts: Iterable[Layout]) -> None:
        state.layouts = tuple(layouts)
        rows = _count(state.runs)
        for layout in state.layouts:
            if layout in self._whole:
                state.arrays[layout] = self._whole[layout][state.done : state.done + rows]
            elif not layout.is_text:
                state.arrays[layout] = self._empty((rows, *layout.shape), layout.dtype)

    def _complete(self, state: _State, decoded: Decoded) -> None:
        """Finish the columns of the phase under way."""
        texts: dict[Layout, list[tuple[ColumnRead, Strings]]] = {}
        for read in state.loose:
            value = decoded[read]
            if isinstance(value, Strings):
                texts.setdefault(read.layout, []).append((read, value))
            else:
                place(state.arrays[read.layout], read, value)
        rows = _count(state.runs)
        for layout in state.layouts:
            if layout.is_text:
                state.columns[layout] = assemble_text(layout, rows, texts.get(layout, []))
        state.columns |= state.arrays
        state.arrays.clear()
        state.loose.clear()
        state.layouts = ()

    def _test(self, state: _State, decoded: Decoded) -> None:
        """Evaluate the predicate and keep the rows that passed."""
        assert self._predicate is not None
        self._complete(state, decoded)
        rows = _numbers(state.runs)
        columns = {name: state.columns[layout] for name, layout in self._tested.items()}
        found = self._predicate.evaluate(Batch(compute(self._tested_derived, columns, rows), rows))
        passed, mask = found if isinstance(found, Passed) else _passed(found)
        if not passed.all():
            state.kept = np.flatnonzero(passed)
            state.runs = runs_of(rows[state.kept])
        if mask is not None:
            mask = mask if state.kept is None else mask[state.kept]
            places = self._plan.tested_places
            state.sample_mask = mask if places is None else mask[:, places]
        state.is_tested = True

    def _batch(self, state: _State) -> Batch:
        numbers = _numbers(state.runs)
        columns = {name: self._output(state, name) for name in self._plan.outputs}
        columns = compute(self._derived, columns, numbers) | self._static
        return Batch({name: columns[name] for name in self._fields}, numbers, state.sample_mask)

    def _output(self, state: _State, name: str) -> Column:
        """A stored column of the batch."""
        layout = self._plan.outputs[name]
        column = state.columns[layout]
        if layout is not self._tested.get(name):
            return column
        if state.kept is not None:
            column = take_rows(column, state.kept)
        if layout.has_samples and self._plan.tested_places is not None:
            column = take_places(column, self._plan.tested_places)
        return column


def _passed(mask: npt.NDArray[np.bool_]) -> Passed:
    """What a mask says of variants and samples."""
    return Passed(mask, None) if mask.ndim == 1 else Passed(np.logical_or.reduce(mask, axis=1), mask)


def _count(runs: Runs) -> int:
    return sum(end - first for first, end in runs)


def _numbers(runs: Runs) -> npt.NDArray[np.int64]:
    """The row numbers of runs."""
    if len(runs) == 1:
        return np.arange(runs[0][0], runs[0][1], dtype=np.int64)
    numbers = [np.arange(first, end, dtype=np.int64) for first, end in runs]
    return np.concatenate(numbers) if numbers else np.empty(0, np.int64)
