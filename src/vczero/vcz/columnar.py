"""Whole columns at once: as NumPy arrays, or as an xarray Dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vczero.errors import MissingDependencyError
from vczero.strings import Strings
from vczero.vcz.scan import results_of
from vczero.vcz.schema import Batch, Column, FieldInfo

if TYPE_CHECKING:
    import xarray

    from vczero.chunks.runtime import Runtime
    from vczero.vcz.layout import Layout
    from vczero.vcz.planner import Planner, Wanted

__all__ = ["read_columns", "to_dataset"]


def read_columns(planner: Planner, runtime: Runtime, wanted: Wanted) -> dict[str, npt.NDArray[Any]]:
    """Field name to whole column. Without a predicate, chunks are decoded straight into it."""
    scan = planner.plan(wanted)
    whole: dict[Layout, npt.NDArray[Any]] = {}
    if wanted.query.predicate is None:
        total = int(scan.variant_counts.sum())
        layouts = {scan.outputs[name] for name in wanted.stored}
        whole = {each: np.empty((total, *each.shape), each.dtype) for each in layouts if not each.is_text}
    work = planner.work(wanted, scan, _columns, whole)
    parts = list(results_of(runtime.run(scan.steps(selectivity=work.selectivity), work))) or [work.nothing()]
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in wanted.fields:
        if name in wanted.stored and scan.outputs[name] in whole:
            columns[name] = whole[scan.outputs[name]]
        elif name in wanted.static:
            columns[name] = _to_numpy([parts[0][name]])
        else:
            columns[name] = _to_numpy([part[name] for part in parts])
    return columns


def _columns(batch: Batch) -> Mapping[str, Column]:
    return batch.columns


def _to_numpy(columns: Sequence[Column]) -> npt.NDArray[Any]:
    """The columns, one after the other."""
    texts = [column for column in columns if isinstance(column, Strings)]
    if texts:
        return Strings.concatenate(texts).to_numpy()
    return np.concatenate([column for column in columns if isinstance(column, np.ndarray)])


def to_dataset(
    arrays: Mapping[str, npt.NDArray[Any]],
    infos: Iterable[FieldInfo],
    sample_ids: npt.NDArray[Any],
    attrs: Mapping[str, Any],
) -> xarray.Dataset:
    """The arrays as variables of a Dataset, with the names of their axes and their attributes.

    Raises:
        MissingDependencyError: xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingDependencyError("to_xarray needs xarray: pip install 'vczero[xarray]'") from error
    variables = {}
    for info in infos:
        dims = [dim or f"{info.name}_dim{axis}" for axis, dim in enumerate(info.dims)]
        kept = {key: value for key, value in info.attrs.items() if key != "_ARRAY_DIMENSIONS"}
        array = arrays[info.name]
        variables[info.name] = (dims, array.astype(object) if array.dtype.kind == "T" else array, kept)
    has_samples = any("samples" in variable[0] for variable in variables.values())
    coords = {"sample_id": ("samples", sample_ids.astype(object))} if has_samples else {}
    return xarray.Dataset(variables, coords, dict(attrs))
