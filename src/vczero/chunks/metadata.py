"""Zarr metadata documents, v2 and v3, as frozen values.

Pure: documents in (bytes, or JSON already parsed), `ArrayMeta` and `GroupMeta` out; nothing is read. The two
    formats become
one: `ArrayMeta.codecs` has the same form for both, and `chunk_key` knows the difference between their keys.
    What is
valid but not read is an `UnsupportedError`, what is malformed a `MetadataError`; both name the array.

Sources: the Zarr v2 and v3 (core, sharding) specifications; `_ARRAY_DIMENSIONS` as xarray
writes it; `.zmetadata` and inline `consolidated_metadata` as zarr-python 3.1 to 3.4 writes them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vczero.chunks.documents import MAX_CHUNK_BYTES, CodecSpec, Document, DocumentReader, ShardSpec, load
from vczero.chunks.dtypes import dtype_from_v2, dtype_from_v3, fill_value_from_json

if TYPE_CHECKING:
    import zarr

__all__ = [
    "MAX_CHUNK_BYTES",
    "ArrayMeta",
    "CodecSpec",
    "Document",
    "GroupMeta",
    "ShardSpec",
    "meta_from_zarr",
    "parse_consolidated_v2",
    "parse_group_v2",
    "parse_group_v3",
    "parse_v2",
    "parse_v3",
]

_OBJECT_CODECS = frozenset(
    {"vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2", "pickle", "categorize"}
)


@dataclass(frozen=True, slots=True, eq=False)
class ArrayMeta:
    """All that is needed to read one array.

    Attributes:
        name: path of the array below the store's root, without slashes at its ends; "" for an array at the
            root.
        zarr_format: 2 or 3.
        shape: elements per axis.
        chunk_shape: elements per axis of a chunk as stored; for a sharded array, of an inner chunk. Never 0.
        dtype: of decoded chunks, byte order included (v3: native); `StringDType()` for variable-length text,
            `object` for variable-length bytes.
        fill_value: NumPy scalar of `dtype`, or `str` or `bytes`.
        order: memory order of the elements in a stored chunk ("C" in v3, where a `transpose` codec says
            otherwise).
        codecs: in encode order; for a sharded array, of the inner chunks.
        shard: None unless the array is sharded.
        key_encoding: "default" puts `c` before the coordinates, "v2" does not.
        separator: between the coordinates of a key.
        dimension_names: per axis, or None where the document does not tell (v2: where `.zattrs` was not
            read).
        attributes: None where `.zattrs` was not read.
        document: the JSON object of the array itself; for codecs that only zarr-python knows.
    """

    name: str
    zarr_format: Literal[2, 3]
    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill_value: Any
    order: Literal["C", "F"]
    codecs: tuple[CodecSpec, ...]
    shard: ShardSpec | None
    key_encoding: Literal["default", "v2"]
    separator: Literal[".", "/"]
    dimension_names: tuple[str | None, ...] | None
    attributes: Mapping[str, Any] | None
    document: Mapping[str, Any] = field(repr=False)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def cdata_shape(self) -> tuple[int, ...]:
        """Chunks per axis (inner chunks of a sharded array)."""
        return tuple(-(-length // chunk) for length, chunk in zip(self.shape, self.chunk_shape, strict=True))

    def chunk_key(self, coords: Sequence[int]) -> str:
        """Key, below the store's root, of the stored object that holds the chunk at `coords`.

        `coords` count chunks; for a sharded array inner chunks, and the key is that of the shard around them.
        """
        if self.shard is not None:
            per_shard = (s // c for s, c in zip(self.shard.shape, self.chunk_shape, strict=True))
            coords = [i // n for i, n in zip(coords, per_shard, strict=True)]
        key = self.separator.join(map(str, coords))
        if self.key_encoding == "default":
            key = f"c{self.separator}{key}" if key else "c"
        elif not key:
            key = "0"
        return f"{self.name}/{key}" if self.name else key


@dataclass(frozen=True, slots=True, eq=False)
class GroupMeta:
    """One group.

    Attributes:
        name: path of the group below the store's root; "" for the root.
        zarr_format: 2 or 3.
        attributes: of the group; None where `.zattrs` was not read.
        members: arrays below the group by path relative to it, each parsed when it is first looked up; None
            where the document is not consolidated.
    """

    name: str
    zarr_format: Literal[2, 3]
    attributes: Mapping[str, Any] | None
    members: Mapping[str, ArrayMeta] | None = None


class _Members(Mapping[str, ArrayMeta]):
    """Arrays of a consolidated document; a hundred arrays cost nothing until they are looked at."""

    def __init__(
        self, prefix: str, documents: Mapping[str, tuple[Any, Any]], zarr_format: Literal[2, 3]
    ) -> None:
        self._prefix = prefix
        self._documents = documents
        self._zarr_format = zarr_format
        self._parsed: dict[str, ArrayMeta] = {}

    def __getitem__(self, name: str) -> ArrayMeta:
        meta = self._parsed.get(name)
        if meta is None:
            document, attributes = self._documents[name]
            path = f"{self._prefix}/{name}" if self._prefix else name
            parse = (
                _parse_array_v2(path, document, attributes)
                if self._zarr_format == 2
                else parse_v3(path, document)
            )
            meta = self._parsed.setdefault(name, parse)
        return meta

    def __contains__(self, name: object) -> bool:
        return name in self._documents

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


def parse_v2(name: str, zarray: Document, zattrs: Document | None) -> ArrayMeta:
    """The array that the documents `.zarray` and, where it was read, `.zattrs` describe.

    Raises:
        MetadataError: a document is malformed.
        UnsupportedError: it describes something that vczero does not read.
    """
    attributes = None if zattrs is None else load(zattrs, f"{name}/.zattrs", name)
    return _parse_array_v2(name, load(zarray, f"{name}/.zarray", name), attributes)


def parse_v3(name: str, document: Document) -> ArrayMeta:
    """The array that the document `zarr.json` describes.

    Raises:
        MetadataError: the document is malformed, or describes a group.
        UnsupportedError: it describes something that vczero does not read.
    """
    doc = load(document, f"{name}/zarr.json", name)
    check = DocumentReader(name, doc)
    check.constant("zarr_format", 3)
    check.constant("node_type", "array")
    shape = check.lengths(check.member("shape"), "shape")
    chunk_shape = check.chunk_lengths(check.regular_grid(), "chunk_shape", shape)
    dtype = dtype_from_v3(check.member("data_type"), array=name)
    fill_value = fill_value_from_json(check.member("fill_value"), dtype, array=name)
    codecs = check.codecs(check.member("codecs"), "codecs")
    key_encoding, separator = check.key_encoding()
    check.nothing_more()
    shard = None
    if len(codecs) == 1 and codecs[0].name == "sharding_indexed":
        shard, chunk_shape, codecs = check.sharding(codecs[0].configuration, chunk_shape)
    check.chunk_size(chunk_shape, dtype)
    return ArrayMeta(
        name=name,
        zarr_format=3,
        shape=shape,
        chunk_shape=chunk_shape,
        dtype=dtype,
        fill_value=fill_value,
        order="C",
        codecs=codecs,
        shard=shard,
        key_encoding=key_encoding,
        separator=separator,
        dimension_names=check.dimension_names(doc.get("dimension_names"), "dimension_names", len(shape)),
        attributes=check.mapping(doc.get("attributes", {}), "attributes"),
        document=doc,
    )


def _parse_array_v2(name: str, doc: Any, attributes: Any) -> ArrayMeta:
    check = DocumentReader(name, doc)
    check.constant("zarr_format", 2)
    shape = check.lengths(check.member("shape"), "shape")
    chunk_shape = check.chunk_lengths(check.member("chunks"), "chunks", shape)
    filters, compressor = doc.get("filters"), doc.get("compressor")
    codecs = check.codecs_v2(filters, compressor)
    ids = [spec.name.removeprefix("numcodecs.") for spec in codecs]
    dtype = dtype_from_v2(
        check.member("dtype"), next((i for i in ids if i in _OBJECT_CODECS), None), array=name
    )
    separator: Literal[".", "/"] = check.choice(
        doc.get("dimension_separator", "."), "dimension_separator", (".", "/")
    )
    check.chunk_size(chunk_shape, dtype)
    if attributes is not None:
        attributes = check.mapping(attributes, ".zattrs")
        dimension_names = check.dimension_names(
            attributes.get("_ARRAY_DIMENSIONS"), "_ARRAY_DIMENSIONS", len(shape)
        )
    return ArrayMeta(
        name=name,
        zarr_format=2,
        shape=shape,
        chunk_shape=chunk_shape,
        dtype=dtype,
        fill_value=fill_value_from_json(doc.get("fill_value"), dtype, array=name),
        order=check.choice(check.member("order"), "order", ("C", "F")),
        codecs=codecs,
        shard=None,
        key_encoding="v2",
        separator=separator,
        dimension_names=None if attributes is None else dimension_names,
        attributes=attributes,
        document=doc,
    )


def parse_group_v2(name: str, zgroup: Document, zattrs: Document | None) -> GroupMeta:
    """The group that the documents `.zgroup` and, where it was read, `.zattrs` describe.

    Raises:
        MetadataError: a document is malformed.
    """
    DocumentReader(name, load(zgroup, f"{name}/.zgroup", name), node="group").constant("zarr_format", 2)
    return GroupMeta(name, 2, None if zattrs is None else load(zattrs, f"{name}/.zattrs", name))


def parse_consolidated_v2(name: str, zmetadata: Document) -> GroupMeta:
    """The group and all arrays below it that the document `.zmetadata` describes; arrays are parsed when
    looked up.

    Raises:
        MetadataError: the document is malformed, or has no `.zgroup` of its own.
    """
    doc = load(zmetadata, f"{name}/.zmetadata", name)
    check = DocumentReader(name, doc, node="group")
    check.constant("zarr_consolidated_format", 1)
    metadata = check.mapping(check.member("metadata"), "metadata")
    if ".zgroup" not in metadata:
        raise check.error("the consolidated metadata has no .zgroup")
    group = parse_group_v2(name, check.mapping(metadata[".zgroup"], ".zgroup"), metadata.get(".zattrs", {}))
    documents = {
        key.removesuffix("/.zarray"): (value, metadata.get(f"{key.removesuffix('.zarray')}.zattrs", {}))
        for key, value in metadata.items()
        if key.endswith("/.zarray")
    }
    return replace(group, members=_Members(name, documents, 2))


def parse_group_v3(name: str, document: Document) -> GroupMeta:
    """The group that the document `zarr.json` describes, with its arrays where it is consolidated (parsed
    when looked up).

    Raises:
        MetadataError: the document is malformed, or describes an array.
    """
    doc = load(document, f"{name}/zarr.json", name)
    check = DocumentReader(name, doc, node="group")
    check.constant("zarr_format", 3)
    check.constant("node_type", "group")
    attributes = check.mapping(doc.get("attributes", {}), "attributes")
    consolidated = doc.get("consolidated_metadata")
    if consolidated is None:
        return GroupMeta(name, 3, attributes)
    inner = DocumentReader(name, check.mapping(consolidated, "consolidated_metadata"), node="group")
    inner.constant("kind", "inline")
    metadata = inner.mapping(inner.member("metadata"), "metadata")
    documents = {
        key: (value, None)
        for key, value in metadata.items()
        if not (isinstance(value, Mapping) and value.get("node_type") == "group")
    }
    return GroupMeta(name, 3, attributes, _Members(name, documents, 3))


def meta_from_zarr(array: zarr.Array[Any]) -> ArrayMeta:
    """The metadata of a `zarr.Array`, from its own documents; the array's dtype decides the byte order.

    Raises:
        UnsupportedError: the array is something that vczero does not read.
    """
    from zarr.core.buffer import default_buffer_prototype

    name = array.path.strip("/")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unstable types; whoever made the array was told
        stored = array.metadata.to_buffer_dict(default_buffer_prototype())
    documents = {key: buffer.to_bytes() for key, buffer in stored.items()}
    if "zarr.json" in documents:
        meta = parse_v3(name, documents["zarr.json"])
    else:
        meta = parse_v2(name, documents[".zarray"], documents[".zattrs"])
    if meta.dtype.kind not in "TO" and array.dtype == meta.dtype.newbyteorder("S"):
        return replace(meta, dtype=array.dtype)  # v3 metadata made in memory may keep another order
    return meta
