"""`VczReader`: the user's handle on a VCF Zarr store.

    with vczero.open("cohort.vcz", regions="chr1:1-1000000") as reader:
        for batch in reader.variant_chunks(["variant_position", "call_genotype"]):
            ...

What is asked is a frozen `Query`; setters replace it, and an iterator that runs keeps the one it was made
with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.runtime import Runtime
from vczero.chunks.stores import Backend, open_store
from vczero.errors import OptionError, SelectionError
from vczero.vcz.catalog import Catalog
from vczero.vcz.iteration import BatchIterator
from vczero.vcz.plan import Query, ScanPlan, plan
from vczero.vcz.properties import StoreProperties
from vczero.vcz.scan import BatchWork
from vczero.vcz.schema import Batch, Column, Predicate
from vczero.vcz.selection import SampleInput, check_indexes, select_samples

__all__ = ["VczReader", "open_vcz"]

T = TypeVar("T")
Int64s: TypeAlias = npt.NDArray[np.int64]


class VczReader(StoreProperties):
    """Reads batches of columns from a VCF Zarr store, and tells what the store holds.

    A reader may be used from several threads. Close it, or use it in a `with` block, to stop its threads;
    an iterator that is open then ends with an error.

    Args:
        source: a path (directory or zip), a URL, a store, a mapping from keys to bytes.
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
            store = open_store(source, backend_storage=backend_storage, storage_options=storage_options)
            super().__init__(Catalog(store, self._runtime))
        except BaseException:
            self._runtime.close()
            raise
        self._query = Query()

    def __enter__(self) -> VczReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the threads and let go of the store. Idempotent."""
        self._runtime.close()
        store = self._catalog.store
        if store.synchronous:
            store.close()

    @property
    def query(self) -> Query:
        """What is asked at present."""
        return self._query

    @property
    def sample_indexes(self) -> Int64s:
        """int64, (selected samples,): their places on the store's samples axis, in the order asked."""
        samples = self._query.samples
        return self._real_samples if samples is None else samples

    @property
    def sample_ids(self) -> npt.NDArray[Any]:
        """StringDType, (selected samples,): the samples of the batches, in order."""
        names = self._names("sample_id")
        array = np.array([names[i] for i in self.sample_indexes.tolist()], np.dtypes.StringDType())
        array.flags.writeable = False
        return array

    def set_samples(
        self, samples: SampleInput | None, *, complement: bool = False, ignore_missing_samples: bool = False
    ) -> None:
        """Select samples by name: a list, `-s` text, or the path of a file; None: all.

        Raises:
            SelectionError: a name is unknown, given twice, or empty.
        """
        indexes = None
        if samples is not None:
            indexes = select_samples(
                samples,
                self._names("sample_id"),
                complement=complement,
                ignore_unknown=ignore_missing_samples,
            )
        self._query = replace(self._query, samples=indexes)

    def set_sample_indexes(self, indexes: Sequence[int] | npt.NDArray[Any]) -> None:
        """Select samples by their places in the store.

        Raises:
            SelectionError: an index is out of range, given twice, or that of a null sample.
        """
        self._query = replace(self._query, samples=check_indexes(indexes, self._names("sample_id")))

    def set_variant_filter(self, predicate: Predicate | None) -> None:
        """Let only those variants through that pass; None: all."""
        self._query = replace(self._query, predicate=predicate)

    def variant_chunks(self, fields: Sequence[str] | None = None, start: int = 0) -> BatchIterator[Batch]:
        """Batches in order, one for each run of variants that holds any that are selected.

        Args:
            fields: the columns; None: every stored field that has a variants axis.
            start: the number of the first batch.

        Raises:
            FieldNotFoundError: the store has no such field.
            OptionError: `start` is negative.
        """
        return self.map_chunks(_itself, fields, start)

    def map_chunks(
        self, function: Callable[[Batch], T], fields: Sequence[str] | None = None, start: int = 0
    ) -> BatchIterator[T]:
        """What `function` makes of each batch, in order; it is called on the workers, by several at once.

        Raises:
            As `variant_chunks`; what `function` raises comes out of the iterator.
        """
        if isinstance(start, bool) or not isinstance(start, int) or start < 0:
            raise OptionError(f"start must be a whole number of at least 0, not {start!r}")
        query = self._query
        names = self._fields(fields)
        if not names:
            return BatchIterator(None, None)
        scan, static = self._plan(query, names)
        work = BatchWork(scan, fields=names, predicate=query.predicate, static=static, function=function)
        return BatchIterator(self._runtime.run(scan.steps(start), work), work)

    def variants(self, fields: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """A dict for each variant: field name to scalar, or array where the field has more axes.

        Raises:
            As `variant_chunks`, when called.
        """
        return _rows(self.variant_chunks(fields))

    def _fields(self, fields: Sequence[str] | None) -> tuple[str, ...]:
        """The names of the columns asked for, each once."""
        if fields is None:
            fields = sorted(name for name in self.field_names if name.startswith(("variant_", "call_")))
        elif isinstance(fields, str):
            raise SelectionError(f"fields must be a list of names, not the text {fields!r}")
        return tuple(dict.fromkeys(fields))

    def _plan(self, query: Query, names: Sequence[str]) -> tuple[ScanPlan, dict[str, Column]]:
        """The plan for a query, and the columns that have no variants axis."""
        predicate = query.predicate
        tested = sorted(predicate.columns) if predicate is not None else []
        arrays = self._catalog.arrays([*names, *tested])
        samples = query.samples
        tested_samples = None
        if any(array.has_samples_axis for array in arrays.values()):
            real = self._real_samples
            real_or_all = None if len(real) == self.num_samples else real
            samples = real_or_all if samples is None else samples
            tested_samples = samples if query.predicate_samples == "selected" else real_or_all
        static = {name: self._catalog.read(name) for name in names if not arrays[name].has_variants_axis}
        scan = plan(
            arrays,
            num_variants=self.num_variants,
            fields=[name for name in names if name not in static],
            tested=None if predicate is None else tested,
            samples=samples,
            tested_samples=tested_samples,
            variants=query.variants,
            step_rows=self._catalog.meta("variant_position").chunk_shape[0],
        )
        return scan, static


def open_vcz(
    source: str | os.PathLike[str] | Any,
    *,
    samples: SampleInput | None = None,
    io_concurrency: int = 32,
    decode_threads: int | None = None,
    readahead_bytes: int = 256 * 2**20,
    backend_storage: Literal["local", "fsspec", "obstore", "icechunk"] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> VczReader:
    """A `VczReader` of the store at `source`, with a selection set; `vczero.open`.

    Raises:
        As `VczReader` and its setters.
    """
    reader = VczReader(
        source,
        io_concurrency=io_concurrency,
        decode_threads=decode_threads,
        readahead_bytes=readahead_bytes,
        backend_storage=backend_storage,
        storage_options=storage_options,
    )
    try:
        if samples is not None:
            reader.set_samples(samples)
    except BaseException:
        reader.close()
        raise
    return reader


def _itself(batch: Batch) -> Batch:
    return batch


def _rows(batches: BatchIterator[Batch]) -> Iterator[dict[str, Any]]:
    with batches:
        for batch in batches:
            columns = dict(batch)
            for row in range(batch.num_variants):
                yield {name: column[row] for name, column in columns.items()}
