"""`VczReader`: the user's handle on a VCF Zarr store.

    with vczero.open("cohort.vcz", regions="chr1:1-1000000") as reader:
        for batch in reader.variant_chunks(["variant_position", "call_genotype"]):
            ...

What is asked is a frozen `Query`; setters replace it, and an iterator that runs keeps the one it was made
with.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.runtime import Runtime, Stream, whole_number
from vczero.chunks.stores import Backend, open_store
from vczero.errors import OptionError, SelectionError
from vczero.vcz.catalog import Catalog
from vczero.vcz.derived import DERIVED
from vczero.vcz.iteration import BatchIterator
from vczero.vcz.planner import Wanted
from vczero.vcz.scan import BatchWork, Made
from vczero.vcz.schema import Batch
from vczero.vcz.selection import variant_runs
from vczero.vcz.selector import Selector

if TYPE_CHECKING:
    import xarray

    from vczero.vcz.explain import Explanation


__all__ = ["VczReader"]

T = TypeVar("T")
Int64s: TypeAlias = npt.NDArray[np.int64]


class VczReader(Selector):
    """Reads batches of columns from a VCF Zarr store, and tells what the store holds.

    A reader may be used from several threads. Close it, or use it in a `with` block, to stop its threads;
    an iterator that is open then ends with an error.

    Args:
        source: a path (directory or zip), a URL, a store, a mapping from keys to bytes, or a `zarr.Group`.
        io_concurrency: the most requests in flight.
        decode_threads: workers; None: the CPUs that this process may use.
        readahead_bytes: decoded bytes in flight per iterator; 0: one step at a time.
        backend_storage, storage_options: see `open_store`.

    Raises:
        StoreNotFoundError: there is nothing at the path.
        StoreError: the store cannot be read.
        NotVczError: it is not a VCF Zarr store.
        OptionError: a parameter is out of its range.
    """

    def __init__(
        self,
        source: Any,
        *,
        io_concurrency: int = 32,
        decode_threads: int | None = None,
        readahead_bytes: int = 256 * 2**20,
        backend_storage: Backend | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._runtime = Runtime(
            io_concurrency=io_concurrency, decode_threads=decode_threads, readahead_bytes=readahead_bytes
        )
        try:
            store = open_store(
                _store_of(source), backend_storage=backend_storage, storage_options=storage_options
            )
            super().__init__(Catalog(store, self._runtime), self._runtime)
        except BaseException:
            self._runtime.close()
            raise
        self._owns_store = isinstance(source, str | os.PathLike)

    def __enter__(self) -> VczReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        from vczero.vcz.display import reader_line

        return reader_line(self, self._catalog.store.name)

    def _repr_html_(self) -> str:
        from vczero.vcz.display import reader_html

        return reader_html(self, self._catalog.store.name)

    def close(self) -> None:
        """Stop the threads, and close the store if it was opened from a path or a URL. Idempotent."""
        store = self._catalog.store
        if self._owns_store:
            self._owns_store = False
            if store.synchronous:
                store.close()
            else:
                self._runtime.wait_for(store.close())
        self._runtime.close()

    def variant_counts_per_chunk(self, fields: Sequence[str] = ("variant_position",)) -> Int64s:
        """int64, (batches,): variants of each batch of `variant_chunks(fields)`, before the variant filter.

        Raises:
            FieldNotFoundError: the store has no such field.
        """
        return self._planner.plan(self._planner.check(self._query, fields)).variant_counts

    def materialise_variant_filter(self) -> None:
        """Turn regions, targets and filter into the numbers of the variants that they select, in the
        store's order.

        What follows reads no more than those; useful where the same variants are read several times.

        Raises:
            SelectionError: the filter decides by sample, which numbers of variants cannot keep.
        """
        query = self._query
        if query.predicate is None and query.regions is None and query.targets is None:
            return
        numbers = []
        for batch in self.variant_chunks(["variant_index"]):
            if batch.sample_mask is not None:
                raise SelectionError("a filter that decides by sample cannot be turned into variants")
            numbers.append(batch.variant_index)
        found = np.sort(np.concatenate([np.empty(0, np.int64), *numbers]))
        self._query = replace(
            query, predicate=None, regions=None, targets=None, variants=variant_runs(found, self.num_variants)
        )
        self._filter = None

    def variant_chunks(
        self,
        fields: Sequence[str] | None = None,
        start: int = 0,
        *,
        force_recompute: bool | Iterable[str] = False,
    ) -> BatchIterator[Batch]:
        """Batches in order, one for each run of variants that holds any that are selected.

        Args:
            fields: the columns, stored or computed (`virtual_field_names`); None: every stored field that
                has a variants axis.
            start: the number of the first batch.
            force_recompute: computed fields (True: all) whose stored values are not wanted. Without it a
                field such as `variant_AC` is computed where it is not stored, or where samples are
                selected.

        Raises:
            FieldNotFoundError: a field is neither stored nor can it be computed.
            OptionError: `start` is negative, or `force_recompute` names what is never computed.
        """
        return self.map_chunks(_itself, fields, start, force_recompute=force_recompute)

    def map_chunks(
        self,
        function: Callable[[Batch], T],
        fields: Sequence[str] | None = None,
        start: int = 0,
        *,
        force_recompute: bool | Iterable[str] = False,
        exclude_calls: bool = False,
        batch_bytes: int | None = None,
    ) -> BatchIterator[T]:
        """What `function` makes of each batch, in order; it is called on the workers, by several at once.

        Args:
            function: gets a batch.
            fields, start, force_recompute: as for `variant_chunks`.
            exclude_calls: whether a filter that excludes by FORMAT values drops samples one by one (they are
                not in `Batch.sample_mask`) and a variant with its last one, rather than the variant where a
                sample passes.
            batch_bytes: about how large a batch should be; chunks are read in pieces for that where they can
                be, small ones are joined. None: one batch for each run of variants.

        Raises:
            As `variant_chunks`; OptionError: `batch_bytes` is less than 1. What `function` raises comes out
            of the iterator.
        """
        whole_number("start", start, 0)
        if batch_bytes is not None:
            whole_number("batch_bytes", batch_bytes, 1)
        wanted = self._wanted(fields, force_recompute)
        if not wanted.fields:
            return BatchIterator(None)
        query = wanted.query
        if exclude_calls and query.predicate is not None:
            wanted = wanted._replace(query=replace(query, predicate=query.predicate.by_call()))

        def begin(first: int, singly: bool) -> tuple[Stream[Made[T]], BatchWork[T]]:
            scan = self._planner.plan(wanted, batch_bytes, singly=singly)
            work = self._planner.work(wanted, scan, function)
            return self._runtime.run(scan.steps(first, work.selectivity), work), work

        return BatchIterator(begin, start)

    def query(
        self,
        fields: Sequence[str] | None = None,
        start: int = 0,
        *,
        force_recompute: bool | Iterable[str] = False,
        **selected: Any,
    ) -> BatchIterator[Batch]:
        """`variant_chunks` with another selection this once: `reader.query(["call_DP"], regions="chr1")`.

        Args:
            fields, start, force_recompute: as for `variant_chunks`.
            selected: `samples`, `regions`, `targets`, `variants`, `variant_filter`, `semantics` as for
                `vczero.open`; what is not given is as it is set on the reader, which stays as it is.

        Raises:
            As `variant_chunks` and the setters.
        """
        other = copy(self)
        other._owns_store = False
        other.select(**selected)
        return other.variant_chunks(fields, start, force_recompute=force_recompute)

    def variants(
        self, fields: Sequence[str] | None = None, *, force_recompute: bool | Iterable[str] = False
    ) -> Iterator[dict[str, Any]]:
        """A dict for each variant: field name to scalar, or array where the field has more axes.

        Raises:
            As `variant_chunks`, when called.
        """
        return _rows(self.variant_chunks(fields, force_recompute=force_recompute))

    def to_arrays(
        self, fields: Sequence[str] | None = None, *, force_recompute: bool | Iterable[str] = False
    ) -> dict[str, npt.NDArray[Any]]:
        """Whole columns over the selected variants and samples; text as StringDType. Owned by the caller.

        Without a filter, chunks are decoded straight into these arrays.

        Raises:
            As `variant_chunks`.
        """
        from vczero.vcz.columnar import read_columns

        return read_columns(self._planner, self._runtime, self._wanted(fields, force_recompute))

    def to_xarray(
        self, fields: Sequence[str] | None = None, *, force_recompute: bool | Iterable[str] = False
    ) -> xarray.Dataset:
        """`to_arrays` as an xarray Dataset in memory; needs the extra `xarray`.

        Raises:
            As `variant_chunks`; MissingDependencyError.
        """
        arrays = self.to_arrays(fields, force_recompute=force_recompute)
        from vczero.vcz.columnar import to_dataset

        infos = self.get_field_infos(list(arrays))
        return to_dataset(arrays, infos, self.sample_ids, self._catalog.attributes)

    def explain(self, fields: Sequence[str] | None = None) -> Explanation:
        """What `variant_chunks(fields)` is going to read, as a value that prints as a table.

        Reads no more than planning needs: of regions and targets, the positions.

        Raises:
            As `variant_chunks`.
        """
        from vczero.vcz.explain import explain

        return explain(self._planner.plan(self._wanted(fields, force_recompute=False), singly=True))

    def _wanted(self, fields: Sequence[str] | None, force_recompute: bool | Iterable[str]) -> Wanted:
        if isinstance(force_recompute, str):
            raise OptionError(f"force_recompute must be True or a list of names, not {force_recompute!r}")
        recompute = DERIVED.keys() if force_recompute is True else force_recompute or ()
        query = replace(self._query, recompute=frozenset(recompute))
        if unknown := query.recompute - DERIVED.keys():
            raise OptionError(
                f"force_recompute: {min(unknown)} is never computed; these are: {', '.join(DERIVED)}"
            )
        return self._planner.check(query, self._fields(fields))

    def _fields(self, fields: Sequence[str] | None) -> Sequence[str]:
        """The names of the columns asked for."""
        if fields is None:
            return sorted(name for name in self.field_names if name.startswith(("variant_", "call_")))
        if isinstance(fields, str):
            raise SelectionError(f"fields must be a list of names, not the text {fields!r}")
        return fields


def _store_of(source: Any) -> Any:
    """The store of a `zarr.Group` at its root, as vcztools opens one; anything else as it is."""
    zarr = sys.modules.get("zarr")
    if zarr is None or not isinstance(source, zarr.Group):
        return source
    if source.path:
        raise OptionError(f"group {source.path!r} is not the root of its store: open it by its own path")
    return source.store


def _itself(batch: Batch) -> Batch:
    return batch


def _rows(batches: BatchIterator[Batch]) -> Iterator[dict[str, Any]]:
    with batches:
        for batch in batches:
            columns = dict(batch)
            for row in range(batch.num_variants):
                yield {name: column[row] for name, column in columns.items()}
