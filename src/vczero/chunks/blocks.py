"""`BlockReader`: one array's chunks by coordinates, without an Array layer.

    reader = BlockReader(zarr.open_array("data.zarr/values", mode="r"))
    block = reader.read_chunk((3, 0, 0))

Fetching and decoding are separate acts: `fetch` (or `requests`, which is the I/O as data) gives an
`EncodedChunk` that refers to no store, `decode` makes the array of it, on any thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import prod
from operator import mul, sub
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy.typing as npt

from vczero.chunks import blosc_index
from vczero.chunks.blosc_index import SparseBlosc
from vczero.chunks.codecs import compile_decoder
from vczero.chunks.grid import Rows, row_runs
from vczero.chunks.metadata import ArrayMeta, meta_from_zarr
from vczero.chunks.shards import ShardIndex, ShardLayout, merge_ranges
from vczero.chunks.stores import AnyStore, Buffer, ByteRange, Fetch, Reply, Request, run_fetch_anywhere
from vczero.errors import ChunkError, SelectionError
from vczero.strings import Strings

if TYPE_CHECKING:
    import zarr

__all__ = ["BlockReader", "EncodedChunk", "Rows"]

# Ranges of one object are merged where less lies between them than costs as much as a range by itself: a
# system call on the one hand, a round trip on the other.
_GAP_BYTES_SYNCHRONOUS: Final = 64 * 2**10
_GAP_BYTES_ASYNCHRONOUS: Final = 256 * 2**10
# Fetching a part takes a request more than fetching the whole, first for the blocks' offsets. That pays from
# here on, in decoded bytes: a file of less is read in no time, an object of less comes in about the time of
# a round trip.
_PART_OF_BYTES_SYNCHRONOUS: Final = 2**20
_PART_OF_BYTES_ASYNCHRONOUS: Final = 8 * 2**20
_INDEX_CACHE_BYTES: Final = 32 * 2**20


class EncodedChunk(NamedTuple):
    """One chunk as stored, complete in itself.

    Attributes:
        coords: of the chunk.
        rows: what was asked for.
        data: the stored bytes, or those blocks of them that the rows need; `None` where the chunk is absent
            and has the fill value everywhere.
        parts: of several chunks that are read as one (`joined`), each of them; there is no `data` then.
    """

    coords: tuple[int, ...]
    rows: Rows
    data: Buffer | SparseBlosc | None
    parts: tuple[EncodedChunk, ...] = ()

    @property
    def nbytes(self) -> int:
        """Stored bytes held."""
        data = self.data
        if self.parts:
            return sum(part.nbytes for part in self.parts)
        return 0 if data is None else data.nbytes if isinstance(data, SparseBlosc) else len(data)


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
        self.meta = self.stored_meta = source  # what stands in for a reader may give another dtype
        self.row_work = prod(source.chunk_shape[1:]) * source.dtype.itemsize
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
            key = self.meta.chunk_key(coords)
            if rows is not None and (spans := self._spans(rows)):
                return EncodedChunk(coords, rows, (yield from self._blocks(coords, key, spans)))
            data = yield Request(key)
            return EncodedChunk(coords, rows, _whole(data))
        (encoded,) = yield from self._requests_of_shard([coords], rows)
        return encoded

    def requests_many(
        self, coords_list: Sequence[Sequence[int]], rows: Rows = None
    ) -> Fetch[list[EncodedChunk]]:
        """The I/O for several chunks of one stored object (`chunk_key`), or the same rows of each, in the
        order given, in few merged ranges.

        Raises:
            SelectionError: No such chunk, chunks of different objects, or rows that are not in them.
            ChunkError: The shard's index is damaged.
        """
        checked = [self._checked(coords) for coords in coords_list]
        if len({self.meta.chunk_key(coords) for coords in checked}) > 1:
            raise SelectionError(f"{self.meta.name}: chunks of several stored objects asked for at once")
        if self._layout is not None and checked:
            rows = checked_rows(rows, self._shape(checked[0]))
            return (yield from self._requests_of_shard(checked, rows))
        return [(yield from self.requests(checked[0], rows))] * len(checked) if checked else []

    def fetch(self, coords: Sequence[int], rows: Rows = None) -> EncodedChunk:
        """The stored bytes of one chunk, as far as they are needed for `rows`.

        On an asynchronous store each call runs an event loop of its own; many chunks are better read by a
        `Runtime`.

        Raises:
            SelectionError: No such chunk, or rows that are not in it.
            StoreError: The store fails.
            ChunkError: The shard's index is damaged.
        """
        store = self.store
        if rows is None and self._layout is None and store.synchronous:
            coords = self._checked(coords)
            return EncodedChunk(coords, None, store.get(self.meta.chunk_key(coords)))
        return run_fetch_anywhere(self.requests(coords, rows), store)

    def decode(
        self, encoded: EncodedChunk, out: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any] | Strings:
        """The chunk's elements, (chunk or rows, other axes ...), of the array's dtype; `Strings` for those
        of variable length.

        Args:
            encoded: what `fetch` or `requests` gave.
            out: array to decode into and return, of the result's shape and dtype; may be strided along axis
                0.

        Raises:
            ChunkError: The bytes do not decode to what the metadata promises.
            ValueError: `out` does not fit.
        """
        coords = encoded.coords
        try:
            return self._decoder.decode(encoded.data, self._shape(coords), out=out, rows=encoded.rows)
        except ChunkError as error:
            raise self._chunk_error(coords, error) from error

    def read_chunk(
        self, coords: Sequence[int], rows: Rows = None, out: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """The chunk, or some rows of it, as `zarr.Array.blocks` gives it (for a sharded array: one inner
        chunk).

        Text of variable length comes as a new `StringDType` array, which must stay on the calling thread
        (numpy issue 31415).

        Raises:
            SelectionError: No such chunk, or rows that are not in it.
            StoreError: The store fails.
            ChunkError: The bytes do not decode to what the metadata promises.
        """
        decoded = self.decode(self.fetch(coords, rows), out)
        if not isinstance(decoded, Strings):
            return decoded
        return decoded.to_bytes() if self.meta.dtype.kind == "O" else decoded.to_numpy()

    def reads_in_part(self, rows: int) -> bool:
        """Whether to read so many rows of a chunk costs about their share of reading it whole."""
        width = self._decoder.blosc_row_bytes
        if width is None or not self.store.synchronous:
            return False
        return wants_part(width * rows, width * self.meta.chunk_shape[0], synchronous=True)

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
        chunk = self.meta.chunk_shape
        return tuple(map(min, chunk, map(sub, self.meta.shape, map(mul, coords, chunk))))

    def _spans(self, rows: slice | tuple[slice, ...]) -> list[tuple[int, int]]:
        """The decoded bytes of `rows`; none where the whole chunk is as cheap, or cannot be read in part."""
        width = self._decoder.blosc_row_bytes
        if width is None:
            return []
        chunk_bytes = width * self.meta.chunk_shape[0]
        runs = row_runs(rows, self.meta.chunk_shape[0])
        wanted = width * sum(run.stop - run.start for run in runs)
        if not wants_part(wanted, chunk_bytes, synchronous=self.store.synchronous):
            return []
        return [(run.start * width, run.stop * width) for run in runs]

    def _blocks(
        self, coords: tuple[int, ...], key: str, spans: list[tuple[int, int]], place: ByteRange | None = None
    ) -> Fetch[Buffer | SparseBlosc | None]:
        """The Blosc blocks that hold `spans`, of a chunk that is an object or lies at a place within one."""
        chunk_bytes = (self._decoder.blosc_row_bytes or 0) * self.meta.chunk_shape[0]
        base, size = (0, None) if place is None else place
        try:
            return (
                yield from blosc_index.fetch(
                    key, chunk_bytes, spans, request_bytes=self._gap, base=base, size=size
                )
            )
        except ChunkError as error:
            raise self._chunk_error(coords, error) from error

    def _requests_of_shard(self, checked: list[tuple[int, ...]], rows: Rows) -> Fetch[list[EncodedChunk]]:
        layout = self._layout
        assert layout is not None
        key = self.meta.chunk_key(checked[0])
        index = yield from self._index(layout, key, checked[0])
        if index is None:
            return [EncodedChunk(coords, rows, None) for coords in checked]
        found: list[tuple[int, ByteRange]] = []
        for i, coords in enumerate(checked):
            try:
                place = index.locate(layout.number(coords))
            except ChunkError as error:
                raise self._chunk_error(coords, error) from error
            if place is not None:
                found.append((i, place))
        data: list[Buffer | SparseBlosc | None] = [None] * len(checked)
        if len(found) == 1 and rows is not None and (spans := self._spans(rows)):
            i, place = found[0]
            data[i] = yield from self._blocks(checked[i], key, spans, place)
        elif found:
            wanted = [place for _, place in found]
            merged = merge_ranges(wanted, gap=self._gap)
            reply = yield Request(key, merged.ranges)
            parts = merged.cut(_ranges(reply, merged.ranges), wanted)
            for (i, (_, length)), part in zip(found, parts, strict=True):
                if len(part) != length:
                    short = ChunkError(f"the shard ends before it: {len(part)} bytes of {length}")
                    raise self._chunk_error(checked[i], short)
                data[i] = part
        return [EncodedChunk(coords, rows, part) for coords, part in zip(checked, data, strict=True)]

    def _index(self, layout: ShardLayout, key: str, coords: tuple[int, ...]) -> Fetch[ShardIndex | None]:
        index = self._indexes.get(key)
        if index is None:
            reply = yield Request(key, (layout.index_range,))
            if reply is None:
                return None
            try:
                index = layout.parse_index(_ranges(reply, (layout.index_range,))[0])
            except ChunkError as error:
                raise self._chunk_error(coords, error) from error
            self._indexes.put(key, index)
        return index

    def _chunk_error(self, coords: tuple[int, ...], error: ChunkError) -> ChunkError:
        name, key = self.meta.name, self.meta.chunk_key(coords)
        at = ".".join(map(str, coords))
        message = f"{self.store.name}: array {name}, chunk {at} ({key}): {error}"
        return ChunkError(message, array=name, coords=coords, key=key)


def wants_part(wanted_bytes: int, chunk_bytes: int, *, synchronous: bool) -> bool:
    """Whether to fetch only the Blosc blocks that hold `wanted_bytes` of a chunk (both decoded), not the
    whole.

    >>> wants_part(20_000, 20_000_000, synchronous=False), wants_part(20_000, 4_000_000, synchronous=False)
    (True, False)
    """
    least = _PART_OF_BYTES_SYNCHRONOUS if synchronous else _PART_OF_BYTES_ASYNCHRONOUS
    return chunk_bytes >= least and 2 * wanted_bytes <= chunk_bytes


def checked_rows(rows: Rows, shape: tuple[int, ...]) -> Rows:
    """`rows` with all bounds spelled out; `None` where that is every row.

    Raises:
        SelectionError: A bound is negative or beyond the chunk, a step is not 1, or runs do not ascend.
    """
    if rows is None:
        return None
    if not shape:
        raise SelectionError("an array without axes has no rows")
    length = shape[0]
    checked = []
    end = 0
    for run in row_runs(rows, length):
        start = 0 if run.start is None else run.start
        stop = length if run.stop is None else run.stop
        if run.step not in (None, 1) or not end <= start <= stop <= length:
            raise SelectionError(f"rows {rows} of a chunk with {length} rows")
        checked.append(slice(start, stop))
        end = stop
    if not isinstance(rows, tuple):
        return None if checked[0] == slice(0, length) else checked[0]
    return tuple(run for run in checked if run.start < run.stop) or slice(0, 0)


def _whole(reply: Reply) -> Buffer | None:
    assert not isinstance(reply, list)
    return reply


def _ranges(reply: Reply, ranges: Sequence[ByteRange]) -> list[Buffer]:
    """The parts of a reply to a request for `ranges`; empty ones if the object has vanished since its index
    was read.
    """
    if reply is None:
        return [b""] * len(ranges)
    assert isinstance(reply, list)
    return reply


class _IndexCache:
    """Shard indexes by key: the most recent, up to a number of bytes. For any number of threads."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._nbytes = 0
        self._entries: OrderedDict[str, ShardIndex] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> ShardIndex | None:
        with self._lock:
            index = self._entries.get(key)
            if index is not None:
                self._entries.move_to_end(key)
            return index

    def put(self, key: str, index: ShardIndex) -> None:
        with self._lock:
            replaced = self._entries.pop(key, None)
            self._entries[key] = index
            self._nbytes += index.nbytes - (0 if replaced is None else replaced.nbytes)
            while self._nbytes > self._limit_bytes and len(self._entries) > 1:
                self._nbytes -= self._entries.popitem(last=False)[1].nbytes
