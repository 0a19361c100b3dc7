"""A store read with zarr-python, as one batch: what encoders work on, without any reader of ours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from vczero.strings import Strings
from vczero.vcz.schema import Batch, VczSchema, describe_field


def whole_store(path: Path) -> tuple[VczSchema, Batch]:
    """The schema, and every array that has a variants axis in one batch."""
    store = zarr.storage.ZipStore(path, mode="r") if path.suffix == ".zip" else path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr-python warns of strings in v3
        root = zarr.open_group(store, mode="r")
        arrays = dict(root.arrays())
        values = {name: array[...] for name, array in arrays.items()}
    dims = {name: _dims(array) for name, array in arrays.items()}
    fields = {
        name: describe_field(
            name,
            dtype=values[name].dtype,
            shape=array.shape,
            dims=dims[name],
            chunks=array.chunks,
            attrs=array.attrs.asdict(),
            names=arrays,
        )
        for name, array in arrays.items()
    }
    text = np.dtypes.StringDType()
    kept = root.attrs.get("vcf_meta_information")
    schema = VczSchema(
        fields,
        len(values["variant_position"]),
        sample_ids=values.get("sample_id", np.empty(0, text)),
        contig_ids=values["contig_id"],
        contig_lengths=values.get("contig_length"),
        filter_ids=values.get("filter_id", np.empty(0, text)),
        filter_descriptions=values.get("filter_description"),
        source=root.attrs.get("source"),
        vcf_meta_information=None if kept is None else [tuple(pair) for pair in kept],
    )
    columns = {
        name: Strings.from_values(value) if value.dtype.kind in "TO" else value
        for name, value in values.items()
        if dims[name] and dims[name][0] == "variants"
    }
    return schema, Batch(columns, np.arange(schema.num_variants))


def only(batch: Batch, names: frozenset[str]) -> Batch:
    """The batch with the columns that an encoder asked for and no others."""
    return Batch({name: batch.columns[name] for name in names}, batch.variant_index, batch.sample_mask)


def encode(encoder: Any, batch: Batch) -> str:
    """What an encoder makes of a batch, header and trailer included; it gets what it asked for, no more."""
    body = b"".join(encoder.encode(only(batch, encoder.columns)))
    return (encoder.header() + body + encoder.trailer()).decode()


def _dims(array: zarr.Array) -> tuple[str, ...]:
    if array.metadata.zarr_format == 3:
        return tuple(name or "" for name in array.metadata.dimension_names or ("",) * array.ndim)
    return tuple(array.attrs["_ARRAY_DIMENSIONS"])
