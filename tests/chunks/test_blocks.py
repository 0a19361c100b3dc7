"""BlockReader gives what zarr-python gives, byte for byte; and says clearly what is wrong with a chunk."""

from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ZstdCodec

from support.catalogue import CASES, all_coords, build, expected_block, same
from support.stores import AsyncScriptedStore, ScriptedStore
from vczero.chunks.blocks import BlockReader, checked_rows, wants_part
from vczero.chunks.stores import LocalStore, Request, run_fetch, run_fetch_async
from vczero.errors import ChunkError, SelectionError, StoreError


def coords_of(reader):
    return itertools.product(*(range(count) for count in reader.cdata_shape))


def expected_chunk(array, reader, coords):
    """What zarr-python has at the chunk (the inner chunk of a sharded array)."""
    selection = tuple(
        slice(i * chunk, (i + 1) * chunk) for i, chunk in zip(coords, reader.meta.chunk_shape, strict=True)
    )
    return array[selection] if selection else array[()]


def make(path, *, data, chunks, shards=None, zarr_format=3, **options):
    array = zarr.create_array(
        path,
        name="x",
        shape=data.shape,
        dtype=data.dtype,
        chunks=chunks,
        shards=shards,
        zarr_format=zarr_format,
        **options,
    )
    array[...] = data
    return array


def numbers(shape, dtype=np.int32):
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(dtype)


ARRAYS = {
    "0-d": {"data": numbers(()), "chunks": ()},
    "1-d": {"data": numbers((10,)), "chunks": (4,)},
    "2-d, edges": {"data": numbers((10, 7), np.int8), "chunks": (4, 3)},
    "3-d": {"data": numbers((5, 4, 2), np.int8), "chunks": (2, 3, 2)},
    "4-d": {"data": numbers((3, 4, 2, 2), np.float32), "chunks": (2, 2, 2, 1)},
    "no rows": {"data": numbers((0, 3)), "chunks": (4, 3)},
    "chunk larger than array": {"data": numbers((3, 3)), "chunks": (10, 10)},
    "text": {
        "data": np.array(["", "é", "long" * 50, "z", "."], dtype=np.dtypes.StringDType()),
        "chunks": (2,),
    },
}
SHARDED = {
    "1-d": {"data": numbers((20,)), "chunks": (2,), "shards": (8,)},
    "2-d": {"data": numbers((11, 7), np.int8), "chunks": (2, 3), "shards": (4, 6)},
    "one chunk per shard": {"data": numbers((6, 4)), "chunks": (2, 4), "shards": (2, 4)},
    "text": {
        "data": np.array(["a", "bb", "", "dddd", "e"], dtype=np.dtypes.StringDType()),
        "chunks": (1,),
        "shards": (4,),
    },
}


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("case", ARRAYS.values(), ids=ARRAYS)
def test_every_chunk_equals_blocks(tmp_path, case, zarr_format):
    # The promise of the name: reader.read_chunk(c) is array.blocks[c], byte for byte.
    array = make(tmp_path, zarr_format=zarr_format, **case)
    reader = BlockReader(array)
    assert isinstance(reader.store, LocalStore)
    assert reader.cdata_shape == array.cdata_shape
    for coords in coords_of(reader):
        expected = array.blocks[coords] if coords else array[()]
        check_same(reader.read_chunk(coords), np.asarray(expected))
        assert reader.actual_chunk_shape(coords) == np.shape(expected)


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("index_location", ["start", "end"])
@pytest.mark.parametrize(
    "index_codecs", [[BytesCodec()], [BytesCodec(), Crc32cCodec()]], ids=["plain", "crc32c"]
)
@pytest.mark.parametrize("case", SHARDED.values(), ids=SHARDED)
def test_every_inner_chunk_equals_its_slice(tmp_path, case, index_location, index_codecs):
    # Coordinates address inner chunks; the index may be at either end.
    sharding = {"shape": case["shards"], "index_codecs": index_codecs, "index_location": index_location}
    array = make(tmp_path, **{**case, "shards": sharding})
    reader = BlockReader(array)
    assert reader.meta.shard.index_location == index_location
    for coords in coords_of(reader):
        check_same(reader.read_chunk(coords), expected_chunk(array, reader, coords))


def check_same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype.kind == "T":
        assert found.tolist() == expected.tolist()
    else:
        assert found.tobytes() == expected.tobytes()
    assert found.flags.writeable


ROWS = [
    None,
    slice(0, 4),
    slice(1, 3),
    slice(2, 2),
    slice(None, 1),
    slice(3, None),
    (slice(0, 1), slice(3, 4)),
    (),
]


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("name", ["2-d, edges", "text"])
def test_rows_are_those_rows(tmp_path, rows, name):
    # One run, or several, of a chunk; also into an array of the caller's.
    case = ARRAYS[name]
    array = make(tmp_path, data=np.resize(case["data"], (8, 3)), chunks=(4, 2))
    reader = BlockReader(array)
    block = array.blocks[1, 1]
    runs = rows if isinstance(rows, tuple) else (slice(None) if rows is None else rows,)
    expected = np.concatenate([block[:0], *(block[run] for run in runs)])
    check_same(reader.read_chunk((1, 1), rows), expected)
    if block.dtype.kind != "T":
        wide = np.zeros((len(expected), 5), block.dtype)
        out = wide[:, 1:2]
        assert reader.read_chunk((1, 1), rows, out) is out
        assert wide[:, 1:2].tolist() == expected.tolist()
        assert not wide[:, 0].any()
        assert not wide[:, 2:].any()


@pytest.mark.parametrize(
    "rows",
    [
        slice(0, 5),
        slice(-1, 2),
        slice(3, 1),
        slice(0, 4, 2),
        (slice(2, 3), slice(0, 1)),
        (slice(0, 2), slice(1, 3)),
    ],
)
def test_rows_that_are_not_there_are_refused(rows):
    # Nothing is clamped or reordered behind the caller's back.
    with pytest.raises(SelectionError):
        checked_rows(rows, (4, 2))
    with pytest.raises(SelectionError, match="no rows"):
        checked_rows(slice(0, 1), ())


@pytest.mark.parametrize("coords", [(3, 0), (-1, 0), (0,), (0, 0, 0), (0, 9)])
def test_chunks_that_are_not_there_are_refused(tmp_path, coords):
    # A wrong coordinate is an error and not an absent chunk full of fill values.
    reader = BlockReader(make(tmp_path, **ARRAYS["2-d, edges"]))
    for call in (reader.read_chunk, reader.chunk_key, reader.actual_chunk_shape):
        with pytest.raises(SelectionError, match=r"x has no chunk .*: its grid is \(3, 3\)"):
            call(coords)


@pytest.mark.parametrize("shards", [None, (4, 4)])
def test_absent_chunks_are_the_fill_value(tmp_path, shards):
    # Whole objects that are absent, and chunks that their shard does not have.
    array = zarr.create_array(
        tmp_path, name="x", shape=(8, 4), chunks=(2, 2), shards=shards, dtype="i2", fill_value=-7
    )
    array[4:6, 0:2] = 3
    reader = BlockReader(array)
    for coords in coords_of(reader):
        check_same(reader.read_chunk(coords), expected_chunk(array, reader, coords))
    assert reader.fetch((0, 0)).data is None
    assert reader.fetch((0, 0)).nbytes == 0


def scripted(tmp_path, cls=ScriptedStore, **options):
    array = make(tmp_path, **options)
    store = cls.of_directory(tmp_path)
    return array, store, BlockReader(BlockReader(array).meta, store)


def test_one_request_for_a_chunk(tmp_path):
    # No listing, no looking whether it exists, no metadata.
    _, store, reader = scripted(tmp_path, **ARRAYS["2-d, edges"])
    reader.read_chunk((1, 1))
    reader.read_chunk((1, 1), rows=slice(0, 1))
    assert store.log == [Request("x/c/1/1")] * 2


def test_chunks_of_a_shard_take_one_index_and_few_ranges(tmp_path):
    # The index is read once; chunks that lie together are one range, and come in the order asked for.
    data = numbers((64, 4))
    array, store, reader = scripted(tmp_path, data=data, chunks=(2, 4), shards=(32, 4), compressors=None)
    coords = [(3, 0), (2, 0), (5, 0), (2, 0)]
    found = run_fetch(reader.requests_many(coords), store)
    for encoded, at in zip(found, coords, strict=True):
        assert encoded.coords == at
        check_same(reader.decode(encoded), expected_chunk(array, reader, at))
    assert len(store.log) == 2
    assert len(store.log[1].ranges) == 1
    reader.read_chunk((0, 0))
    assert len(store.log) == 3
    with pytest.raises(SelectionError, match="several stored objects"):
        run_fetch(reader.requests_many([(0, 0), (31, 0)]), store)
    assert run_fetch(reader.requests_many([]), store) == []


def test_the_same_requests_serve_asynchronous_stores(tmp_path):
    # One copy of the algorithm, whoever plays the store.
    array, store, reader = scripted(tmp_path, AsyncScriptedStore, **SHARDED["2-d"])

    async def main():
        permits = asyncio.Semaphore(2)
        coords = list(coords_of(reader))
        found = await asyncio.gather(*(run_fetch_async(reader.requests(at), store, permits) for at in coords))
        return dict(zip(coords, found, strict=True))

    for coords, encoded in asyncio.run(main()).items():
        check_same(reader.decode(encoded), expected_chunk(array, reader, coords))
    assert store.most_in_flight == 2


def test_chunks_of_asynchronous_stores_can_be_read_one_by_one(tmp_path):
    # From plain code, and from code that itself runs in an event loop, as in a notebook.
    array, _, reader = scripted(tmp_path, AsyncScriptedStore, **SHARDED["2-d"])
    check_same(reader.read_chunk((1, 1)), expected_chunk(array, reader, (1, 1)))

    async def notebook():
        return reader.read_chunk((2, 1))

    check_same(asyncio.run(notebook()), expected_chunk(array, reader, (2, 1)))


def test_many_threads_share_a_reader(tmp_path):
    # No state but the index cache, which they share.
    array = make(tmp_path, **SHARDED["2-d"])
    reader = BlockReader(array)
    expected = {coords: expected_chunk(array, reader, coords) for coords in coords_of(reader)}
    start = threading.Barrier(4)

    def work(_):
        start.wait()
        for coords, block in expected.items():
            check_same(reader.read_chunk(coords), block)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_the_index_cache_is_bounded(tmp_path, monkeypatch):
    # A scan over a million shards must not keep their indexes.
    monkeypatch.setattr("vczero.chunks.blocks._INDEX_CACHE_BYTES", 100)
    _, store, reader = scripted(tmp_path, data=numbers((64,)) + 1, chunks=(1,), shards=(4,))
    for i in range(64):
        reader.read_chunk((i,))
    assert len(store.log) == 64 + 16
    reader.read_chunk((0,))
    assert len(store.log) == 64 + 16 + 2


COMPRESSED = {
    "blosc": [BloscCodec(cname="zstd", shuffle="bitshuffle", typesize=4)],
    "zstd": [ZstdCodec(checksum=True)],
    "gzip": [GzipCodec()],
    "none": None,
    "crc32c": [Crc32cCodec()],
}


@pytest.mark.parametrize("shards", [None, (64,)], ids=["chunks", "shards"])
@pytest.mark.parametrize("name", COMPRESSED)
def test_damaged_chunks_are_errors_with_their_place(tmp_path, name, shards):
    # Truncated, empty and oversized objects: never a crash, never an array of the wrong shape, always the
    # place.
    _, store, reader = scripted(
        tmp_path, data=numbers((64,)), chunks=(32,), shards=shards, compressors=COMPRESSED[name]
    )
    key = reader.chunk_key((1,))
    sound = store.objects[key]
    size = len(sound)
    damages = [sound[:-1], sound[: size // 2], sound[:10], b""]
    if shards or name != "blosc":  # a Blosc header says where its chunk ends
        damages.append(sound + b"more")
    if name != "none":  # without a codec any bytes of the right number are elements
        damages += [b"\xff" * size, bytes(size)]
    for damaged in damages:
        store.objects[key] = damaged
        reader = BlockReader(reader.meta, store)
        with pytest.raises(ChunkError) as caught:
            reader.read_chunk((1,))
        error = caught.value
        assert (error.array, error.coords, error.key) == ("x", (1,), key)
        assert str(error).startswith(f"scripted: array x, chunk 1 ({key}): ")
        assert "\n" not in str(error)


def test_flipped_bits_never_change_the_shape(tmp_path):
    # Where the format has a checksum they are found; elsewhere they may change values, and nothing else.
    for name, compressors in COMPRESSED.items():
        array, store, reader = scripted(
            tmp_path / name, data=numbers((64,)), chunks=(32,), compressors=compressors
        )
        key = reader.chunk_key((1,))
        sound = store.objects[key]
        for position in range(len(sound)):
            store.objects[key] = sound[:position] + bytes([sound[position] ^ 0x10]) + sound[position + 1 :]
            try:
                found = reader.read_chunk((1,))
            except ChunkError:
                continue
            assert name != "crc32c"
            assert found.shape == (32,)
            assert found.dtype == array.dtype


def test_a_failing_store_is_not_an_absent_chunk(tmp_path):
    # Nothing is ever filled in because a request failed.
    _, store, reader = scripted(tmp_path, **ARRAYS["1-d"])
    store.fail("x/c/1", StoreError("timed out", key="x/c/1"))
    with pytest.raises(StoreError, match="timed out"):
        reader.read_chunk((1,))
    assert reader.read_chunk((1,)).tolist() == [4, 5, 6, 7]


def test_a_shard_that_vanishes_is_not_fill_values(tmp_path):
    # Its index was there a moment ago.
    _, store, reader = scripted(tmp_path, **SHARDED["1-d"])
    reader.read_chunk((0,))
    del store.objects["x/c/0"]
    with pytest.raises(ChunkError, match="the shard ends before it: 0 bytes of"):
        reader.read_chunk((1,))


def test_an_encoded_chunk_is_complete_in_itself(tmp_path):
    # It can be decoded when the store is long closed.
    array, store, reader = scripted(tmp_path, **ARRAYS["2-d, edges"])
    encoded = reader.fetch((2, 2), rows=slice(1, 2))
    store.close()
    check_same(reader.decode(encoded), array.blocks[2, 2][1:2])


def test_metadata_without_a_store_is_a_mistake(tmp_path):
    # A zarr.Array knows its store; ArrayMeta does not.
    reader = BlockReader(make(tmp_path, **ARRAYS["1-d"]))
    with pytest.raises(TypeError, match="needs a store"):
        BlockReader(reader.meta)
    assert repr(reader) == "<BlockReader 'x' shape=(10,) chunks=(4,) int32>"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_whole_catalogue(tmp_path, case):
    # Every format, codec, type, fill value, layout and shape, from a directory; the keys are zarr-python's.
    array = build(case, tmp_path, "x")
    reader = BlockReader(array)
    assert isinstance(reader.store, LocalStore)
    for coords in all_coords(array):
        found = reader.read_chunk(coords)
        expected = expected_block(array, coords)
        assert same(found, expected), f"{coords}: {found!r} is not {expected!r}"
        assert reader.actual_chunk_shape(coords) == expected.shape


LARGE = np.random.default_rng(5).integers(-2, 3, (1200, 8000)).astype(np.int8)


@pytest.fixture(scope="module", params=[None, LARGE.shape], ids=["chunks", "shards"])
def large(request, tmp_path_factory):
    """One large chunk in blocks of 256 KiB, as an object or in a shard: metadata and objects."""
    path = tmp_path_factory.mktemp("large")
    blosc = BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", typesize=1, blocksize=2**18)
    array = make(path, data=LARGE, chunks=LARGE.shape, shards=request.param, compressors=blosc)
    return BlockReader(array).meta, ScriptedStore.of_directory(path).objects


@pytest.mark.parametrize(
    "rows", [slice(7, 8), (slice(0, 2), slice(900, 901), slice(1199, 1200)), slice(0, 1100)], ids=str
)
@pytest.mark.parametrize("cls", [ScriptedStore, AsyncScriptedStore])
def test_few_rows_of_a_large_chunk_fetch_few_bytes(large, rows, cls):
    # Header and offsets, then the blocks that hold the rows, each once; the same elements as from the whole.
    meta, objects = large
    store = cls(objects)
    reader = BlockReader(meta, store)
    encoded = play(reader.requests((0, 0), rows), store)
    runs = rows if isinstance(rows, tuple) else (rows,)
    expected = np.concatenate([LARGE[run] for run in runs])
    assert np.array_equal(reader.decode(encoded), expected)
    size = len(objects[reader.chunk_key((0, 0))])
    index_requests = 0 if meta.shard is None else 1
    if expected.nbytes * 2 > LARGE.nbytes:
        assert len(store.log) == 1 + index_requests
    else:
        assert len(store.log) == 2 + index_requests
        assert store.bytes_sent < size / 2
        assert encoded.nbytes < size / 2


def play(fetch, store):
    if store.synchronous:
        return run_fetch(fetch, store)
    return asyncio.run(run_fetch_async(fetch, store, asyncio.Semaphore(1)))


@pytest.mark.parametrize(
    ("wanted", "chunk", "synchronous", "part"),
    [
        (10, 2**20, True, True),
        (10, 2**20 - 1, True, False),
        (10, 2**20, False, False),
        (10, 2**23, False, True),
        (2**22, 2**23, False, True),
        (2**22 + 1, 2**23, False, False),
        (0, 2**30, True, True),
    ],
)
def test_when_a_part_is_fetched(wanted, chunk, synchronous, part):
    # Only of large chunks, and only if half of them or less is wanted; over a network, of larger ones.
    assert wants_part(wanted, chunk, synchronous=synchronous) is part


def test_damage_is_found_in_parts_too(large):
    # A header that lies, offsets that lead astray, an object that ends early.
    meta, objects = large
    store = ScriptedStore(objects)
    reader = BlockReader(meta, store)
    key = reader.chunk_key((0, 0))
    sound = store.objects[key]
    for damaged in (
        sound[:4] + b"\xff\xff\xff\x7f" + sound[8:],
        sound[:16] + b"\xff\xff\xff\x7f" + sound[20:],
        sound[:16] + b"\0\0\0\0" + sound[20:],
        sound[: len(sound) // 2],
        sound[:100],
    ):
        store.objects[key] = damaged
        reader = BlockReader(reader.meta, store)
        with pytest.raises(ChunkError, match=r"^scripted: array x, chunk 0\.0 "):
            reader.read_chunk((0, 0), (slice(0, 1), slice(1199, 1200)))
