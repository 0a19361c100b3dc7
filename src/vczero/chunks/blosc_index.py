"""The anatomy of a Blosc chunk, format 2 as c-blosc 1.21 writes it: which stored bytes hold which bytes.

Sixteen bytes of header: version, codec version, flags, typesize, then uncompressed bytes, block size and
stored bytes (uint32, little-endian). Flags: 1 byte shuffle, 2 stored uncompressed, 4 bitshuffle, 16 blocks
are not split, the top three bits the codec. Unless it is stored uncompressed, the start of each block
follows (uint32), then the blocks, in any order. Each block decodes by itself.

`nbytes` is always what the array's metadata promise; a chunk that says otherwise is refused. All functions
raise `ChunkError` for bytes that are not such a chunk, with the reason alone: the caller knows array, chunk
and key.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vczero.errors import ChunkError
from vczero.kernels.gather import Shuffle

if TYPE_CHECKING:
    from vczero.chunks.stores import Buffer, ByteRange, Fetch

__all__ = [
    "Header",
    "Index",
    "SparseBlosc",
    "byte_ranges",
    "fetch",
    "needed_blocks",
    "open_chunk",
    "read_header",
    "read_index",
    "read_whole_header",
]

HEADER_BYTES: Final = 16
# c-blosc seldom makes smaller blocks: the first request for a chunk nearly always brings all offsets.
LIKELY_BLOCK_BYTES: Final = 16 * 1024
SHUFFLE, MEMCPY, BITSHUFFLE, UNSPLIT = 0x01, 0x02, 0x04, 0x10
_ZSTD: Final = (4, 1)  # codec and its version

header_struct: Final = struct.Struct("<4B3I")


class Header(NamedTuple):
    """The first 16 bytes of a Blosc chunk."""

    version: int
    codec_version: int
    flags: int
    typesize: int
    nbytes: int
    block_bytes: int
    stored_bytes: int

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return -(-self.nbytes // self.block_bytes)

    @property
    def index_bytes(self) -> int:
        """The length of header and offsets."""
        return HEADER_BYTES if self.is_plain else HEADER_BYTES + 4 * self.blocks

    @property
    def is_plain(self) -> bool:
        """Are the bytes stored as they are?"""
        return bool(self.flags & MEMCPY)

    @property
    def is_zstd(self) -> bool:
        """Is each block one Zstandard frame, or stored as it is?"""
        return (self.flags >> 5, self.codec_version) == _ZSTD and bool(self.flags & UNSPLIT)

    @property
    def has_planes(self) -> bool:
        """Are they compressed bit planes of one-byte elements?"""
        return self.typesize == 1 and self.shuffle == "bits"

    @property
    def shuffle(self) -> Shuffle:
        """How the elements of a decompressed block lie, as long as they have not been put in order."""
        if self.is_plain:
            return "none"
        if self.flags & BITSHUFFLE:
            return "bits"
        return "bytes" if self.flags & SHUFFLE and self.typesize > 1 else "none"


class Index(NamedTuple):
    """Where the blocks of a chunk are stored.

    Attributes:
        header: of the whole chunk.
        starts, stops: int64 (blocks,). First byte of each stored block and first byte behind it.
    """

    header: Header
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SparseBlosc:
    """Some blocks of a Blosc chunk, which decode like the whole.

    Attributes:
        index: of the whole chunk.
        starts: where each piece was stored, ascending.
        pieces: stored bytes.
    """

    index: Index
    starts: tuple[int, ...]
    pieces: tuple[Buffer, ...]

    @property
    def nbytes(self) -> int:
        """Stored bytes held."""
        return sum(map(len, self.pieces))

    def stored(self, start: int, stop: int) -> memoryview:
        """Bytes [start, stop) of the stored chunk.

        Raises:
            ChunkError: they were not fetched, or the object ends before them.
        """
        number = bisect_right(self.starts, start) - 1
        if number < 0 or stop - self.starts[number] > len(self.pieces[number]):
            raise ChunkError(f"the chunk ends before byte {stop}, or has changed since its index was read")
        start -= self.starts[number]
        return memoryview(self.pieces[number])[start : stop - self.starts[number]]

    def of_blocks(self, blocks: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Bytes that hold these blocks, at least one, as they are stored, and where in them each begins.

        Raises:
            ChunkError: as `stored`.
        """
        starts, stops = self.index.starts[blocks], self.index.stops[blocks]
        if len(self.pieces) == 1:
            first = int(starts.min())
            return np.frombuffer(self.stored(first, int(stops.max())), np.uint8), starts - first
        lengths = stops - starts
        data = b"".join(map(self.stored, starts.tolist(), stops.tolist()))
        return np.frombuffer(data, np.uint8), np.cumsum(lengths) - lengths


def read_header(data: Buffer, nbytes: int) -> Header:
    """The header of a chunk that should hold `nbytes` bytes; `data` is its beginning.

    Raises:
        ChunkError: it is no Blosc header, it contradicts itself, or it promises other than `nbytes` bytes.
    """
    if len(data) < HEADER_BYTES:
        raise ChunkError(f"a Blosc chunk has at least {HEADER_BYTES} bytes, this one has {len(data)}")
    header = Header._make(header_struct.unpack_from(data))
    if header.version not in (1, 2):
        raise ChunkError(f"Blosc format version {header.version} is none that c-blosc 1 writes")
    if header.nbytes != nbytes:
        raise ChunkError(f"the Blosc header promises {header.nbytes} decoded bytes, the metadata {nbytes}")
    if nbytes and (not header.typesize or not 0 < header.block_bytes <= max(nbytes, HEADER_BYTES)):
        raise ChunkError(
            f"the Blosc header has blocks of {header.block_bytes} bytes and elements of {header.typesize}"
        )
    least = HEADER_BYTES + nbytes if header.is_plain else header.index_bytes if nbytes else HEADER_BYTES
    if header.stored_bytes < least:
        raise ChunkError(f"the Blosc header promises {header.stored_bytes} stored bytes: too few")
    return header


def read_index(header: Header, data: Buffer) -> Index:
    """Where the blocks are; `data` is the chunk's beginning, at least `header.index_bytes` of it.

    Raises:
        ChunkError: offsets are missing, point outside the chunk, or two are the same.
    """
    if len(data) < header.index_bytes:
        raise ChunkError(f"the chunk ends within its block offsets, after {len(data)} bytes")
    if header.is_plain:
        starts = np.arange(header.blocks, dtype=np.int64) * header.block_bytes + HEADER_BYTES
        return Index(header, starts, np.append(starts[1:], HEADER_BYTES + header.nbytes))
    starts = np.frombuffer(data, "<u4", header.blocks, HEADER_BYTES).astype(np.int64)
    order = starts.argsort(kind="stable")
    stops = np.empty_like(starts)
    stops[order] = np.append(starts[order[1:]], header.stored_bytes)
    if starts[order[0]] < header.index_bytes or (stops - starts).min() < 4:
        raise ChunkError("the Blosc chunk's block offsets point outside it, or at one another")
    return Index(header, starts, stops)


def read_whole_header(data: Buffer, nbytes: int) -> Header:
    """`read_header` of `data`, a whole chunk.

    Raises:
        ChunkError: as there, or the chunk is longer or shorter than its header says.
    """
    header = read_header(data, nbytes)
    if header.stored_bytes != len(data):
        raise ChunkError(f"the Blosc header promises {header.stored_bytes} bytes, the chunk has {len(data)}")
    return header


def open_chunk(data: Buffer, nbytes: int) -> SparseBlosc:
    """A whole chunk of `nbytes` bytes with its index read, for several calls on one chunk.

    Raises:
        ChunkError: the bytes are not a Blosc chunk of that size.
    """
    header = read_whole_header(data, nbytes)
    return SparseBlosc(read_index(header, data), (0,), (data,))


def needed_blocks(index: Index, spans: Sequence[tuple[int, int]]) -> npt.NDArray[np.intp]:
    """Numbers of the blocks that hold some byte of the `spans` [start, stop); ascending."""
    size = index.header.block_bytes
    needed = np.zeros(len(index.starts), np.bool_)
    for start, stop in spans:
        if start < stop:
            needed[start // size : -(-stop // size)] = True
    return np.flatnonzero(needed)


def byte_ranges(
    index: Index, wanted: Sequence[tuple[int, int]], *, request_bytes: int, have_bytes: int = 0
) -> tuple[ByteRange, ...] | None:
    """The stored ranges, (start, length) ascending, that hold wanted bytes; `None`: fetching all is cheaper.

    Args:
        index: of the chunk.
        wanted: ranges [start, stop) of uncompressed bytes.
        request_bytes: what one more range costs, in bytes that could be read instead; ranges that lie no
            further apart are merged.
        have_bytes: so many stored bytes, from the first on, are there already.
    """
    blocks = needed_blocks(index, wanted)
    blocks = blocks[index.stops[blocks] > have_bytes]
    merged: list[list[int]] = []
    starts = np.maximum(index.starts[blocks], have_bytes)
    for start, stop in sorted(zip(starts.tolist(), index.stops[blocks].tolist(), strict=True)):
        if merged and start - merged[-1][1] <= request_bytes:
            merged[-1][1] = stop
        else:
            merged.append([start, stop])
    cost = sum(stop - start + request_bytes for start, stop in merged)
    if merged and cost >= index.header.stored_bytes - have_bytes:
        return None
    return tuple((start, stop - start) for start, stop in merged)


def fetch(
    key: str,
    nbytes: int,
    wanted: Sequence[tuple[int, int]],
    *,
    request_bytes: int,
    base: int = 0,
    size: int | None = None,
) -> Fetch[Buffer | SparseBlosc | None]:
    """The chunk, or the blocks of it that hold `wanted`, in two requests (seldom three); `None` if absent.

    The first request is for the offsets of the blocks, and for as many bytes behind them as the ranges that
    may be asked for next will cost: a small chunk of which much is wanted comes at once.

    Args:
        key: of the stored object.
        nbytes: uncompressed bytes of the chunk.
        wanted: ranges [start, stop) of uncompressed bytes.
        request_bytes: see `byte_ranges`.
        base: where the chunk begins within the object.
        size: its length there; `None`: up to the end of the object.

    Raises:
        ChunkError: the bytes are not a Blosc chunk of that size.
    """
    from vczero.chunks.stores import Request

    head = max(HEADER_BYTES + 4 * (nbytes // LIKELY_BLOCK_BYTES), 256, (len(wanted) - 1) * request_bytes)
    if size is not None:
        head = min(head, size)
    reply = yield Request(key, ((base, head),))
    if not isinstance(reply, list):
        return None
    data: Buffer = reply[0]
    if len(data) < head or head == size:
        return data
    header = read_header(data, nbytes)
    if size not in (None, header.stored_bytes):
        raise ChunkError(f"the Blosc header promises {header.stored_bytes} bytes, the chunk has {size}")
    data = yield from _more(key, base, data, header.index_bytes)
    index = read_index(header, data)
    ranges = byte_ranges(index, wanted, request_bytes=request_bytes, have_bytes=len(data))
    if ranges is None:
        return (yield from _more(key, base, data, header.stored_bytes))
    if not ranges:
        return SparseBlosc(index, (0,), (data,))
    reply = yield Request(key, tuple((base + start, length) for start, length in ranges))
    pieces: list[Buffer] = list(reply) if isinstance(reply, list) else [b""] * len(ranges)
    starts = [start for start, _ in ranges]
    if starts[0] == len(data):  # neighbouring blocks are to lie in one piece
        starts[0], pieces[0] = 0, b"".join((data, pieces[0]))
    else:
        starts.insert(0, 0)
        pieces.insert(0, data)
    return SparseBlosc(index, tuple(starts), tuple(pieces))


def _more(key: str, base: int, data: Buffer, upto: int) -> Fetch[Buffer]:
    from vczero.chunks.stores import Request

    if len(data) >= upto:
        return data
    reply = yield Request(key, ((base + len(data), upto - len(data)),))
    return b"".join((data, *reply)) if isinstance(reply, list) else data
