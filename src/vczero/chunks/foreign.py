"""Chunks that only zarr-python can decode, through its own codec chain.

zarr-python is given an array in memory that has the codecs of the real one and, along axis 0, a place for
each call; the stored bytes become that place's chunk. Slow (an event loop between threads per chunk), and
right.
"""

from __future__ import annotations

import itertools
import json
import threading
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.chunks.compressors import Buffer
from vczero.chunks.documents import CodecSpec
from vczero.chunks.metadata import ArrayMeta
from vczero.errors import ChunkError, MissingDependencyError, UnsupportedError

__all__ = ["ForeignChunks"]

_PLACES = 2**20  # more than there are threads


class ForeignChunks:
    """Decodes whole chunks of one array by zarr-python; any number of threads at once."""

    def __init__(self, meta: ArrayMeta, codec: str) -> None:
        try:
            import zarr
            from zarr.core.buffer import default_buffer_prototype
            from zarr.storage import MemoryStore
        except ImportError:
            raise MissingDependencyError(
                f"array {meta.name!r} uses {codec}, which needs zarr-python: pip install 'vczero[zarr]'"
            ) from None
        self._ndim = meta.ndim
        self._places = itertools.count()
        self._only_place = threading.Lock()  # an array without axes has one place
        self._objects: dict[str, Any] = {}
        self._to_buffer = default_buffer_prototype().buffer.from_bytes
        key, document = _document(meta)
        self._objects[key] = self._to_buffer(json.dumps(document).encode())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # what zarr-python advises whoever writes is no news to a reader
                self._array = zarr.open_array(
                    MemoryStore(self._objects), mode="r", zarr_format=meta.zarr_format
                )
            self._key = self._array.metadata.encode_chunk_key
        except Exception as error:  # zarr-python raises many kinds for what it does not know
            raise UnsupportedError(
                f"array {meta.name!r}: {codec} is not supported ({_one_line(error)})",
                array=meta.name,
                feature=codec,
            ) from error

    def decode(self, data: Buffer) -> npt.NDArray[Any]:
        """The whole chunk, of the dtype that zarr-python gives it.

        Raises:
            ChunkError: zarr-python cannot decode it.
        """
        if self._ndim == 0:
            with self._only_place:
                return self._decode_at((), data)
        return self._decode_at((next(self._places) % _PLACES,) + (0,) * (self._ndim - 1), data)

    def _decode_at(self, coords: tuple[int, ...], data: Buffer) -> npt.NDArray[Any]:
        key = self._key(coords)
        self._objects[key] = self._to_buffer(bytes(data))
        try:
            return np.asarray(self._array.blocks[coords] if coords else self._array[()])
        except Exception as error:  # any codec may have run
            raise ChunkError(f"zarr-python cannot decode it ({_one_line(error)})") from error
        finally:
            del self._objects[key]


def _document(meta: ArrayMeta) -> tuple[str, Mapping[str, Any]]:
    """Key and metadata document of an array with the codecs of `meta` and a place for each call."""
    shape = [meta.chunk_shape[0] * _PLACES, *meta.chunk_shape[1:]] if meta.ndim else []
    document = {k: v for k, v in meta.document.items() if k not in ("attributes", "dimension_names")}
    document["shape"] = shape
    if meta.zarr_format == 2:
        return ".zarray", document | {"chunks": list(meta.chunk_shape)}
    grid = {"name": "regular", "configuration": {"chunk_shape": list(meta.chunk_shape)}}
    return "zarr.json", document | {"chunk_grid": grid, "codecs": [_codec(spec) for spec in meta.codecs]}


def _codec(spec: CodecSpec) -> Mapping[str, Any]:
    return (
        {"name": spec.name, "configuration": dict(spec.configuration)}
        if spec.configuration
        else {"name": spec.name}
    )


def _one_line(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text[:150]}"
