"""The codec chain of an array, sorted into its three parts and checked; the same for v2 and v3.

A chain encodes by zero or more codecs from array to array, one from array to bytes, and zero or more from
bytes to bytes (Zarr v3 core specification, "Codecs"). v2 says `order` and, by its dtype, byte order; here
they are codecs as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from vczero.chunks import filters
from vczero.chunks.compressors import BUILDERS, BytesCodec
from vczero.chunks.documents import MAX_CHUNK_BYTES, CodecSpec
from vczero.chunks.dtypes import is_variable_length
from vczero.chunks.filters import Filter, build_filter
from vczero.chunks.metadata import ArrayMeta
from vczero.errors import MetadataError, UnsupportedError

__all__ = ["Chain", "Transpose", "UnknownCodecError", "parse_chain"]

_SERIALIZERS = frozenset({"bytes", "vlen-utf8", "vlen-bytes", "numcodecs.vlen-utf8", "numcodecs.vlen-bytes"})
_ARRAY_CODECS = filters.NAMES | {"transpose"}
# These run code that the data bring along.
_DANGEROUS = frozenset({"numcodecs.pickle"})

T = TypeVar("T")


class UnknownCodecError(Exception):
    """The chain has a codec, or an order of codecs, that only zarr-python may know; the argument names it."""


class Transpose(NamedTuple):
    """Axis i of the encoded elements is axis `order[i]` of the decoded ones, whose shape is `shape`."""

    order: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """Shape of the encoded elements."""
        return tuple(self.shape[axis] for axis in self.order)


class Chain(NamedTuple):
    """How the chunks of one array are stored.

    Attributes:
        array_codecs: in encode order.
        stored: "bytes", or how values of variable length are.
        stored_dtype: of the elements as they lie in the bytes; the array's own where values vary in length.
        bytes_codecs: in encode order.
        sizes: of the decoded bytes of each of `bytes_codecs`, then of the stored chunk; None where only the
            data tell.
    """

    array_codecs: tuple[Transpose | Filter, ...]
    stored: Literal["bytes", "vlen-utf8", "vlen-bytes"]
    stored_dtype: np.dtype[Any]
    bytes_codecs: tuple[tuple[str, BytesCodec], ...]
    sizes: tuple[int | None, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the decoded bytes are the elements in C order, without filters."""
        return not self.array_codecs and self.stored == "bytes"


def parse_chain(meta: ArrayMeta) -> Chain:
    """The chain of `meta`, ready for a decoder.

    Raises:
        UnknownCodecError: zarr-python may know more.
        MetadataError: the chain, or a codec's configuration, makes no sense.
        UnsupportedError: a codec that vczero refuses.
    """
    array_specs, serializer, bytes_specs = _split(meta)
    size = math.prod(meta.chunk_shape)
    array_codecs: list[Transpose | Filter] = []
    shape = meta.chunk_shape
    dtype = meta.dtype
    nbytes: int | None = None if is_variable_length(dtype) else size * dtype.itemsize
    for spec in array_specs:
        if spec.name == "transpose":
            if any(isinstance(codec, Filter) for codec in array_codecs):
                raise UnknownCodecError("transpose behind a filter")
            order = _transpose_order(meta, spec, len(shape))
            transpose = Transpose(order, shape)
            array_codecs.append(transpose)
            shape = transpose.stored_shape
        elif nbytes is None:
            raise _bad(meta, f"the filter {spec.name} over values of variable length")
        else:
            found = _build(meta, spec, partial(build_filter, spec.name, spec.configuration, size, dtype))
            array_codecs.append(found)
            nbytes = found.encoded_nbytes
    if nbytes is not None and nbytes > MAX_CHUNK_BYTES:
        raise UnsupportedError(
            f"array {meta.name!r}: chunks of {nbytes} bytes are not supported", array=meta.name
        )
    filtered = any(isinstance(codec, Filter) for codec in array_codecs)
    stored, stored_dtype = _serializer(meta, serializer, filtered=filtered)
    bytes_codecs = []
    sizes: list[int | None] = [nbytes]
    for spec in bytes_specs:
        configuration = _with_defaults(meta, spec)
        codec = _build(meta, spec, partial(BUILDERS[spec.name], configuration))
        bytes_codecs.append((spec.name, codec))
        last = sizes[-1]
        sizes.append(None if last is None or codec.encoded_size is None else codec.encoded_size(last))
    return Chain(tuple(array_codecs), stored, stored_dtype, tuple(bytes_codecs), tuple(sizes))


def _split(meta: ArrayMeta) -> tuple[list[CodecSpec], CodecSpec, list[CodecSpec]]:
    """The three parts; a v2 chain gets the codecs that it implies."""
    specs = list(meta.codecs)
    for spec in specs:
        if spec.name in _DANGEROUS:
            raise UnsupportedError(
                f"array {meta.name!r}: the codec {spec.name} is refused: to decode it can run any code",
                array=meta.name,
                feature=spec.name,
            )
        if spec.name not in _ARRAY_CODECS and spec.name not in _SERIALIZERS and spec.name not in BUILDERS:
            raise UnknownCodecError(spec.name)
    if meta.zarr_format == 2:
        if meta.order == "F" and meta.ndim > 1:
            specs.insert(0, CodecSpec("transpose", {"order": list(range(meta.ndim))[::-1]}))
        if not any(spec.name in _SERIALIZERS for spec in specs):
            at = next((i for i, spec in enumerate(specs) if spec.name not in _ARRAY_CODECS), len(specs))
            specs.insert(at, CodecSpec("bytes", {"endian": "stored"}))
    kinds = "".join("a" if s.name in _ARRAY_CODECS else "s" if s.name in _SERIALIZERS else "b" for s in specs)
    at = kinds.find("s")
    if kinds.count("s") != 1 or "b" in kinds[:at] or "a" in kinds[at:]:
        if meta.zarr_format == 2:
            raise UnknownCodecError("filters in this order")
        raise _bad(meta, f"the codecs {', '.join(spec.name for spec in specs)}, in this order")
    return specs[:at], specs[at], specs[at + 1 :]


def _serializer(
    meta: ArrayMeta, spec: CodecSpec, *, filtered: bool
) -> tuple[Literal["bytes", "vlen-utf8", "vlen-bytes"], np.dtype[Any]]:
    name = spec.name.removeprefix("numcodecs.")
    expected = {"T": "vlen-utf8", "O": "vlen-bytes"}.get(meta.dtype.kind, "bytes")
    if name != expected:
        if meta.zarr_format == 2:
            raise UnknownCodecError(f"{name} for {meta.dtype}")
        raise _bad(meta, f"the codec {name} for values of {meta.dtype}")
    if name == "vlen-utf8":
        return "vlen-utf8", meta.dtype
    if name == "vlen-bytes":
        return "vlen-bytes", meta.dtype
    endian = spec.configuration.get("endian")
    if endian not in ("little", "big", "stored", None):
        raise _bad(meta, f"the byte order {endian!r}")
    if filtered and endian == "big":
        raise UnknownCodecError("bytes in another order than the filters name")
    if endian == "stored" or filtered or meta.dtype.byteorder == "|":  # a filter names the order of its own
        return "bytes", meta.dtype
    if endian is None:
        raise _bad(meta, f"the codec bytes without a byte order for values of {meta.dtype}")
    return "bytes", meta.dtype.newbyteorder("<" if endian == "little" else ">")


def _transpose_order(meta: ArrayMeta, spec: CodecSpec, ndim: int) -> tuple[int, ...]:
    order = spec.configuration.get("order")
    if order in ("C", "F"):  # zarr-python wrote these before the specification was final
        order = list(range(ndim)) if order == "C" else list(range(ndim))[::-1]
    if not isinstance(order, list | tuple) or sorted(map(repr, order)) != sorted(map(repr, range(ndim))):
        raise _bad(meta, f"the axes {order!r} of a transpose codec")
    return tuple(order)


def _with_defaults(meta: ArrayMeta, spec: CodecSpec) -> Mapping[str, Any]:
    """The configuration of `spec`, with what v3 lets a codec take from the array."""
    defaulted = spec.name == "numcodecs.shuffle" and spec.configuration.get("elementsize") is None
    if defaulted and meta.zarr_format == 3:
        return {**spec.configuration, "elementsize": meta.dtype.itemsize}
    return spec.configuration


def _build(meta: ArrayMeta, spec: CodecSpec, build: Callable[[], T]) -> T:
    try:
        return build()
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise _bad(meta, f"the configuration of {spec.name} ({type(error).__name__}: {error})") from None


def _bad(meta: ArrayMeta, what: str) -> MetadataError:
    return MetadataError(f"array {meta.name!r}: {what[:200]} makes no sense", array=meta.name)
