"""Decoding: equal to zarr-python over the whole catalogue, never anything but `ChunkError` on bad bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import threading
import zlib
from collections.abc import Iterator
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from support.catalogue import CASES, Case, all_coords, block_shape, build, expected_block, same
from vczero.chunks.codecs import compile_decoder
from vczero.chunks.documents import MAX_CHUNK_BYTES
from vczero.chunks.grid import Rows
from vczero.chunks.metadata import ArrayMeta, meta_from_zarr, parse_v2, parse_v3
from vczero.errors import ChunkError, MetadataError, UnsupportedError
from vczero.strings import Strings

UNSHARDED = [case for case in CASES if "shards" not in case.name]


def chunks_of(case: Case) -> Iterator[tuple[ArrayMeta, bytes | None, tuple[int, ...], np.ndarray]]:
    """Metadata, stored bytes, shape and what zarr-python reads, of each chunk."""
    store = MemoryStore()
    array = build(case, store, "group/array")
    meta = meta_from_zarr(array)
    for coords in all_coords(array):
        stored = store._store_dict.get(meta.chunk_key(coords))
        data = None if stored is None else stored.to_bytes()
        yield meta, data, block_shape(array, coords), expected_block(array, coords)


def numpy_of(meta: ArrayMeta, decoded: np.ndarray | Strings) -> np.ndarray:
    if isinstance(decoded, Strings):
        return decoded.to_bytes() if meta.dtype.kind == "O" else decoded.to_numpy()
    return decoded


def rows_of(expected: np.ndarray, rows: Rows) -> np.ndarray:
    runs = rows if isinstance(rows, tuple) else (rows or slice(None),)
    parts = [expected[run] for run in runs]
    return np.concatenate(parts).astype(expected.dtype) if len(parts) > 1 else parts[0].copy()


@pytest.mark.parametrize("case", UNSHARDED, ids=lambda case: case.name)
def test_every_chunk_equals_zarr_python(case: Case) -> None:
    """Whole chunks, runs of rows, and every kind of destination agree with `array.blocks` byte for byte."""
    for meta, data, shape, expected in chunks_of(case):
        decoder = compile_decoder(meta)
        decoded = decoder.decode(data, shape)
        assert same(numpy_of(meta, decoded), expected)
        if isinstance(decoded, np.ndarray):
            assert decoded.flags.c_contiguous
            assert decoded.flags.writeable
            assert decoded.flags.owndata or decoded.base.flags.owndata
        if not shape:
            continue
        for rows in (
            slice(1, 2),
            slice(0, 0),
            slice(1, None),
            (slice(0, 1), slice(2, 3)),
            (slice(0, 2),),
            (),
        ):
            if rows == ():
                none = numpy_of(meta, decoder.decode(data, shape, rows=rows))
                assert same(none, np.empty((0, *shape[1:]), meta.dtype))
                continue
            wanted = rows_of(expected, rows)
            assert same(numpy_of(meta, decoder.decode(data, shape, rows=rows)), wanted)
            if isinstance(decoded, np.ndarray):
                wide = np.empty((len(wanted) * 2, *shape[1:]), meta.dtype)
                for out in (np.empty(wanted.shape, meta.dtype), wide[::2]):
                    assert decoder.decode(data, shape, out=out, rows=rows) is out
                    assert same(out, wanted)


def array_v2(**changes: Any) -> ArrayMeta:
    document = {
        "zarr_format": 2,
        "shape": [100],
        "chunks": [100],
        "dtype": "<i4",
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "compressor": None,
    }
    return parse_v2("a", document | changes, None)


def array_v3(codecs: list[Any], **changes: Any) -> ArrayMeta:
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [100],
        "data_type": "int32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [100]}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0,
        "codecs": codecs,
    }
    return parse_v3("a", document | changes)


NUMBERS = np.arange(100, dtype="<i4")
COMPRESSORS: dict[str, tuple[dict[str, Any], Any]] = {
    "zlib": ({"id": "zlib"}, zlib.compress),
    "gzip": ({"id": "gzip"}, gzip.compress),
    "bz2": ({"id": "bz2"}, bz2.compress),
    "lzma": ({"id": "lzma"}, lzma.compress),
    "lzma-raw": (
        {"id": "lzma", "format": 3, "filters": [{"id": lzma.FILTER_LZMA2}]},
        lambda raw: lzma.compress(raw, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2}]),
    ),
    "zstd": ({"id": "zstd"}, numcodecs.Zstd().encode),
    "lz4": ({"id": "lz4"}, numcodecs.LZ4().encode),
    "blosc": ({"id": "blosc"}, numcodecs.Blosc("zstd", 5, 1).encode),
    "blosc-lz4-bits": ({"id": "blosc"}, numcodecs.Blosc("lz4", 5, 2, 64).encode),
    "none": (None, bytes),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("name", COMPRESSORS)
@pytest.mark.parametrize("count", [0, 1, 99, 101, 10_000], ids=lambda n: f"{n}-values")
def test_chunks_of_another_size_are_refused(name: str, count: int) -> None:
    """A chunk that decodes to more or fewer bytes than the metadata say is an error, whole or in part."""
    config, compress = COMPRESSORS[name]
    data = bytes(compress(np.arange(count, dtype="<i4").tobytes()))
    decoder = compile_decoder(array_v2(compressor=config))
    for rows in (None, slice(0, 1)):
        with pytest.raises(ChunkError):
            decoder.decode(data, (100,), rows=rows)


@pytest.mark.parametrize("name", [name for name in COMPRESSORS if name not in ("none", "lzma-raw")])
def test_truncated_chunks_are_refused(name: str) -> None:
    """No prefix of a chunk decodes."""
    config, compress = COMPRESSORS[name]
    data = bytes(compress(NUMBERS.tobytes()))
    decoder = compile_decoder(array_v2(compressor=config))
    assert same(decoder.decode(data, (100,)), NUMBERS)
    for length in range(len(data)):
        with pytest.raises(ChunkError):
            decoder.decode(data[:length], (100,))


@pytest.mark.parametrize("name", COMPRESSORS)
@settings(max_examples=60, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 2**16), st.integers(1, 255)), min_size=1, max_size=8))
def test_flipped_bits_never_crash(name: str, flips: list[tuple[int, int]]) -> None:
    """A damaged chunk gives an array of the right shape or a `ChunkError`, nothing else."""
    config, compress = COMPRESSORS[name]
    data = bytearray(compress(NUMBERS.tobytes()))
    for position, mask in flips:
        data[position % len(data)] ^= mask
    decoder = compile_decoder(array_v2(compressor=config))
    for rows in (None, slice(3, 7)):
        try:
            decoded = decoder.decode(bytes(data), (100,), rows=rows)
        except ChunkError:
            continue
        assert decoded.shape == ((100,) if rows is None else (4,))


@pytest.mark.parametrize("name", COMPRESSORS)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=200))
def test_random_bytes_never_crash(name: str, data: bytes) -> None:
    """Bytes that were never a chunk give a `ChunkError`."""
    decoder = compile_decoder(array_v2(compressor=COMPRESSORS[name][0]))
    with pytest.raises(ChunkError):
        decoder.decode(data, (100,))


@pytest.mark.parametrize("name", ["zlib", "gzip", "bz2", "lzma", "zstd", "blosc"])
def test_a_bomb_is_not_unpacked(name: str) -> None:
    """A small chunk that claims or unpacks to far more than the metadata say is refused early."""
    import tracemalloc

    config, compress = COMPRESSORS[name]
    data = bytes(compress(bytes(2**26)))
    assert len(data) < 2**20
    decoder = compile_decoder(array_v2(compressor=config))
    tracemalloc.start()
    with pytest.raises(ChunkError):
        decoder.decode(data, (100,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


def test_headers_that_claim_absurd_sizes() -> None:
    """Sizes in the headers of Blosc, LZ4 and Zstandard are checked before allocating, text included."""
    text = {"dtype": "|O", "fill_value": "", "filters": [{"id": "vlen-utf8"}]}
    blosc = bytes([2, 1, 1, 4]) + (2**31 - 1).to_bytes(4, "little") + (16).to_bytes(4, "little") * 2
    lz4 = (2**32 - 1).to_bytes(4, "little") + bytes(20)
    zstd = b"\x28\xb5\x2f\xfd" + bytes([0xE0]) + (2**62).to_bytes(8, "little") + bytes([1, 0, 0])
    for config, data in (({"id": "blosc"}, blosc), ({"id": "lz4"}, lz4), ({"id": "zstd"}, zstd)):
        for changes in ({}, text):
            with pytest.raises(ChunkError):
                compile_decoder(array_v2(compressor=config, **changes)).decode(data, (100,))


def test_zstd_frames_without_a_size() -> None:
    """A frame whose header does not tell its size decodes if it has the right one."""
    raw = NUMBERS.tobytes()
    decoder = compile_decoder(array_v2(compressor={"id": "zstd"}))
    # A raw block behind a header without a content size, in a window of 2**10 bytes.
    start = b"\x28\xb5\x2f\xfd\x00\x00"
    assert same(decoder.decode(start + (len(raw) << 3 | 1).to_bytes(3, "little") + raw, (100,)), NUMBERS)
    with pytest.raises(ChunkError):
        decoder.decode(start + (396 << 3 | 1).to_bytes(3, "little") + raw[:396], (100,))
    with pytest.raises(ChunkError):
        decoder.decode(b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc", (100,))


def test_zstd_frames_in_a_row() -> None:
    """Several frames are one chunk if the sum of their sizes is right."""
    codec, raw = numcodecs.Zstd(checksum=True), NUMBERS.tobytes()
    decoder = compile_decoder(array_v2(compressor={"id": "zstd"}))
    assert same(decoder.decode(codec.encode(raw[:100]) + codec.encode(raw[100:]), (100,)), NUMBERS)
    with pytest.raises(ChunkError):
        decoder.decode(codec.encode(raw[:100]) + codec.encode(raw[:100]), (100,))


def test_gzip_members_and_bzip2_streams_in_a_row() -> None:
    """What `gzip` and `bzip2` treat as one file of several parts is one chunk."""
    raw = NUMBERS.tobytes()
    for name in ("gzip", "bz2", "lzma"):
        config, compress = COMPRESSORS[name]
        data = compress(raw[:40]) + compress(raw[40:])
        assert same(compile_decoder(array_v2(compressor=config)).decode(data, (100,)), NUMBERS)


@pytest.mark.parametrize("name", ["crc32", "adler32", "fletcher32", "jenkins_lookup3", "crc32c"])
def test_checksums_find_every_flipped_bit(name: str) -> None:
    """A checksum turns any single flipped bit into an error."""
    if name == "crc32c":
        from vczero.kernels.checksums import crc32c

        meta = array_v3([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}])
        data = NUMBERS.tobytes() + crc32c(NUMBERS.tobytes()).to_bytes(4, "little")
    else:
        meta = array_v2(filters=[{"id": name}])
        data = bytes(numcodecs.get_codec({"id": name}).encode(NUMBERS))
    decoder = compile_decoder(meta)
    assert same(decoder.decode(data, (100,)), NUMBERS)
    for bit in range(0, len(data) * 8, 7):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ChunkError, match="checksum"):
            decoder.decode(bytes(damaged), (100,))


TEXT = {"dtype": "|O", "fill_value": "", "filters": [{"id": "vlen-utf8"}], "shape": [3], "chunks": [3]}


def vlen(*values: bytes, count: int | None = None) -> bytes:
    body = b"".join(len(value).to_bytes(4, "little") + value for value in values)
    return (len(values) if count is None else count).to_bytes(4, "little") + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\3\0",
        vlen(b"a", b"b"),
        vlen(b"a", b"b", b"c", b"d"),
        vlen(b"a", b"b", count=3),
        vlen(b"a", b"b", b"c", count=2**32 - 1),
        vlen(b"a", b"b", b"c") + b"x",
        vlen(b"a", b"b", b"c")[:-1],
        vlen(b"a", b"b") + b"\xff\xff\xff\xff",
        vlen(b"a", b"b") + b"\xff\xff\xff\x7f" + b"abc",
        vlen(b"a", b"\xff", b"c"),
        vlen(b"a", b"\xed\xa0\x80", b"c"),
        vlen(b"\xc3", b"\xa9", b"c"),
        vlen(b"\xc0\x80", b"", b""),
        vlen(b"\xf4\x90\x80\x80", b"", b""),
    ],
)
def test_text_that_lies(data: bytes) -> None:
    """Wrong counts, lengths that lead out, bytes left over and invalid UTF-8 (by value) are errors."""
    with pytest.raises(ChunkError):
        compile_decoder(array_v2(**TEXT)).decode(data, (3,))


def test_text_that_is_not_needed_is_not_checked_but_never_overread() -> None:
    """Rows ahead of a broken value are read; the broken one is refused."""
    decoder = compile_decoder(array_v2(**TEXT))
    data = vlen(b"a", b"b", b"\xff")
    assert decoder.decode(data, (3,), rows=slice(0, 2)).to_objects().tolist() == ["a", "b"]
    with pytest.raises(ChunkError, match="value 2"):
        decoder.decode(data, (3,), rows=slice(1, 3))


def test_a_fill_value_that_would_not_fit_in_memory() -> None:
    """An absent chunk of long text is refused when it would be larger than any chunk may be."""
    meta = array_v2(**TEXT | {"fill_value": "x" * 1000, "shape": [2**28], "chunks": [2**28]})
    assert MAX_CHUNK_BYTES < 1000 * 2**28
    with pytest.raises(ChunkError, match="fill value"):
        compile_decoder(meta).decode(None, (2**28,))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"filters": [{"id": "pickle"}], "dtype": "<i4"}, UnsupportedError),
        ({"compressor": {"id": "no-such-codec"}}, UnsupportedError),
        ({"compressor": {"id": "lzma", "format": 99}}, MetadataError),
        ({"compressor": {"id": "lzma", "format": 3, "filters": [{"id": 77}]}}, MetadataError),
        ({"filters": [{"id": "delta"}], "dtype": "<U3"}, MetadataError),
        ({"filters": [{"id": "delta", "dtype": "O"}]}, MetadataError),
        ({"filters": [{"id": "delta", "dtype": "V4000000000"}]}, MetadataError),
        ({"filters": [{"id": "delta", "dtype": ["x"]}]}, MetadataError),
        ({"filters": [{"id": "shuffle", "elementsize": 0}]}, MetadataError),
        ({"filters": [{"id": "shuffle", "elementsize": -4}]}, MetadataError),
        ({"filters": [{"id": "shuffle", "elementsize": "4"}]}, MetadataError),
        ({"filters": [{"id": "crc32", "location": "middle"}]}, MetadataError),
        ({"filters": [{"id": "vlen-utf8"}, {"id": "delta", "dtype": "<i4"}]}, UnsupportedError),
    ],
    ids=str,
)
def test_codecs_that_make_no_sense(changes: dict[str, Any], error: type[Exception]) -> None:
    """Bad configurations and codecs that cannot be are found at compile time, and name the array."""
    with pytest.raises(error, match="'a'"):
        compile_decoder(array_v2(**changes))


LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


@pytest.mark.parametrize(
    ("codecs", "error"),
    [
        ([], MetadataError),
        (["zstd"], MetadataError),
        (["bytes"], MetadataError),
        ([LITTLE, LITTLE], MetadataError),
        (["zstd", LITTLE], MetadataError),
        ([LITTLE, {"name": "transpose", "configuration": {"order": [0]}}], MetadataError),
        ([{"name": "transpose", "configuration": {"order": [1]}}, LITTLE], MetadataError),
        ([{"name": "transpose", "configuration": {"order": [True]}}, LITTLE], MetadataError),
        ([{"name": "transpose", "configuration": {"order": "left"}}, LITTLE], MetadataError),
        ([{"name": "transpose"}, LITTLE], MetadataError),
        ([{"name": "bytes", "configuration": {"endian": "middle"}}], MetadataError),
        (["vlen-utf8"], MetadataError),
        ([LITTLE, "no-such-codec"], UnsupportedError),
        ([{"name": "numcodecs.pickle", "configuration": {}}], UnsupportedError),
    ],
    ids=str,
)
def test_v3_chains_that_make_no_sense(codecs: list[Any], error: type[Exception]) -> None:
    """One serializer, arrays before it, bytes behind it, axes that permute: anything else is refused."""
    with pytest.raises(error, match="'a'"):
        compile_decoder(array_v3(codecs))


def test_out_that_does_not_fit_is_the_callers_error() -> None:
    """A destination of another shape or dtype raises `ValueError`, before anything is written."""
    decoder = compile_decoder(array_v2())
    for out in (np.zeros(99, "<i4"), np.zeros(100, ">i4"), np.zeros((100, 1), "<i4")):
        with pytest.raises(ValueError, match="out is"):
            decoder.decode(NUMBERS.tobytes(), (100,), out=out)
        assert not out.any()
    with pytest.raises(ValueError, match="step"):
        decoder.decode(NUMBERS.tobytes(), (100,), rows=slice(0, 10, 2))
    with pytest.raises(ValueError, match="variable length"):
        compile_decoder(array_v2(**TEXT)).decode(vlen(b"", b"", b""), (3,), out=np.zeros(3, object))


def test_every_kind_of_buffer_is_taken() -> None:
    """Stores hand out bytes, bytearrays and memoryviews, read-only or not."""
    for name, (config, compress) in COMPRESSORS.items():
        data = bytes(compress(NUMBERS.tobytes()))
        decoder = compile_decoder(array_v2(compressor=config))
        for buffer in (data, bytearray(data), memoryview(data), memoryview(bytearray(b"x" + data))[1:]):
            assert same(decoder.decode(buffer, (100,)), NUMBERS), name


def test_a_decoder_serves_many_threads() -> None:
    """One decoder, eight threads, chunks that differ: no result is mixed up (zarr-python's included)."""
    metas = [
        array_v2(compressor={"id": "blosc"}),
        array_v2(compressor={"id": "zstd"}, filters=[{"id": "delta", "dtype": "<i4"}]),
        array_v2(filters=[{"id": "shuffle", "elementsize": 4}, {"id": "delta", "dtype": "<i4"}]),
    ]
    for meta in metas:
        decoder = compile_decoder(meta)
        codecs = list(meta.codecs)
        wrong: list[int] = []

        def encode(values: np.ndarray, codecs: Any = codecs) -> bytes:
            for spec in codecs:
                values = numcodecs.get_codec({"id": spec.name[10:], **spec.configuration}).encode(values)
            return bytes(values)

        def work(number: int, decoder: Any = decoder, encode: Any = encode, wrong: list[int] = wrong) -> None:
            for i in range(20):
                values = NUMBERS + number * 1000 + i
                if not same(decoder.decode(encode(values), (100,)), values):
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_signalling_nans_of_a_fill_value_survive() -> None:
    """A hexadecimal fill value keeps its bits (v3 specification): VCF's missing float is a signalling NaN."""
    for data_type, spelled, width in (("float32", "0x7f800001", 4), ("float64", "0x7ff0000000000001", 8)):
        meta = array_v3([LITTLE], data_type=data_type, fill_value=spelled)
        out = np.zeros(100, meta.dtype)
        for decoded in (
            compile_decoder(meta).decode(None, (100,)),
            compile_decoder(meta).decode(None, (100,), out=out),
        ):
            assert decoded.tobytes() == bytes.fromhex(spelled[2:])[::-1] * 100
            assert math.isnan(decoded[0])
            assert decoded.dtype.itemsize == width
