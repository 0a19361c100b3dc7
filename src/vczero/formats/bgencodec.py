"""How BGEN's probability blocks are compressed, and the layout whose sizes are known beforehand."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.formats.bgenids import Identities
from vczero.kernels.bgen import Values, block_sizes

__all__ = ["Codec", "Layout", "as_it_is", "stored_layout", "zlib_codec", "zstd_codec"]

Codec: TypeAlias = Callable[[Values, Identities], Values]
"""Makes what a file has of the blocks of variants."""

_STORED_BLOCK = 0xFFFF
_ZLIB_START = b"\x78\x01"
_EMPTY_STORED = bytes.fromhex("000000ffff")
_EMPTY_BOTH = bytes.fromhex("02000000ffff")  # an empty block of fixed codes, then an empty stored one
_LEAST_PADDING = 20


def as_it_is(blocks: Values, _: Identities) -> Values:
    """No compression."""
    return blocks


def zlib_codec(level: int) -> Codec:
    """zlib at a level of its own."""
    return lambda blocks, _: _each(blocks, lambda block: zlib.compress(block, level))


def zstd_codec(level: int) -> Codec:
    """Zstandard."""
    from numcodecs import zstd

    return lambda blocks, _: _each(blocks, lambda block: zstd.compress(block, level))


def _each(blocks: Values, compress: Callable[[bytes], bytes]) -> Values:
    data, offsets = blocks
    return _joined(compress(data[start:stop].tobytes()) for start, stop in pairwise(offsets.tolist()))


def _joined(parts: Iterable[bytes]) -> Values:
    parts = list(parts)
    ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), ends


@dataclass(frozen=True, slots=True)
class Layout:
    """zlib streams of stored blocks, of a size that follows from the number of alleles.

    A block that has less (samples of a smaller ploidy, phase) is filled up by empty deflate blocks, which
    every decompressor passes over: of 5 bytes and of 6, which make any number from 20.

    Attributes:
        names: of the samples.
        ploidy: the most that a sample has.
        padding: bytes of empty blocks where a block has its full size.
    """

    names: tuple[str, ...]
    ploidy: int
    padding: int

    def sizes(self, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """int64, (variants,): bytes of each stream."""
        whole = block_sizes(counts, len(self.names), self.ploidy)
        pieces = np.maximum(-(-whole // _STORED_BLOCK), 1)
        return np.asarray(whole + 5 * pieces + 6 + self.padding, np.int64)

    def store(self, blocks: Values, found: Identities) -> Values:
        """The stream of each block.

        Raises:
            RecordError: variants have to have one size, and a sample has another ploidy than the others.
        """
        data, offsets = blocks
        streams = []
        for row, (size, (start, stop)) in enumerate(
            zip(self.sizes(found.counts).tolist(), pairwise(offsets.tolist()), strict=True)
        ):
            block = data.data[start:stop]
            room = size - _stored_size(len(block))
            if room and not self.padding:
                sample = int(np.argmax((data[start + 8 : start + 8 + len(self.names)] & 63) < self.ploidy))
                raise found.refused(
                    row,
                    f"variants of a fixed size want samples of one ploidy, {self.ploidy}",
                    self.names[sample],
                )
            streams.append(_stream(block, room))
        return _joined(streams)


def stored_layout(names: Sequence[str], ploidy: int, *, exact: bool) -> Layout:
    """The layout for files of this ploidy; `exact`: without room for samples that have less."""
    return Layout(tuple(names), ploidy, 0 if exact or ploidy == 1 else _LEAST_PADDING)


def _stored_size(count: int) -> int:
    return count + 5 * max(-(-count // _STORED_BLOCK), 1) + 6


def _stream(block: memoryview, room: int) -> bytes:
    """A zlib stream of stored blocks with `room` bytes of empty ones."""
    sixes = room % 5
    parts = [_ZLIB_START, _EMPTY_BOTH * sixes, _EMPTY_STORED * ((room - 6 * sixes) // 5)]
    starts = range(0, max(len(block), 1), _STORED_BLOCK)
    for start in starts:
        piece = block[start : start + _STORED_BLOCK]
        length = len(piece).to_bytes(2, "little")
        parts += [bytes([start == starts[-1]]), length, bytes(byte ^ 0xFF for byte in length), bytes(piece)]
    return b"".join([*parts, zlib.adler32(block).to_bytes(4, "big")])
