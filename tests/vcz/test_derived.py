"""Computed fields: their definitions in plain NumPy and in bcftools, however genotypes are stored."""

from __future__ import annotations

import gzip
import shutil
import subprocess

import numpy as np
import pytest

import vczero
from support.stores import ScriptedStore
from support.vcz_builder import FLOAT_FILL, FLOAT_MISSING, Column, build_vcz, example_columns
from vczero.errors import FieldNotFoundError
from vczero.vcz.schema import Batch
from vczero.vcz.values import is_fill

NAMES = sorted(
    f"variant_{name}"
    for name in ("index", "AC", "AN", "AF", "MAC", "MAF", "NS", "N_ALT", "N_MISSING", "F_MISSING")
)


def definitions(genotypes, alleles):
    """Every computed field, a variant at a time."""
    found = {name: [] for name in NAMES}
    for number, (calls, names) in enumerate(zip(genotypes.tolist(), alleles.tolist(), strict=True)):
        known = [name != "" for name in names]
        counts = [sum(call.count(a) for call in calls) if known[a] else 0 for a in range(len(names))]
        an = sum(counts)
        second = sorted(counts)[-2]
        found["variant_index"].append(number)
        found["variant_AC"].append([c if k else -2 for c, k in zip(counts[1:], known[1:], strict=True)])
        found["variant_AN"].append(an)
        frequency = [c / an if an else FLOAT_MISSING for c in counts[1:]]
        pairs = zip(frequency, known[1:], strict=True)
        found["variant_AF"].append([f if k else FLOAT_FILL for f, k in pairs])
        found["variant_MAC"].append(second)
        found["variant_MAF"].append(second / an if an else FLOAT_MISSING)
        found["variant_NS"].append(sum(max(call) >= 0 for call in calls))
        found["variant_N_ALT"].append(sum(known[1:]))
        missing = sum(call[0] < 0 or -1 in call for call in calls)
        found["variant_N_MISSING"].append(missing)
        found["variant_F_MISSING"].append(missing / max(1, len(calls)))
    floats = ("variant_AF", "variant_MAF", "variant_F_MISSING")
    return {name: np.array(v, np.float32 if name in floats else np.int64) for name, v in found.items()}


def check(found, expected):
    for name, values in expected.items():
        assert found[name].shape == values.shape, name
        if values.dtype.kind == "f":
            bits = found[name].view(np.uint32), values.view(np.uint32)
            assert np.array_equal(*bits), name
        else:
            assert np.array_equal(found[name], values), name


def read(reader, fields, **options):
    batches = list(reader.variant_chunks(fields, **options))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in fields}


def columns_of(num_variants, num_samples, *, dtype="i1", ploidy=2):
    columns = example_columns(num_variants, num_samples, ploidy=ploidy)
    del columns["variant_AF"]
    genotypes = columns["call_genotype"].astype(dtype)
    genotypes[3] = -1
    if num_samples > 2:
        genotypes[5, :2, 0] = -1  # half missing, which N_MISSING counts
        genotypes[6, 2] = -2
    return columns | {"call_genotype": genotypes}


STORAGE = {
    "v2": {"zarr_format": 2},
    "v3": {"zarr_format": 3},
    "sharded": {"zarr_format": 3, "shards": {"variants": 2, "samples": 2}},
    "one chunk": {"zarr_format": 2, "chunks": {}},
}


@pytest.mark.parametrize("samples", [None, [4, 0], [8, 1, 2, 3, 7], []])
@pytest.mark.parametrize("storage", STORAGE)
def test_fields_are_computed_over_the_selected_samples(tmp_path, storage, samples):
    columns = columns_of(40, 9)
    options = {"chunks": {"variants": 16, "samples": 4}} | STORAGE[storage]
    path = build_vcz(tmp_path / "a.vcz", columns, **options)
    with vczero.open(path) as reader:
        if samples is not None:
            reader.set_sample_indexes(samples)
        found = read(reader, NAMES)
        counted = read(reader, ["variant_AC"])  # alone, so that genotypes are not read for others
    chosen = columns["call_genotype"] if samples is None else columns["call_genotype"][:, samples]
    expected = definitions(chosen, columns["variant_allele"])
    check(found, expected)
    check(counted, {"variant_AC": expected["variant_AC"]})


@pytest.mark.parametrize(
    ("dtype", "compressor", "ploidy", "chunks"),
    [
        ("i1", None, 2, (16, 4, 2)),
        ("i1", "blosc", 2, (16, 4, 1)),
        ("i1", "blosc", 2, (16, 4, 5)),
        ("i1", "blosc", 1, (16, 64, 1)),
        ("i1", "blosc", 3, (7, 4, 3)),
        (">i2", "blosc", 2, (16, 4, 2)),
        ("i4", None, 2, (40, 9, 2)),
    ],
)
def test_counts_do_not_depend_on_how_genotypes_are_stored(tmp_path, dtype, compressor, ploidy, chunks):
    columns = columns_of(40, 9, dtype=dtype, ploidy=ploidy)
    stored = Column(columns["call_genotype"], compressor=compressor, chunks=chunks)
    path = build_vcz(tmp_path / "a.vcz", columns | {"call_genotype": stored})
    expected = definitions(columns["call_genotype"], columns["variant_allele"])
    with vczero.open(path) as reader:
        check(read(reader, NAMES), expected)
        check(read(reader, ["variant_NS"]), {"variant_NS": expected["variant_NS"]})  # without the alleles


def test_bit_planes_of_large_chunks_are_counted_right(tmp_path):
    # Several Blosc blocks, rows that do not begin where blocks do, and a selection of a few rows.
    rng = np.random.default_rng(1)
    genotypes = rng.integers(-2, 4, (120, 3000, 2)).astype(np.int8)
    columns = {
        "sample_id": np.array([f"s{i}" for i in range(3000)], dtype=object),
        "variant_position": np.arange(120),
        "variant_allele": np.full((120, 4), "A", dtype=object),
        "call_genotype": Column(genotypes, chunks=(100, 2999, 2)),
    }
    path = build_vcz(tmp_path / "a.vcz", columns)
    counts = np.stack([(genotypes == allele).sum(axis=(1, 2)) for allele in range(4)], axis=1)
    with vczero.open(path) as reader:
        assert np.array_equal(read(reader, ["variant_AC"])["variant_AC"], counts[:, 1:])
        few = [1, 2, 50, 51, 99, 100, 117]
        reader.set_variants(few)
        assert np.array_equal(read(reader, ["variant_AN"])["variant_AN"], counts.sum(axis=1)[few])
        expected = definitions(genotypes[few], columns["variant_allele"][few])
        names = ["variant_NS", "variant_N_MISSING", "variant_F_MISSING"]
        check(read(reader, names), {name: expected[name] for name in names})


def test_counts_of_genotypes_need_no_genotypes(tmp_path):
    """They come from bit planes; where nobody knows how many alleles there are, from genotypes."""
    columns = columns_of(40, 9)
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 16, "samples": 4})
    expected = definitions(columns["call_genotype"], columns["variant_allele"])
    names = ["variant_NS", "variant_N_MISSING", "variant_F_MISSING"]
    with vczero.open(path) as reader:
        assert "call_genotype/counts" in str(reader.explain(names))
    shutil.rmtree(path / "variant_allele")
    with vczero.open(path) as reader:
        check(read(reader, names), {name: expected[name] for name in names})


def test_rows_and_datasets_are_computed_anew_if_asked(tmp_path):
    columns = columns_of(10, 5) | {"variant_AN": np.full(10, -5, np.int32)}
    path = build_vcz(tmp_path / "a.vcz", columns)
    expected = definitions(columns["call_genotype"], columns["variant_allele"])["variant_AN"].tolist()
    with vczero.open(path) as reader:
        cases = [(False, [-5] * 10), (True, expected), (["variant_AN"], expected)]
        for forced, numbers in cases:
            rows = reader.variants(["variant_AN"], force_recompute=forced)
            assert [row["variant_AN"] for row in rows] == numbers
        pytest.importorskip("xarray")
        for forced, numbers in cases:
            dataset = reader.to_xarray(["variant_AN"], force_recompute=forced)
            assert dataset["variant_AN"].values.tolist() == numbers


def test_predicates_may_use_computed_fields(tmp_path):
    class Common:
        columns = frozenset({"variant_AN", "variant_MAF"})

        def evaluate(self, batch: Batch):
            return (batch["variant_MAF"] > 0.3) & (batch["variant_AN"] > 8)

    columns = columns_of(40, 9)
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 16, "samples": 4})
    for samples, semantics, tested in [
        (None, "selection", slice(None)),
        ([1, 2, 3, 4, 5, 6], "selection", [1, 2, 3, 4, 5, 6]),
        ([1, 2, 3, 4, 5, 6], "query", [1, 2, 3, 4, 5, 6]),
        ([1, 2, 3, 4, 5, 6], "view", slice(None)),
    ]:
        seen = definitions(columns["call_genotype"][:, tested], columns["variant_allele"])
        passed = np.flatnonzero((seen["variant_MAF"] > 0.3) & (seen["variant_AN"] > 8))
        chosen = columns["call_genotype"] if samples is None else columns["call_genotype"][:, samples]
        expected = definitions(chosen[passed], columns["variant_allele"][passed])
        del expected["variant_index"]
        with vczero.open(path, variant_filter=Common(), semantics=semantics) as reader:
            if samples is not None:
                reader.set_sample_indexes(samples)
            found = read(reader, [*NAMES, "call_genotype"])
        assert found["variant_index"].tolist() == passed.tolist()
        check(found, expected)
        assert np.array_equal(found["call_genotype"], chosen[passed])


def test_stored_values_are_used_unless_samples_are_selected_or_asked_otherwise(tmp_path):
    columns = columns_of(20, 5)
    columns["variant_AN"] = np.arange(1000, 1020)
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 8})
    computed = definitions(columns["call_genotype"], columns["variant_allele"])["variant_AN"]
    of_one = definitions(columns["call_genotype"][:, [2]], columns["variant_allele"])["variant_AN"]
    with vczero.open(path) as reader:
        assert read(reader, ["variant_AN"])["variant_AN"][0] == 1000
        for force in (True, ["variant_AN"]):
            assert np.array_equal(read(reader, ["variant_AN"], force_recompute=force)["variant_AN"], computed)
        reader.set_sample_indexes([2])
        assert np.array_equal(read(reader, ["variant_AN"])["variant_AN"], of_one)
        reader.set_variant_filter(None, semantics="view")
        assert read(reader, ["variant_AN"])["variant_AN"][0] == 1000
        assert np.array_equal(read(reader, ["variant_AN"], force_recompute=True)["variant_AN"], of_one)


def test_genotypes_are_read_once_however_many_fields_need_them(tmp_path):
    path = build_vcz(tmp_path / "a.vcz", columns_of(40, 9), chunks={"variants": 16, "samples": 4})
    scripted = ScriptedStore.of_directory(path)
    with vczero.open(scripted) as reader:
        read(reader, [*NAMES, "call_genotype"])
    chunks = [key for key in scripted.keys if key.startswith("call_genotype/") and key[-1].isdigit()]
    assert len(chunks) == len(set(chunks)) == 9


def test_what_cannot_be_computed_is_an_unknown_field(tmp_path):
    columns = {"variant_position": np.arange(3), "variant_allele": np.array([["A", "C"]] * 3, dtype=object)}
    with vczero.open(build_vcz(tmp_path / "a.vcz", columns)) as reader:
        assert reader.virtual_field_names == {"variant_index", "variant_N_ALT"}
        assert read(reader, ["variant_N_ALT"])["variant_N_ALT"].tolist() == [1, 1, 1]
        with pytest.raises(FieldNotFoundError, match="variant_AC"):
            reader.variant_chunks(["variant_AC"])
        with pytest.raises(FieldNotFoundError):
            reader.get_field_info("variant_AC")
        info = reader.get_field_info("variant_N_ALT")
        assert (info.category, info.vcf_id, info.vcf_number, info.shape) == ("INFO", "N_ALT", "1", (3,))


@pytest.mark.oracle("bcftools")
def test_bcftools_fill_tags_agrees(example_store, example_vcf):
    tags = ["AC", "AN", "AF", "NS", "F_MISSING"]
    # bcftools 1.16 overlooks a missing allele that is phased and not the first, so none is for it.
    unphased = gzip.decompress(example_vcf.read_bytes()).replace(b"|.", b"/.")
    command = ["bcftools", "+fill-tags", "-", "--", "-t", "AN,AC,AF,NS,F_MISSING,MAF"]
    filled = subprocess.run(command, input=unphased, capture_output=True, check=True).stdout
    line = "\t".join(f"%INFO/{tag}" for tag in [*tags, "MAF"])
    printed = subprocess.run(
        ["bcftools", "query", "-f", f"{line}\n"], input=filled, capture_output=True, check=True
    )
    rows = [row.split("\t") for row in printed.stdout.decode().splitlines()]
    with vczero.open(example_store) as reader:
        fields = [f"variant_{tag}" for tag in [*tags, "MAF"]]
        found = read(reader, [*fields, "variant_N_ALT"], force_recompute=True)
    for number, row in enumerate(rows):
        for name, text in zip(fields, row, strict=True):
            values = np.atleast_1d(found[name][number])
            ours = values[~is_fill(values)].tolist() or [np.nan]
            theirs = [np.nan if value == "." else float(value) for value in text.split(",")]
            if name == "variant_MAF" and found["variant_N_ALT"][number] == 0:
                assert text == "."  # not printed without an ALT; we give 0 where alleles are called
                assert not ours[0] > 0
                continue
            assert ours == pytest.approx(theirs, rel=1e-4, nan_ok=True), (number, name, text)
