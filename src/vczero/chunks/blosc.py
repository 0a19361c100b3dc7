"""Decoding Blosc chunks, whole or no more of them than is wanted. The format is described in `blosc_index`.

    decompress_spans(data, nbytes, out, spans)                several byte ranges, each block decoded once,
                                                              to a view that is strided along axis 0
    count_rows(data, nbytes, spans, row_bytes, ...)           values counted per row, without making them
    code_rows(data, nbytes, spans, row_bytes, ...)            two-bit codes of pairs, without making them
    take_columns(data, nbytes, row_bytes, rows, starts, out)  some bytes of each row

`data` is a whole chunk, or the `SparseBlosc` that `blosc_index.fetch` returned, which holds some blocks
only (or `open_chunk`, for several calls on one chunk). `nbytes` is what the array's metadata promise: a
chunk that says otherwise is refused before anything is allocated.

Of bytes under bitshuffle (small numbers, flags) kernels decompress Zstandard frames themselves
(`kernels.stored`), so that a chunk is one call. Other frames are decompressed by `zstd.fill`, and what other
compressors made by numcodecs, which is imported for it only, some blocks at a time. All release the GIL. The
only state is memory and a decompressor for each thread. numcodecs takes a lock on the main thread only.

All raise `ChunkError` for bytes that are not such a chunk, with the reason alone: the caller knows array,
chunk and key.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.chunks import zstd
from vczero.chunks.blosc_index import (
    BITSHUFFLE,
    HEADER_BYTES,
    SHUFFLE,
    UNSPLIT,
    Header,
    Index,
    SparseBlosc,
    header_struct,
    needed_blocks,
    open_chunk,
    read_index,
    read_whole_header,
)
from vczero.errors import ChunkError
from vczero.kernels import bitplanes, gather
from vczero.kernels.stored import Stored, memory_bytes

if TYPE_CHECKING:
    from vczero.chunks.stores import Buffer

__all__ = [
    "code_rows",
    "count_rows",
    "decompress_spans",
    "take_columns",
]

Bytes: TypeAlias = npt.NDArray[np.uint8]
Int64s: TypeAlias = npt.NDArray[np.int64]

# What is decompressed at a time. Less, and the calls (each of which takes the GIL) cost more than the
# second-level cache saves; measured with 0.5, 1, 2 and 4 MiB, on blocks of 128 and 512 KiB.
RUN_BYTES: Final = 2 * 1024 * 1024
# Below this, finding the blocks for a kernel costs more than it saves (4 KB: 59 us against 21).
SMALL_BYTES: Final = 16 * 1024
# Where no more than one byte in so many of a row is wanted, it is taken from shuffled blocks as they are;
# else the blocks are put in order first. Measured on bit planes, rows of 20,000 bytes: taking one in 1,000
# cost three quarters of putting all in order, one in 100 the same, one in 50 a third more.
SINGLE_BYTES: Final = 100
# Scratch memory that a thread keeps; a larger block is given memory of its own.
SCRATCH_BYTES: Final = 4 * 1024 * 1024


def decompress_spans(
    data: Buffer | SparseBlosc, nbytes: int, out: Bytes, spans: Sequence[tuple[int, int]]
) -> None:
    """Decode byte ranges [start, stop), ascending and disjoint, one after the other; each block once.

    Args:
        data: the chunk.
        nbytes: its length, uncompressed.
        out: uint8 (rows, row bytes), may be strided along axis 0; the spans fill it in C order.
        spans: at least one.

    Raises:
        ChunkError: the bytes are not a Blosc chunk of that size. `out` may have been written to.
    """
    wanted = sum(stop - start for start, stop in spans)
    if out.size != wanted or not 0 <= spans[0][0] <= spans[-1][1] <= nbytes:
        raise ValueError(f"the spans of {nbytes} bytes do not fill {out.size}")
    if not isinstance(data, SparseBlosc):
        header = read_whole_header(data, nbytes)
        ours = header.has_planes and nbytes >= SMALL_BYTES
        if out.size == nbytes and out.flags.c_contiguous and not ours:
            if nbytes:
                _whole(header, data, out.reshape(-1))
            return
        data = SparseBlosc(read_index(header, data), (0,), (data,))
    header = _same_size(data, nbytes)
    places = np.array(spans, np.int64).reshape(-1, 2)
    copy = bitplanes.unshuffle_blocks if header.has_planes else bitplanes.copy_blocks
    blocks = needed_blocks(data.index, spans)
    _hand_over(data, blocks, lambda stored: copy(stored, places, out), ordered=not header.has_planes)


def count_rows(
    data: Buffer | SparseBlosc,
    nbytes: int,
    spans: Sequence[tuple[int, int]],
    row_bytes: int,
    used_bytes: int,
    counts: npt.NDArray[np.int32],
    width: int = 0,
) -> bool:
    """Add to `counts` how often each value occurs in each row, if the chunk holds bit planes of bytes.

    Args:
        data: the chunk.
        nbytes: its length, uncompressed.
        spans: whole rows, ascending and disjoint; each block is decompressed once for all of them.
        row_bytes: length of a row.
        used_bytes: how many bytes of each row count, from its start.
        counts, width: as for `kernels.bitplanes.count_blocks`.

    Returns:
        Whether it does, and blocks hold whole groups of `width`. If not, nothing was done.

    Raises:
        ChunkError: the bytes are not a Blosc chunk of that size. `counts` may have been added to.
    """
    if not isinstance(data, SparseBlosc):
        data = open_chunk(data, nbytes)
    header = _same_size(data, nbytes)
    if not header.has_planes or header.block_bytes % max(width, 1):
        return False
    blocks, rows = needed_blocks(data.index, spans), _row_starts(spans, row_bytes)
    _hand_over(data, blocks, lambda stored: bitplanes.count_blocks(stored, rows, used_bytes, counts, width))
    return True


def code_rows(
    data: Buffer | SparseBlosc,
    nbytes: int,
    spans: Sequence[tuple[int, int]],
    row_bytes: int,
    used_bytes: int,
    codes: Bytes,
    bad: npt.NDArray[np.uint32],
) -> bool:
    """Write the two-bit codes of pairs of bytes, row after row, if the chunk holds bit planes of bytes.

    Args:
        data: the chunk.
        nbytes: its length, uncompressed.
        spans: whole rows, ascending and disjoint.
        row_bytes: length of a row.
        used_bytes: how many bytes of each row are pairs that are wanted, from its start.
        codes, bad: as for `kernels.pairs.code_rows`; `bad` is 0.

    Returns:
        Whether it does, and rows begin at whole bytes of bits. If not, nothing was done.

    Raises:
        ChunkError: the bytes are not a Blosc chunk of that size. `codes` may have been written to.
    """
    if not isinstance(data, SparseBlosc):
        data = open_chunk(data, nbytes)
    header = _same_size(data, nbytes)
    if not header.has_planes or header.block_bytes % 8 or row_bytes % 8:
        return False
    from vczero.kernels import pairs

    blocks, rows = needed_blocks(data.index, spans), _row_starts(spans, row_bytes)
    _hand_over(data, blocks, lambda stored: pairs.code_blocks(stored, rows, used_bytes, codes, bad))
    return True


def take_columns(
    data: Buffer | SparseBlosc,
    nbytes: int,
    row_bytes: int,
    rows: Int64s,
    starts: Int64s,
    out: Bytes,
) -> None:
    """Decode some bytes of some rows; no more than some blocks are ever in memory.

    Args:
        data: the chunk.
        nbytes: its length, uncompressed.
        row_bytes: length of a row.
        rows: int64 (rows,), ascending.
        starts: int64 (places,): where in a row the wanted bytes begin, in any order.
        out: uint8 (rows, places x width), may be strided along axis 0: `width` bytes from each start on.

    Raises:
        ChunkError: the bytes are not a Blosc chunk of that size. `out` may have been written to.
    """
    if not out.size:
        return
    if not isinstance(data, SparseBlosc):
        data = open_chunk(data, nbytes)
    header = _same_size(data, nbytes)
    width = out.shape[1] // len(starts)
    wanted = gather.Wanted(rows * row_bytes, row_bytes, starts, width)
    blocks = _blocks_of(data.index, row_bytes, rows, starts, width)
    singly = out.shape[1] * SINGLE_BYTES <= row_bytes
    whole = header.has_planes and not singly
    ordered = not (header.has_planes or singly)
    shuffle: gather.Shuffle = "none" if ordered else header.shuffle
    _hand_over(
        data,
        blocks,
        lambda stored: gather.take(stored, wanted, out, shuffle, header.typesize, whole=whole),
        ordered=ordered,
    )


def _blocks_of(
    index: Index, row_bytes: int, rows: Int64s, starts: Int64s, width: int
) -> npt.NDArray[np.intp]:
    # The blocks that hold any of the bytes wanted; of rows shorter than blocks, those that hold the rows.
    size = index.header.block_bytes
    if row_bytes < 2 * size:
        first, last = rows * row_bytes + starts.min(), rows * row_bytes + starts.max() + width - 1
    else:
        first = np.add.outer(rows * row_bytes, starts).reshape(-1)
        last = first + width - 1
    count = len(index.starts) + 1
    steps = np.bincount(first // size, minlength=count) - np.bincount(last // size + 1, minlength=count)
    return np.flatnonzero(np.cumsum(steps[:-1]))


def _same_size(chunk: SparseBlosc, nbytes: int) -> Header:
    header = chunk.index.header
    if header.nbytes != nbytes:
        raise ChunkError(f"the Blosc header promises {header.nbytes} decoded bytes, the metadata {nbytes}")
    return header


def _row_starts(spans: Sequence[tuple[int, int]], row_bytes: int) -> Int64s:
    return np.concatenate([np.arange(start, stop, row_bytes, dtype=np.int64) for start, stop in spans])


def _hand_over(
    chunk: SparseBlosc, blocks: Int64s, kernel: Callable[[Stored], int], *, ordered: bool = False
) -> None:
    # Blocks to a kernel: bit planes as they are stored, others decompressed, and put in order or still
    # shuffled. What the kernel cannot decompress goes by way of the library, which says what is wrong.
    header = chunk.index.header
    size, nbytes = header.block_bytes, header.nbytes
    if not len(blocks):
        return
    if header.is_plain:
        kernel(Stored(*chunk.of_blocks(blocks), blocks, size, nbytes))
        return
    memory = _memory(size) if header.has_planes else None

    def by_library(blocks: Int64s) -> None:
        for numbers, plain in _groups(chunk, blocks, ordered=ordered):
            places = np.arange(0, len(plain), size, dtype=np.int64)
            kernel(Stored(plain, places, numbers, size, nbytes, memory))

    if not (header.is_zstd and header.has_planes):
        by_library(blocks)
        return
    data, starts = chunk.of_blocks(blocks)
    while len(blocks):
        done = kernel(Stored(data, starts, blocks, size, nbytes, memory, is_compressed=True))
        by_library(blocks[done : done + 1])
        blocks, starts = blocks[done + 1 :], starts[done + 1 :]


def _groups(chunk: SparseBlosc, blocks: Int64s, *, ordered: bool) -> Iterator[tuple[Int64s, Bytes]]:
    # Some of these blocks at a time, whether they are neighbours or not: their numbers, and their bytes one
    # after the other, decompressed into memory that is used again; what is shuffled is put in order, or left
    # as it is.
    header = chunk.index.header
    size = header.block_bytes
    at_most = max(RUN_BYTES // size, 1)
    scratch = _scratch(size * min(at_most, len(blocks)))
    before: list[memoryview] = []
    for begin in range(0, len(blocks), at_most):
        group = blocks[begin : begin + at_most]
        numbers = group.tolist()
        nbytes = size * (len(numbers) - 1) + min(size, header.nbytes - size * numbers[-1])
        run = scratch[:nbytes]
        if not header.is_zstd:
            _library(_rebuild(chunk, numbers, nbytes, ordered=ordered), run)
        else:
            starts, stops = chunk.index.starts[group].tolist(), chunk.index.stops[group].tolist()
            pieces = list(map(chunk.stored, starts, stops))
            if pieces != before:  # of flags that are all the same, blocks are, too
                _inflate(pieces, size, run)
                before = pieces
            if ordered and header.shuffle != "none":
                run = _scratch(nbytes, "ordered")
                for place in range(0, nbytes, size):
                    block = slice(place, min(place + size, nbytes))
                    gather.in_order(scratch[block], header.typesize, header.shuffle, run[block])
        yield group, run


def _whole(header: Header, data: Buffer, out: Bytes) -> None:
    # All blocks of a chunk, in order.
    if header.is_plain:
        out[:] = np.frombuffer(data, np.uint8, len(out), HEADER_BYTES)
        return
    if not header.is_zstd:
        _library(data, out)
        return
    if len(data) < header.index_bytes:
        raise ChunkError(f"the chunk ends within its block offsets, after {len(data)} bytes")
    view, size, shuffle = memoryview(data), header.block_bytes, header.shuffle
    starts = struct.unpack_from(f"<{header.blocks}I", data, HEADER_BYTES)
    if shuffle == "none":
        _inflate([view[start:] for start in starts], size, out)
        return
    for start, place in zip(starts, range(0, len(out), size), strict=True):
        block = out[place : place + size]
        stored = _scratch(len(block))
        _inflate([view[start:]], size, stored)
        gather.in_order(stored, header.typesize, shuffle, block)


def _inflate(pieces: Sequence[memoryview], size: int, out: Bytes) -> None:
    # Blocks, each behind its length, one after the other: in one call if all are frames, as each call takes
    # the GIL. A block that did not get shorter is stored as it is.
    frames = []
    is_each_frame = True
    for piece, place in zip(pieces, range(0, len(out), size), strict=True):
        stop = int.from_bytes(piece[:4], "little") + 4
        if stop > len(piece):
            raise ChunkError(f"the chunk ends within a block, {stop - len(piece)} bytes too early")
        frames.append(piece[4:stop])
        is_each_frame &= stop - 4 < min(size, len(out) - place)
    if is_each_frame:
        zstd.fill(frames[0] if len(frames) == 1 else b"".join(frames), out)
        return
    for frame, place in zip(frames, range(0, len(out), size), strict=True):
        block = out[place : place + size]
        if len(frame) == len(block):
            block[:] = np.frombuffer(frame, np.uint8)
        else:
            zstd.fill(frame, block)


def _rebuild(chunk: SparseBlosc, blocks: Sequence[int], nbytes: int, *, ordered: bool) -> bytes:
    # Blocks, which hold `nbytes` bytes, as a Blosc chunk of their own; where what is shuffled is to be left
    # as it is, without the flags.
    version, codec_version, flags, typesize, _, block_bytes, _ = chunk.index.header
    starts, stops = chunk.index.starts, chunk.index.stops
    at = HEADER_BYTES + 4 * len(blocks)
    offsets = []
    stored = []
    for block in blocks:
        piece = chunk.stored(int(starts[block]), int(stops[block]))
        stored.append(piece)
        offsets.append(at)
        at += len(piece)
    if not ordered:
        flags &= ~(SHUFFLE | BITSHUFFLE)
    if nbytes < block_bytes:  # the short last block, which is never split, would now be a full one
        flags |= UNSPLIT
        block_bytes = nbytes
    fresh = header_struct.pack(version, codec_version, flags, typesize, nbytes, block_bytes, at)
    return b"".join((fresh, struct.pack(f"<{len(offsets)}I", *offsets), *stored))


def _library(data: Buffer, out: Bytes) -> None:
    from numcodecs.blosc import decompress

    try:
        decompress(data, out)
    except (RuntimeError, ValueError) as error:
        raise ChunkError("the Blosc chunk does not decompress: its blocks are damaged") from error


_local = threading.local()


def _scratch(nbytes: int, purpose: Literal["stored", "ordered"] = "stored") -> Bytes:
    # Uninitialised memory of the thread's own, good until the next call for this purpose.
    return _kept(nbytes, purpose, np.empty)[:nbytes]


def _memory(block_bytes: int) -> Bytes:
    # What kernels need to decompress blocks.
    return _kept(memory_bytes(block_bytes), "frames", np.zeros)


def _kept(nbytes: int, purpose: str, make: Callable[[int, type[np.uint8]], Bytes]) -> Bytes:
    if nbytes > SCRATCH_BYTES:
        return make(nbytes, np.uint8)
    kept: Bytes | None = getattr(_local, purpose, None)
    if kept is None or len(kept) < nbytes:
        kept = make(nbytes, np.uint8)
        setattr(_local, purpose, kept)
    return kept
