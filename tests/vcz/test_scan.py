"""Predicate-first scans and selections of variants: what NumPy gives, with no request that is not needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vczero
from support.stores import ScriptedStore
from support.vcz_builder import Column, build_vcz, example_columns
from vczero.errors import OptionError, SelectionError
from vczero.vcz.selection import variant_runs
from vczero.vcz.selectivity import FullPredicate, Selectivity

FIELDS = ["variant_position", "variant_AF", "variant_WORD", "call_genotype", "call_FT", "call_DP"]


@dataclass(frozen=True)
class Where:
    """A predicate from a function of a batch."""

    columns: frozenset[str]
    evaluate: Any


def passing(numbers):
    """The variants of these numbers pass; reads DP, as any predicate reads something."""
    return Where(frozenset({"variant_DP"}), lambda batch: np.isin(batch.variant_index, numbers))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    columns = example_columns(60, 9)
    columns["variant_AF"] = Column(columns["variant_AF"], chunks=(25, 3))
    columns["variant_DP"] = Column(columns["variant_DP"], chunks=(14,))
    path = tmp_path_factory.mktemp("scan") / "a.vcz"
    return build_vcz(path, columns, chunks={"variants": 10, "samples": 4}, region_index=True)


def read_all(reader, fields):
    batches = list(reader.variant_chunks(fields))
    numbers = [number for batch in batches for number in batch.variant_index.tolist()]
    return {name: np.concatenate([b[name] for b in batches]) for name in fields} if batches else {}, numbers


def check(reader, store, fields, numbers, samples=None):
    """The columns are those rows (and samples) of what zarr reads."""
    group = zarr.open_group(store, mode="r")
    columns, found = read_all(reader, fields)
    assert found == list(numbers)
    for name, column in columns.items():
        expected = group[name][...][found]
        if samples is not None and name.startswith("call_"):
            expected = expected[:, samples]
        assert column.shape == expected.shape
        same = column.tolist() == expected.tolist() if column.dtype.kind == "T" else None
        assert same or column.tobytes() == expected.tobytes(), name


numbers = st.lists(st.integers(0, 59), unique=True).map(sorted)


@given(
    passed=numbers,
    variants=st.none() | numbers,
    samples=st.none() | st.lists(st.integers(0, 8), unique=True),
    fields=st.lists(st.sampled_from([*FIELDS, "variant_DP"]), min_size=1, unique=True),
    budget=st.sampled_from([0, 500, 2**28]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_predicates_and_variants_by_number_give_what_numpy_gives(
    store, passed, variants, samples, fields, budget
):
    chosen = {"variant_filter": passing(passed), "variants": variants, "semantics": "query"}
    with vczero.open(store, readahead_bytes=budget, **chosen) as reader:
        if samples is not None:
            reader.set_sample_indexes(samples)
        expected = passed if variants is None else sorted(set(passed) & set(variants))
        check(reader, store, fields, expected, samples)


@pytest.mark.parametrize("chosen", [slice(7, 33), slice(None, None, 7), slice(50, 10), [3], [], range(60)])
def test_variants_by_slice(store, chosen):
    with vczero.open(store, variants=chosen) as reader:
        check(reader, store, ["call_DP", "variant_WORD"], np.arange(60)[chosen].tolist())


contig_names = st.sampled_from(["chr1", "chr2", "chr3", "chr9"])
spans = st.tuples(contig_names, st.integers(1, 1300), st.integers(0, 200))


@given(
    regions=st.none() | st.lists(spans, max_size=4),
    targets=st.none() | st.lists(spans, max_size=4),
    complement=st.booleans(),
    passed=st.none() | numbers,
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_regions_and_targets_give_what_a_loop_gives(any_store, regions, targets, complement, passed):
    group = zarr.open_group(any_store, mode="r")
    contigs = group["contig_id"][...].tolist()
    records = list(
        zip(
            [contigs[i] for i in group["variant_contig"][...]],
            group["variant_position"][...].tolist(),
            (group["variant_position"][...] + group["variant_length"][...] - 1).tolist(),
            strict=True,
        )
    )
    regions = None if regions is None else [(c, start, start + n) for c, start, n in regions]
    targets = None if targets is None else [(c, start, start + n) for c, start, n in targets]
    chosen = range(60) if passed is None else passed
    if targets is not None:
        inside = {
            i for i, (c, p, _) in enumerate(records) if any(c == t[0] and t[1] <= p <= t[2] for t in targets)
        }
        chosen = [i for i in chosen if (i in inside) != complement]
    if regions is not None:
        order = list(dict.fromkeys(r[0] for r in regions))
        hit = {
            i
            for i, (c, p, e) in enumerate(records)
            if any(c == r[0] and p <= r[2] and e >= r[1] for r in regions)
        }
        chosen = sorted((i for i in chosen if i in hit), key=lambda i: order.index(records[i][0]))
    with vczero.open(any_store, variant_filter=None if passed is None else passing(passed)) as reader:
        reader.set_regions(regions)
        reader.set_targets(targets, complement=complement)
        check(reader, any_store, ["variant_position", "call_DP", "variant_WORD"], chosen)


@pytest.fixture(scope="module", params=["indexed", "not indexed", "uneven"])
def any_store(request, tmp_path_factory):
    columns = example_columns(60, 3, seed=4)
    if request.param == "uneven":
        columns["variant_position"] = Column(columns["variant_position"], chunks=(23,))
        columns["variant_length"] = Column(columns["variant_length"], chunks=(14,))
    path = tmp_path_factory.mktemp("regions") / "a.vcz"
    return build_vcz(path, columns, chunks={"variants": 10}, region_index=request.param != "not indexed")


def test_an_index_that_does_not_fit_the_store_is_not_believed(tmp_path):
    columns = example_columns(30, 2)
    columns["region_index"] = np.array([[0, 0, 1, 2, 2, 30]])
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 10})
    with vczero.open(path, regions="chr1,chr2,chr3") as reader:
        check(reader, path, ["variant_position"], range(30))


def test_very_many_regions_are_one_search(store):
    # A hundred thousand regions: work grows with their number times its logarithm.
    regions = [("chr1", 10 * i, 10 * i + 3) for i in range(100_000)]
    with vczero.open(store, regions=regions) as reader:
        found = read_all(reader, ["variant_position", "variant_length", "variant_contig"])[0]
    assert set(found["variant_contig"].tolist()) == {0}
    first = found["variant_position"] % 10
    assert ((first <= 3) | (first + found["variant_length"] > 10)).all()


def test_a_predicate_that_nothing_passes_requests_no_genotypes(store):
    scripted = ScriptedStore.of_directory(store)
    with vczero.open(scripted, variant_filter=passing([])) as reader:
        assert read_all(reader, ["call_genotype", "call_DP"]) == ({}, [])
    chunks = {key for key in scripted.keys if not key.rpartition("/")[2].startswith(".")}
    assert {key.partition("/")[0] for key in chunks if key.startswith(("call", "variant"))} == {"variant_DP"}


def test_only_the_chunks_that_hold_what_passed_are_requested(store):
    scripted = ScriptedStore.of_directory(store)
    with vczero.open(scripted, variant_filter=passing([12, 57]), samples=["S8"]) as reader:
        check(reader, store, ["call_genotype"], [12, 57], [8])
    asked = [
        key for key in scripted.keys if key.startswith("call_genotype/") and not key.endswith(("y", "s"))
    ]
    assert sorted(asked) == ["call_genotype/1.2.0", "call_genotype/5.2.0"]


def test_a_region_of_one_variant_reads_what_holds_it(store):
    group = zarr.open_group(store, mode="r")
    row = 33
    contig = group["contig_id"][...][group["variant_contig"][row]]
    scripted = ScriptedStore.of_directory(store)
    with vczero.open(scripted, targets=f"{contig}:{group['variant_position'][row]}") as reader:
        columns, found = read_all(reader, ["call_genotype", "call_DP"])
        assert row in found
        assert columns["call_DP"].shape == (len(found), 9)
    asked = {key for key in scripted.keys if key.startswith("call_") and not key.endswith(("y", "s"))}
    assert {key.partition("/")[2].partition(".")[0] for key in asked} == {str(n // 10) for n in found}


def test_a_predicate_by_sample_keeps_variants_with_any_and_tells_which(store):
    deep = Where(frozenset({"call_DP"}), lambda batch: batch["call_DP"] > 90)
    depth = zarr.open_group(store, mode="r")["call_DP"][...]
    chosen = [7, 2]
    with vczero.open(store, variant_filter=deep) as reader:
        reader.set_sample_indexes(chosen)
        batches = list(reader.variant_chunks(["call_DP", "variant_position"]))
    mask = depth[:, chosen] > 90
    kept = np.flatnonzero(mask.any(axis=1))
    assert [n for b in batches for n in b.variant_index] == kept.tolist()
    assert np.array_equal(np.concatenate([b.sample_mask for b in batches]), mask[kept])
    assert np.array_equal(np.concatenate([b["call_DP"] for b in batches]), depth[kept][:, chosen])


def test_a_predicate_may_see_all_samples_while_the_batch_has_some(store):
    # bcftools view tests the stored record and then takes samples.
    deep = Where(frozenset({"call_DP"}), lambda batch: batch["call_DP"] > 90)
    depth = zarr.open_group(store, mode="r")["call_DP"][...]
    with vczero.open(store) as reader:
        reader.set_sample_indexes([7, 2])
        reader.set_variant_filter(deep, semantics="view")
        batches = list(reader.variant_chunks(["call_DP", "call_FT"]))
    kept = np.flatnonzero((depth > 90).any(axis=1))
    assert [n for b in batches for n in b.variant_index] == kept.tolist()
    assert np.array_equal(np.concatenate([b["call_DP"] for b in batches]), depth[kept][:, [7, 2]])
    assert np.array_equal(np.concatenate([b.sample_mask for b in batches]), depth[kept][:, [7, 2]] > 90)
    assert batches[0]["call_FT"].shape[1] == 2


def test_errors_of_a_predicate_come_out_of_the_iterator(store):
    def broken(batch):
        raise SelectionError("what the predicate says")

    with vczero.open(store, variant_filter=Where(frozenset({"variant_DP"}), broken)) as reader:
        batches = reader.variant_chunks(["call_DP"])
        with pytest.raises(SelectionError, match="what the predicate says"):
            next(batches)
        assert list(batches) == []


def test_a_predicate_that_reads_nothing_still_decides(store):
    third = Where(frozenset(), lambda batch: batch.variant_index % 20 == 3)
    with vczero.open(store, variant_filter=third) as reader:
        check(reader, store, ["call_DP"], [3, 23, 43])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([3, 2], "2 comes after 3"),
        ([3, 3], "ascend"),
        ([-1], "-1"),
        ([60], "60 is not in 0..59"),
        ([[1]], "list"),
        ([0.5], "integers"),
        (slice(9, 3, -1), "ascend"),
    ],
)
def test_numbers_of_variants_are_checked_at_the_call(store, wrong, message):
    with vczero.open(store) as reader, pytest.raises(SelectionError, match=message):
        reader.set_variants(wrong)


def test_numbers_and_regions_contradict_each_other(store):
    with vczero.open(store, regions="chr1") as reader:
        with pytest.raises(SelectionError, match="at once"):
            reader.set_variants([1])
        reader.set_regions(None)
        reader.set_variants([1])
        with pytest.raises(SelectionError, match="at once"):
            reader.set_targets("chr1")


@given(numbers)
def test_runs_hold_the_numbers_they_are_made_of(chosen):
    runs = variant_runs(chosen, 60)
    assert [n for first, end in runs.tolist() for n in range(first, end)] == chosen
    assert (runs[1:, 0] > runs[:-1, 1]).all()


def test_a_plan_of_very_many_chunks_is_made_in_linear_work():
    # Proved by size, not by the clock: a quadratic planner would not come to the end of a million chunks.
    zarray = {"zarr_format": 2, "shape": [10**9], "chunks": [1000], "dtype": "<i4", "order": "C"}
    zarray |= {"compressor": None, "filters": None, "fill_value": 7}
    with vczero.open({"variant_position/.zarray": json.dumps(zarray).encode()}) as reader:
        counts = reader.variant_counts_per_chunk()
        assert (len(counts), counts.sum()) == (10**6, 10**9)
        (last,) = reader.variant_chunks(["variant_position"], start=999_999)
        assert last.variant_index[[0, -1]].tolist() == [10**9 - 1000, 10**9 - 1]
        reader.set_variants(np.arange(0, 10**9, 10**4))
        counts = reader.variant_counts_per_chunk()
        assert (len(counts), counts.sum()) == (10**5, 10**5)
        assert next(reader.variant_chunks(["variant_position"])).variant_index.tolist() == [0]


@dataclass(frozen=True)
class InTwo(FullPredicate):
    """`DP > shallow & any FMT/DP > deep`, or DP > certain by itself; told apart by sample if asked."""

    shallow: int
    deep: int
    certain: int = 10_000
    by_sample: bool = False
    columns = frozenset({"variant_DP", "call_DP"})
    first = frozenset({"variant_DP"})

    def evaluate(self, batch):
        site = batch["variant_DP"][:, None] > self.shallow
        mask = site & (batch["call_DP"] > self.deep)
        if self.by_sample:
            return mask
        return mask.any(axis=1) | (batch["variant_DP"] > self.certain)

    def decide(self, batch):
        assert set(batch) == {"variant_DP"}
        votes = np.where(batch["variant_DP"] > self.shallow, 2, 0)
        return np.where((batch["variant_DP"] > self.certain) & (not self.by_sample), 1, votes).astype(np.int8)


@given(
    shallow=st.integers(-2, 300),
    deep=st.integers(0, 100),
    certain=st.sampled_from([10_000, 150, 250]),
    by_sample=st.booleans(),
    fields=st.lists(st.sampled_from([*FIELDS, "variant_DP", "variant_N_ALT"]), min_size=1, unique=True),
    samples=st.none() | st.lists(st.integers(0, 8), unique=True, min_size=1),
    semantics=st.sampled_from(["query", "view"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_predicate_asked_in_two_goes_gives_what_it_gives_in_one(
    store, shallow, deep, certain, by_sample, fields, samples, semantics
):
    predicate = InTwo(shallow, deep, max(certain, shallow), by_sample)
    in_one = Where(predicate.columns, predicate.evaluate)
    found = []
    for each in (in_one, predicate):
        with vczero.open(store, variant_filter=each, semantics=semantics) as reader:
            if samples is not None:
                reader.set_sample_indexes(samples)
            batches = list(reader.variant_chunks(fields))
        numbers = [n for batch in batches for n in batch.variant_index.tolist()]
        columns = [[batch[name].tolist() for batch in batches] for name in fields if name != "variant_AF"]
        masks = [batch.sample_mask.tolist() for batch in batches if batch.sample_mask is not None]
        found.append((numbers, columns, masks))
    assert found[0] == found[1]


def test_a_predicate_of_the_two_members_that_all_have_will_do(store):
    """Also where samples are to be dropped one by one, which it knows nothing of."""
    with vczero.open(store, variant_filter=passing([3, 59]), semantics="view") as reader:
        found = reader.map_chunks(lambda batch: batch.variant_index.tolist(), ["call_DP"], exclude_calls=True)
        assert list(chain(*found)) == [3, 59]


def test_first_columns_that_settle_all_leave_the_others_unread(store):
    scripted = ScriptedStore.of_directory(store)
    with vczero.open(scripted, variant_filter=InTwo(shallow=1000, deep=0)) as reader:
        assert read_all(reader, ["variant_position"])[1] == []
    assert not [key for key in scripted.keys if key.startswith("call_DP/") and key[-1].isdigit()]
    with vczero.open(scripted, variant_filter=InTwo(shallow=-5, deep=0, certain=-5)) as reader:
        assert read_all(reader, ["variant_position"])[1] == list(range(60))
    assert not [key for key in scripted.keys if key.startswith("call_DP/") and key[-1].isdigit()]


def test_the_cheaper_way_of_asking_is_taken():
    # Little is read after the predicate: two goes. Much is: one go, until the first columns settle most.
    assert Selectivity(other_bytes=1000, rest_bytes=10).in_two
    costly = Selectivity(other_bytes=1000, rest_bytes=20_000)
    assert not costly.in_two
    costly.seen(100_000, 100)
    costly.passed(100_000, 50)
    assert costly.in_two
    costly.seen(10_000_000, 10_000_000)
    assert not costly.in_two


@pytest.mark.parametrize("verdict", [np.ones(3, bool), np.ones((3, 9), bool)])
def test_a_predicate_with_verdicts_for_other_variants_is_refused(store, verdict):
    with vczero.open(store, variant_filter=Where(frozenset({"variant_DP"}), lambda _: verdict)) as reader:
        batches = reader.variant_chunks(["call_DP"])
        with pytest.raises(OptionError, match="verdicts"):
            next(batches)


def test_a_filter_follows_a_later_selection_of_samples(store):
    depth = zarr.open_group(store, mode="r")["call_DP"][...]
    with vczero.open(store, variant_filter="FMT/DP>90") as reader:
        reader.set_sample_indexes([7, 2])
        numbers = [n for b in reader.variant_chunks(["variant_id"]) for n in b.variant_index.tolist()]
    assert numbers == np.flatnonzero((depth[:, [7, 2]] > 90).any(axis=1)).tolist()


@pytest.fixture(scope="module")
def large_store(tmp_path_factory):
    """Chunks of 25 variants, those of one array of 12.5 MB in many Blosc blocks."""
    columns = example_columns(60, 5)
    columns["variant_DP"] = Column(columns["variant_DP"], chunks=(60,))
    wide = np.random.default_rng(1).integers(0, 4, (60, 5, 100_000), dtype=np.int8)
    columns["call_wide"] = Column(wide, dims=("variants", "samples", "wide"))
    path = tmp_path_factory.mktemp("large") / "a.vcz"
    return build_vcz(path, columns, zarr_format=2, chunks={"variants": 25, "samples": 3})


@pytest.mark.parametrize("numbers", [None, [3, 4, 12, 13, 24, 25, 26, 50, 59]])
@pytest.mark.parametrize(("nbytes", "rows"), [(2_500_000, 5), (6_500_000, 13), (48_000_000, 25)])
def test_large_chunks_are_read_in_pieces(large_store, nbytes, rows, numbers):
    """The same rows in order, whether or not pieces end where chunks do, or a predicate leaves some."""
    fields = ["variant_index", *FIELDS, "call_wide"]
    predicate = None if numbers is None else passing(numbers)
    with vczero.open(large_store, variant_filter=predicate) as reader:
        expected = list(reader.variant_chunks(fields))
        found = list(reader.map_chunks(lambda batch: batch, fields, batch_bytes=nbytes))
    for name in fields:
        joined = [np.concatenate([batch[name] for batch in batches]) for batches in (found, expected)]
        assert np.array_equal(*joined, equal_nan=joined[0].dtype.kind == "f"), name
    assert all(len({int(number) // rows for number in batch.variant_index}) == 1 for batch in found)


def test_a_piece_that_two_steps_want_serves_both(large_store):
    """Regions name the contigs in another order; a piece lies across the border of two."""
    fields = ["variant_contig", "call_wide"]
    with vczero.open(large_store) as reader:
        names = reader.contig_ids
        order = names[::-1]
        expected = list(reader.variant_chunks(fields))
        reader.select(regions=list(order))
        found = list(reader.map_chunks(lambda batch: batch, fields, batch_bytes=4_000_000))
    contig, wide = (np.concatenate([batch[name] for batch in expected]) for name in fields)
    wanted = np.concatenate([np.flatnonzero(contig == names.tolist().index(name)) for name in order])
    assert wanted.tolist() != sorted(wanted.tolist())
    assert np.array_equal(np.concatenate([batch["call_wide"] for batch in found]), wide[wanted])


def test_small_chunks_are_joined(store):
    """Many chunks in one batch where they are small: one job, not many."""
    with vczero.open(store) as reader:
        expected = list(reader.variant_chunks(FIELDS))
        found = list(reader.map_chunks(lambda batch: batch, FIELDS, batch_bytes=1_000_000))
    assert len(expected) > len(found) == 1
    for name in FIELDS:
        column = np.concatenate([batch[name] for batch in expected])
        assert np.array_equal(found[0][name], column, equal_nan=column.dtype.kind == "f"), name


def test_batches_of_few_samples_of_many_are_joined(tmp_path):
    """Little is kept of large chunks: a batch is of several, as long as there are steps for all workers."""
    columns = example_columns(96, 3000)
    kept = {name: column for name, column in columns.items() if not name.startswith("call_")}
    kept["call_genotype"] = columns["call_genotype"]
    path = build_vcz(tmp_path / "a.vcz", kept, zarr_format=2, chunks={"variants": 1, "samples": 2000})
    fields = ["variant_position", "call_genotype"]
    with vczero.open(path) as reader:
        reader.set_sample_indexes([2999, 5])
        expected = list(reader.variant_chunks(fields))
        found = list(reader.map_chunks(lambda batch: batch, fields, batch_bytes=5000))
    assert [len(batch.variant_index) for batch in found] == [3] * 32
    for name in fields:
        columns_of = [np.concatenate([batch[name] for batch in batches]) for batches in (expected, found)]
        assert np.array_equal(*columns_of), name
