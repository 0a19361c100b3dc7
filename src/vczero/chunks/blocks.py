"""`BlockReader`: one array's chunks by coordinates, without an Array layer.

    reader = BlockReader(zarr.open_array("store.vcz/call_genotype", mode="r"))
    block = reader.read_chunk((3, 0, 0))

Fetching and decoding are separate acts: `fetch` (or `requests`, which is the I/O as data) gives an `EncodedChunk` that refers to
no store, `decode` makes the array of it, on any thread.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.chunks.codecs import compile_decoder
from vczero.chunks.metadata import ArrayMeta, meta_from_zarr
from vczero.chunks.shards import ShardIndex, ShardLayout, merge_ranges
from vczero.chunks.stores import AnyStore, Buffer, ByteRange, Fetch, Request, run_fetch
from vczero.errors import ChunkError, SelectionError
from vczero.strings import Strings

if TYPE_CHECKING:
    import zarr

__all__ = ["BlockReader", "EncodedChunk", "Rows"]

Rows: TypeAlias = slice | tuple[slice, ...] | None
"""Rows of a chunk: a slice with step 1, several of them that ascend and do not touch each other's rows, or all."""

# Ranges of one object are merged where less lies between them than costs as much as a range by itself: a system call on
# the one hand, a round trip on the other.
_GAP_BYTES_SYNCHRONOUS: Final = 16 * 2**10
_GAP_BYTES_ASYNCHRONOUS: Final = 256 * 2**10
_INDEX_CACHE_BYTES: Final = 32 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class EncodedChunk:
    """One chunk as stored, complete in itself.

    Attributes:
        coords: of the chunk.
        rows: what was asked for.
        data: the stored bytes; `None` where the chunk is absent and has the fill value everywhere.
    """

    coords: tuple[int, ...]
    rows: Rows
    data: Buffer | None

    @property
    def nbytes(self) -> int:
        """Stored bytes held."""
        return 0 if self.data is None else len(self.data)


class BlockReader:
    """Reads the chunks of one array; any number of threads may use it at once."""

    def __init__(self, source: ArrayMeta | zarr.Array[Any], store: AnyStore | None = None) -> None:
        """
        Args:
            source: the array's metadata; or a `zarr.Array`.
            store: where its chunks are; may be left out for a `zarr.Array`.

        Raises:
            UnsupportedError: The array has a feature that vczero does not read.
        """
        if not isinstance(source, ArrayMeta):
            if store is None:
                from vczero.chunks.zarrstore import store_from_zarr

                store = store_from_zarr(source.store)
            source = meta_from_zarr(source)
        elif store is None:
            raise TypeError("BlockReader of an ArrayMeta needs a store")
        self.meta = source
        self.store: AnyStore = store
        self.cdata_shape = source.cdata_shape
        self._decoder = compile_decoder(source)
        self._layout = ShardLayout(source) if source.shard is not None else None
        self._indexes = _IndexCache(_INDEX_CACHE_BYTES)
        self._gap = _GAP_BYTES_SYNCHRONOUS if store.synchronous else _GAP_BYTES_ASYNCHRONOUS

    def __repr__(self) -> str:
        meta = self.meta
        return f"<BlockReader {meta.name!r} shape={meta.shape} chunks={meta.chunk_shape} {meta.dtype}>"

    def chunk_key(self, coords: Sequence[int]) -> str:
        """Key of the stored object that holds the chunk."""
        return self.meta.chunk_key(self._checked(coords))

    def actual_chunk_shape(self, coords: Sequence[int]) -> tuple[int, ...]:
        """The chunk's shape, clamped at the array's edge."""
        return self._shape(self._checked(coords))

    def requests(self, coords: Sequence[int], rows: Rows = None) -> Fetch[EncodedChunk]:
        """The I/O for one chunk, or some rows of it.

        Raises:
            SelectionError: No such chunk, or rows that are not in it.
            ChunkError: The shard's index is damaged.
        """
        coords = self._checked(coords)
        rows = checked_rows(rows, self._shape(coords))
        if self._layout is None:
            data = yield Request(self.meta.chunk_key(coords))
            return EncodedChunk(coords, rows, _whole(data))
        (encoded,) = yield from self._requests_of_shard([coords], rows)
        return encoded

    def requests_many(self, coords_list: Sequence[Sequence[int]]) -> Fetch[list[EncodedChunk]]:
        """The I/O for several chunks of one stored object (`chunk_key`), in the order given, in few merged ranges.

        Raises:
            SelectionError: No such chunk, or chunks of different objects.
            ChunkError: The shard's index is damaged.
        """
        checked = [self._checked(coords) for coords in coords_list]
        if len({self.meta.chunk_key(coords) for coords in checked}) > 1:
            raise SelectionError(f"{self.meta.name}: chunks of several stored objects asked for at once")
        if self._layout is not None and checked:
            return (yield from self._requests_of_shard(checked, None))
        result = []
        for coords in checked:
            result.append((yield from self.requests(coords)))
        return result

    def fetch(self, coords: Sequence[int], rows: Rows = None) -> EncodedChunk:
        """The stored bytes of one chunk, as far as they are needed for `rows`; for synchronous stores.

        Raises:
            SelectionError: No such chunk, or rows that are not in it.
            StoreError: The store fails.
            ChunkError: The shard's index is damaged.
        """
        store = self.store
        if not store.synchronous:
            raise SelectionError(f"{self.meta.name}: {store.name} is asynchronous: run `requests` instead")
        if rows is None and self._layout is None:
            coords = self._checked(coords)
            return EncodedChunk(coords, None, store.get(self.meta.chunk_key(coords)))
        return run_fetch(self.requests(coords, rows), store)

    def decode(self, encoded: EncodedChunk, out: npt.NDArray[Any] | None = None) -> npt.NDArray[Any] | Strings:
        """The chunk's elements, (chunk or rows, other axes ...), of the array's dtype; `Strings` for those of variable length.

        Args:
            encoded: what `fetch` or `requests` gave.
            out: array to decode into and return, of the result's shape and dtype; may be strided along axis 0.

        Raises:
            ChunkError: The bytes do not decode to what the metadata promises.
        """
        coords, rows = encoded.coords, encoded.rows
        try:
            if isinstance(rows, tuple):
                return self._decode_runs(encoded, rows, out)
            return self._decoder.decode(encoded.data, self._shape(coords), out=out, rows=rows)
        except ChunkError as error:
            raise self._chunk_error(coords, error) from error

    def read_chunk(
        self, coords: Sequence[int], rows: Rows = None, out: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """The chunk, or some rows of it, as `zarr.Array.blocks` gives it (for a sharded array: one inner chunk).

        Text of variable length comes as a new `StringDType` array, which must stay on the calling thread (numpy issue 31415).

        Raises:
            SelectionError: No such chunk, or rows that are not in it.
            StoreError: The store fails.
            ChunkError: The bytes do not decode to what the metadata promises.
        """
        decoded = self.decode(self.fetch(coords, rows), out)
        return decoded.to_numpy() if isinstance(decoded, Strings) else decoded

    def _checked(self, coords: Sequence[int]) -> tuple[int, ...]:
        grid = self.cdata_shape
        coords = tuple(coords)
        if len(coords) == len(grid):
            for coord, count in zip(coords, grid, strict=True):
                if not 0 <= coord < count:
                    break
            else:
                return coords
        raise SelectionError(f"{self.meta.name} has no chunk {coords}: its grid is {grid}")

    def _shape(self, coords: tuple[int, ...]) -> tuple[int, ...]:
        meta = self.meta
        axes = zip(coords, meta.chunk_shape, meta.shape, strict=True)
        return tuple(min(chunk, length - coord * chunk) for coord, chunk, length in axes)

    def _chunk_error(self, coords: tuple[int, ...], error: ChunkError) -> ChunkError:
        name, key = self.meta.name, self.meta.chunk_key(coords)
        at = ".".join(map(str, coords))
        message = f"{self.store.name}: array {name}, chunk {at} ({key}): {error}"
        return ChunkError(message, array=name, coords=coords, key=key)
