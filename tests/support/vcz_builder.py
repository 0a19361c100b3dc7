"""VCF Zarr stores of any shape, dtype and format, written with zarr-python from NumPy columns.

    path = build_vcz(tmp_path / "a.vcz", example_columns(30, 4), chunks={"variants": 8, "samples": 3})

`Column` says more about one array (axes, chunks, codec, attributes) where the defaults do not do.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr

STRING = np.dtypes.StringDType()
FLOAT_MISSING, FLOAT_FILL = np.array([0x7F800001, 0x7F800002], "<u4").view("<f4")


@dataclass(frozen=True)
class Column:
    """One array: its data, and what differs from the defaults.

    `compressor` is "blosc" (zstd; bitshuffle for one-byte elements, else byte shuffle, as bio2zarr writes),
    None, or a codec object of the store's format. `shards` needs Zarr v3.
    """

    data: Any
    dims: tuple[str, ...] | None = None
    chunks: tuple[int, ...] | None = None
    shards: tuple[int, ...] | None = None
    compressor: Any = "blosc"
    filters: Any = None
    fill_value: Any = None
    order: str = "C"
    attrs: Mapping[str, Any] = field(default_factory=dict)


def default_dims(name: str, ndim: int) -> tuple[str, ...]:
    """The axes that the specification gives an array of this name."""
    known = {
        "sample_id": ("samples",),
        "contig_id": ("contigs",),
        "contig_length": ("contigs",),
        "filter_id": ("filters",),
        "filter_description": ("filters",),
        "variant_allele": ("variants", "alleles"),
        "variant_filter": ("variants", "filters"),
        "call_genotype": ("variants", "samples", "ploidy"),
        "region_index": ("region_index_values", "region_index_fields"),
    }
    if name in known:
        return known[name]
    base = ("variants",) if name.startswith("variant_") else ("variants", "samples")
    return (*base, *(f"{name}_dim{i}" for i in range(len(base), ndim)))


def build_vcz(
    path: Path,
    columns: Mapping[str, Any],
    *,
    zarr_format: int = 2,
    chunks: Mapping[str, int] | None = None,
    shards: Mapping[str, int] | None = None,
    consolidated: bool = False,
    attrs: Mapping[str, Any] | None = None,
    region_index: bool = False,
) -> Path:
    """Write a store to `path` and return it.

    `columns` maps a name to an array or a `Column`. `chunks` gives the chunk length of an axis by its name
    (default: the whole axis), `shards` the number of chunks in a shard along an axis (v3). `attrs` replaces
    the root's attributes.
    """
    chunks = chunks or {}
    columns = {name: c if isinstance(c, Column) else Column(c) for name, c in columns.items()}
    if region_index:
        columns["region_index"] = Column(compute_region_index(columns, chunks))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr-python warns of strings and consolidated metadata in v3
        root = zarr.create_group(path, zarr_format=zarr_format, overwrite=True)
        root.attrs.update({"vcf_zarr_version": "0.4"} if attrs is None else dict(attrs))
        for name, column in columns.items():
            _write(root, name, column, zarr_format=zarr_format, chunks=chunks, shards=shards)
        if consolidated:
            zarr.consolidate_metadata(path, zarr_format=zarr_format)
    return path


def _write(
    root: zarr.Group,
    name: str,
    column: Column,
    *,
    zarr_format: int,
    chunks: Mapping[str, int],
    shards: Mapping[str, int] | None,
) -> None:
    data = np.asarray(column.data)
    if data.dtype.kind == "O":
        data = data.astype(STRING)
    dims = column.dims or default_dims(name, data.ndim)
    lengths = column.chunks or tuple(chunks.get(d, n) for d, n in zip(dims, data.shape, strict=True))
    lengths = tuple(max(1, n) for n in lengths)
    kwargs: dict[str, Any] = {"filters": column.filters} if column.filters is not None else {}
    if column.shards is not None:
        kwargs["shards"] = column.shards
    elif shards is not None:
        kwargs["shards"] = tuple(n * shards.get(d, 1) for d, n in zip(dims, lengths, strict=True))
    if zarr_format == 3:
        kwargs["dimension_names"] = dims
    if column.fill_value is not None:
        kwargs["fill_value"] = column.fill_value
    array = root.create_array(
        name,
        shape=data.shape,
        dtype=data.dtype,
        chunks=lengths,
        compressors=_compressor(column.compressor, data.dtype, zarr_format),
        order=column.order if zarr_format == 2 else None,
        **kwargs,
    )
    if zarr_format == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = list(dims)
    array.attrs.update(dict(column.attrs))
    if data.size:
        array[...] = data


def _compressor(spec: Any, dtype: np.dtype[Any], zarr_format: int) -> Any:
    if spec != "blosc":
        return spec
    bitshuffle = dtype.kind != "T" and dtype.itemsize == 1
    if zarr_format == 2:
        import numcodecs

        shuffle = numcodecs.Blosc.BITSHUFFLE if bitshuffle else numcodecs.Blosc.SHUFFLE
        return numcodecs.Blosc("zstd", 7, shuffle)
    from zarr.codecs import BloscCodec, BloscShuffle

    return BloscCodec(cname="zstd", clevel=7, shuffle=BloscShuffle.bitshuffle if bitshuffle else "shuffle")


def compute_region_index(columns: Mapping[str, Column], chunks: Mapping[str, int]) -> np.ndarray:
    """int32, (contig runs, 6): chunk of `variant_position`, contig, start, end, max end, count."""
    contig, position, length = (
        np.asarray(columns[f"variant_{n}"].data) for n in ("contig", "position", "length")
    )
    own = columns["variant_position"].chunks
    size = max(1, own[0] if own else chunks.get("variants", len(position)))
    rows = []
    for chunk, start in enumerate(range(0, len(position), size)):
        part = slice(start, min(start + size, len(position)))
        edges = [0, *(np.flatnonzero(np.diff(contig[part])) + 1), part.stop - start]
        for a, b in pairwise(edges):
            run = slice(start + a, start + b)
            end = (position[run].astype(np.int64) + length[run] - 1).max()
            rows.append((chunk, contig[start + a], position[run][0], position[run][-1], end, b - a))
    return np.array(rows, np.int32).reshape(-1, 6)


def example_columns(
    num_variants: int, num_samples: int, *, seed: int = 1, num_contigs: int = 3, ploidy: int = 2
) -> dict[str, np.ndarray]:
    """Plausible columns of every kind: fixed fields, INFO and FORMAT of each type, missing and fill."""
    rng = np.random.default_rng(seed)
    n, s = num_variants, num_samples
    contig = np.sort(rng.integers(0, num_contigs, n)).astype(np.int8)
    position = rng.integers(1, 20 * max(1, n), n).astype(np.int32)
    order = np.lexsort((position, contig))
    num_alts = rng.integers(0, 4, n)
    bases = np.array(["A", "C", "GT", "TTA", "<DEL>"], dtype=object)
    allele = bases[rng.integers(0, 5, (n, 4))]
    allele[:, 0] = bases[rng.integers(0, 4, n)]
    allele[np.arange(4) > num_alts[:, None]] = ""
    genotype = rng.integers(-1, 4, (n, s, ploidy))
    genotype = np.where(genotype > num_alts[:, None, None], 0, genotype).astype(np.int8)
    if ploidy > 1 and n and s:
        genotype[rng.random((n, s)) < 0.1, 1:] = -2
    af = rng.random((n, 3)).astype(np.float32)
    af[rng.random((n, 3)) < 0.1] = FLOAT_MISSING
    af[np.arange(3) >= num_alts[:, None]] = FLOAT_FILL
    quality = (rng.random(n) * 99).astype(np.float32)
    quality[rng.random(n) < 0.1] = FLOAT_MISSING
    words = np.array(["", ".", "x", "yy", "zzz", "na\u00efve"], dtype=object)
    return {
        "sample_id": np.array([f"S{i}" for i in range(s)], dtype=STRING),
        "contig_id": np.array([f"chr{i + 1}" for i in range(num_contigs)], dtype=STRING),
        "contig_length": np.full(num_contigs, 10_000_000, np.int64),
        "filter_id": np.array(["PASS", "q10", "s50"], dtype=STRING),
        "filter_description": np.array(["All filters passed", "Low", ""], dtype=STRING),
        "variant_contig": contig,
        "variant_position": position[order],
        "variant_length": rng.integers(1, 30, n).astype(np.int32),
        "variant_id": np.array([f"rs{i}" if i % 3 else "." for i in range(n)], dtype=STRING),
        "variant_allele": allele.astype(STRING),
        "variant_quality": quality,
        "variant_filter": rng.random((n, 3)) < 0.3,
        "variant_AF": af,
        "variant_DP": rng.integers(-1, 300, n).astype(np.int16),
        "variant_DB": rng.random(n) < 0.5,
        "variant_WORD": words[rng.integers(0, 6, n)].astype(STRING),
        "variant_LETTER": rng.choice(np.array(["", ".", "q", "\u00df"], "U1"), n),
        "call_genotype": genotype,
        "call_genotype_phased": rng.random((n, s)) < 0.5,
        "call_DP": rng.integers(-2, 100, (n, s)).astype(np.int8),
        "call_AD": rng.integers(-2, 100, (n, s, 4)).astype(np.int16),
        "call_GL": rng.random((n, s, 2)).astype(np.float32),
        "call_FT": words[rng.integers(0, 6, (n, s))].astype(STRING),
    }
