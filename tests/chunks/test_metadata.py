"""Metadata documents: as zarr-python understands them, and refused by name where they make no sense."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from support.catalogue import CASES, Case, all_coords, build, same
from vczero.chunks.documents import MAX_CHUNK_BYTES
from vczero.chunks.metadata import (
    ArrayMeta,
    CodecSpec,
    meta_from_zarr,
    parse_consolidated_v2,
    parse_group_v2,
    parse_group_v3,
    parse_v2,
    parse_v3,
)
from vczero.errors import MetadataError, UnsupportedError

V2 = {
    "zarr_format": 2,
    "shape": [10, 4],
    "chunks": [3, 4],
    "dtype": "<i4",
    "fill_value": 0,
    "order": "C",
    "filters": None,
    "compressor": None,
}
V3 = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10, 4],
    "data_type": "int32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
}


def v2(**changes: Any) -> ArrayMeta:
    return parse_v2("group/a", json.dumps(V2 | changes).encode(), None)


def v3(**changes: Any) -> ArrayMeta:
    return parse_v3("group/a", json.dumps(V3 | changes).encode())


def stored(store: MemoryStore, key: str) -> bytes:
    return store._store_dict[key].to_bytes()


def from_documents(store: MemoryStore, path: str, zarr_format: int) -> ArrayMeta:
    if zarr_format == 3:
        return parse_v3(path, stored(store, f"{path}/zarr.json"))
    return parse_v2(path, stored(store, f"{path}/.zarray"), stored(store, f"{path}/.zattrs"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_documents_and_zarr_arrays_agree(case: Case) -> None:
    """The stored documents and the `zarr.Array` give the same metadata: those zarr-python shows."""
    store = MemoryStore()
    array = build(case, store, "group/array")
    for meta in (from_documents(store, "group/array", case.zarr_format), meta_from_zarr(array)):
        assert meta.name == "group/array"
        assert meta.zarr_format == case.zarr_format
        assert meta.shape == array.shape
        assert meta.chunk_shape == array.chunks
        assert meta.dtype == array.dtype
        assert meta.ndim == array.ndim
        assert meta.cdata_shape == tuple(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))
        assert (meta.shard.shape if meta.shard else None) == array.shards
        for coords in all_coords(array):
            outer = coords
            if meta.shard is not None:
                outer = tuple(i * c // s for i, c, s in zip(coords, array.chunks, array.shards, strict=True))
            assert meta.chunk_key(coords) == f"group/array/{array.metadata.encode_chunk_key(outer)}"
        fill = array.fill_value
        if fill is None:
            fill = np.array("NaT", meta.dtype) if meta.dtype.kind in "mM" else np.zeros((), meta.dtype)
        assert same(np.array(meta.fill_value, meta.dtype), np.array(fill, meta.dtype))


def test_an_array_at_the_root_has_bare_keys() -> None:
    """Without a path there is no slash before the chunk's coordinates."""
    assert parse_v2("", V2, None).chunk_key((1, 2)) == "1.2"
    assert parse_v3("", V3).chunk_key((1, 2)) == "c/1/2"


def test_codecs_of_both_formats_have_one_form() -> None:
    """v2's filters and compressor become codecs in encode order, without their ids."""
    meta = v2(filters=[{"id": "delta", "dtype": "<i4"}], compressor={"id": "blosc", "cname": "zstd"})
    assert meta.codecs == (
        CodecSpec("numcodecs.delta", {"dtype": "<i4"}),
        CodecSpec("numcodecs.blosc", {"cname": "zstd"}),
    )
    assert v2(dtype="|O", fill_value="", filters=[{"id": "vlen-utf8"}]).codecs == (CodecSpec("vlen-utf8"),)
    assert v3(codecs=["bytes", {"name": "zstd"}]).codecs == (CodecSpec("bytes"), CodecSpec("zstd"))


def test_dimension_names() -> None:
    """From `_ARRAY_DIMENSIONS` where `.zattrs` was read, from `dimension_names` in v3; unknown is None."""
    assert v2().dimension_names is None
    assert v2().attributes is None
    meta = parse_v2("a", V2, b'{"_ARRAY_DIMENSIONS": ["variants", "samples"], "description": "x"}')
    assert meta.dimension_names == ("variants", "samples")
    assert meta.attributes is not None
    assert meta.attributes["description"] == "x"
    assert parse_v2("a", V2, b"{}").dimension_names is None
    assert v3(dimension_names=["variants", None]).dimension_names == ("variants", None)
    assert v3().dimension_names is None
    assert v3().attributes == {}
    for names in ("variants", ["variants"], ["variants", 3], {"variants": 0}):
        with pytest.raises(MetadataError, match="'a'"):
            parse_v2("a", V2, json.dumps({"_ARRAY_DIMENSIONS": names}).encode())
        with pytest.raises(MetadataError, match="'group/a'"):
            v3(dimension_names=names)


def test_chunk_lengths_of_zero_are_read_where_the_axis_is_empty() -> None:
    """zarr-python 3.1 writes a chunk length of 0 for an empty axis; no chunks, and no division by 0."""
    for meta in (
        v2(shape=[0, 4], chunks=[0, 4]),
        v3(shape=[0, 4], chunk_grid={"name": "regular", "configuration": {"chunk_shape": [0, 4]}}),
    ):
        assert meta.cdata_shape == (0, 1)


def number_fills(kind: str) -> st.SearchStrategy[Any]:
    whole = st.integers(-(2**70), 2**70)
    special = st.sampled_from(["NaN", "Infinity", "-Infinity", "1.5", "7", "x", "", None, True, [1, 2]])
    return (
        st.one_of(whole, st.floats(), special)
        if kind != "i"
        else st.one_of(whole, special, st.integers(-300, 300))
    )


@settings(max_examples=150, deadline=None)
@given(
    dtype=st.sampled_from(["int8", "uint8", "int32", "uint64", "float32", "float64"]),
    data=st.data(),
)
def test_fill_values_agree_with_zarr_python(dtype: str, data: st.DataObject) -> None:
    """Whatever JSON spells: the same scalar as zarr-python makes of it, or an error where it raises one."""
    value = data.draw(number_fills("i" if "int" in dtype else "f"))
    document = V3 | {"data_type": dtype, "fill_value": value}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = zarr_open(document).fill_value
    except (TypeError, ValueError, OverflowError):
        expected = None
    if expected is None:
        # Null stands for the default, which zarr-python allows in v2 only; numbers in quotes since 3.1.4.
        if value is not None and not isinstance(value, str):
            with pytest.raises(MetadataError):
                parse_v3("a", document)
        return
    document = json.loads(json.dumps(document))  # which knows one NaN only
    assert parse_v3("a", document).fill_value.tobytes() == np.asarray(expected, dtype).tobytes()


def zarr_open(document: dict[str, Any]) -> zarr.Array:
    body = default_buffer_prototype().buffer.from_bytes(json.dumps(document).encode())
    return zarr.open_array(MemoryStore({"zarr.json": body}), mode="r")


@pytest.mark.parametrize("digits", ["7fc00000", "ffc00001", "7f800000", "3f800000", "00000001", "7f800001"])
def test_hexadecimal_floats_are_bits(digits: str) -> None:
    """v3 core specification: "0x" and the bits of the number; every NaN keeps its payload."""
    assert (
        v3(data_type="float32", fill_value=f"0x{digits}").fill_value.tobytes() == bytes.fromhex(digits)[::-1]
    )
    both = v3(data_type="complex64", fill_value=[f"0x{digits}", "-Infinity"]).fill_value
    assert both.tobytes() == bytes.fromhex(digits)[::-1] + np.float32(-math.inf).tobytes()
    big = v2(dtype=">f4", fill_value=f"0x{digits}").fill_value
    assert np.asarray(big, ">f4").tobytes() == bytes.fromhex(digits)


@pytest.mark.parametrize(
    ("dtype", "spelled", "expected"),
    [
        ("|b1", None, b"\0"),
        ("|b1", True, b"\1"),
        ("|b1", 1, b"\1"),
        (">i2", -2, b"\xff\xfe"),
        ("<i2", "7", b"\7\0"),
        ("<i2", 7.0, b"\7\0"),
        ("<f4", None, bytes(4)),
        ("<f4", "NaN", b"\0\0\xc0\x7f"),
        ("<f4", math.nan, b"\0\0\xc0\x7f"),
        ("|S3", "YWI=", b"ab\0"),
        ("|S3", "", bytes(3)),
        ("|S3", None, bytes(3)),
        ("<U2", "é", "é\0".encode("utf-32-le")),
        (">U2", "abc", "ab".encode("utf-32-be")),
        ("|V2", "AAE=", b"\0\1"),
        ("<M8[s]", None, bytes(7) + b"\x80"),
        ("<M8[s]", "NaT", bytes(7) + b"\x80"),
        (">M8[D]", 5, (5).to_bytes(8, "big")),
        ("<m8[10ms]", 5, (5).to_bytes(8, "little")),
    ],
)
def test_spellings_of_fill_values(dtype: str, spelled: Any, expected: bytes) -> None:
    """Each spelling of the v2 specification, in both byte orders, as the bytes of an element."""
    meta = v2(dtype=dtype, fill_value=spelled)
    assert np.asarray(meta.fill_value, meta.dtype).tobytes() == expected


def test_fill_values_of_text() -> None:
    """Null is the empty value; a number, which old zarr-python wrote, is its spelling (zarr 3 observed)."""
    text = {"dtype": "|O", "filters": [{"id": "vlen-utf8"}]}
    spelled = [(None, ""), ("", ""), ("é", "é"), (0, "0"), (1.5, "1.5")]
    assert [v2(**text, fill_value=value).fill_value for value, _ in spelled] == [text for _, text in spelled]
    raw = {"dtype": "|O", "filters": [{"id": "vlen-bytes"}]}
    assert [v2(**raw, fill_value=value).fill_value for value in (None, "", "YWI=")] == [b"", b"", b"ab"]
    assert v3(data_type="string", fill_value=".", codecs=["vlen-utf8"]).fill_value == "."
    for bad in ("\ud800", [], {}):
        with pytest.raises(MetadataError):
            v2(**text, fill_value=bad)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bool", "?"),
        ("uint16", "=u2"),
        ({"name": "float16"}, "=f2"),
        ("string", "T"),
        ("bytes", "O"),
        ("variable_length_bytes", "O"),
        ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}}, "=U3"),
        ({"name": "null_terminated_bytes", "configuration": {"length_bytes": 3}}, "S3"),
        ({"name": "raw_bytes", "configuration": {"length_bytes": 3}}, "V3"),
        ("r24", "V3"),
        ({"name": "numpy.datetime64", "configuration": {"unit": "ms", "scale_factor": 10}}, "=M8[10ms]"),
        ({"name": "numpy.timedelta64", "configuration": {"unit": "μs", "scale_factor": 1}}, "=m8[us]"),
    ],
    ids=str,
)
def test_data_types_of_v3(name: Any, expected: str) -> None:
    """The core types of the specification, and the extensions that zarr-python writes, in native order."""
    fill = {"O": "", "T": "", "U": "", "S": "", "V": "AAAA"}.get(expected.lstrip("=")[0], 0)
    assert v3(data_type=name, fill_value=fill).dtype == np.dtype(expected)


UNSUPPORTED_V2 = [
    {"dtype": [["a", "<i4"]]},
    {"dtype": "<f16"},
    {"dtype": "<M8"},
    {"dtype": "|O"},
    {"dtype": "|O", "filters": [{"id": "pickle"}]},
    {"dtype": "|O", "filters": [{"id": "json2"}]},
    {"shape": [1] * 65, "chunks": [1] * 65},
    {"shape": [2**40, 4], "chunks": [2**40, 4]},
]
MALFORMED_V2 = [
    *({"zarr_format": value} for value in (3, "2", None)),
    *(
        {"shape": value}
        for value in (None, 10, "10", [-1, 4], [1.5, 4], [True, 4], [2**63, 4], ["10", 4], {"a": 1})
    ),
    *({"chunks": value} for value in (None, [3], [3, 4, 5], [0, 4], [-3, 4], [3, None], 3)),
    *(
        {"dtype": value}
        for value in (None, 4, "", "i4", "=i4", "|i4", "<S3", "<U0", "|S0", "<M8[xx]", "<i4[s]", "<q")
    ),
    *({"dtype": value} for value in ("<U999999999", "<U9999999999999", "<i4, <i4", "{'a': 1}", "|O8")),
    *({"fill_value": value} for value in ("x", [], {}, 2**31, 1.5, "NaN", "0x00000000")),
    *({"dtype": "<f4", "fill_value": value} for value in ("0xzz", "0x7fc0000", [], "Nope", 10**400)),
    *({"dtype": "|S3", "fill_value": value} for value in (0, "é", "a", "YWI=\n?")),
    {"dtype": "|V3", "fill_value": "AA=="},
    {"dtype": "<c8", "fill_value": [1]},
    *({"order": value} for value in (None, "A", 1)),
    *({"dimension_separator": value} for value in ("", "-", None, 1)),
    *({"compressor": value} for value in (1, "zlib", {}, {"id": 3}, [])),
    *({"filters": value} for value in (1, "delta", [1], [{}], {"id": "delta"})),
]
UNSUPPORTED_V3 = [
    {"data_type": "int128"},
    {"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "generic"}}},
    {"data_type": {"name": "struct", "configuration": {"fields": []}}},
    {"chunk_grid": {"name": "rectilinear", "configuration": {}}},
    {"chunk_key_encoding": {"name": "fanout"}},
    {"storage_transformers": [{"name": "x"}]},
    {"something": {"new": 1}},
    {"something": 1},
]
MALFORMED_V3 = [
    *({"zarr_format": value} for value in (2, "3", None)),
    *({"node_type": value} for value in ("group", None, 1)),
    *({"shape": value} for value in (None, [-1, 4], [1.5, 4], [2**63, 4], [10])),
    *({"data_type": value} for value in (None, 4, [], {}, {"name": 3}, {"name": "raw_bytes"})),
    *(
        {"data_type": {"name": "raw_bytes", "configuration": c}}
        for c in (1, [], {"length_bytes": 0}, {"length_bytes": "3"})
    ),
    {"data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 3}}, "fill_value": ""},
    {"data_type": {"name": "raw_bytes", "configuration": {"length_bytes": 2**40}}, "fill_value": ""},
    {"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "lightyear", "scale_factor": 1}}},
    {"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 0}}},
    *({"chunk_grid": value} for value in (None, 1, "regular", {"name": "regular"}, {"configuration": {}})),
    {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3]}}},
    {"chunk_grid": {"name": "regular", "configuration": []}},
    *(
        {"chunk_key_encoding": value}
        for value in (None, 1, {}, {"name": "default", "configuration": {"separator": "-"}})
    ),
    *(
        {"codecs": value}
        for value in (None, {}, "bytes", [1], [{}], [{"name": 1}], [{"name": "x", "configuration": 1}])
    ),
    {"attributes": []},
    {"fill_value": 1.5},
]


@pytest.mark.parametrize("changes", UNSUPPORTED_V2, ids=str)
def test_v2_that_is_not_read(changes: dict[str, Any]) -> None:
    """Valid v2 that vczero does not read is refused with the array's name and the feature."""
    with pytest.raises(UnsupportedError, match="'group/a'") as caught:
        v2(**changes)
    assert caught.value.array == "group/a"
    assert caught.value.feature


@pytest.mark.parametrize("changes", UNSUPPORTED_V3, ids=str)
def test_v3_that_is_not_read(changes: dict[str, Any]) -> None:
    """Valid v3 that vczero does not read is refused with the array's name and the feature."""
    with pytest.raises(UnsupportedError, match="'group/a'") as caught:
        v3(**changes)
    assert caught.value.array == "group/a"
    assert caught.value.feature


@pytest.mark.parametrize("changes", MALFORMED_V2, ids=str)
def test_v2_that_makes_no_sense(changes: dict[str, Any]) -> None:
    """Members of v2 that are missing, of the wrong type, out of range or at odds name the array; one line."""
    with pytest.raises((MetadataError, UnsupportedError), match="'group/a'") as caught:
        v2(**changes)
    assert caught.value.array == "group/a"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("changes", MALFORMED_V3, ids=str)
def test_v3_that_makes_no_sense(changes: dict[str, Any]) -> None:
    """Members of v3 that are missing, of the wrong type, out of range or at odds name the array; one line."""
    with pytest.raises(MetadataError, match="'group/a'") as caught:
        v3(**changes)
    assert caught.value.array == "group/a"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("document", [V2, V3], ids=["v2", "v3"])
def test_every_member_is_needed(document: dict[str, Any]) -> None:
    """A document without one of its members is refused (v2: three of them may be null)."""
    parse = parse_v3 if document is V3 else lambda name, doc: parse_v2(name, doc, None)
    for member in document:
        rest = {key: value for key, value in document.items() if key != member}
        if document is V2 and member in ("filters", "compressor", "fill_value"):
            assert parse("a", rest).shape == (10, 4)
        else:
            with pytest.raises(MetadataError, match="'a'"):
                parse("a", rest)


@pytest.mark.parametrize(
    "document",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 100_000, b'{"shape": ' + b"9" * 5000 + b"}"],
    ids=range(8),
)
def test_documents_that_are_not_json_objects(document: bytes) -> None:
    """Anything else than a JSON object is refused with the key, however deep or long."""
    for parse in (
        lambda: parse_v2("a", document, None),
        lambda: parse_v2("a", V2, document),
        lambda: parse_v3("a", document),
        lambda: parse_group_v2("a", document, None),
        lambda: parse_group_v3("a", document),
        lambda: parse_consolidated_v2("a", document),
    ):
        with pytest.raises(MetadataError) as caught:
            parse()
        assert (caught.value.key or "").startswith("a/")
        assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(base=st.sampled_from(["v2", "v3"]), member=st.integers(0, 7), value=JSON)
def test_any_json_in_any_member(base: str, member: int, value: Any) -> None:
    """Whatever stands in a member: metadata, or one of our errors."""
    document = V2 if base == "v2" else V3
    changed = document | {list(document)[member]: value}
    try:
        meta = parse_v2("a", changed, None) if base == "v2" else parse_v3("a", changed)
    except (MetadataError, UnsupportedError):
        return
    assert math.prod(meta.chunk_shape) * meta.dtype.itemsize <= MAX_CHUNK_BYTES


SHARDING = {
    "chunk_shape": [3, 2],
    "codecs": V3["codecs"],
    "index_codecs": [*V3["codecs"], "crc32c"],
    "index_location": "start",
}
SHARDS = {"name": "regular", "configuration": {"chunk_shape": [6, 4]}}


def test_shards() -> None:
    """The chunks of a sharded array are the inner ones; their keys are those of the shards around them."""
    meta = v3(chunk_grid=SHARDS, codecs=[{"name": "sharding_indexed", "configuration": SHARDING}])
    assert meta.shard is not None
    assert (meta.shard.shape, meta.chunk_shape, meta.cdata_shape) == ((6, 4), (3, 2), (4, 2))
    assert meta.shard.index_location == "start"
    assert [spec.name for spec in meta.shard.index_codecs] == ["bytes", "crc32c"]
    assert [spec.name for spec in meta.codecs] == ["bytes"]
    assert [meta.chunk_key((i, 1)) for i in range(4)] == [f"group/a/c/{i // 2}/0" for i in range(4)]


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_shape": [3, 3]},
        {"chunk_shape": [3]},
        {"chunk_shape": [0, 2]},
        {"chunk_shape": [12, 4]},
        {"chunk_shape": None},
        {"codecs": None},
        {"index_codecs": None},
        {"index_location": "middle"},
    ],
    ids=str,
)
def test_shards_that_make_no_sense(changes: dict[str, Any]) -> None:
    """Shards that do not hold whole chunks, or lack what is needed to read them, are refused."""
    codecs = [{"name": "sharding_indexed", "configuration": SHARDING | changes}]
    with pytest.raises(MetadataError, match="'group/a'"):
        v3(chunk_grid=SHARDS, codecs=codecs)


def test_a_shard_of_too_many_chunks_is_refused() -> None:
    """The index of a shard is bounded before it is read."""
    grid = {"name": "regular", "configuration": {"chunk_shape": [2**30, 4]}}
    codecs = [{"name": "sharding_indexed", "configuration": SHARDING | {"chunk_shape": [1, 1]}}]
    with pytest.raises(UnsupportedError, match="shard"):
        v3(chunk_grid=grid, codecs=codecs)


def group_with_arrays(zarr_format: int) -> MemoryStore:
    store = MemoryStore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = zarr.create_group(store, zarr_format=zarr_format, attributes={"vcf_zarr_version": "0.4"})
        array = root.create_array("x", shape=(5,), chunks=(2,), dtype="i4", attributes={"description": "d"})
        array[...] = 1
        root.create_group("inner").create_array("y", shape=(3,), chunks=(2,), dtype="f4")
        zarr.consolidate_metadata(store, zarr_format=zarr_format)
    return store


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata(zarr_format: int) -> None:
    """One document tells the root's attributes and all arrays below it, nested groups included."""
    store = group_with_arrays(zarr_format)
    if zarr_format == 2:
        group = parse_consolidated_v2("", stored(store, ".zmetadata"))
    else:
        group = parse_group_v3("", stored(store, "zarr.json"))
    assert group.attributes == {"vcf_zarr_version": "0.4"}
    assert group.members is not None
    assert sorted(group.members) == ["inner/y", "x"]
    assert len(group.members) == 2
    assert "x" in group.members
    assert "inner" not in group.members
    meta = group.members["x"]
    assert meta is group.members["x"]
    assert (meta.name, meta.shape, meta.attributes) == ("x", (5,), {"description": "d"})
    assert group.members["inner/y"].name == "inner/y"
    with pytest.raises(KeyError):
        group.members["z"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_arrays_are_parsed_when_looked_at(zarr_format: int) -> None:
    """An array that makes no sense harms only whoever asks for it; paths start at the group."""
    if zarr_format == 2:
        metadata = {
            ".zgroup": {"zarr_format": 2},
            "bad/.zarray": {"zarr_format": 2},
            "good/.zarray": V2,
            "worse/.zarray": 3,
        }
        group = parse_consolidated_v2("g", {"zarr_consolidated_format": 1, "metadata": metadata})
    else:
        inline = {"kind": "inline", "metadata": {"bad": {"node_type": "array"}, "good": V3, "worse": 3}}
        group = parse_group_v3("g", {"zarr_format": 3, "node_type": "group", "consolidated_metadata": inline})
    assert group.members is not None
    assert group.members["good"].name == "g/good"
    for name in ("bad", "worse"):
        with pytest.raises(MetadataError, match=f"g/{name}"):
            group.members[name]


def test_groups() -> None:
    """Groups of both formats, not consolidated; attributes that were not read are None."""
    assert parse_group_v2("", b'{"zarr_format": 2}', None).attributes is None
    assert parse_group_v2("", b'{"zarr_format": 2}', b'{"a": 1}').attributes == {"a": 1}
    group = parse_group_v3("", b'{"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}')
    assert (group.attributes, group.members) == ({"a": 1}, None)
    assert parse_group_v3("", b'{"zarr_format": 3, "node_type": "group"}').attributes == {}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"zarr_consolidated_format": 1},
        {"zarr_consolidated_format": 2, "metadata": {}},
        {"zarr_consolidated_format": 1, "metadata": []},
        {"zarr_consolidated_format": 1, "metadata": {}},
        {"zarr_consolidated_format": 1, "metadata": {".zgroup": 1}},
        {"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 3}}},
        {"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2}, ".zattrs": 1}},
    ],
    ids=str,
)
def test_consolidated_metadata_that_make_no_sense(document: dict[str, Any]) -> None:
    """A `.zmetadata` without its group, or of another shape, is refused."""
    with pytest.raises(MetadataError):
        parse_consolidated_v2("", document)


@pytest.mark.parametrize(
    "changes",
    [
        {"node_type": "array"},
        {"zarr_format": 2},
        {"attributes": []},
        {"consolidated_metadata": 1},
        {"consolidated_metadata": {}},
        {"consolidated_metadata": {"kind": "outline", "metadata": {}}},
        {"consolidated_metadata": {"kind": "inline", "metadata": []}},
    ],
    ids=str,
)
def test_groups_that_make_no_sense(changes: dict[str, Any]) -> None:
    """A v3 group with members of the wrong type, or an array in its place, is refused."""
    with pytest.raises(MetadataError):
        parse_group_v3("", {"zarr_format": 3, "node_type": "group"} | changes)
