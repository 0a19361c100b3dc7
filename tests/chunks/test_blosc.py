"""Blosc chunks decode to what went in, whole or in part; hostile ones are refused; no more is fetched."""

from __future__ import annotations

import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numcodecs
import numpy as np
import pytest
import zarr
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import blosc as library

from support.blocks import as_planes, behind_length
from support.stores import ScriptedStore
from vczero.chunks import blosc, blosc_index
from vczero.chunks.blocks import BlockReader
from vczero.chunks.blosc_index import SparseBlosc
from vczero.chunks.metadata import meta_from_zarr
from vczero.chunks.stores import MemoryStore, run_fetch
from vczero.errors import ChunkError
from vczero.kernels import bitplanes, pairs

CODECS = library.list_compressors()
SHUFFLES = {"none": 0, "shuffle": 1, "bitshuffle": 2}


def genotypes(size, seed=0):
    """Bytes with few bits set, some -1 and -2, some other alleles."""
    rng = np.random.default_rng(seed)
    out = (rng.random(size) < 0.05 * rng.random()).astype(np.uint8)
    out[rng.random(size) < 0.001] = 255
    out[rng.random(size) < 0.0005] = 254
    out[rng.random(size) < 0.001] = 3
    return out


def encode(data, codec="zstd", *, level=5, shuffle=2, typesize=1, block_bytes=0):
    return library.compress(data, codec.encode(), level, shuffle, block_bytes, typesize)


def decoded(data, nbytes, start=0, stop=None):
    stop = nbytes if stop is None else stop
    out = np.full(stop - start, 99, np.uint8)
    blosc.decompress_spans(data, nbytes, out.reshape(1, -1), [(start, stop)])
    return out


def header(data, **changes):
    """`data` with some members of its header replaced."""
    names = ("version", "codec_version", "flags", "typesize", "nbytes", "block_bytes", "stored_bytes")
    members = dict(zip(names, struct.unpack_from("<4B3I", data), strict=True)) | changes
    return struct.pack("<4B3I", *members.values()) + bytes(data[16:])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("typesize", [1, 2, 4, 8, 20])
def test_every_codec_shuffle_and_typesize(codec, shuffle, typesize):
    """Whole, a part that straddles blocks, the short last block alone, and rows into a strided view."""
    size = 50_000 // typesize * typesize
    data = genotypes(size)
    for block_bytes in (0, 4096, 1000 * typesize):
        chunk = encode(data, codec, shuffle=SHUFFLES[shuffle], typesize=typesize, block_bytes=block_bytes)
        for start, stop in [
            (0, size),
            (1, size - 1),
            (4095, 8193),
            (size - 7, size),
            (30_000, 30_001),
            (5, 5),
        ]:
            np.testing.assert_array_equal(decoded(chunk, size, start, stop), data[start:stop])
        out = np.zeros((40, 1200), np.uint8)
        blosc.decompress_spans(chunk, size, out[:, 100:1100], [(7000, 47_000)])
        np.testing.assert_array_equal(out[:, 100:1100].reshape(-1), data[7000:47_000])
        assert not out[:, :100].any()
        assert not out[:, 1100:].any()


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_every_short_length(codec):
    """Blocks whose length is not a multiple of 8 are stored unshuffled, what does not compress as it is."""
    for size in [*range(71), *range(120, 300), 511, 513, 1000, 1001, 16_383, 16_384, 16_385, 20_001]:
        for data in (genotypes(size, size), np.random.default_rng(size).integers(0, 256, size, np.uint8)):
            chunk = encode(data, codec)
            np.testing.assert_array_equal(decoded(chunk, size), data)
            np.testing.assert_array_equal(
                decoded(chunk, size, size // 3, size - size // 5), data[size // 3 : size - size // 5]
            )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(16_000, 300_000),
    st.sampled_from([0, 128, 1000, 1001, 4096, 65_536, 65_537]),
    st.sampled_from(CODECS),
    st.booleans(),
    st.data(),
)
def test_any_spans_of_bit_planes(size, block_bytes, codec, dense, data):
    """Spans of chunks with odd blocks and odd last blocks; from whole and from partial data."""
    stored = np.random.default_rng(size).integers(0, 256, size, np.uint8) if dense else genotypes(size, size)
    chunk = encode(stored, codec, level=data.draw(st.sampled_from([1, 5])), block_bytes=block_bytes)
    cuts = sorted(data.draw(st.lists(st.integers(0, size), min_size=2, max_size=8)))
    cuts = cuts[: len(cuts) // 2 * 2]
    spans = list(zip(cuts[::2], cuts[1::2], strict=True))
    expected = np.concatenate([stored[start:stop] for start, stop in spans])
    out = np.zeros((1, len(expected)), np.uint8)
    blosc.decompress_spans(chunk, size, out, spans)
    np.testing.assert_array_equal(out[0], expected)
    gap = data.draw(st.sampled_from([0, 1000, 10**9]))
    part = run_fetch(blosc_index.fetch("k", size, spans, request_bytes=gap), MemoryStore({"k": chunk}))
    out[:] = 0
    blosc.decompress_spans(part, size, out, spans)
    np.testing.assert_array_equal(out[0], expected)


def test_blocks_that_are_not_in_order():
    """numcodecs on the main thread writes blocks in the order in which its threads finish."""
    data = genotypes(100_000)
    chunk = encode(data, block_bytes=4096)
    index = blosc_index.open_chunk(chunk, len(data)).index
    order = np.random.default_rng(1).permutation(len(index.starts))
    starts = np.zeros(len(order), np.uint32)
    blocks, at = [], index.header.index_bytes
    for number in order:
        blocks.append(chunk[index.starts[number] : index.stops[number]])
        starts[number] = at
        at += len(blocks[-1])
    mixed = chunk[:16] + starts.tobytes() + b"".join(blocks)
    for start, stop in [(0, 100_000), (5000, 90_000), (99_999, 100_000)]:
        np.testing.assert_array_equal(decoded(mixed, len(data), start, stop), data[start:stop])
        part = run_fetch(
            blosc_index.fetch("k", len(data), [(start, stop)], request_bytes=0), MemoryStore({"k": mixed})
        )
        np.testing.assert_array_equal(decoded(part, len(data), start, stop), data[start:stop])


def test_one_row_is_fetched_with_its_block_alone():
    """Two requests: the index, then one range that holds one block; the same from within a shard."""
    data = genotypes(2_000_000)
    chunk = encode(data, block_bytes=65_536)
    for base, size in [(0, None), (1234, len(chunk))]:
        store = ScriptedStore({"k": bytes(base) + chunk + b"rest" * bool(base)})
        part = run_fetch(
            blosc_index.fetch(
                "k", len(data), [(1_000_000, 1_020_000)], request_bytes=100, base=base, size=size
            ),
            store,
        )
        assert isinstance(part, SparseBlosc)
        assert store.count("k") == 2
        assert part.nbytes < len(chunk) / 15
        np.testing.assert_array_equal(
            decoded(part, len(data), 1_000_000, 1_020_000), data[1_000_000:1_020_000]
        )
        with pytest.raises(ChunkError):
            decoded(part, len(data), 0, 10)


def test_a_small_chunk_of_which_much_is_wanted_comes_in_one_request():
    """The first request reads on for what more ranges would cost; what it brought is not asked for again."""
    data = genotypes(2_000_000)
    chunk = encode(data, block_bytes=65_536)
    wanted = [(number * 200_000, number * 200_000 + 10) for number in range(10)]
    store = ScriptedStore({"k": chunk})
    assert run_fetch(blosc_index.fetch("k", len(data), wanted, request_bytes=len(chunk) // 8), store) == chunk
    assert store.count("k") == 1
    store = ScriptedStore({"k": chunk})
    part = run_fetch(blosc_index.fetch("k", len(data), wanted, request_bytes=len(chunk) // 40), store)
    assert isinstance(part, SparseBlosc)
    assert store.count("k") == 2
    assert part.nbytes < len(chunk)
    for start, stop in wanted:
        np.testing.assert_array_equal(decoded(part, len(data), start, stop), data[start:stop])
    runs = [(0, 150_000), (200_000, 400_000), (600_000, 610_000), (800_000, 1_300_000)]
    for request_bytes in range(100, len(chunk) // 3, 797):
        part = run_fetch(
            blosc_index.fetch("k", len(data), runs, request_bytes=request_bytes), MemoryStore({"k": chunk})
        )
        for start, stop in runs:
            np.testing.assert_array_equal(decoded(part, len(data), start, stop), data[start:stop])
    early = [(0, 10), (70_000, 70_010), (140_000, 140_010)]
    store = ScriptedStore({"k": chunk})
    part = run_fetch(blosc_index.fetch("k", len(data), early, request_bytes=len(chunk) // 15), store)
    assert store.count("k") == 1
    np.testing.assert_array_equal(decoded(part, len(data), 70_000, 70_010), data[70_000:70_010])


def test_what_is_wanted_mostly_is_fetched_whole():
    """Where ranges would cost more than the chunk, the rest of it comes in one request."""
    data = genotypes(2_000_000)
    chunk = encode(data, block_bytes=65_536)
    store = ScriptedStore({"k": chunk})
    wanted = [(0, 2_000_000)]
    assert run_fetch(blosc_index.fetch("k", len(data), wanted, request_bytes=1000), store) == chunk
    assert store.count("k") == 2
    small = encode(data[:10_000])
    store = ScriptedStore({"k": small[:200]})
    assert run_fetch(blosc_index.fetch("k", 10_000, [(0, 10)], request_bytes=1), store) == small[:200]
    assert store.count("k") == 1
    assert run_fetch(blosc_index.fetch("absent", 10_000, [(0, 10)], request_bytes=1), store) is None


def test_a_long_index_is_fetched_to_its_end():
    """Blocks far smaller than usual need a third request."""
    data = genotypes(1_000_000)
    chunk = encode(data, block_bytes=128)
    store = ScriptedStore({"k": chunk})
    part = run_fetch(blosc_index.fetch("k", len(data), [(500_000, 500_010)], request_bytes=10), store)
    assert store.count("k") == 3
    np.testing.assert_array_equal(decoded(part, len(data), 500_000, 500_010), data[500_000:500_010])


def test_ranges_are_merged_when_near():
    """`request_bytes` decides: 0 keeps them apart, more than the gap merges, the chunk's size is too much."""
    data = np.random.default_rng(0).integers(0, 4, 1_000_000, np.uint8)
    chunk = encode(data, block_bytes=65_536)
    index = blosc_index.open_chunk(chunk, len(data)).index
    wanted = [(0, 10), (2 * 65_536, 2 * 65_536 + 10), (9 * 65_536 - 5, 9 * 65_536 + 5)]
    apart = blosc_index.byte_ranges(index, wanted, request_bytes=0)
    near = blosc_index.byte_ranges(index, wanted, request_bytes=20_000)
    assert apart is not None
    assert near is not None
    assert (len(apart), len(near)) == (3, 2)
    assert apart[0] == (index.starts[0], index.stops[0] - index.starts[0])
    assert near[0] == (index.starts[0], index.stops[2] - index.starts[0])
    assert blosc_index.byte_ranges(index, wanted, request_bytes=10**6) is None
    assert blosc_index.byte_ranges(index, [], request_bytes=0) == ()


@pytest.mark.parametrize("block_bytes", [0, 4096, 1001])
@pytest.mark.parametrize("row_bytes", [7, 200, 20_000])
def test_rows_are_counted_without_making_them(block_bytes, row_bytes):
    """All rows, some rows, part of each row: equal to counting the decoded bytes."""
    rows = 300_000 // row_bytes
    data = genotypes(rows * row_bytes)
    values = data.reshape(rows, row_bytes)
    chunk = encode(data, block_bytes=block_bytes)
    for first, last, used in [
        (0, rows, row_bytes),
        (1, rows - 1, max(row_bytes // 2, 1)),
        (rows - 1, rows, 1),
    ]:
        counts = np.zeros((last - first, 4), np.int32)
        spans = [(first * row_bytes, last * row_bytes)]
        assert blosc.count_rows(chunk, len(data), spans, row_bytes, used, counts)
        chosen = values[first:last, :used]
        expected = np.stack([(chosen == value).sum(axis=1) for value in (0, 1, 254, 255)], axis=1)
        np.testing.assert_array_equal(counts, expected)
    plain = encode(data, shuffle=0)
    whole = [(0, len(data))]
    assert not blosc.count_rows(plain, len(data), whole, row_bytes, row_bytes, np.zeros((rows, 4), np.int32))


@pytest.mark.parametrize("row_bytes", [7, 200, 20_000])
def test_scattered_rows_are_counted_from_blocks_that_hold_them(row_bytes, monkeypatch):
    """Rows that share blocks, and rows that lie in several, equal the decoded bytes counted; a block once."""
    rows = 300_000 // row_bytes
    data = genotypes(rows * row_bytes)
    chunk = blosc_index.open_chunk(encode(data, block_bytes=65_536), len(data))
    chosen = np.r_[0, 2:4, 6, rows - 3 : rows - 1]
    spans = [(0, 1), (2, 4), (6, 7), (rows - 3, rows - 1)]
    taken = []
    count = bitplanes.count_blocks
    monkeypatch.setattr(
        bitplanes, "count_blocks", lambda stored, *rest: taken.extend(stored.numbers) or count(stored, *rest)
    )
    counts = np.zeros((len(chosen), 4), np.int32)
    places = [(start * row_bytes, stop * row_bytes) for start, stop in spans]
    assert blosc.count_rows(chunk, len(data), places, row_bytes, row_bytes, counts)
    values = data.reshape(rows, row_bytes)[chosen]
    expected = np.stack([(values == value).sum(axis=1) for value in (0, 1, 254, 255)], axis=1)
    np.testing.assert_array_equal(counts, expected)
    held = {at // 65_536 for start, stop in places for at in range(start, stop)}
    assert taken == sorted(held)


def test_threads_share_nothing():
    """Each thread has scratch memory of its own."""
    chunks = [genotypes(400_000, seed) for seed in range(4)]
    encoded = [encode(data, block_bytes=65_536) for data in chunks]

    def work(number):
        return all(np.array_equal(decoded(encoded[number], 400_000), chunks[number]) for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


BIG = genotypes(100_000)
GOOD = encode(BIG, block_bytes=8192)


@pytest.mark.parametrize(
    "chunk",
    [
        b"",
        GOOD[:15],
        GOOD[:16],
        GOOD[:40],
        GOOD[:-1],
        GOOD + b"x",
        header(GOOD, version=5),
        header(GOOD, nbytes=99_999),
        header(GOOD, nbytes=2**32 - 1),
        header(GOOD, block_bytes=0),
        header(GOOD, block_bytes=2**32 - 1),
        header(GOOD, block_bytes=100_001),
        header(GOOD, block_bytes=1),
        header(GOOD, typesize=0),
        header(GOOD, stored_bytes=0),
        header(GOOD, stored_bytes=2**32 - 1),
        header(GOOD, flags=GOOD[2] | 2),
        header(GOOD, flags=GOOD[2] | 0xE0),
        header(GOOD, codec_version=77),
        GOOD[:16] + b"\xff\xff\xff\xff" + GOOD[20:],
        GOOD[:16] + b"\x00\x00\x00\x00" + GOOD[20:],
        GOOD[:16] + GOOD[20:24] + GOOD[20:],
        GOOD[:68] + b"\xff\xff\xff\x7f" + GOOD[72:],
        GOOD[:68] + b"\x00\x00\x00\x00" + GOOD[72:],
        GOOD[:72] + b"\x00" * 500 + GOOD[572:],
    ],
)
def test_hostile_chunks_are_refused(chunk):
    """Cut short, longer than they say, lying sizes, offsets outside or at one another, damaged blocks."""
    for start, stop in [(0, 100_000), (3, 99_999)]:
        with pytest.raises(ChunkError):
            decoded(chunk, 100_000, start, stop)
    with pytest.raises(ChunkError):
        blosc.count_rows(chunk, 100_000, [(0, 100_000)], 1000, 1000, np.zeros((100, 4), np.int32))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bits_never_do_worse_than_an_error(data):
    """Blosc has no checksum: a damaged chunk may decode to other bytes, but the process lives on."""
    chunk = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.one_of(st.integers(0, 80), st.integers(0, len(chunk) - 1)))
        chunk[at] ^= 1 << data.draw(st.integers(0, 7))
    for start, stop in [(0, 100_000), (50_000, 60_000)]:
        with suppress(ChunkError):
            assert len(decoded(bytes(chunk), 100_000, start, stop)) == stop - start


def test_a_header_that_changes_between_requests_is_refused():
    """An object that is replaced while it is read does not give bytes of both."""
    data = genotypes(2_000_000)
    chunk = encode(data, block_bytes=65_536)
    fetch = blosc_index.fetch("k", len(data), [(1_000_000, 1_000_100)], request_bytes=0)
    request = next(fetch)
    ((start, length),) = request.ranges
    fetch.send([chunk[start : start + length]])
    with pytest.raises(StopIteration) as stop:
        fetch.send([b"too short"])
    with pytest.raises(ChunkError):
        decoded(stop.value.value, len(data), 1_000_000, 1_000_100)


@pytest.mark.parametrize("dtype", ["int8", "int32"])
def test_block_reader_fetches_the_blocks_of_some_rows(tmp_path, dtype):
    """One row of a large chunk costs two small requests and equals zarr-python's; scattered rows two."""
    values = genotypes(500 * 20_000).reshape(500, 20_000).astype(dtype)
    array = zarr.create_array(
        tmp_path,
        shape=values.shape,
        dtype=dtype,
        chunks=(300, 20_000),
        zarr_format=2,
        compressors=numcodecs.Blosc("zstd", 7, 2 if dtype == "int8" else 1),
    )
    array[...] = values
    store = ScriptedStore({path.name: path.read_bytes() for path in tmp_path.iterdir()})
    reader = BlockReader(meta_from_zarr(array), store)
    stored = len(store.get("0.0"))
    for rows in [slice(7, 8), (slice(0, 1), slice(150, 152), slice(299, 300))]:
        store.log.clear()
        encoded = reader.fetch((0, 0), rows)
        assert store.count("0.0") <= 2
        if isinstance(rows, slice):
            assert encoded.nbytes < stored / 2
        chosen = [values[run] for run in (rows if isinstance(rows, tuple) else (rows,))]
        np.testing.assert_array_equal(reader.decode(encoded), np.concatenate(chosen))
    np.testing.assert_array_equal(reader.read_chunk((1, 0), slice(199, 200)), values[499:500])
    assert reader.fetch((0, 0), slice(0, 250)).nbytes == stored


def test_spans_that_do_not_fill_the_output_are_refused():
    """A mistake of the caller's, not of the data."""
    with pytest.raises(ValueError, match="fill"):
        blosc.decompress_spans(GOOD, 100_000, np.zeros((1, 10), np.uint8), [(0, 11)])
    with pytest.raises(ValueError, match="fill"):
        blosc.decompress_spans(GOOD, 100_000, np.zeros((1, 10), np.uint8), [(99_995, 100_005)])


def test_a_frozen_chunk_of_genotypes():
    """Bytes written by numcodecs 0.16.6, so that a change of encoder and decoder together shows."""
    chunk = bytes.fromhex(FROZEN)
    expected = np.zeros(2048, np.uint8)
    expected[5], expected[100], expected[2047], expected[1024:1026] = 1, 2, 255, 254
    np.testing.assert_array_equal(decoded(chunk, 2048), expected)
    np.testing.assert_array_equal(decoded(chunk, 2048, 1000, 1030), expected[1000:1030])


FROZEN = (
    "0201940100080000000400005100000033000000180000001700000028b52ffd6000036d00001800800302007c"
    "07a6c29d02361a00000028b52ffd600003850000182000100300e5a002c4c350f740012c"
)


def by_hand(stored, nbytes, block_bytes, flags=0):
    """A Blosc chunk of one-byte elements, of blocks that are these frames."""
    body = b"".join(map(behind_length, stored))
    lengths = np.array([4 + len(frame) for frame in stored], np.uint32)
    starts = 16 + 4 * len(stored) + np.cumsum(lengths, dtype=np.uint32) - lengths
    sizes = (nbytes, block_bytes, 16 + 4 * len(stored) + len(body))
    return struct.pack("<4B3I", 2, 1, 4 << 5 | 0x10 | flags, 1, *sizes) + starts.tobytes() + body


def test_frames_that_do_not_fill_their_block_are_refused():
    """A Zstandard frame of fewer bytes than its block has, or of more, or with bytes behind it."""
    data = genotypes(20_000)
    for other in (genotypes(19_992), genotypes(20_008)):
        frame = numcodecs.Zstd().encode(other)
        for stored in (frame, frame + b"rest", frame[:-3]):
            for flags in (0, 4):  # bytes, and bit planes
                chunk = by_hand([stored], len(data), len(data), flags)
                for start, stop in [(0, 20_000), (3, 19_999)]:
                    with pytest.raises(ChunkError):
                        decoded(chunk, len(data), start, stop)


ROWS, ROW_BYTES = 100, 1000  # of the chunks below, of blocks of 8,192 bytes
PAIRS = np.where(genotypes(ROWS * ROW_BYTES, 3) == 3, 0, genotypes(ROWS * ROW_BYTES, 3))
PAIRS[1::2] = np.where(PAIRS[::2] >= 254, 255, np.minimum(PAIRS[1::2], 1))  # that all have codes


def frames(numbers=(), **options):
    """Frames of the blocks of `PAIRS`, as bit planes; those of `numbers` made with options."""
    planes = as_planes(PAIRS, 8192)
    usual, other = zstandard.ZstdCompressor(), zstandard.ZstdCompressor(**options)
    return [
        (other if number in numbers else usual).compress(planes[start : start + 8192].tobytes())
        for number, start in enumerate(range(0, len(planes), 8192))
    ]


def columns_taken(chunk, step):
    """The bytes of each row that are `step` apart."""
    starts = np.arange(1, ROW_BYTES, step)
    out = np.full((ROWS, len(starts)), 77, np.uint8)
    blosc.take_columns(chunk, len(PAIRS), ROW_BYTES, np.arange(ROWS), starts, out)
    return out


def rows_counted(chunk):
    counts = np.zeros((ROWS, 4), np.int32)
    whole = [(0, len(PAIRS))]
    assert blosc.count_rows(chunk, len(PAIRS), whole, ROW_BYTES, ROW_BYTES, counts)
    return counts


def rows_coded(chunk):
    codes, bad = np.zeros((ROWS, ROW_BYTES // 8), np.uint8), np.zeros(ROWS, np.uint32)
    assert blosc.code_rows(chunk, len(PAIRS), [(0, len(PAIRS))], ROW_BYTES, ROW_BYTES, codes, bad)
    assert not bad.any()
    return codes


def each_block_apart(chunk):
    """The same chunk, as a fetch of every block by itself brings it."""
    index = blosc_index.open_chunk(chunk, len(PAIRS)).index
    pieces = [chunk[start:stop] for start, stop in zip(index.starts, index.stops, strict=True)]
    return SparseBlosc(index, tuple(index.starts.tolist()), tuple(pieces))


@pytest.mark.parametrize("numbers", [range(13), [6], [0], [12], [3, 4, 9], []])
@pytest.mark.parametrize("apart", [False, True])
def test_frames_that_kernels_leave_to_the_library(numbers, apart):
    """Some blocks, or all, carry checksums: the others are counted and coded once for all that."""
    chunk = by_hand(frames(numbers, write_checksum=True), len(PAIRS), 8192, 4)
    chunk = each_block_apart(chunk) if apart else chunk
    table = PAIRS.reshape(ROWS, ROW_BYTES)
    np.testing.assert_array_equal(decoded(chunk, len(PAIRS)), PAIRS)
    for start, stop in [(1, len(PAIRS) - 1), (50_000, 50_010), (49_151, 57_345)]:
        np.testing.assert_array_equal(decoded(chunk, len(PAIRS), start, stop), PAIRS[start:stop])
    spans = [(0, 10), (49_000, 49_200), (57_000, 99_999)]
    out = np.zeros((1, sum(stop - start for start, stop in spans)), np.uint8)
    blosc.decompress_spans(chunk, len(PAIRS), out, spans)
    np.testing.assert_array_equal(out[0], np.concatenate([PAIRS[start:stop] for start, stop in spans]))
    expected = np.stack([(table == value).sum(axis=1) for value in (0, 1, 254, 255)], axis=1)
    np.testing.assert_array_equal(rows_counted(chunk), expected)
    codes, bad = np.zeros((ROWS, ROW_BYTES // 8), np.uint8), np.zeros(ROWS, np.uint32)
    pairs.code_rows_numpy(table.view(np.int8).reshape(ROWS, -1, 2), codes, bad)
    np.testing.assert_array_equal(rows_coded(chunk), codes)
    for step in (500, 3):  # taken from the planes, and from blocks put in order
        np.testing.assert_array_equal(columns_taken(chunk, step), table[:, 1::step])


@pytest.mark.parametrize("number", [0, 6, 12])
@pytest.mark.parametrize("harm", ["magic", "cut", "other", "garbage", "checksum"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_damaged_block_among_others_is_refused(number, harm, apart):
    """Whatever is made of the chunk; not where only other blocks are wanted."""
    stored = frames([number], write_checksum=harm == "checksum")
    frame = stored[number]
    stored[number] = {
        "magic": b"\0" + frame[1:],
        "cut": frame[:-5],
        "other": stored[(number + 1) % 12][:-1],
        "garbage": np.random.default_rng(1).bytes(len(frame)),
        "checksum": frame[:-1] + bytes([frame[-1] ^ 1]),
    }[harm]
    chunk = by_hand(stored, len(PAIRS), 8192, 4)
    chunk = each_block_apart(chunk) if apart else chunk
    calls = [
        lambda: decoded(chunk, len(PAIRS)),
        lambda: decoded(chunk, len(PAIRS), 8192 * number + 5, 8192 * number + 6),
        lambda: rows_counted(chunk),
        lambda: rows_coded(chunk),
        lambda: columns_taken(chunk, 500),
        lambda: columns_taken(chunk, 3),
    ]
    for call in calls:
        with pytest.raises(ChunkError):
            call()
    good = 0 if number else 8192
    np.testing.assert_array_equal(decoded(chunk, len(PAIRS), good, good + 8000), PAIRS[good : good + 8000])


@pytest.mark.parametrize("codec", CODECS)
def test_columns_are_taken_from_planes_of_every_codec(codec):
    """Few, from the planes as they are, and many, from blocks put in order."""
    chunk = encode(PAIRS, codec, block_bytes=8192)
    table = PAIRS.reshape(ROWS, ROW_BYTES)
    for step in (500, 3):
        np.testing.assert_array_equal(columns_taken(chunk, step), table[:, 1::step])


def test_memory_of_a_thread_is_good_for_chunks_of_any_blocks():
    """Columns of a chunk of small blocks, before and after one that is large, and mostly zero."""
    rng = np.random.default_rng(0)
    large = np.zeros(2**19, np.uint8)
    large[:200_000] = rng.integers(0, 2, 200_000)
    large[:64] = 2
    small = rng.integers(0, 2, 100_000, np.uint8)
    chunks = [encode(large, block_bytes=len(large)), encode(small, block_bytes=len(small))]

    def work():
        for _ in range(2):
            np.testing.assert_array_equal(decoded(chunks[0], len(large)), large)
            np.testing.assert_array_equal(
                columns_taken(chunks[1], 2), small.reshape(ROWS, ROW_BYTES)[:, 1::2]
            )

    with ThreadPoolExecutor(1) as pool:  # whose memory has seen nothing else
        pool.submit(work).result()


def test_numcodecs_is_for_other_compressors_than_zstandard():
    """A query of a store of Zstandard chunks does not pay for its import."""
    code = (
        "import sys, numpy as np; from vczero.chunks import blosc;"
        "chunk = bytes.fromhex(sys.argv[1]); out = np.empty((1, 100_000), np.uint8);"
        "blosc.decompress_spans(chunk, 100_000, out, [(0, 100_000)]);"
        "assert 'numcodecs' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, GOOD.hex()], check=True)
