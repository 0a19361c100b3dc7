"""A catalogue of arrays that zarr-python makes: every format, codec, type, fill value and shape.

`CASES` are values with a name; `build(case, store)` writes one. Tests compare our decoding with that of
zarr-python, block by block, over all of them. What zarr-python warns of (features outside the v3
specification) is silenced by `build` and `expected_block`.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numcodecs
import numpy as np
import zarr
import zarr.codecs

try:
    import zarr.codecs.numcodecs as zn
except ImportError:
    import numcodecs.zarr3 as zn

__all__ = ["CASES", "Case", "all_coords", "block_shape", "build", "expected_block", "same"]


@dataclass(frozen=True)
class Case:
    """One array.

    Attributes:
        name: for the test's id.
        zarr_format: 2 or 3.
        dtype: as `zarr.create_array` takes it.
        shape, chunks: as there.
        options: makes further arguments of `zarr.create_array`.
        values: (shape) -> what to write; None: numbers from 0 to 99, as `dtype`.
        absent: whether only the first row of chunks is written.
    """

    name: str
    zarr_format: int
    dtype: Any
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    options: Callable[[], Mapping[str, Any]] = dict
    values: Callable[[tuple[int, ...]], np.ndarray] | None = None
    absent: bool = False


def build(case: Case, store: Any, path: str = "") -> zarr.Array:
    """The array, in `store` (a zarr store, a path, a dict) at `path`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = zarr.create_array(
            store=store,
            name=path or None,
            shape=case.shape,
            chunks=case.chunks,
            dtype=case.dtype,
            zarr_format=case.zarr_format,
            **case.options(),
        )
        values = (case.values or _numbers(case.dtype))(case.shape)
        if not case.absent:
            if values.size or not case.shape:
                array[...] = values
        else:
            array[: case.chunks[0]] = values[: case.chunks[0]]
    return array


def all_coords(array: zarr.Array) -> Iterator[tuple[int, ...]]:
    """Coordinates of every chunk (for a sharded array, of every inner chunk)."""
    return itertools.product(*(range(-(-n // c)) for n, c in zip(array.shape, array.chunks, strict=True)))


def block_shape(array: zarr.Array, coords: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a chunk, clamped at the array's edge."""
    return tuple(min(c, n - i * c) for i, n, c in zip(coords, array.shape, array.chunks, strict=True))


def expected_block(array: zarr.Array, coords: tuple[int, ...]) -> np.ndarray:
    """What zarr-python reads at `coords` (`array.blocks`, which for a sharded array would address shards)."""
    index = tuple(slice(i * c, (i + 1) * c) for i, c in zip(coords, array.chunks, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sharded = getattr(array, "shards", None) is not None
        value = array[index] if sharded or not coords else array.blocks[coords]
    return np.asarray(value, dtype=array.dtype)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays agree in dtype, byte order, shape and every byte (or object, or text)."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tolist() == b.tolist() if a.dtype.kind in "TO" else a.tobytes() == b.tobytes()


def _numbers(dtype: Any) -> Callable[[tuple[int, ...]], np.ndarray]:
    def make(shape: tuple[int, ...]) -> np.ndarray:
        numbers = np.random.default_rng(7).integers(0, 100, shape)
        if isinstance(dtype, str) and dtype.startswith("V"):
            return numbers.astype("S" + dtype[1:]).view(dtype)
        return numbers.astype("T" if dtype == "str" else dtype)

    return make


def _words(shape: tuple[int, ...]) -> np.ndarray:
    """Text of all lengths: the empty string, every width of UTF-8, a NUL, VCF's marks for missing."""
    words = ["", ".", "A", "rs123", "é", "→", "𝄞", "a\0b", "N" * 300, "chr22"]
    return np.array([words[i % len(words)] for i in range(math.prod(shape))], "T").reshape(shape)


def _byte_strings(shape: tuple[int, ...]) -> np.ndarray:
    values = np.empty(math.prod(shape), object)
    values[:] = [bytes(range(250, 250 + i % 5)) + b"\0" * (i % 3) for i in range(len(values))]
    return values.reshape(shape)


def _codes(shape: tuple[int, ...]) -> np.ndarray:
    """Genotypes: mostly 0 and 1, a few missing (-1) and fill (-2)."""
    return np.random.default_rng(3).choice([0, 1, 2, -1, -2], shape, p=[0.7, 0.2, 0.05, 0.04, 0.01])


SHAPES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((), ()),
    ((10,), (4,)),
    ((9,), (9,)),
    ((7, 5), (3, 2)),
    ((2, 3), (4, 5)),
    ((5, 4, 3), (2, 4, 2)),
    ((3, 4, 2, 5), (2, 3, 1, 4)),
    ((0,), (3,)),
    ((0, 4), (2, 3)),
    ((4, 0), (3, 1)),
)

DTYPES_V2 = (
    *("bool", "i1", "u1", "f2", "f4", "f8", "c8", "c16", "U1", "U7", "S1", "S5", "V3", "M8[s]", "m8[10ms]"),
    *(f"{order}{kind}" for order in "<>" for kind in ("i2", "u2", "i4", "u4", "i8", "u8")),
    *(">f2", ">f4", ">f8", ">c8", ">U3", ">M8[ns]"),
)
DTYPES_V3 = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128", "U4", "S4", "V3", "M8[ns]", "m8[s]"),
)

COMPRESSORS_V2: Mapping[str, Callable[[], Any]] = {
    "none": lambda: None,
    **{
        f"blosc-{cname}-{shuffle}": (lambda c=cname, s=shuffle: numcodecs.Blosc(c, 5, s))
        for cname in ("zstd", "lz4", "lz4hc", "blosclz", "zlib")
        for shuffle in (0, 1, 2)
    },
    "blosc-stored": lambda: numcodecs.Blosc("zstd", 0),
    "blosc-blocks": lambda: numcodecs.Blosc("zstd", 5, 2, blocksize=16),
    "zstd": lambda: numcodecs.Zstd(3),
    "zstd-checksum": lambda: numcodecs.Zstd(3, checksum=True),
    "gzip": lambda: numcodecs.GZip(1),
    "zlib": lambda: numcodecs.Zlib(1),
    "bz2": lambda: numcodecs.BZ2(1),
    "lzma": numcodecs.LZMA,
    "lzma-alone": lambda: numcodecs.LZMA(format=2),
    "lz4": numcodecs.LZ4,
}

FILTERS_V2: Mapping[str, tuple[str, Callable[[], list[Any]]]] = {
    "delta": ("<i4", lambda: [numcodecs.Delta("<i4")]),
    "delta-big": (">i4", lambda: [numcodecs.Delta(">i4", "<i2")]),
    "delta-shuffle": ("<i4", lambda: [numcodecs.Delta("<i4", "<i2"), numcodecs.Shuffle(2)]),
    "shuffle-delta": ("<i4", lambda: [numcodecs.Shuffle(4), numcodecs.Delta("<i4")]),
    "packbits": ("bool", lambda: [numcodecs.PackBits()]),
    "fixedscaleoffset": ("<f8", lambda: [numcodecs.FixedScaleOffset(10, 0.5, "<f8", "<i2")]),
    "quantize": ("<f4", lambda: [numcodecs.Quantize(1, "<f4")]),
    "astype": ("<i8", lambda: [numcodecs.AsType("<i2", "<i8")]),
    "shuffle": (">f8", lambda: [numcodecs.Shuffle(8)]),
    "crc32": ("<i4", lambda: [numcodecs.CRC32()]),
    "crc32-end": ("<i4", lambda: [numcodecs.CRC32(location="end")]),
    "adler32": ("<i4", lambda: [numcodecs.Adler32()]),
    "fletcher32": ("<i4", lambda: [numcodecs.Fletcher32()]),
    "jenkins": ("<i4", lambda: [numcodecs.JenkinsLookup3()]),
    "base64": ("<i4", lambda: [numcodecs.Base64()]),
    "categorize": ("<U2", lambda: [numcodecs.Categorize(["1", "2"], "<U2")]),
}

COMPRESSORS_V3: Mapping[str, Callable[[], Any]] = {
    "none": lambda: None,
    "blosc-bitshuffle": lambda: zarr.codecs.BloscCodec(cname="zstd", clevel=7, shuffle="bitshuffle"),
    "blosc-shuffle": lambda: zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle"),
    "blosc-noshuffle": lambda: zarr.codecs.BloscCodec(cname="zlib", shuffle="noshuffle"),
    "zstd": zarr.codecs.ZstdCodec,
    "gzip": zarr.codecs.GzipCodec,
    "crc32c": zarr.codecs.Crc32cCodec,
    "zstd+crc32c": lambda: [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()],
    "crc32c+gzip": lambda: [zarr.codecs.Crc32cCodec(), zarr.codecs.GzipCodec()],
    "blosc+zstd": lambda: [zarr.codecs.BloscCodec(), zarr.codecs.ZstdCodec(checksum=True)],
    "nc-blosc": zn.Blosc,
    "nc-zstd": zn.Zstd,
    "nc-gzip": zn.GZip,
    "nc-zlib": zn.Zlib,
    "nc-bz2": zn.BZ2,
    "nc-lzma": zn.LZMA,
    "nc-lz4": zn.LZ4,
    "nc-shuffle": zn.Shuffle,
    "nc-crc32": zn.CRC32,
    "nc-adler32": zn.Adler32,
    "nc-fletcher32": zn.Fletcher32,
    "nc-jenkins": zn.JenkinsLookup3,
}

FILTERS_V3: Mapping[str, tuple[str, Callable[[], Any]]] = {
    "transpose": ("int16", lambda: zarr.codecs.TransposeCodec(order=(1, 0))),
    "transpose-twice": ("int16", lambda: [zarr.codecs.TransposeCodec(order=(1, 0))] * 2),
    "transpose-text": ("str", lambda: zarr.codecs.TransposeCodec(order=(1, 0))),
    "delta": ("int32", lambda: zn.Delta(dtype="<i4", astype="<i2")),
    "bitround": ("float32", lambda: zn.BitRound(keepbits=3)),
    "fixedscaleoffset": ("float32", lambda: zn.FixedScaleOffset(offset=0, scale=2, dtype="<f4", astype="u1")),
    "quantize": ("float64", lambda: zn.Quantize(digits=1, dtype="<f8")),
    "packbits": ("bool", zn.PackBits),
    "astype": ("int32", lambda: zn.AsType(encode_dtype="<f4", decode_dtype="<i4")),
}

FILLS: tuple[tuple[str, Any], ...] = (
    *(("int16", value) for value in (0, -2, 32767)),
    *(("float32", value) for value in (0.0, -0.0, 1.5, math.nan, math.inf, -math.inf)),
    *(("float64", value) for value in (math.nan, 1e300)),
    *(("complex64", value) for value in (0j, complex(1, math.inf))),
    *(("bool", value) for value in (True, False)),
    *(("U3", value) for value in ("", "é", "abc")),
    *(("S3", value) for value in (b"", b"a\xffb")),
    *(("str", value) for value in ("", ".", "→ two")),
    ("M8[s]", np.datetime64("2020-01-02", "s")),
)


def _cases() -> Iterator[Case]:
    def options(**makers: Callable[[], Any]) -> Callable[[], Mapping[str, Any]]:
        return lambda: {name: make() for name, make in makers.items()}

    def plain(**values: Any) -> Callable[[], Mapping[str, Any]]:
        return lambda: values

    small = ((7, 5), (3, 2))
    for shape, chunks in SHAPES:
        size = "x".join(map(str, shape)) or "0d"
        for version, dtype in ((2, "<i4"), (3, "int32"), (2, "str"), (3, "str")):
            yield Case(f"v{version}-{dtype}-shape-{size}", version, dtype, shape, chunks)
        yield Case(f"v2-F-shape-{size}", 2, ">i2", shape, chunks, plain(order="F"))
    for dtype in DTYPES_V2:
        yield Case(f"v2-{dtype}", 2, dtype, *small, plain(fill_value=None))
        yield Case(f"v2-{dtype}-absent", 2, dtype, *small, plain(fill_value=None), absent=True)
    for dtype in DTYPES_V3:
        yield Case(f"v3-{dtype}", 3, dtype, *small)
        big = options(serializer=lambda: zarr.codecs.BytesCodec(endian="big"))
        yield Case(f"v3-{dtype}-big-absent", 3, dtype, *small, big, absent=True)
    for name, maker in COMPRESSORS_V2.items():
        for order, dtype in (("C", "i1"), ("F", "<f4")):
            make = options(compressors=maker, order=lambda o=order: o)
            yield Case(f"v2-{name}-{order}", 2, dtype, *small, make)
        yield Case(f"v2-{name}-text", 2, "str", *small, options(compressors=maker), _words)
        yield Case(
            f"v2-{name}-genotypes", 2, "i1", (50, 40, 2), (20, 30, 2), options(compressors=maker), _codes
        )
    for name, (dtype, maker) in FILTERS_V2.items():
        for order in "CF":
            make = options(filters=maker, compressors=lambda: numcodecs.Zstd(1), order=lambda o=order: o)
            yield Case(f"v2-{name}-{order}", 2, dtype, *small, make)
    for name, maker in COMPRESSORS_V3.items():
        yield Case(f"v3-{name}", 3, "int32", *small, options(compressors=maker))
        if name != "nc-shuffle":
            yield Case(f"v3-{name}-text", 3, "str", *small, options(compressors=maker), _words)
    for name, (dtype, maker) in FILTERS_V3.items():
        for compressor in ("none", "zstd"):
            make = options(filters=maker, compressors=COMPRESSORS_V3[compressor])
            yield Case(f"v3-{name}-{compressor}", 3, dtype, *small, make)
    for (dtype, value), version in itertools.product(FILLS, (2, 3)):
        yield Case(
            f"v{version}-{dtype}-fill-{value}", version, dtype, *small, plain(fill_value=value), absent=True
        )
    yield Case("v3-bytes", 3, "variable_length_bytes", *small, values=_byte_strings)
    yield Case("v3-bytes-absent", 3, "variable_length_bytes", *small, values=_byte_strings, absent=True)
    for separator, version in itertools.product("./", (2, 3)):
        encoding = {"name": "v2" if version == 2 else "default", "separator": separator}
        yield Case(f"v{version}-keys-{separator}", version, "i2", *small, plain(chunk_key_encoding=encoding))
    yield Case("v3-keys-v2", 3, "i2", *small, plain(chunk_key_encoding={"name": "v2", "separator": "."}))
    yield Case("v3-keys-v2-0d", 3, "i2", (), (), plain(chunk_key_encoding={"name": "v2", "separator": "/"}))
    yield from _sharded()


def _sharded() -> Iterator[Case]:
    def codec(location: str, **inner: Any) -> Callable[[], Mapping[str, Any]]:
        shards = {"shape": inner.pop("shards"), "index_location": location}
        return lambda: {"shards": shards, **inner}

    for location in ("start", "end"):
        name = f"v3-shards-{location}"
        yield Case(f"{name}", 3, "int32", (9, 7), (2, 3), codec(location, shards=(4, 6)))
        yield Case(f"{name}-absent", 3, "int32", (9, 7), (2, 3), codec(location, shards=(4, 6)), absent=True)
        yield Case(f"{name}-text", 3, "str", (9, 7), (2, 3), codec(location, shards=(4, 6)), _words)
        yield Case(f"{name}-1d", 3, "int8", (100,), (5,), codec(location, shards=(30,)))
        raw = codec(location, shards=(4, 6), compressors=None)
        yield Case(f"{name}-raw", 3, "float64", (9, 7), (2, 3), raw)


def _foreign() -> Iterator[Case]:
    """Chains that vczero leaves to zarr-python: shards within other codecs, and shards within shards."""

    def inner(*codecs: Any) -> Any:
        return zarr.codecs.ShardingCodec(chunk_shape=(2, 2), codecs=codecs)

    chains: Mapping[str, tuple[str, Callable[[], Mapping[str, Any]]]] = {
        "transposed": (
            "int32",
            lambda: {
                "filters": zarr.codecs.TransposeCodec(order=(1, 0)),
                "serializer": inner(zarr.codecs.BytesCodec(), zarr.codecs.ZstdCodec()),
                "compressors": None,
            },
        ),
        "compressed": (
            "int32",
            lambda: {"serializer": inner(zarr.codecs.BytesCodec()), "compressors": "auto"},
        ),
        "text": ("str", lambda: {"serializer": inner(zarr.codecs.VLenUTF8Codec()), "compressors": "auto"}),
        "shards-within": (
            "int32",
            lambda: {
                "serializer": zarr.codecs.ShardingCodec(
                    chunk_shape=(4, 4), codecs=[inner(zarr.codecs.BytesCodec())]
                ),
                "compressors": None,
            },
        ),
    }
    for name, (dtype, options) in chains.items():
        yield Case(f"v3-foreign-{name}", 3, dtype, (10, 7), (8, 4), options)


CASES: tuple[Case, ...] = (*_cases(), *_foreign())
