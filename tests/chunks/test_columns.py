"""Selected columns of a chunk equal those of the chunk as zarr-python gives it, however they are had."""

from __future__ import annotations

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec

from support.catalogue import CASES, all_coords, build, expected_block, same
from support.stores import ScriptedStore
from vczero.chunks import blosc
from vczero.chunks.blocks import BlockReader
from vczero.chunks.columns import SelectedColumns
from vczero.chunks.steps import Read
from vczero.chunks.units import bundles, groups_of
from vczero.errors import ChunkError, UnsupportedError

# Whatever is not Blosc is decoded as ever; a part of the catalogue will do.
BY_COLUMNS = [case for case in CASES if len(case.shape) > 1][::5]


def selecting(reader, wanted):
    """`wanted` columns of each chunk that has them, by number from 0."""
    chunk, length = reader.meta.chunk_shape[1], reader.meta.shape[1]
    columns = {}
    for number in range(reader.cdata_shape[1]):
        places = np.array(
            [place for place in wanted if place < min(chunk, length - number * chunk)], np.int64
        )
        columns[number] = places
    return SelectedColumns(reader, columns), columns


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("case", BY_COLUMNS, ids=lambda case: case.name)
def test_every_codec_type_and_shape(tmp_path, case):
    """Every array of the catalogue: columns in any order, all rows and some."""
    array = build(case, tmp_path / "a")
    reader = BlockReader(array)
    if reader.meta.dtype.kind in "TO":
        with pytest.raises(UnsupportedError):
            SelectedColumns(reader, {})
        return
    selected, columns = selecting(reader, [2, 0, 1])
    for coords in all_coords(array):
        expected = expected_block(array, coords)[:, columns[coords[1]]]
        assert selected.actual_chunk_shape(coords) == expected.shape
        assert same(selected.decode(selected.fetch(coords)), expected)
        assert same(selected.decode(selected.fetch(coords, slice(0, 1))), expected[:1])


@st.composite
def arrays(draw):
    """Chunks that Blosc cuts into several blocks, with tails on both axes."""
    dtype = np.dtype(draw(st.sampled_from(["i1", "?", "<i2", "<i4", ">i4", "<f8", "S3"])))
    rows, columns = draw(st.integers(60, 200)), draw(st.integers(200, 700))
    shape = (rows, columns, *draw(st.sampled_from([(), (2,), (3,)])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = rng.integers(-2, 4, shape).astype("i1")
    if draw(st.booleans()):
        values[rng.random(shape) < 0.9] = 0
    data = values.astype(dtype) if dtype.kind != "S" else np.abs(values).astype(dtype)
    chunks = (draw(st.integers(50, rows)), draw(st.integers(150, columns)), *shape[2:])
    if len(shape) > 2 and draw(st.integers(0, 3)) == 0:
        chunks = (*chunks[:2], 2)
    stored = {
        "codec": draw(st.sampled_from(["zstd", "lz4", "blosclz", "zlib"])),
        "shuffle": draw(st.sampled_from([0, 1, 2])),
        "block_bytes": draw(st.sampled_from([0, 4096, 10_000, 65_536])),
        "zarr_format": draw(st.sampled_from([2, 3])),
        "shards": draw(st.booleans()),
    }
    return data, chunks, stored


def write(path, data, chunks, *, codec, shuffle, block_bytes, zarr_format, shards):
    """An array, in v3 perhaps sharded."""
    options = {}
    if zarr_format == 2:
        compressor = numcodecs.Blosc(codec, 3, shuffle, block_bytes)
        options["compressors"] = compressor
    else:
        names = ("noshuffle", "shuffle", "bitshuffle")
        options["compressors"] = BloscCodec(
            cname=codec, clevel=3, shuffle=names[shuffle], blocksize=block_bytes
        )
        if shards:
            options["shards"] = tuple(2 * chunk for chunk in chunks)
    array = zarr.create_array(
        path,
        shape=data.shape,
        dtype=data.dtype,
        chunks=chunks,
        zarr_format=zarr_format,
        overwrite=True,
        **options,
    )
    array[...] = data
    return array


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(), st.data())
def test_random_columns_of_random_blosc_chunks(tmp_path, made, data):
    """Few columns (taken from shuffled blocks) and many (from blocks put in order); rows; strided places."""
    values, chunks, stored = made
    reader = BlockReader(write(tmp_path / "a", values, chunks, **stored))
    length = min(chunks[1], values.shape[1])
    count = data.draw(st.sampled_from([1, 2, 5, 100]))
    wanted = data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=count))
    selected, columns = selecting(reader, wanted)
    coords = tuple(data.draw(st.integers(0, n - 1)) for n in reader.cdata_shape)
    whole = values[tuple(slice(c * n, (c + 1) * n) for c, n in zip(coords, chunks, strict=True))]
    rows = data.draw(st.sampled_from([None, slice(3, 7), (slice(0, 1), slice(5, 9))]))
    if rows is not None:
        rows = tuple(slice(min(r.start, len(whole)), min(r.stop, len(whole))) for r in np.atleast_1d(rows))
        rows = tuple(run for run in rows if run.start < run.stop) or slice(0, 0)
    runs = [slice(0, len(whole))] if rows is None else rows if isinstance(rows, tuple) else [rows]
    expected = whole[[row for run in runs for row in range(run.start, run.stop)]][:, columns[coords[1]]]
    encoded = selected.fetch(coords, rows)
    assert same(selected.decode(encoded), expected)
    room = np.zeros((len(expected), expected.shape[1] + 2, *expected.shape[2:]), values.dtype)
    assert same(selected.decode(encoded, room[:, 1:-1]).copy(), expected)
    assert not room[:, [0, -1]].astype(bool).any()


@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_only_blocks_that_hold_a_wanted_column_are_decompressed(tmp_path, monkeypatch, shuffle):
    """Rows longer than blocks: the columns of one end need not pay for the other."""
    values = np.random.default_rng(0).integers(0, 3, (20, 100_000), np.int8)
    options = {"shards": False, "zarr_format": 2, "codec": "zstd", "shuffle": shuffle, "block_bytes": 8192}
    reader = BlockReader(write(tmp_path / "a", values, values.shape, **options))
    selected = SelectedColumns(reader, {0: np.array([7, 99_990])})
    made = []
    library = blosc._library
    monkeypatch.setattr(blosc, "_library", lambda data, out: (made.append(len(out)), library(data, out)))
    assert same(selected.decode(selected.fetch((0, 0))), values[:, [7, 99_990]])
    assert sum(made) <= 41 * 8192


def test_rows_of_a_large_chunk_are_fetched_in_part(tmp_path):
    """Of a few rows and columns no more is fetched than of the rows."""
    values = np.random.default_rng(0).integers(0, 3, (500, 20_000), np.int8)
    options = {"shards": False, "zarr_format": 2, "codec": "zstd", "shuffle": 2, "block_bytes": 65_536}
    local = BlockReader(write(tmp_path / "a", values, values.shape, **options))
    store = ScriptedStore({local.chunk_key((0, 0)): (tmp_path / "a" / "0.0").read_bytes()})
    reader = BlockReader(local.meta, store)
    selected = SelectedColumns(reader, {0: np.array([5, 19_999])})
    encoded = selected.fetch((0, 0), (slice(1, 3), slice(400, 401)))
    assert encoded.nbytes < 100_000
    assert same(selected.decode(encoded), values[[1, 2, 400]][:, [5, 19_999]])


def test_what_a_read_costs_is_not_what_it_gives(tmp_path):
    """Chunks of which few columns are wanted are jobs as large as ever, so that workers share them."""
    values = np.zeros((100, 30_000), np.int8)
    options = {"shards": False, "zarr_format": 2, "codec": "zstd", "shuffle": 2, "block_bytes": 0}
    reader = BlockReader(write(tmp_path / "a", values, (100, 15_000), **options))
    selected = SelectedColumns(reader, {0: np.array([1]), 1: np.array([2, 3])})
    reads = [Read(selected, (0, 0)), Read(selected, (0, 1), slice(0, 50))]
    assert [read.nbytes for read in reads] == [100, 100]
    assert [read.work for read in reads] == [1_500_000, 750_000]
    assert len(bundles(groups_of(reads))) == 2


def test_bad_chunks_and_bad_places_are_refused(tmp_path):
    """An error names the chunk, as for the whole chunk; a place of another shape is the caller's mistake."""
    values = np.random.default_rng(0).integers(0, 3, (100, 2000), np.int8)
    options = {"shards": False, "zarr_format": 2, "codec": "zstd", "shuffle": 2, "block_bytes": 8192}
    reader = BlockReader(write(tmp_path / "a", values, values.shape, **options))
    selected = SelectedColumns(reader, {0: np.array([1])})
    encoded = selected.fetch((0, 0))
    with pytest.raises(ValueError, match="out is"):
        selected.decode(encoded, np.empty((100, 2), np.int8))
    path = tmp_path / "a" / "0.0"
    stored = bytearray(path.read_bytes())
    stored[-200:] = bytes(200)
    path.write_bytes(stored)
    with pytest.raises(ChunkError, match=r"chunk 0\.0") as caught:
        selected.decode(selected.fetch((0, 0)))
    assert caught.value.coords == (0, 0)
