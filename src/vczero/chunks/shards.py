"""Where the chunks of a shard lie in its stored object, and how to fetch several of them in few ranges. Pure.

Source: the Zarr codec `sharding_indexed`, version 1.0. The index is a uint64 array, (chunks per axis of the
    shard ..., 2): offset
and length of each chunk, both 2**64 - 1 where there is none. It has codecs of its own, of fixed size, and
lies at the start or the end of the object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vczero.chunks.codecs import Decoder, compile_decoder
from vczero.chunks.metadata import ArrayMeta
from vczero.chunks.stores import Buffer, ByteRange
from vczero.errors import ChunkError, UnsupportedError

__all__ = ["Merged", "ShardIndex", "ShardLayout", "merge_ranges"]

_ABSENT: Final = 2**64 - 1
_CHECKSUM_BYTES: Final = 4


class ShardIndex:
    """Offset and length of each chunk of one shard."""

    __slots__ = ("_entries", "nbytes")

    def __init__(self, entries: npt.NDArray[np.uint64]) -> None:
        self._entries = entries
        self.nbytes: int = entries.nbytes

    def locate(self, number: int) -> ByteRange | None:
        """The bytes of the chunk with this number (C order within the shard); `None` if there is none.

        Raises:
            ChunkError: No object can have those bytes.
        """
        offset, length = self._entries[number].tolist()
        if offset == _ABSENT and length == _ABSENT:
            return None
        if offset + length >= 2**63:
            raise ChunkError(f"the shard's index puts it at byte {offset}, {length} bytes long")
        return offset, length


class ShardLayout:
    """How the shards of one array are made: chunk numbers, and the place and the form of the index."""

    def __init__(self, meta: ArrayMeta) -> None:
        """
        Raises:
            UnsupportedError: The index is encoded by codecs whose size depends on its contents.
        """
        assert meta.shard is not None
        pairs = zip(meta.shard.shape, meta.chunk_shape, strict=True)
        self.chunks_per_shard = tuple(shard // chunk for shard, chunk in pairs)
        self._count = math.prod(self.chunks_per_shard)
        names = [codec.name for codec in meta.shard.index_codecs]
        if not names or set(names) - {"bytes", "crc32c"}:
            feature = f"a shard index encoded by {', '.join(names) or 'nothing'}"
            raise UnsupportedError(
                f"{meta.name}: {feature} is not supported", array=meta.name, feature=feature
            )
        nbytes = 16 * self._count + _CHECKSUM_BYTES * names.count("crc32c")
        self.index_range: ByteRange = (0 if meta.shard.index_location == "start" else -nbytes, nbytes)
        self._decoder = _index_decoder(meta, (*self.chunks_per_shard, 2))

    def number(self, coords: Sequence[int]) -> int:
        """The number within its shard (C order) of the chunk at `coords` of the array."""
        number = 0
        for coord, per_shard in zip(coords, self.chunks_per_shard, strict=True):
            number = number * per_shard + coord % per_shard
        return number

    def parse_index(self, data: Buffer) -> ShardIndex:
        """The index from the bytes of `index_range`.

        Raises:
            ChunkError: They are too few, or do not fit their checksum.
        """
        nbytes = self.index_range[1]
        if len(data) != nbytes:
            raise ChunkError(f"the shard's index has {len(data)} bytes instead of {nbytes}")
        try:
            entries = self._decoder.decode(data, (*self.chunks_per_shard, 2))
        except ChunkError as error:
            raise ChunkError(f"the shard's index is damaged: {error}") from error
        assert isinstance(entries, np.ndarray)
        return ShardIndex(entries.reshape(self._count, 2))


def _index_decoder(meta: ArrayMeta, shape: tuple[int, ...]) -> Decoder:
    assert meta.shard is not None
    index = replace(
        meta,
        shape=shape,
        chunk_shape=shape,
        dtype=np.dtype(np.uint64),
        fill_value=np.uint64(_ABSENT),
        order="C",
        codecs=meta.shard.index_codecs,
        shard=None,
        dimension_names=None,
    )
    return compile_decoder(index)


class Merged(NamedTuple):
    """Ranges that lie near each other, merged.

    Attributes:
        ranges: ascending, apart from each other.
        places: for each range given: in which of `ranges` it lies, and where in that.
    """

    ranges: tuple[ByteRange, ...]
    places: tuple[tuple[int, int], ...]

    def cut(self, parts: Sequence[Buffer], wanted: Sequence[ByteRange]) -> list[memoryview[Any]]:
        """The bytes of the ranges `wanted` that were merged, from the bytes of `ranges`; short where those
        are short.
        """
        views = [memoryview(part) for part in parts]
        pairs = zip(self.places, wanted, strict=True)
        return [views[part][start : start + length] for (part, start), (_, length) in pairs]


def merge_ranges(ranges: Sequence[ByteRange], *, gap: int) -> Merged:
    """The ranges (none from the end) merged where at most `gap` bytes lie between them. n log n.

    >>> merge_ranges([(100, 10), (0, 4), (112, 8)], gap=2)
    Merged(ranges=((0, 4), (100, 20)), places=((1, 0), (0, 0), (1, 12)))
    """
    merged: list[ByteRange] = []
    places: list[tuple[int, int]] = [(0, 0)] * len(ranges)
    for i in sorted(range(len(ranges)), key=ranges.__getitem__):
        start, length = ranges[i]
        if merged and start <= merged[-1][0] + merged[-1][1] + gap:
            first, so_far = merged[-1]
            merged[-1] = (first, max(so_far, start + length - first))
        else:
            merged.append((start, length))
        places[i] = (len(merged) - 1, start - merged[-1][0])
    return Merged(tuple(merged), tuple(places))
