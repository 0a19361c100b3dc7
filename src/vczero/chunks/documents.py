"""Members of a Zarr metadata document, each checked as it is taken out.

The documents come from stores that may be damaged or hostile: nothing in them is believed before its type,
its range and its agreement with the rest are checked here. Sources: the Zarr v2 and v3 specifications.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from vczero.chunks.dtypes import is_variable_length
from vczero.errors import MetadataError, UnsupportedError

__all__ = ["MAX_CHUNK_BYTES", "CodecSpec", "Document", "DocumentReader", "ShardSpec", "load"]

Document = bytes | bytearray | memoryview | Mapping[str, Any]
"""A metadata document: the stored bytes, or the JSON object parsed from them."""

MAX_CHUNK_BYTES = 2**32
"""Decoded size beyond which a chunk is refused: bounds what hostile metadata can allocate."""

_MAX_AXES = 64  # NumPy's limit
_MAX_LENGTH = 2**63 - 1
_MAX_SHARD_CHUNKS = 2**24  # an index of 256 MiB
_V3_MEMBERS = frozenset(
    {
        "zarr_format",
        "node_type",
        "shape",
        "data_type",
        "chunk_grid",
        "chunk_key_encoding",
        "fill_value",
        "codecs",
    }
    | {"attributes", "dimension_names", "storage_transformers"}
)
# A codec for values of variable length has one name in both formats; any other of v2 is a numcodecs codec.
_SAME_NAME = frozenset({"vlen-utf8", "vlen-bytes"})

_T = TypeVar("_T", bound=str)


class CodecSpec(NamedTuple):
    """One codec of a chain.

    Attributes:
        name: as in v3; a numcodecs codec, and each filter and compressor of a v2 array, is `numcodecs.<id>`,
            except `vlen-utf8` and `vlen-bytes`, which are the same in both.
        configuration: its parameters, without the `id` of v2.
    """

    name: str
    configuration: Mapping[str, Any] = MappingProxyType({})


class ShardSpec(NamedTuple):
    """How the chunks of a sharded array lie in its stored objects.

    Attributes:
        shape: elements per axis of a stored object; a multiple of the chunks' shape.
        index_codecs: in encode order, for the index (uint64, (chunks per axis of the shard..., 2)).
        index_location: at which end of the object the index lies.
    """

    shape: tuple[int, ...]
    index_codecs: tuple[CodecSpec, ...]
    index_location: Literal["start", "end"]


def load(document: Document, key: str, name: str) -> Mapping[str, Any]:
    """The JSON object of `document`; `key` and `name` are for the error.

    Raises:
        MetadataError: it is not JSON, or not an object.
    """
    if isinstance(document, Mapping):
        return document
    key = key.lstrip("/")
    try:
        value = json.loads(bytes(document))
    except RecursionError:
        raise MetadataError(
            f"{key} is not JSON that can be read: nested too deeply", array=name, key=key
        ) from None
    except ValueError as error:
        raise MetadataError(f"{key} is not JSON: {error}", array=name, key=key) from None
    if not isinstance(value, dict):
        raise MetadataError(f"{key} is not a JSON object", array=name, key=key)
    return value


class DocumentReader:
    """Takes members out of the document of one array or group, or raises an error that names it."""

    __slots__ = ("_doc", "_name", "_node")

    def __init__(self, name: str, doc: object, *, node: Literal["array", "group"] = "array") -> None:
        self._name = name
        self._node = node
        self._doc = self.mapping(doc, "metadata document")

    def error(self, problem: str) -> MetadataError:
        """A `MetadataError` that names the node."""
        return MetadataError(f"{self._node} {self._name!r}: {problem}", array=self._name)

    def unsupported(self, feature: str) -> UnsupportedError:
        """An `UnsupportedError` that names the node and the feature."""
        problem = f"{self._node} {self._name!r}: {feature} is not supported"
        return UnsupportedError(problem, array=self._name, feature=feature)

    def member(self, name: str) -> Any:
        """The member, which must be there."""
        try:
            return self._doc[name]
        except KeyError:
            raise self.error(f"the metadata lacks {name!r}") from None

    def constant(self, name: str, expected: object) -> None:
        """Checks that the member is `expected`."""
        value = self.member(name)
        if value != expected:
            raise self.error(f"{name} is {_shown(value)}, not {expected!r}")

    def mapping(self, value: object, what: str) -> Mapping[str, Any]:
        """`value`, which must be a JSON object."""
        if not isinstance(value, Mapping):
            raise self.error(f"{what} is {_shown(value)}, not an object")
        return value

    def choice(self, value: object, what: str, allowed: tuple[_T, ...]) -> _T:
        """`value`, which must be one of `allowed`."""
        for option in allowed:
            if value == option:
                return option
        raise self.error(f"{what} is {_shown(value)}, not one of {', '.join(map(repr, allowed))}")

    def lengths(self, value: object, what: str) -> tuple[int, ...]:
        """`value`, which must be a list of non-negative 64-bit integers, one per axis."""
        if not isinstance(value, list | tuple):
            raise self.error(f"{what} is {_shown(value)}, not a list")
        if len(value) > _MAX_AXES:
            raise self.unsupported(f"an array of more than {_MAX_AXES} dimensions")
        for length in value:
            if type(length) is not int or not 0 <= length <= _MAX_LENGTH:
                raise self.error(f"{what} has {_shown(length)}, not a non-negative 64-bit integer")
        return tuple(value)

    def chunk_lengths(self, value: object, what: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """`value`, which must be a length per axis of `shape`, and positive.

        Where an axis is empty, zarr-python 3.1 also writes 0; that axis has no chunks, and 1 stands for it
        here.
        """
        lengths = self.lengths(value, what)
        if len(lengths) != len(shape):
            raise self.error(f"{what} has {len(lengths)} axes and the array {len(shape)}")
        if any(chunk == 0 and length > 0 for chunk, length in zip(lengths, shape, strict=True)):
            raise self.error(f"{what} has a 0")
        return tuple(max(chunk, 1) for chunk in lengths)

    def chunk_size(self, chunk_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Checks that a decoded chunk is of a size that can be allocated."""
        itemsize = 8 if is_variable_length(dtype) else dtype.itemsize
        nbytes = math.prod(chunk_shape) * itemsize
        if nbytes > MAX_CHUNK_BYTES:
            raise self.unsupported(f"a chunk of {nbytes} bytes (the limit is {MAX_CHUNK_BYTES})")

    def dimension_names(self, value: object, what: str, ndim: int) -> tuple[str | None, ...] | None:
        """`value`, which must be null or a list with a string or null per axis."""
        if value is None:
            return None
        if not isinstance(value, list | tuple) or not all(
            item is None or isinstance(item, str) for item in value
        ):
            raise self.error(f"{what} is {_shown(value)}, not a list of names")
        if len(value) != ndim:
            raise self.error(f"{what} has {len(value)} names and the array {ndim} axes")
        return tuple(value)

    def codecs_v2(self, filters: object, compressor: object) -> tuple[CodecSpec, ...]:
        """The chain of a v2 array, in encode order: filters, then the compressor."""
        if not isinstance(filters, list | tuple | None):
            raise self.error(f"filters is {_shown(filters)}, not a list")
        configurations = [*(filters or ()), *([] if compressor is None else [compressor])]
        specs = []
        for value in configurations:
            configuration = dict(self.mapping(value, "a filter or compressor"))
            codec_id = configuration.pop("id", None)
            if not isinstance(codec_id, str):
                raise self.error(f"a filter or compressor has the id {_shown(codec_id)}")
            specs.append(
                CodecSpec(codec_id if codec_id in _SAME_NAME else f"numcodecs.{codec_id}", configuration)
            )
        return tuple(specs)

    def codecs(self, value: object, what: str) -> tuple[CodecSpec, ...]:
        """A chain of v3, in encode order."""
        if not isinstance(value, list | tuple):
            raise self.error(f"{what} is {_shown(value)}, not a list")
        return tuple(CodecSpec(*self._named(item, f"an item of {what}")) for item in value)

    def regular_grid(self) -> Any:
        """The chunk shape of v3's `chunk_grid`, unchecked."""
        name, configuration = self._named(self.member("chunk_grid"), "chunk_grid")
        if name != "regular":
            raise self.unsupported(f"chunk grid {name!r}")
        return configuration.get("chunk_shape")

    def key_encoding(self) -> tuple[Literal["default", "v2"], Literal[".", "/"]]:
        """Name and separator of v3's `chunk_key_encoding`."""
        name, configuration = self._named(self.member("chunk_key_encoding"), "chunk_key_encoding")
        if name not in ("default", "v2"):
            raise self.unsupported(f"chunk key encoding {name!r}")
        encoding: Literal["default", "v2"] = "default" if name == "default" else "v2"
        separator = configuration.get("separator", "/" if encoding == "default" else ".")
        return encoding, self.choice(separator, "separator", ("/", "."))

    def sharding(
        self, configuration: Mapping[str, Any], shard_shape: tuple[int, ...]
    ) -> tuple[ShardSpec, tuple[int, ...], tuple[CodecSpec, ...]]:
        """Shards of `shard_shape`, the shape of their chunks, and the chunks' codecs."""
        chunk_shape = self.chunk_lengths(
            configuration.get("chunk_shape"), "the shards' chunk_shape", shard_shape
        )
        per_axis = [divmod(s, c) for s, c in zip(shard_shape, chunk_shape, strict=True)]
        if any(remainder for _, remainder in per_axis):
            raise self.error(f"shards of {shard_shape} do not hold whole chunks of {chunk_shape}")
        if math.prod(count for count, _ in per_axis) > _MAX_SHARD_CHUNKS:
            raise self.unsupported(f"a shard of more than {_MAX_SHARD_CHUNKS} chunks")
        index_codecs = self.codecs(configuration.get("index_codecs"), "index_codecs")
        location: Literal["start", "end"] = self.choice(
            configuration.get("index_location", "end"), "index_location", ("start", "end")
        )
        spec = ShardSpec(shard_shape, index_codecs, location)
        return spec, chunk_shape, self.codecs(configuration.get("codecs"), "the shards' codecs")

    def nothing_more(self) -> None:
        """Refuses what a reader of v3 must understand and we do not."""
        if self._doc.get("storage_transformers"):
            raise self.unsupported("a storage transformer")
        for name in self._doc.keys() - _V3_MEMBERS:
            value = self._doc[name]
            if not (isinstance(value, Mapping) and value.get("must_understand") is False):
                raise self.unsupported(f"the metadata member {name!r}")

    def _named(self, value: object, what: str) -> tuple[str, Mapping[str, Any]]:
        """Name and configuration of an extension point of v3: a string, or an object that has a `name`."""
        name, configuration = value, None
        if isinstance(value, Mapping):
            name, configuration = value.get("name"), value.get("configuration")
        if not isinstance(name, str):
            raise self.error(f"{what} is {_shown(value)}, which has no name")
        return name, self.mapping(
            {} if configuration is None else configuration, f"the configuration of {what}"
        )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
