"""What is asked of a store: the setters that replace a reader's frozen `Query`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt

from vczero.chunks.runtime import Runtime
from vczero.errors import OptionError, SelectionError
from vczero.vcz.catalog import Catalog
from vczero.vcz.plan import Query, Semantics
from vczero.vcz.planner import LOCATING, Planner
from vczero.vcz.properties import StoreProperties
from vczero.vcz.regions import Overlap, RegionInput, Regions, parse_regions
from vczero.vcz.schema import Predicate
from vczero.vcz.selection import SampleInput, check_indexes, select_samples, variant_runs
from vczero.vcz.selectivity import FullPredicate, Plain

__all__ = ["Selector", "Unbound"]

T = TypeVar("T")
Int64s: TypeAlias = npt.NDArray[np.int64]


class Unbound(Protocol):
    """A filter that is not yet bound to a store: `Filter`, `SiteFilter`."""

    def bind_to(self, reader: Selector, semantics: Semantics) -> FullPredicate | None:
        """The predicate that it is on a reader, with the samples selected; None: everything passes."""


class Selector(StoreProperties):
    """A store's metadata, and what is selected of it; the part of `VczReader` that reads no batches."""

    def __init__(self, catalog: Catalog, runtime: Runtime) -> None:
        super().__init__(catalog)
        self._planner = Planner(catalog, self, runtime)
        self._query = Query()
        self._filter: Unbound | str | None = None

    @property
    def selection(self) -> Query:
        """What is asked at present."""
        return self._query

    @property
    def sample_indexes(self) -> Int64s:
        """int64, (selected samples,): their places on the store's samples axis, in the order asked."""
        samples = self._query.samples
        return self.real_samples if samples is None else samples

    @property
    def sample_ids(self) -> npt.NDArray[Any]:
        """StringDType, (selected samples,): the samples of the batches, in order."""
        names = self.sample_names
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
                self.sample_names,
                complement=complement,
                ignore_unknown=ignore_missing_samples,
            )
        self._select(indexes)

    def set_sample_indexes(self, indexes: Sequence[int] | npt.NDArray[Any]) -> None:
        """Select samples by their places in the store.

        Raises:
            SelectionError: an index is out of range, given twice, or that of a null sample.
        """
        self._select(check_indexes(indexes, self.real_samples, self.num_samples))

    def _select(self, indexes: Int64s | None) -> None:
        """Select samples; a filter that is an expression is bound to them anew."""
        before = self._query
        self._query = replace(before, samples=indexes)
        if self._filter is not None:
            try:
                self.set_variant_filter(self._filter, semantics=before.semantics)
            except BaseException:
                self._query = before
                raise

    def set_regions(self, regions: RegionInput | None, *, overlap: Overlap = "record") -> None:
        """Select records that overlap regions, contigs in the order named, each record once; None: all.

        Args:
            regions: as `-r` takes them (`chr1:100-200,chr2`), the path of a file as for `-R`, or a list of
                such texts or of tuples (contig, first, last). Positions are 1-based and closed.
            overlap: what of a record has to overlap: its "record" (span on the reference), "pos", or
                "variant" (the part of the span in which alleles differ).

        Raises:
            SelectionError: a region is malformed, a file cannot be read, or `set_variants` is in force.
        """
        parsed = None if regions is None else self._parsed(regions, "regions", complement=False)
        self._query = replace(
            self._query, regions=parsed, regions_overlap=_checked("overlap", overlap, Overlap)
        )

    def set_targets(
        self, targets: RegionInput | None, *, complement: bool = False, overlap: Overlap = "pos"
    ) -> None:
        """Select records whose position lies in targets, in the store's order; None: all.

        Args:
            targets: as for `set_regions`; `^` before text, or `complement`, selects the rest.
            overlap: as for `set_regions`.

        Raises:
            SelectionError: as `set_regions`.
        """
        parsed = None if targets is None else self._parsed(targets, "targets", complement=complement)
        self._query = replace(
            self._query, targets=parsed, targets_overlap=_checked("overlap", overlap, Overlap)
        )

    def set_variants(self, variants: slice | Sequence[int] | npt.NDArray[Any] | None) -> None:
        """Select variants by their numbers in the store, ascending, or by a slice; None: all.

        Raises:
            SelectionError: the numbers do not ascend, one is out of range, or regions or targets are set.
        """
        runs = None if variants is None else variant_runs(variants, self.num_variants)
        if runs is not None and (self._query.regions is not None or self._query.targets is not None):
            raise SelectionError("variants cannot be selected by number and by regions or targets at once")
        self._query = replace(self._query, variants=runs)

    def _parsed(self, value: RegionInput, what: str, *, complement: bool) -> Regions:
        if self._query.variants is not None:
            raise SelectionError("variants cannot be selected by number and by regions or targets at once")
        self._catalog.prepare(LOCATING, ["contig_id", "region_index"])
        regions = parse_regions(value, what=what, complement=complement, contigs=self.contig_names)
        if what == "regions" and regions.complement:
            raise SelectionError("regions have no complement; use targets")
        return regions

    def set_variant_filter(
        self, predicate: Predicate | Unbound | str | None, *, semantics: Semantics = "selection"
    ) -> None:
        """Let only those variants through that pass; None: all.

        Args:
            predicate: its columns are read first, and the others only for variants that pass; a `Filter`, a
                `SiteFilter`, or an expression to include.
            semantics: see `Query.semantics`.

        Raises:
            ExpressionError: the expression cannot be understood, or names what the store lacks.
            FieldNotFoundError: the store lacks a column of the predicate.
            OptionError: there are no such semantics, or it is nothing of the kind.
        """
        _checked("semantics", semantics, Semantics)
        unbound: Unbound | None = None
        if isinstance(predicate, str):
            from vczero.vcz.predicates import Filter

            predicate = Filter(predicate)
        if hasattr(predicate, "bind_to"):
            unbound = cast("Unbound", predicate)
            predicate = unbound.bind_to(self, semantics)
        if predicate is not None and not isinstance(predicate, FullPredicate):
            predicate = Plain(predicate)
        query = replace(self._query, predicate=predicate, semantics=semantics)
        if query.predicate is not None:
            self._planner.check(query, ())
        self._query, self._filter = query, unbound

    def select(self, **selected: Any) -> None:
        """Set several at once: samples, regions, targets, variants, variant_filter, semantics.

        Raises:
            As the setters; OptionError: there is no such selection.
        """
        unknown = selected.keys() - {*_SETTERS, "variant_filter", "semantics"}
        if unknown:
            raise OptionError(
                f"{min(unknown)!r} is no selection: give {', '.join(_SETTERS)} or variant_filter"
            )
        for name, setter in _SETTERS.items():
            if name in selected:
                setter(self, selected[name])
        if selected.keys() & {"variant_filter", "semantics"}:
            predicate = selected.get("variant_filter", self._filter or self._query.predicate)
            self.set_variant_filter(predicate, semantics=selected.get("semantics", self._query.semantics))


_SETTERS: Mapping[str, Callable[[Selector, Any], None]] = {
    "samples": Selector.set_samples,
    "regions": Selector.set_regions,
    "targets": Selector.set_targets,
    "variants": Selector.set_variants,
}


def _checked(what: str, value: T, choices: Any) -> T:
    if value not in get_args(choices):
        raise OptionError(f"{what} is {value!r}; it must be one of {', '.join(get_args(choices))}")
    return value
