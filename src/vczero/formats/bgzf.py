"""BGZF: gzip in blocks of at most 64 KiB, which indexes can point into (SAM specification, section 4.1).

`BgzfEncoder` compresses what another encoder makes, on the same worker: blocks stand by themselves.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

from vczero.formats.encoder import Buffer, Encoder
from vczero.vcz.schema import Batch

__all__ = ["BgzfEncoder", "compress"]

# As much as bgzip puts in a block: even text that cannot be compressed then fits the block's 16-bit size.
_BLOCK_BYTES = 0xFF00
_HEADER = struct.Struct("<4BI2BH2BHH")
_TRAILER = struct.Struct("<II")
_USUAL = 6
END_OF_FILE = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class BgzfEncoder:
    """What `inner` makes, as BGZF.

    Args:
        inner: makes the bytes to compress.
        level: of deflate, 0 (stored) to 9; -1: the usual one, 6.
    """

    def __init__(self, inner: Encoder, *, level: int = -1) -> None:
        self._inner = inner
        self._level = _USUAL if level < 0 else level

    @property
    def columns(self) -> frozenset[str]:
        """What `inner` needs."""
        return self._inner.columns

    @property
    def recomputed(self) -> frozenset[str]:
        """What `inner` wants computed."""
        return self._inner.recomputed

    def header(self) -> bytes:
        """The header, in blocks of its own."""
        return b"".join(compress([self._inner.header()], self._level))

    def encode(self, batch: Batch) -> list[bytes]:
        """The batch, in blocks of its own."""
        return list(compress(self._inner.encode(batch), self._level))

    def trailer(self) -> bytes:
        """What is left, and the empty block that says that the file is whole."""
        return b"".join(compress([self._inner.trailer()], self._level)) + END_OF_FILE


def compress(buffers: Iterable[Buffer], level: int) -> Iterator[bytes]:
    """BGZF blocks that hold the buffers' bytes, one after the other."""
    held = b""
    for buffer in buffers:
        view = memoryview(buffer)
        if held:
            taken = view[: _BLOCK_BYTES - len(held)]
            held += taken
            view = view[len(taken) :]
            if len(held) < _BLOCK_BYTES:
                continue
            yield _block(held, level)
            held = b""
        while len(view) >= _BLOCK_BYTES:
            yield _block(view[:_BLOCK_BYTES], level)
            view = view[_BLOCK_BYTES:]
        held = bytes(view)
    if held:
        yield _block(held, level)


def _block(data: bytes | memoryview, level: int) -> bytes:
    import deflate

    body: bytes = deflate.deflate_compress(data, level)
    size = _HEADER.size + len(body) + _TRAILER.size
    if size > 1 << 16:
        return _block(data, 0)
    # gzip's magic, deflate, extra field; no time, no hints; the extra field "BC": the block's size less one.
    head = _HEADER.pack(0x1F, 0x8B, 8, 4, 0, 0, 0xFF, 6, ord("B"), ord("C"), 2, size - 1)
    return head + body + _TRAILER.pack(zlib.crc32(data), len(data))
