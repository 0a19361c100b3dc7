"""Small batches are made several by a step: nothing of that can be told from what comes, but by its speed."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vczero
from support.stores import ScriptedStore
from support.vcz_builder import Column, build_vcz, example_columns
from vczero.errors import ChunkError, VczeroError
from vczero.vcz.scan import results_of
from vczero.vcz.schema import Batch

FIELDS = ["variant_position", "variant_AF", "variant_DP"]
ROWS = 10  # of a batch
NUMBER = 40  # of batches


@dataclass(frozen=True)
class Where:
    columns: frozenset[str]
    evaluate: Any


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """400 variants in chunks of 10 rows; one array has longer chunks, and one chunk lies across batches."""
    columns = example_columns(ROWS * NUMBER, 2)
    columns["variant_AF"] = Column(columns["variant_AF"], chunks=(25, 3))
    path = Path(
        build_vcz(tmp_path_factory.mktemp("a") / "a.vcz", columns, chunks={"variants": ROWS, "samples": 2})
    )
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def open_scripted(objects, **options):
    store = ScriptedStore(objects)
    return store, vczero.open(store, **options)


def contents(batch):
    return {name: batch[name].tobytes() for name in batch}, batch.variant_index.tolist()


def drained(results):
    """What comes, and the error that ends it."""
    found = []
    try:
        found.extend(results)
    except Exception as error:
        return found, error
    raise AssertionError("no error came")


def test_batches_are_those_of_single_steps(objects):
    """From each start: the same batches, of the same rows, each chunk read once."""
    store, reader = open_scripted(objects)
    with reader:
        wanted = reader._wanted(FIELDS, force_recompute=False)
        assert reader._planner.plan(wanted).together > 3, "the store is too large for this test"
        whole = reader.to_arrays(FIELDS)
        store.log.clear()
        batches = list(reader.variant_chunks(FIELDS))
        assert (
            len(store.log) == len({request.key for request in store.log}) == NUMBER * 2 + NUMBER * ROWS // 25
        )
        assert reader.variant_counts_per_chunk(FIELDS).tolist() == [ROWS] * NUMBER
        for number, batch in enumerate(batches):
            rows = slice(number * ROWS, (number + 1) * ROWS)
            assert contents(batch) == (
                {name: whole[name][rows].tobytes() for name in FIELDS},
                list(range(rows.start, rows.stop)),
            )
        for start in (1, NUMBER - 1, NUMBER, NUMBER + 1):
            found = [contents(batch) for batch in reader.variant_chunks(FIELDS, start)]
            assert found == [contents(batch) for batch in batches[start:]]


def test_batches_with_text_are_those_of_single_steps(objects):
    """Several at a time too, and each counts with its own part of their memory."""
    names = ["variant_WORD", "variant_DP"]
    _, reader = open_scripted(objects)
    with reader:
        wanted = reader._wanted(names, force_recompute=False)
        assert reader._planner.plan(wanted).together > 1
        whole = reader.to_arrays(names)
        batches = list(reader.variant_chunks(names))
        singly = reader._planner.plan(wanted, singly=True)
        work = reader._planner.work(wanted, singly, lambda batch: batch)
        expected = list(results_of(reader._runtime.run(singly.steps(), work)))
    assert [batch.nbytes for batch in batches] == [batch.nbytes for batch in expected]
    for name in names:
        found = [value for batch in batches for value in batch[name].tolist()]
        assert found == whole[name].tolist() == [v for batch in expected for v in batch[name].tolist()]


def test_statistics_count_batches(objects):
    _, reader = open_scripted(objects)
    with reader:
        batches = reader.variant_chunks(FIELDS)
        first = next(batches)
        assert (batches.statistics().chunks_yielded, batches.last_chunk_bytes) == (1, first.nbytes)
        rest = list(batches)
        told = batches.statistics()
    assert (told.chunks_visited, told.chunks_yielded, len(rest)) == (NUMBER, NUMBER, NUMBER - 1)
    assert (told.variants_planned, told.variants_visited, told.variants_yielded) == (400, 400, 400)
    assert told.requests == NUMBER * 2 + NUMBER * ROWS // 25
    assert told.last_chunk_bytes == rest[-1].nbytes


def test_a_predicate_leaves_batches_as_they_are_and_other_chunks_unread(objects):
    """Of columns that it does not read, only the chunks with variants that pass are fetched."""
    passed = [3, 57, 58, 59, 60, 399]
    where = Where(frozenset({"variant_DP"}), lambda batch: np.isin(batch.variant_index, passed))
    store, reader = open_scripted(objects, variant_filter=where)
    with reader:
        store.log.clear()
        batches = list(reader.variant_chunks(["variant_position", "variant_DP"]))
        keys = {request.key for request in store.log if request.key.startswith("variant_position/")}
    assert [batch.variant_index.tolist() for batch in batches] == [[3], [57, 58, 59], [60], [399]]
    assert {key for key in keys if key[-1].isdigit()} == {f"variant_position/{n}" for n in (0, 5, 6, 39)}


@pytest.mark.parametrize("at", [0, 1, 22, NUMBER - 1])
def test_batches_before_a_damaged_chunk_come_before_the_error(objects, at):
    _, reader = open_scripted({**objects, f"variant_DP/{at}": b"damaged"})
    names = ["variant_position", "variant_AF"]
    with reader:
        batches = reader.variant_chunks(FIELDS)
        found, error = drained(batches)
        assert isinstance(error, ChunkError)
        assert f"array variant_DP, chunk {at} " in str(error)
        assert batches.statistics().chunks_yielded == at
        assert list(batches) == []
        expected = [contents(batch) for batch in reader.variant_chunks(names)][:at]
    assert [contents(Batch({n: b[n] for n in names}, b.variant_index)) for b in found] == expected


def test_results_before_an_error_of_the_function_come_and_nothing_is_done_twice(objects):
    calls = []

    def function(batch):
        calls.append(int(batch.variant_index[0]))
        if batch.variant_index[0] == 5 * ROWS:
            raise KeyError("said by the function")
        return int(batch.variant_index[0])

    _, reader = open_scripted(objects, decode_threads=1)
    with reader:
        results = reader.map_chunks(function, FIELDS)
        found, error = drained(results)
        assert list(results) == []
    assert isinstance(error, KeyError)
    assert found == [0, 10, 20, 30, 40]
    assert len(calls) == len(set(calls))


def test_an_iterator_at_its_end_does_not_keep_the_reader(objects):
    """Who keeps one for its statistics keeps no threads."""
    _, reader = open_scripted(objects)
    batches = reader.variant_chunks(FIELDS)
    assert len(list(batches)) == NUMBER
    gone = weakref.ref(reader)
    del reader
    gc.collect()
    assert gone() is None
    assert batches.statistics().chunks_yielded == NUMBER


def test_a_closed_iterator_and_a_closed_reader_give_no_more(objects):
    """Also of the batches that the step has made already."""
    _, reader = open_scripted(objects)
    with reader:
        batches = reader.variant_chunks(FIELDS)
        next(batches)
        batches.close()
        assert list(batches) == []
        batches = reader.variant_chunks(FIELDS)
        next(batches)
    with pytest.raises(VczeroError, match="closed"):
        list(batches)
    assert list(batches) == []
