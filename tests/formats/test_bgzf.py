"""BGZF: what gzip reads back, in blocks that each stand alone."""

from __future__ import annotations

import gzip
import os
import struct

import pytest

from vczero.formats.bgzf import END_OF_FILE, compress


def blocks_of(data: bytes) -> list[bytes]:
    """The blocks, cut where their headers say."""
    made = []
    while data:
        assert data[:4] == b"\x1f\x8b\x08\x04"
        assert data[12:16] == b"BC\x02\x00"
        size = struct.unpack_from("<H", data, 16)[0] + 1
        made.append(data[:size])
        data = data[size:]
    return made


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("sizes", [[], [0], [1], [65280], [65281], [10, 70_000, 0, 5, 200_000], [3] * 1000])
def test_round_trip(level: int, sizes: list[int]) -> None:
    """Buffers of any size, with text that shrinks and bytes that do not."""
    for make in (os.urandom, lambda size: (b"0|0\t" * (size // 4 + 1))[:size]):
        buffers = [make(size) for size in sizes]
        data = b"".join(compress(buffers, level))
        assert b"".join(gzip.decompress(block) for block in blocks_of(data)) == b"".join(buffers)
        assert all(len(gzip.decompress(block)) <= 65280 for block in blocks_of(data))


def test_the_end_of_file_block() -> None:
    """It is an empty block, as the specification spells it."""
    assert blocks_of(END_OF_FILE) == [END_OF_FILE]
    assert gzip.decompress(END_OF_FILE) == b""
