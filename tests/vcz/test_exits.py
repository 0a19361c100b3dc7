"""Whole columns, explanations and how a reader shows itself."""

from __future__ import annotations

import sys
import zipfile

import numpy as np
import pytest
import zarr

import vczero
from support.stores import ScriptedStore
from support.vcz_builder import Column, build_vcz, example_columns
from vczero.errors import MissingDependencyError
from vczero.vcz.values import FLOAT_FILL, FLOAT_MISSING, is_fill, is_missing, trim_fill

FIELDS = [
    "variant_position",
    "variant_WORD",
    "variant_AF",
    "call_genotype",
    "call_FT",
    "contig_id",
    "variant_AN",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    columns = example_columns(50, 7)
    columns["variant_AF"] = Column(columns["variant_AF"], chunks=(30, 2))
    path = tmp_path_factory.mktemp("exits") / "a.vcz"
    return build_vcz(path, columns, chunks={"variants": 8, "samples": 3}, region_index=True)


class Even:
    columns = frozenset({"variant_position"})

    def evaluate(self, batch):
        return batch.variant_index % 2 == 0


@pytest.mark.parametrize("predicate", [None, Even()])
@pytest.mark.parametrize("variants", [None, slice(3, 40), [0, 1, 20, 49], []])
def test_whole_columns_are_the_batches_joined(store, variants, predicate):
    group = zarr.open_group(store, mode="r")
    options = {"variants": variants, "variant_filter": predicate, "semantics": "query"}
    with vczero.open(store, samples=["S4", "S1"], **options) as reader:
        found = reader.to_arrays(FIELDS)
        numbers = reader.to_arrays(["variant_index"])["variant_index"]
    expected = np.arange(50) if variants is None else np.arange(50)[variants]
    expected = expected if predicate is None else expected[expected % 2 == 0]
    assert list(found) == FIELDS
    assert numbers.tolist() == expected.tolist()
    for name in FIELDS[:-2]:
        values = group[name][...][expected]
        values = values[:, [4, 1]] if name.startswith("call_") else values
        assert found[name].shape == values.shape
        same = found[name].tolist() == values.tolist() if values.dtype.kind == "T" else False
        assert same or found[name].tobytes() == values.tobytes(), name
    assert found["contig_id"].tolist() == ["chr1", "chr2", "chr3"]
    genotypes = group["call_genotype"][...][expected][:, [4, 1]]
    assert found["variant_AN"].shape == (len(expected),)
    assert (found["variant_AN"] <= (genotypes >= 0).sum(axis=(1, 2))).all()


def test_columns_of_a_store_without_variants_or_samples(tmp_path):
    path = build_vcz(tmp_path / "a.vcz", example_columns(0, 0))
    with vczero.open(path) as reader:
        found = reader.to_arrays([*FIELDS, "variant_NS", "variant_AC"])
    assert found["call_genotype"].shape == (0, 0, 2)
    assert found["variant_AC"].shape == (0, 3)
    assert found["call_FT"].shape == (0, 0)


def test_a_dataset_has_axes_attributes_and_sample_names(store):
    pytest.importorskip("xarray")
    with vczero.open(store, samples=["S2", "S0"]) as reader:
        dataset = reader.to_xarray(["variant_position", "call_genotype", "variant_WORD", "variant_N_ALT"])
    assert dict(dataset.sizes) == {"variants": 50, "samples": 2, "ploidy": 2}
    assert dataset["call_genotype"].dims == ("variants", "samples", "ploidy")
    assert dataset["sample_id"].values.tolist() == ["S2", "S0"]
    assert dataset.attrs["vcf_zarr_version"] == "0.4"


def test_without_xarray_the_package_to_install_is_named(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with vczero.open(store) as reader, pytest.raises(MissingDependencyError, match="pip install"):
        reader.to_xarray(["variant_position"])


def chunk_requests(scripted, arrays):
    return [key for key in scripted.keys if key.partition("/")[0] in arrays and key[-1].isdigit()]


@pytest.mark.parametrize("variants", [None, slice(10, 20), [0, 49]])
@pytest.mark.parametrize("samples", [None, ["S6"]])
def test_what_is_explained_is_what_is_requested(store, variants, samples):
    fields = ["variant_position", "variant_AF", "call_genotype"]
    scripted = ScriptedStore.of_directory(store)
    with vczero.open(scripted, samples=samples, variants=variants, semantics="query") as reader:
        told = reader.explain(fields)
        assert chunk_requests(scripted, fields) == []
        bytes_wanted = sum(batch.nbytes for batch in reader.variant_chunks(fields))
    assert told.requests == len(set(chunk_requests(scripted, fields)))
    assert sum(cost.wanted_bytes for cost in told.arrays) == bytes_wanted
    assert told.decoded_bytes >= bytes_wanted
    assert told.all_variants == 50
    assert {cost.name for cost in told.arrays} == set(fields)
    assert all(cost.phase == "first" for cost in told.arrays)


def test_stored_bytes_are_told_where_the_store_knows_them(store, tmp_path):
    def told(source):
        with vczero.open(source, variants=slice(8, 24)) as reader:
            (cost,) = reader.explain(["call_DP"]).arrays
            return cost.stored_bytes

    files = [
        f for f in (store / "call_DP").iterdir() if f.name.partition(".")[0] in "12" and f.name[0] != "."
    ]
    packed = tmp_path / "a.vcz.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in store.rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(store))
    objects = ScriptedStore.of_directory(store).objects
    assert told(store) == told(packed) == told(objects) == sum(file.stat().st_size for file in files)
    assert told(ScriptedStore(objects)) is None


def test_an_explanation_tells_what_the_filter_reads_first(store):
    with vczero.open(store, variant_filter=Even(), regions="chr1") as reader:
        told = reader.explain(["call_genotype"])
        assert [(cost.name, cost.phase) for cost in told.arrays] == [
            ("variant_position", "first"),
            ("call_genotype", "rest"),
        ]
        assert told.variants < told.all_variants
        text = str(told)
    assert "if any pass" in text
    assert "call_genotype" in text


def test_an_explanation_of_a_sharded_store_counts_shards(tmp_path):
    columns = {n: c for n, c in example_columns(50, 7).items() if n in ("call_DP", "variant_position")}
    sharding = {"zarr_format": 3, "shards": {"variants": 2, "samples": 2}}
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 8, "samples": 3}, **sharding)
    with vczero.open(path) as reader:
        (cost,) = reader.explain(["call_DP"]).arrays
    assert (cost.chunks, cost.all_chunks, cost.objects) == (21, 21, 8)


def test_a_reader_shows_what_it_has_and_what_is_selected(store):
    with vczero.open(store, samples=["S1"], targets="^chr1", variant_filter=Even()) as reader:
        line, page = repr(reader), reader._repr_html_()
        field = reader.get_field_info("call_genotype")._repr_html_()
    assert "variants=50 samples=7 selected_samples=1 targets=^1 filtered" in line
    assert "call_genotype" in page
    assert "computed" in page
    assert "ploidy" in field


def test_html_is_escaped(tmp_path):
    columns = example_columns(3, 1)
    columns["variant_DP"] = Column(columns["variant_DP"], attrs={"description": "<script>"})
    with vczero.open(build_vcz(tmp_path / "a.vcz", columns)) as reader:
        assert "<script>" not in reader._repr_html_()


@pytest.mark.parametrize(
    ("values", "missing", "fill"),
    [
        (np.array([-1, -2, 0], ">i2"), [1, 0, 0], [0, 1, 0]),
        (np.array([FLOAT_MISSING, FLOAT_FILL, np.nan, 1], "<f4"), [1, 0, 0, 0], [0, 1, 0, 0]),
        (np.array([0x7C01, 0x7C02, 0x7E00], "u2").view("f2"), [1, 0, 0], [0, 1, 0]),
        (np.array([0x7FF0000000000001, 0x7FF0000000000002], "u8").view("f8").astype(">f8"), [1, 0], [0, 1]),
        (np.array([".", "", "x"], "U1"), [1, 0, 0], [0, 1, 0]),
        (np.array([".", "", "x"], "S1"), [1, 0, 0], [0, 1, 0]),
        (np.array([".", "", "x"], np.dtypes.StringDType()), [1, 0, 0], [0, 1, 0]),
        (np.array([True, False]), [0, 1], [0, 0]),
    ],
)
def test_missing_and_fill_are_told_from_values(values, missing, fill):
    assert is_missing(values).astype(int).tolist() == missing
    assert is_fill(values).astype(int).tolist() == fill


def test_fill_is_trimmed_from_the_end_only():
    assert trim_fill(np.array([1, -2, -1, -2, -2])).tolist() == [1, -2, -1]
    assert trim_fill(np.array([-2, -2])).tolist() == []
    with pytest.raises(TypeError, match="complex"):
        is_missing(np.zeros(1, complex))


def test_stored_bytes_of_shards_are_those_of_their_part(tmp_path):
    """All chunks: the shards, to the byte; half of the chunks of each: half of it."""
    columns = {"variant_position": np.arange(50), "variant_contig": np.zeros(50, np.int8)}
    columns["call_DP"] = np.random.default_rng(0).integers(0, 99, (50, 7))
    path = tmp_path / "a.vcz"
    store = build_vcz(
        path,
        columns,
        zarr_format=3,
        chunks={"variants": 8, "samples": 3},
        shards={"variants": 4, "samples": 2},
    )
    sizes = {f.parent.name: 0 for f in (store / "call_DP" / "c").rglob("*") if f.is_file()}
    for file in (store / "call_DP" / "c").rglob("*"):
        if file.is_file():
            sizes[file.parent.name] += file.stat().st_size

    def told(variants):
        with vczero.open(path, variants=variants) as reader:
            (cost,) = reader.explain(["call_DP"]).arrays
            return cost.stored_bytes

    assert told(slice(None)) == sum(sizes.values())
    assert abs(told(slice(0, 16)) - sizes["0"] / 2) <= 1
