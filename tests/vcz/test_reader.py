"""The reader against zarr-python: equal arrays for any store and selection, few requests, clear errors."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vczero
from support.stores import AsyncScriptedStore, ScriptedStore
from support.vcz_builder import Column, build_vcz, example_columns
from vczero.errors import (
    FieldNotFoundError,
    MetadataError,
    NotVczError,
    OptionError,
    SelectionError,
    StoreError,
    StoreNotFoundError,
)

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
FIELDS = ["variant_position", "variant_AF", "variant_WORD", "call_genotype", "call_AD", "call_FT", "call_DP"]


def equal(found, expected):
    """Whether two arrays have the same dtype kind, shape and values, floats bit by bit."""
    if found.shape != expected.shape or found.dtype.kind != expected.dtype.kind:
        return False
    if found.dtype.kind in "TO":
        return found.tolist() == expected.tolist()
    return found.tobytes() == expected.astype(found.dtype).tobytes()


def read_all(reader, fields=None, **options):
    """Whole columns: the batches joined, and the numbers of their variants."""
    batches = list(reader.variant_chunks(fields, **options))
    numbers = [batch.variant_index for batch in batches]
    columns = {
        name: np.concatenate([batch[name] for batch in batches]) for name in (batches[0] if batches else ())
    }
    return columns, np.concatenate(numbers) if numbers else np.empty(0, np.int64)


@pytest.fixture(scope="module", params=["v2", "v2 consolidated", "v3", "v3 consolidated", "v3 sharded"])
def store(request, tmp_path_factory):
    columns = example_columns(30, 7)
    columns["variant_position"] = Column(columns["variant_position"], chunks=(20,))
    columns["variant_DP"] = Column(columns["variant_DP"].astype(">i2"), chunks=(7,))
    return build_vcz(
        tmp_path_factory.mktemp("store") / "a.vcz",
        columns,
        zarr_format=int(request.param[1]),
        chunks={"variants": 8, "samples": 3},
        shards={"variants": 2, "samples": 2} if "sharded" in request.param else None,
        consolidated="consolidated" in request.param,
        region_index=True,
    )


@pytest.mark.parametrize("samples", [None, ["S5", "S0", "S6"], []])
def test_all_columns_equal_those_that_zarr_reads(store, samples):
    group = zarr.open_group(store, mode="r")
    with vczero.open(store, samples=samples, semantics="query") as reader:
        columns, numbers = read_all(reader)
        chosen = reader.sample_indexes
    assert set(columns) == {name for name in group if name.startswith(("variant_", "call_"))}
    assert numbers.tolist() == list(range(30))
    for name, column in columns.items():
        expected = group[name][...]
        if name.startswith("call_"):
            expected = expected[:, chosen]
        assert equal(column, expected), name


def test_an_asynchronous_store_gives_the_same(store):
    with vczero.open(store) as reader:
        expected, _ = read_all(reader, FIELDS)
    with vczero.open(AsyncScriptedStore.of_directory(store), samples="S2,S1", semantics="query") as reader:
        columns, _ = read_all(reader, FIELDS)
    for name, column in columns.items():
        assert equal(column, expected[name][:, [2, 1]] if name.startswith("call_") else expected[name]), name


axis = st.integers(1, 12)


@st.composite
def layouts(draw):
    """(builder options, chunks of some arrays of their own)."""
    zarr_format = draw(st.sampled_from([2, 3]))
    shards = draw(
        st.none() | st.fixed_dictionaries({"variants": st.integers(1, 3), "samples": st.integers(1, 2)})
    )
    options = {
        "zarr_format": zarr_format,
        "chunks": {"variants": draw(axis), "samples": draw(axis), "alleles": draw(st.integers(1, 4))},
        "shards": shards if zarr_format == 3 else None,
        "consolidated": draw(st.booleans()),
    }
    own = draw(st.dictionaries(st.sampled_from(FIELDS), st.tuples(axis, axis, st.integers(1, 4)), max_size=3))
    return options, own


@given(
    shape=st.tuples(st.integers(0, 25), st.integers(0, 8)),
    layout=layouts(),
    fields=st.lists(st.sampled_from(FIELDS), min_size=1, unique=True),
    data=st.data(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_store_and_selection_gives_what_numpy_gives(tmp_path_factory, shape, layout, fields, data):
    num_variants, num_samples = shape
    options, own = layout
    arrays = example_columns(num_variants, num_samples)
    columns = {name: arrays[name] for name in {*fields, "variant_position", "sample_id"}}
    for name in own.keys() & columns.keys():
        if options["shards"] is None:
            columns[name] = Column(arrays[name], chunks=own[name][: arrays[name].ndim])
    path = build_vcz(tmp_path_factory.mktemp("any") / "a.vcz", columns, **options)
    group = zarr.open_group(path, mode="r")
    samples = data.draw(
        st.none() | st.lists(st.sampled_from(range(num_samples)), unique=True) if num_samples else st.none()
    )
    budget = data.draw(st.sampled_from([0, 1, 1000, 2**28]))
    with vczero.open(path, readahead_bytes=budget, decode_threads=data.draw(st.integers(1, 3))) as reader:
        if samples is not None:
            reader.set_sample_indexes(samples)
            reader.set_variant_filter(None, semantics="query")
        found, numbers = read_all(reader, fields)
    assert numbers.tolist() == list(range(num_variants))
    for name, column in found.items():
        expected = group[name][...]
        if name.startswith("call_") and samples is not None:
            expected = expected[:, samples]
        assert equal(column, expected), name


def metadata_requests(store):
    return [key for key in store.keys if key.rpartition("/")[2] in METADATA]


@pytest.mark.parametrize("kind", [ScriptedStore, AsyncScriptedStore])
@pytest.mark.parametrize(
    "fields",
    [
        ["variant_position"],
        ["call_genotype"],
        ["variant_allele", "variant_AF"],
        ["variant_position", "variant_AF", "call_AD", "call_DP", "variant_WORD"],
    ],
)
def test_opening_and_reading_costs_few_metadata_documents(store, kind, fields):
    root = store / "zarr.json"
    consolidated = "consolidated_metadata" in root.read_text() if root.exists() else False
    consolidated = consolidated or (store / ".zmetadata").exists()
    scripted = kind.of_directory(store)
    with vczero.open(scripted) as reader:
        read_all(reader, fields)
    asked = metadata_requests(scripted)
    assert len(asked) <= (2 if consolidated else len(fields) + 4), asked
    assert len(asked) == len(set(asked))


def test_what_does_not_depend_on_an_answer_is_asked_for_at_once(store):
    # Each round trip to a remote store costs tens of milliseconds: root, documents, then names of samples and
    # documents of columns together; for regions the names of contigs and the index.
    root = store / "zarr.json"
    consolidated = "consolidated_metadata" in root.read_text() if root.exists() else False
    consolidated = consolidated or (store / ".zmetadata").exists()
    scripted = AsyncScriptedStore.of_directory(store)
    with vczero.open(scripted) as reader:
        assert scripted.trips == (1 if consolidated else 2)
        reader.explain(["call_genotype", "call_DP"])
        assert scripted.trips == (2 if consolidated else 3)
    scripted.clear_log()
    with vczero.open(scripted, regions="chr1:1-10"):
        assert scripted.trips == (2 if consolidated else 4)


def test_what_is_asked_for_early_may_be_refused(store):
    # A bucket that may not be listed answers "forbidden" for what is absent. That matters when it is needed.
    scripted = AsyncScriptedStore.of_directory(store)
    early = [".zmetadata", "sample_id/.zarray", "sample_id/zarr.json"]
    for key in early:
        scripted.fail(key, StoreError("forbidden", key=key))
    with vczero.open(scripted) as reader:
        found, _ = read_all(reader, ["variant_position", "call_DP"])
    with vczero.open(store) as reader:
        expected, _ = read_all(reader, ["variant_position", "call_DP"])
    assert all(equal(found[name], expected[name]) for name in expected)
    scripted.fail("zarr.json", StoreError("forbidden", key="zarr.json"))
    with pytest.raises(StoreError, match="forbidden"):
        vczero.open(scripted)


def test_only_the_chunks_of_the_columns_and_samples_asked_for_are_read(store):
    scripted = ScriptedStore.of_directory(store)
    with vczero.open(scripted, samples=["S6"]) as reader:
        scripted.clear_log()
        read_all(reader, ["call_DP"])
    arrays = {key.partition("/")[0] for key in scripted.keys}
    assert arrays - {"zarr.json"} <= {"call_DP"}
    chunks = {key for key in scripted.keys if key.rpartition("/")[2] not in METADATA}
    last = {"2"} if not (store / "zarr.json").exists() else {"2", "1"}  # of a shard, the second
    assert {key.replace(".", "/").rpartition("/")[2] for key in chunks} <= last


def test_null_samples_are_never_seen(tmp_path):
    columns = example_columns(10, 5)
    columns["sample_id"] = np.array(["a", "", "b", "", "c"], dtype=object)
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"samples": 2, "variants": 4})
    with vczero.open(path) as reader:
        found, _ = read_all(reader, ["call_DP", "call_FT"])
        assert reader.sample_ids.tolist() == ["a", "b", "c"]
        assert (reader.num_samples, reader.num_null_samples) == (5, 2)
        assert reader.raw_sample_ids.tolist() == ["a", "", "b", "", "c"]
        with pytest.raises(SelectionError):
            reader.set_sample_indexes([1])
    assert equal(found["call_DP"], columns["call_DP"][:, [0, 2, 4]])
    assert equal(found["call_FT"], columns["call_FT"][:, [0, 2, 4]])


def test_start_counts_batches_and_arguments_are_checked_at_the_call(store):
    with vczero.open(store) as reader:
        _, numbers = read_all(reader, ["call_DP"], start=2)
        assert numbers.tolist() == list(range(16, 30))
        assert list(reader.variant_chunks(["call_DP"], start=4)) == []
        assert list(reader.variant_chunks([])) == []
        with pytest.raises(OptionError, match="-1"):
            reader.variant_chunks(["call_DP"], start=-1)
        with pytest.raises(FieldNotFoundError, match="variant_nothing"):
            reader.variant_chunks(["variant_nothing"])
        with pytest.raises(SelectionError, match="list of names"):
            reader.variant_chunks("call_DP")
        with pytest.raises(SelectionError, match="no sample zz"):
            reader.set_samples(["zz"])


def test_a_batch_is_one_chunk_of_the_shortest_array(store):
    with vczero.open(store) as reader:
        assert [b.num_variants for b in reader.variant_chunks(["variant_position"])] == [20, 10]
        assert [b.num_variants for b in reader.variant_chunks(["variant_position", "call_DP"])] == [
            8,
            8,
            8,
            6,
        ]
        assert [b.num_variants for b in reader.variant_chunks(["variant_DP", "call_DP"])] == [7, 7, 7, 7, 2]


def test_setters_leave_a_running_iterator_alone(store):
    with vczero.open(store) as reader:
        running = reader.variant_chunks(["call_DP"])
        next(running)
        reader.set_samples(["S1"])
        assert next(running)["call_DP"].shape == (8, 7)
        assert next(reader.variant_chunks(["call_DP"]))["call_DP"].shape == (8, 1)
        reader.set_samples(None)
        assert next(reader.variant_chunks(["call_DP"]))["call_DP"].shape == (8, 7)


def test_a_query_of_its_own_leaves_the_reader_as_it_is(store):
    with vczero.open(store, samples=["S1", "S2"]) as reader:
        own = reader.query(["call_DP"], samples=["S0"], variants=slice(0, 3), variant_filter="POS>0")
        assert [batch["call_DP"].shape for batch in own] == [(3, 1)]
        assert next(reader.query(["call_DP"], 3))["call_DP"].shape == (6, 2)
        assert next(reader.variant_chunks(["call_DP"]))["call_DP"].shape == (8, 2)
        assert reader.selection.variants is reader.selection.predicate is None
        with pytest.raises(OptionError, match="no selection"):
            reader.query(["call_DP"], sample="S0")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"start": -1}, "start"),
        ({"start": True}, "start"),
        ({"batch_bytes": 0}, "batch_bytes"),
        ({"force_recompute": "variant_AC"}, "force_recompute"),
        ({"force_recompute": ["variant_POS"]}, "variant_POS is never computed"),
    ],
)
def test_what_makes_no_sense_of_a_scan(store, asked, message):
    with vczero.open(store) as reader, pytest.raises(OptionError, match=message):
        reader.map_chunks(len, ["variant_AC"], **asked)


def test_what_is_no_filter(store):
    with vczero.open(store) as reader:
        for wrong in (5, len, lambda batch: batch):
            with pytest.raises(OptionError, match="is no filter: give an expression"):
                reader.set_variant_filter(wrong)
        assert reader.selection.predicate is None


def test_rows_and_mapped_batches_come_in_order(store):
    group = zarr.open_group(store, mode="r")
    with vczero.open(store, samples=["S3"]) as reader:
        rows = list(reader.variants(["variant_position", "call_AD"]))
        sums = list(reader.map_chunks(lambda batch: int(batch.columns["call_DP"].sum()), ["call_DP"]))
    assert [row["variant_position"] for row in rows] == group["variant_position"][...].tolist()
    assert all(equal(row["call_AD"], group["call_AD"][i, [3]]) for i, row in enumerate(rows))
    depth = group["call_DP"][:, 3]
    assert sums == [int(depth[i : i + 8].sum()) for i in range(0, 30, 8)]


def test_statistics_tell_what_was_done(store):
    with vczero.open(store) as reader:
        batches = reader.variant_chunks(["variant_position", "call_DP"])
        assert batches.statistics().requests == 0
        size = [batch.nbytes for batch in batches]
        done = batches.statistics()
    assert (done.chunks_visited, done.chunks_yielded, done.variants_yielded) == (4, 4, 30)
    assert done.last_chunk_bytes == batches.last_chunk_bytes == size[-1]
    assert done.bytes_decoded >= sum(size)
    assert done.requests > 0
    assert batches.max_in_flight >= 1


def test_metadata_properties(store):
    with vczero.open(store) as reader:
        assert (reader.num_variants, reader.num_samples, reader.num_null_samples) == (30, 7, 0)
        assert reader.contig_ids.tolist() == ["chr1", "chr2", "chr3"]
        assert reader.contigs.tolist() == [b"chr1", b"chr2", b"chr3"]
        assert reader.contig_lengths.tolist() == [10_000_000] * 3
        assert reader.filter_ids.tolist() == ["PASS", "q10", "s50"]
        assert reader.filter_descriptions.tolist() == ["All filters passed", "Low", ""]
        assert reader.version == "0.4"
        assert reader.source is None
        assert reader.vcf_meta_information is None
        assert reader.region_index.shape[1] == 6
        assert "call_genotype" in reader.field_names
        info = reader.get_field_info("call_genotype")
        assert info.dims == ("variants", "samples", "ploidy")
        assert (info.shape, info.chunks, info.category) == ((30, 7, 2), (8, 3, 2), "FORMAT")
        with pytest.raises(FieldNotFoundError):
            reader.get_field_info("call_nothing")
        assert not reader.contig_ids.flags.writeable


def test_stores_of_version_1_keep_contigs_filters_and_header_in_attributes(tmp_path):
    names = ("contig_id", "contig_length", "filter_id", "filter_description")
    columns = {name: value for name, value in example_columns(5, 2).items() if name not in names}
    header = """##fileformat=VCFv4.3
##FILTER=<ID=q10,Description="Low">
##INFO=<ID=AF,Number=A,Type=Float,Description="f">
"""
    attrs = {
        "vcf_zarr_version": "0.1",
        "contigs": ["1", "2", "3"],
        "filters": ["PASS", "q10"],
        "vcf_header": header,
    }
    attrs["contig_lengths"] = [10, 20, 30]
    with vczero.open(build_vcz(tmp_path / "a.vcz", columns, attrs=attrs)) as reader:
        assert reader.contig_ids.tolist() == ["1", "2", "3"]
        assert reader.contig_lengths.tolist() == [10, 20, 30]
        assert reader.filter_ids.tolist() == ["PASS", "q10"]
        assert reader.filter_descriptions.tolist() == ["", "Low"]
        assert reader.vcf_meta_information == [("fileformat", "VCFv4.3")]
        info = reader.get_field_info("variant_AF")
        assert (info.vcf_number, info.description) == ("A", "f")


def test_a_store_with_positions_alone_is_read(tmp_path):
    path = build_vcz(tmp_path / "a.vcz", {"variant_position": np.arange(3)}, attrs={})
    with vczero.open(path) as reader:
        assert (reader.num_samples, reader.sample_ids.tolist(), reader.contig_ids.tolist()) == (0, [], [])
        assert reader.contig_lengths is reader.filter_descriptions is reader.region_index is None
        assert reader.filters.tolist() == [b"PASS"]
        assert read_all(reader)[0]["variant_position"].tolist() == [0, 1, 2]


def test_axes_are_asked_of_dimension_names_not_of_field_names(tmp_path):
    # An INFO array whose second axis happens to be as long as the samples, and one that has samples.
    columns = example_columns(6, 3)
    columns["variant_THREE"] = np.arange(18).reshape(6, 3)
    columns["variant_BY_SAMPLE"] = Column(np.arange(18).reshape(6, 3), dims=("variants", "samples"))
    for zarr_format in (2, 3):
        path = build_vcz(tmp_path / f"{zarr_format}.vcz", columns, zarr_format=zarr_format)
        with vczero.open(path, samples=["S2"]) as reader:
            found, _ = read_all(reader, ["variant_THREE", "variant_BY_SAMPLE"])
        assert found["variant_THREE"].shape == (6, 3)
        assert found["variant_BY_SAMPLE"].tolist() == [[2], [5], [8], [11], [14], [17]]


@pytest.mark.parametrize(
    ("objects", "error", "message"),
    [
        ({}, NotVczError, "not a Zarr store"),
        ({".zgroup": b'{"zarr_format": 2}'}, NotVczError, "no array variant_position"),
        (
            {"zarr.json": b'{"zarr_format": 3, "node_type": "group"}'},
            NotVczError,
            "no array variant_position",
        ),
        ({"zarr.json": b'{"zarr_format": 3, "node_type": "array"}'}, NotVczError, "a Zarr array"),
        ({".zarray": b"{}"}, NotVczError, "a Zarr array"),
        ({"zarr.json": b"{"}, MetadataError, r"zarr\.json is not JSON"),
        ({".zmetadata": b"[]"}, MetadataError, r"\.zmetadata is not a JSON object"),
        ({"variant_position/.zarray": b"null"}, MetadataError, "variant_position"),
    ],
)
def test_what_is_no_vcz_store_is_refused_with_the_reason(objects, error, message):
    with pytest.raises(error, match=message):
        vczero.open(objects)


@pytest.mark.parametrize(("name", "axis"), [("variant_DP", "variants"), ("call_DP", "samples")])
def test_arrays_that_do_not_fit_together_are_refused(tmp_path, name, axis):
    columns = example_columns(6, 3)
    columns[name] = Column(np.zeros((6, 4)[: columns[name].ndim] if axis == "samples" else (7,)))
    dims = ("variants", "samples")[: columns[name].data.ndim]
    columns[name] = Column(columns[name].data, dims=dims)
    for zarr_format in (2, 3):
        path = build_vcz(tmp_path / f"{zarr_format}.vcz", columns, zarr_format=zarr_format)
        with vczero.open(path) as reader, pytest.raises(MetadataError, match=rf"{name} has \d {axis}"):
            reader.variant_chunks([name])


def test_several_threads_share_a_reader(store):
    group = zarr.open_group(store, mode="r")
    expected = {name: group[name][...] for name in FIELDS}
    with vczero.open(store, readahead_bytes=2000) as reader, ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(read_all, reader, [name, "variant_id"]) for name in FIELDS * 3]
        for name, job in zip(FIELDS * 3, jobs, strict=True):
            assert equal(job.result()[0][name], expected[name]), name


def test_a_zarr_group_is_read_as_its_store(store, tmp_path):
    group = zarr.open_group(store, mode="r")
    with vczero.VczReader(group) as reader:
        assert equal(read_all(reader, ["call_DP"])[0]["call_DP"], group["call_DP"][...])
    inner = zarr.create_group(tmp_path / "outer.zarr").create_group("inner")
    with pytest.raises(OptionError, match="root"):
        vczero.open(inner)
    with vczero.open(vczero.open_zarr(store)) as reader:
        assert reader.num_variants == 30


def test_open_zarr_gives_a_group_of_whatever_can_be_opened(store, tmp_path):
    """As vcztools 0.2.0: a zarr.Group, for zarr-python; from paths, archives, mappings and groups."""
    expected = zarr.open_group(store, mode="r")["call_DP"][...]
    archive = shutil.make_archive(str(tmp_path / "store"), "zip", store)
    keys = {str(f.relative_to(store)): f.read_bytes() for f in Path(store).rglob("*") if f.is_file()}
    for source in (store, archive, keys, f"file://{store}"):
        group = vczero.open_zarr(source)
        assert isinstance(group, zarr.Group)
        np.testing.assert_array_equal(group["call_DP"][...], expected)
        assert set(group) == set(zarr.open_group(store, mode="r"))
        assert vczero.open_zarr(group) is group
        with pytest.raises(ValueError, match=r"read.only"):
            group.create_group("new")
    with pytest.raises(StoreNotFoundError):
        vczero.open_zarr(tmp_path / "nothing.vcz")
    with pytest.raises(StoreError, match="no Zarr group"):
        vczero.open_zarr({"x": b""})
    known = zarr.open_group(store, mode="r").metadata.zarr_format
    assert vczero.open_zarr(store, zarr_format=known).metadata.zarr_format == known
    with pytest.raises(StoreError, match="no Zarr group"):
        vczero.open_zarr(store, zarr_format=5 - known)
    with pytest.raises(OptionError, match="storage_options"):
        vczero.open_zarr(store, storage_options={"key": "x"})
    with pytest.raises(OptionError, match="backend_storage"):
        vczero.open_zarr(store, backend_storage="tape")


def test_a_path_without_a_store_is_refused(tmp_path):
    with pytest.raises(StoreNotFoundError):
        vczero.open(tmp_path / "nothing.vcz")
    with pytest.raises(OptionError, match="decode_threads"):
        vczero.open(tmp_path, decode_threads=0)


def test_the_real_stores_equal_what_zarr_reads(shared_data):
    for name in ("sample.vcz.zip", "sample.vcz3.zip", "chr22.vcz.zip", "field_type_combos.vcz.zip"):
        with (
            zarr.storage.ZipStore(shared_data / name, mode="r") as zip_store,
            vczero.open(shared_data / name) as reader,
        ):
            group = zarr.open_group(zip_store, mode="r")
            columns, _ = read_all(reader)
            assert {n for n in group if n.startswith(("variant_", "call_"))} == set(columns)
            for field, column in columns.items():
                assert equal(column, group[field][...]), (name, field)
