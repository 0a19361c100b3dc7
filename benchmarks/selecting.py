"""Ways of asking for part of the cohort, with vczero and its peers, each giving a checksum of the answer.

Arguments and results are JSON, so that a way may run in another environment's interpreter (`Isolated`).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# What each way imports before it is timed, where it runs in an interpreter of its own.
IMPORTS = {
    "vcztools": ("vcztools", "vcztools.regions", "vcztools.retrieval", "zarr"),
    "polars_bio": ("polars", "polars_bio"),
}


def passing(column: Any, percent: int) -> Any:
    """bool, (variants,): about `percent` of the variants, told by the hash of a value of each."""
    hashed = column.astype(np.uint64) * np.uint64(11400714819323198485) >> np.uint64(40)
    return hashed % np.uint64(100) < np.uint64(percent)


class _Hashed:
    """A predicate that lets `percent` of the variants through; for vczero and for vcztools."""

    scope = "variant"

    def __init__(self, percent: int) -> None:
        self.percent = percent
        self.columns = frozenset({"variant_position"})
        self.referenced_fields = {"variant_position"}

    def evaluate(self, batch: Mapping[str, Any]) -> Any:
        """The variants that pass."""
        return passing(batch["variant_position"], self.percent)


class _Deep:
    """A predicate on FORMAT: any sample's depth above a limit."""

    scope = "sample"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.columns = frozenset({"call_DP"})
        self.referenced_fields = {"call_DP"}

    def evaluate(self, batch: Mapping[str, Any]) -> Any:
        """The samples that pass."""
        return batch["call_DP"] > self.limit


def _predicate(spec: Mapping[str, int]) -> Any:
    (kind, value), *_ = spec.items()
    return _Hashed(value) if kind == "percent" else _Deep(value)


def _checksum(batches: Any, fields: Sequence[str]) -> dict[str, Any]:
    """Variants, and a checksum of every 100th variant's values (counted over the answer)."""
    seen = 0
    totals = dict.fromkeys(fields, 0)
    for batch in batches:
        columns = {name: batch[name] for name in fields}
        start = -seen % 100
        seen += len(columns[fields[0]])
        for name, column in columns.items():
            values = np.ascontiguousarray(column[start::100])
            totals[name] = zlib.crc32(values.view(np.uint8).data, totals[name])
    return {"variants": seen, "checksum": list(totals.values())}


def vczero(path: str, fields: Sequence[str], asked: Mapping[str, Any]) -> Any:
    """`asked`: predicate, regions, samples (indexes), recompute."""
    import vczero

    with vczero.open(path, regions=asked.get("regions")) as reader:
        if "samples" in asked:
            reader.set_sample_indexes(asked["samples"])
        if "predicate" in asked:
            reader.set_variant_filter(_predicate(asked["predicate"]))
        batches = reader.variant_chunks(fields, force_recompute=asked.get("recompute", False))
        return _checksum(batches, fields)


def vcztools(path: str, fields: Sequence[str], asked: Mapping[str, Any]) -> Any:
    """The same with vcztools."""
    from vcztools import open_zarr, regions
    from vcztools.retrieval import VczReader

    with VczReader(open_zarr(path)) as reader:
        if "samples" in asked:
            reader.set_sample_indexes(asked["samples"])
        if asked.get("regions"):
            reader.set_variants(regions.build_chunk_plan(reader, regions=list(asked["regions"])))
        if "predicate" in asked:
            reader.set_variant_filter(_predicate(asked["predicate"]))
        return _checksum(
            reader.variant_chunks(fields=list(fields), force_recompute=asked.get("recompute", False)), fields
        )


def polars_bio(path: str, fields: Sequence[str], asked: Mapping[str, Any]) -> Any:
    """The same with polars-bio, through its Arrow buffers; at most one region, no predicate, no counts."""
    import polars
    import polars_bio as reader

    samples = [f"S{index:05d}" for index in asked["samples"]] if "samples" in asked else None
    frame = reader.scan_vcf_zarr(path, samples=samples)
    for region in asked.get("regions", ()):
        contig, _, bounds = region.partition(":")
        first, _, last = bounds.partition("-")
        start = polars.col("start")
        frame = frame.filter((polars.col("chrom") == contig) & (start >= int(first)) & (start <= int(last)))
    names = {"variant_position": "start", "call_genotype": "genotypes"}
    found = frame.select([names[name] for name in fields]).collect()
    batch = {}
    for name in fields:
        column = found[names[name]]
        if name == "call_genotype":
            values = column.struct.field("GT").explode().explode().to_numpy()
            batch[name] = values.reshape(len(found), -1, 2)
        else:
            batch[name] = column.to_numpy().astype(np.int32)
    return _checksum([batch], fields)


def zarr_python(path: str, fields: Sequence[str], asked: Mapping[str, Any]) -> Any:
    """Whole columns with zarr-python, then NumPy: what one does without a reader. No regions, no counts."""
    import zarr

    group = zarr.open_group(path, mode="r")
    columns = {name: group[name][...] for name in fields}
    if "samples" in asked:
        columns = {n: c[:, asked["samples"]] if n.startswith("call_") else c for n, c in columns.items()}
    if "predicate" in asked:
        predicate = _predicate(asked["predicate"])
        keep = predicate.evaluate({name: group[name][...] for name in predicate.columns})
        columns = {name: column[keep] for name, column in columns.items()}
    return _checksum([columns], fields)


def read_then_drop(path: str, fields: Sequence[str], asked: Mapping[str, Any]) -> Any:
    """All columns of all variants, without a filter: what predicate-first scans are measured against."""
    import vczero

    (wanted,) = [_predicate(asked["predicate"])]
    names = [*fields, *sorted(wanted.columns - set(fields))]
    with vczero.open(path) as reader:
        return {"variants": sum(batch.num_variants for batch in reader.variant_chunks(names))}


def counted_by_hand(path: str, fields: Sequence[str], asked: Mapping[str, Any]) -> Any:
    """Genotypes with vczero and counts with NumPy: the answer that computed fields must give."""
    import vczero

    def counts() -> Any:
        with vczero.open(path) as reader:
            for batch in reader.variant_chunks(["call_genotype", "variant_allele"]):
                calls = batch["call_genotype"].reshape(batch.num_variants, -1)
                alleles = batch["variant_allele"]
                ac = np.stack([(calls == a).sum(axis=1) for a in range(1, alleles.shape[1])], axis=1)
                an = (calls >= 0).sum(axis=1)
                yield {
                    "variant_AC": np.where(alleles[:, 1:] == "", -2, ac).astype(np.int32),
                    "variant_AN": an.astype(np.int32),
                }

    return _checksum(counts(), fields)
