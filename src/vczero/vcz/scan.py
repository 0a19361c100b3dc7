"""The work of a scan: from the decoded chunks of a step to a batch, on a worker.

Without a predicate a step has one phase. With one, the predicate's columns are read first and evaluated; of
the other columns only the rows that passed are read, and nothing at all where none did. A predicate that can
settle the fate of some variants by few columns is asked in two goes where that is cheaper (`selectivity`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.steps import Decoded, Read, Step
from vczero.errors import OptionError
from vczero.strings import Strings
from vczero.vcz.assembly import assemble_text, place, take_places, take_rows
from vczero.vcz.derived import Derived, compute
from vczero.vcz.layout import ColumnRead, Layout, Runs, runs_of
from vczero.vcz.plan import ScanPlan
from vczero.vcz.schema import Batch, Column, Passed
from vczero.vcz.selectivity import UNDECIDED, FullPredicate, Selectivity

__all__ = ["BatchWork", "Made", "results_of"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _State:
    """A step under way.

    Attributes:
        runs: the rows wanted; after the predicate, those that passed.
        done: how many rows the steps before want.
        rows: how many this one wants.
        end: the number of the batch after the step's.
        layouts: the columns of the phase under way.
        arrays: their memory.
        loose: their reads that are not decoded straight into place.
        columns: those that are complete.
        in_two: whether the predicate's first columns are read before its others.
        is_tested: whether the predicate has had its say.
        sample_mask: which samples of the rows that passed.
    """

    runs: list[tuple[int, int]]
    done: int
    rows: int
    end: int = 0
    layouts: tuple[Layout, ...] = ()
    arrays: dict[Layout, npt.NDArray[Any]] = field(default_factory=dict)
    loose: list[ColumnRead] = field(default_factory=list)
    columns: dict[Layout, Column] = field(default_factory=dict)
    in_two: bool = False
    is_tested: bool = False
    sample_mask: npt.NDArray[np.bool_] | None = None


class Made(NamedTuple, Generic[T]):
    """What a step gives.

    Attributes:
        results: what `function` made of each batch that has variants; at least one.
        end: the number of the batch after them, before the predicate.
        error: what it raised on the batch after them.
    """

    results: list[T]
    end: int
    error: Exception | None = None


def results_of(stream: Iterable[Made[T]]) -> Iterator[T]:
    """The results of each step, in order; an error of `function` comes after the results before it."""
    for made in stream:
        yield from made.results
        if made.error is not None:
            raise made.error


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
        predicate: FullPredicate | None,
        static: Mapping[str, Column],
        derived: Sequence[Derived] = (),
        tested_derived: Sequence[Derived] = (),
        whole: Mapping[Layout, npt.NDArray[Any]] | None = None,
        function: Callable[[Batch], T],
        empty: Callable[[tuple[int, ...], np.dtype[Any]], npt.NDArray[Any]] = np.empty,
    ) -> None:
        self._plan = plan
        self.together = plan.together
        self._tested = plan.tested or {}
        self._fields = fields
        self._predicate = predicate
        self._static = dict(static)
        self._derived = derived
        self._tested_derived = tested_derived
        early = predicate.first if predicate else ()
        self._first_derived = [field for field in tested_derived if field.name in early]
        first = plan.first.values()
        self._outputs = frozenset(plan.outputs.values())
        self._others = [layout for layout in self._tested.values() if layout not in first]
        other_bytes, rest_bytes = (sum(e.row_nbytes for e in each) for each in (self._others, plan.rest))
        self.selectivity = Selectivity(other_bytes, rest_bytes) if plan.first else None
        self._whole = whole or {}
        self._function = function
        self._empty = empty
        self._lock = Lock()
        self.variants_planned = int(plan.variant_counts.sum())
        self.variants_visited = self.chunks_visited = 0
        self.variants_yielded = 0

    def begin(self, step: Step) -> _State:
        """Memory for the columns of the first phase."""
        runs, done, in_two, end = step.tag
        state = _State(runs, done, _count(runs), end, in_two=in_two)
        if self._predicate is None:
            self._allocate(state, self._plan.rest)
        else:
            self._allocate(state, (self._plan.first if in_two else self._tested).values())
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
        """The reads of the other columns, of the rows that passed or may pass."""
        self._complete(state, decoded)
        if state.in_two:
            self._decide(state)
        else:
            self._test(state)
        if not state.runs:
            return ()
        layouts = list(self._plan.rest)
        if state.in_two:
            wanted = self._outputs if state.is_tested else self._others
            layouts += [layout for layout in self._others if layout in wanted]
        self._allocate(state, layouts)
        return self._plan.reads(layouts, state.runs)

    def finish(self, state: _State, decoded: Decoded) -> Made[T] | None:
        """What `function` makes of the step's batches; None where no variant passed."""
        self._complete(state, decoded)
        if self._predicate is not None and not state.is_tested:
            self._test(state)
            if not state.in_two:
                self._allocate(state, self._plan.rest)
                self._complete(state, decoded)
        with self._lock:
            self.variants_visited += state.rows
            self.variants_yielded += _count(state.runs)
            self.chunks_visited += -(-state.rows // self._plan.step_rows) if self._plan.together > 1 else 1
        results: list[T] = []
        for batch in self._batches(state):
            try:
                results.append(self._function(batch))
            except Exception as error:
                if not results:
                    raise
                return Made(results, state.end, error)
        return Made(results, state.end) if results else None

    def nothing(self) -> T:
        """What `function` makes of a batch without variants."""
        state = _State([], 0, 0)
        self._allocate(state, {*self._tested.values(), *self._plan.rest})
        self._complete(state, {})
        return self._function(self._batch(state))

    def nbytes(self, made: Made[T]) -> int:
        """Bytes that the results keep."""
        return sum(map(self.result_nbytes, made.results))

    def result_nbytes(self, result: T) -> int:
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

    def _decide(self, state: _State) -> None:
        """Drop the rows that the first columns rule out; where they settle the others too, that is it."""
        votes = self._votes(state)
        undecided = int((votes == UNDECIDED).sum())
        self._count_votes(votes)
        self._keep(state, votes != 0, self._outputs | frozenset(self._tested.values()))
        if not undecided:
            state.is_tested = True
            if self.selectivity is not None:
                self.selectivity.passed(len(votes), _count(state.runs))

    def _votes(self, state: _State) -> npt.NDArray[np.int8]:
        assert self._predicate is not None
        rows = _numbers(state.runs)
        columns = {name: state.columns[layout] for name, layout in self._plan.first.items()}
        return self._predicate.decide(Batch(compute(self._first_derived, columns, rows), rows))

    def _count_votes(self, votes: npt.NDArray[np.int8]) -> None:
        if self.selectivity is not None:
            self.selectivity.seen(len(votes), int(np.count_nonzero(votes)))

    def _test(self, state: _State) -> None:
        """Evaluate the predicate and keep the rows that passed."""
        assert self._predicate is not None
        if self.selectivity is not None and not state.in_two:
            self._count_votes(self._votes(state))
        rows = _numbers(state.runs)
        columns = {name: state.columns[layout] for name, layout in self._tested.items()}
        found = self._predicate.evaluate(Batch(compute(self._tested_derived, columns, rows), rows))
        passed, mask = found if isinstance(found, Passed) else _passed(found)
        if passed.shape != rows.shape or (mask is not None and len(mask) != len(rows)):
            raise OptionError(f"the predicate gave {passed.shape} verdicts for {len(rows)} variants")
        if self.selectivity is not None:
            self.selectivity.passed(len(rows), int(passed.sum()))
        self._keep(state, passed, self._outputs)
        if mask is not None:
            mask = mask if passed.all() else mask[passed]
            places = self._plan.tested_places
            state.sample_mask = mask if places is None else mask[:, places]
        state.is_tested = True

    def _keep(self, state: _State, passed: npt.NDArray[np.bool_], needed: Collection[Layout]) -> None:
        """Leave the rows that passed, in the columns that are needed still."""
        columns = {layout: column for layout, column in state.columns.items() if layout in needed}
        if not passed.all():
            kept = np.flatnonzero(passed)
            columns = {layout: take_rows(column, kept) for layout, column in columns.items()}
            state.runs = runs_of(_numbers(state.runs)[kept])
        state.columns = columns

    def _batches(self, state: _State) -> Iterator[Batch]:
        """The step's batches that have variants."""
        if not state.runs:
            return
        batch = self._batch(state)
        if self._plan.together == 1:
            yield batch
            return
        numbers = batch.variant_index // self._plan.step_rows
        bounds = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for rows in map(slice, bounds, bounds[1:]):
            columns = {name: e if name in self._static else e[rows] for name, e in batch.columns.items()}
            mask = None if batch.sample_mask is None else batch.sample_mask[rows]
            yield Batch(columns, batch.variant_index[rows], mask)

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
