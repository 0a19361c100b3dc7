"""From a query to a scan that can be run: which columns are read, which are computed, and which variants.

Regions and targets are resolved first, by a scan of the positions (with `region_index`, of those that may
matter), so that everything else is planned for the variants that are selected and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.runtime import Runtime
from vczero.vcz.catalog import Catalog
from vczero.vcz.derived import (
    ALLELE,
    CODES,
    COUNTS,
    DERIVED,
    GENOTYPE,
    MOST_COUNTED,
    TAPPED,
    Derived,
    computable,
)
from vczero.vcz.layout import Layout, can_be_coded, can_be_counted
from vczero.vcz.locate import RegionTest, candidate_runs, hits, joined, span_columns
from vczero.vcz.plan import Query, ScanPlan, StoredArray, plan
from vczero.vcz.properties import StoreProperties
from vczero.vcz.regions import Intervals, Overlap
from vczero.vcz.scan import BatchWork, results_of
from vczero.vcz.schema import Batch
from vczero.vcz.selectivity import Plain

__all__ = ["LOCATING", "Planner", "Wanted"]

T = TypeVar("T")
# The columns, but positions, that regions and targets are looked up in, most likely.
LOCATING: Final = ("variant_contig", "variant_length")
Int64s: TypeAlias = npt.NDArray[np.int64]

# However little readahead there is, batches are not cut smaller.
_LEAST_BATCH_BYTES = 2**20


class Wanted(NamedTuple):
    """What a scan is to give, its names checked.

    Attributes:
        query: what was asked when it was made.
        fields: the batch's columns, in order.
        stored, derived: those that are read, and those that are computed.
        static: those without variants axis.
        tested, tested_derived: the predicate's, read and computed.
    """

    query: Query
    fields: tuple[str, ...]
    stored: tuple[str, ...]
    derived: tuple[Derived, ...]
    static: tuple[str, ...]
    tested: tuple[str, ...]
    tested_derived: tuple[Derived, ...]


class Planner:
    """Makes scans of one store; keeps where the regions last asked for are."""

    def __init__(self, catalog: Catalog, facts: StoreProperties, runtime: Runtime) -> None:
        self._catalog = catalog
        self._facts = facts
        self._runtime = runtime
        self._located: tuple[tuple[object, ...], Int64s] | None = None

    def check(self, query: Query, fields: Iterable[str]) -> Wanted:
        """What is to be read and what computed.

        Raises:
            FieldNotFoundError: a field, or a column of the predicate, is neither stored nor can it be
            computed.
        """
        fields = tuple(dict.fromkeys(fields))
        subset = query.samples is not None and query.semantics == "selection"
        columns = sorted(query.predicate.columns) if query.predicate is not None else []
        self._prepare([*fields, *columns], query.recompute, subset=subset)
        stored, derived = self._split(fields, recomputed=query.recompute, subset=subset)
        recomputed = query.recompute if query.semantics == "selection" else frozenset[str]()
        tested, tested_derived = self._split(columns, recomputed=recomputed, subset=subset)
        arrays = self._catalog.arrays([*stored, *tested])
        return Wanted(
            query,
            fields,
            tuple(name for name in stored if arrays[name].has_variants_axis),
            tuple(derived),
            tuple(name for name in stored if not arrays[name].has_variants_axis),
            tuple(tested),
            tuple(tested_derived),
        )

    def plan(self, wanted: Wanted, batch_bytes: int | None = None, *, singly: bool = False) -> ScanPlan:
        """The plan; reads positions for regions and targets, and the samples' names where needed.

        `batch_bytes`: about how large batches should be, within what readahead allows; None: as chunks are.
        `singly`: each step makes one batch.
        """
        if batch_bytes is not None:
            batch_bytes = min(batch_bytes, max(self._runtime.readahead_bytes // 4, _LEAST_BATCH_BYTES))
        query, predicate = wanted.query, wanted.query.predicate
        arrays = self._catalog.arrays([*wanted.stored, *wanted.tested])
        stored = self._with_inputs(query, wanted.stored, wanted.derived, arrays)
        tested = self._with_inputs(query, wanted.tested, wanted.tested_derived, arrays)
        first = frozenset[str]() if predicate is None else predicate.first
        if any(field.name in first and field.depends_on_samples for field in wanted.tested_derived):
            first = frozenset()  # what is computed from genotypes is not to be had for little
        samples, tested_samples = query.samples, None
        if any(array.has_samples_axis for array in arrays.values()):
            real = self._facts.real_samples
            real_or_all = None if len(real) == self._facts.num_samples else real
            samples = real_or_all if samples is None else samples
            sees_all = query.semantics == "view" and not (predicate and predicate.sees_selected)
            tested_samples = real_or_all if sees_all else samples
        return plan(
            arrays,
            num_variants=self._facts.num_variants,
            fields=stored,
            tested=None if predicate is None else tested,
            first=self._with_inputs(
                query,
                [name for name in wanted.tested if name in first],
                [field for field in wanted.tested_derived if field.name in first],
                arrays,
            ),
            samples=samples,
            tested_samples=tested_samples,
            variants=self.variants(query),
            step_rows=self._position_chunk,
            batch_bytes=batch_bytes,
            singly=singly,
        )

    def work(
        self,
        wanted: Wanted,
        scan: ScanPlan,
        function: Callable[[Batch], T],
        whole: Mapping[Layout, npt.NDArray[Any]] | None = None,
    ) -> BatchWork[T]:
        """What is done with each step of the plan."""
        return BatchWork(
            scan,
            fields=wanted.fields,
            predicate=wanted.query.predicate,
            static={name: self._catalog.read(name) for name in wanted.static},
            derived=wanted.derived,
            tested_derived=wanted.tested_derived,
            whole=whole,
            function=function,
            empty=self._runtime.empty,
        )

    def variants(self, query: Query) -> Int64s | None:
        """int64, (runs, 2): the variants that regions, targets or numbers select, as delivered; None: all."""
        if query.regions is None and query.targets is None:
            return query.variants
        key = (query.regions, query.targets, query.regions_overlap, query.targets_overlap)
        if self._located is None or self._located[0] != key:
            self._located = (key, self._locate(query))
        return self._located[1]

    def _prepare(self, names: Sequence[str], recomputed: frozenset[str], *, subset: bool) -> None:
        """Have asked for at once what these names, and the inputs of those that are computed, will need."""
        again = {
            name
            for name in names
            if name in DERIVED and (name in recomputed or (subset and DERIVED[name].depends_on_samples))
        }
        inputs = frozenset[str]().union(*(DERIVED[name].needs for name in again))
        if COUNTS in inputs:
            inputs |= {GENOTYPE, ALLELE}
        stored = sorted(inputs.union(names) - again - {COUNTS, "variant_index"})
        samples = ["sample_id"] if any(name.startswith("call_") for name in stored) else []
        self._catalog.prepare(stored, samples)

    def _split(
        self, names: Iterable[str], *, recomputed: frozenset[str], subset: bool
    ) -> tuple[list[str], list[Derived]]:
        """Names that are read and fields that are computed."""
        read: list[str] = []
        computed: list[Derived] = []
        for name in names:
            field = TAPPED.get(name) or DERIVED.get(name)
            again = name in recomputed or (subset and field is not None and field.depends_on_samples)
            if field is None or (not again and self._is_stored(name)):
                read.append(name)
            elif name in TAPPED or computable(name, self._catalog.has):
                computed.append(field)
            else:
                read.append(name)
        return read, computed

    def _is_stored(self, name: str) -> bool:
        return name != "variant_index" and name not in TAPPED and self._catalog.has(name)

    def _with_inputs(
        self,
        query: Query,
        names: Sequence[str],
        derived: Sequence[Derived],
        arrays: dict[str, StoredArray],
    ) -> list[str]:
        """`names` and what computed fields need; the arrays of all of them are added to `arrays`."""
        needs = sorted(frozenset[str]().union(*(field.needs for field in derived)))
        if COUNTS in needs:
            arrays |= self._catalog.arrays(name for name in (GENOTYPE, ALLELE) if self._catalog.has(name))
            has_few = ALLELE in arrays and arrays[ALLELE].reader.meta.shape[1] <= MOST_COUNTED
            if not (has_few and can_be_counted(arrays[GENOTYPE].reader)) or GENOTYPE in (*names, *needs):
                needs = [GENOTYPE if need == COUNTS else need for need in needs]
        if CODES in needs:
            arrays |= self._catalog.arrays([GENOTYPE])
            has_all = query.samples is None and len(self._facts.real_samples) == self._facts.num_samples
            if not (has_all and can_be_coded(arrays[GENOTYPE].reader)) or GENOTYPE in (*names, *needs):
                needs = [GENOTYPE if need == CODES else need for need in needs]
        arrays |= self._catalog.arrays(name for name in needs if name not in TAPPED)
        return list(dict.fromkeys([*names, *needs]))

    @property
    def _position_chunk(self) -> int:
        return self._catalog.meta("variant_position").chunk_shape[0]

    def _locate(self, query: Query) -> Int64s:
        tests: list[tuple[Intervals, Overlap]] = []
        order = None
        contigs = self._facts.contig_names
        if query.regions is not None:
            intervals = Intervals.resolve(query.regions, contigs)
            order = intervals.contig_order
            tests.append((intervals, query.regions_overlap))
        if query.targets is not None:
            tests.append((Intervals.resolve(query.targets, contigs), query.targets_overlap))
        if any(not len(intervals.starts) and not intervals.complement for intervals, _ in tests):
            return np.empty((0, 2), np.int64)
        runs = None
        table = self._facts.region_index
        num_variants = self._facts.num_variants
        if table is not None:
            runs = candidate_runs(
                table, chunk_rows=self._position_chunk, num_variants=num_variants, tests=tests
            )
        test = RegionTest(tests, span_columns(self._catalog.has, [overlap for _, overlap in tests]))
        arrays = self._catalog.arrays(test.columns)
        fields = ("variant_contig",)
        scan = plan(
            arrays, num_variants=num_variants, fields=fields, tested=sorted(test.columns), variants=runs
        )
        work = BatchWork(
            scan, fields=fields, predicate=Plain(test), static={}, function=hits, empty=self._runtime.empty
        )
        return joined(list(results_of(self._runtime.run(scan.steps(), work))), order)
