"""`Encoder`: batches in, bytes out; and `write`, which puts the bytes out in order.

An encoder knows no reader, no file and no thread: batches are handed to `encode` on workers, and what comes
of them goes to a sink that the caller opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from vczero.kernels.text import Block, empty_pool
from vczero.vcz.schema import Batch

__all__ = ["Buffer", "Encoder", "Sink", "write", "write_all"]

Buffer: TypeAlias = bytes | Block


class Sink(Protocol):
    """Where bytes go: any binary file, buffered or not."""

    def write(self, data: Buffer | memoryview, /) -> int | None:
        """Take the bytes, or the first so many of them: the number says how many (None: all)."""


class Encoder(Protocol):
    """What makes a file of batches: a header, then what each batch gives, then a trailer."""

    @property
    def columns(self) -> frozenset[str]:
        """The fields that `encode` needs in a batch."""

    @property
    def recomputed(self) -> frozenset[str]:
        """Those of the columns that are to be computed, whatever the store holds."""

    def header(self) -> bytes:
        """The bytes before the first batch."""

    def encode(self, batch: Batch) -> Sequence[Buffer]:
        """The batch's bytes, in order, cut anywhere. On any thread; batches leave no state for each other."""

    def trailer(self) -> bytes:
        """The bytes after the last batch."""


def write(encoder: Encoder, encoded: Iterable[Sequence[Buffer]], sink: Sink) -> int:
    """Write a whole output to `sink`, in order, and return the number of bytes.

    Args:
        encoder: gives the header and the trailer.
        encoded: what its `encode` made of the batches, in their order.
        sink: is neither flushed nor closed.

    Raises:
        OSError: from the sink, as it comes.
    """
    written = write_all(sink, encoder.header())
    try:
        for buffers in encoded:
            for buffer in buffers:
                written += write_all(sink, buffer)
            del buffers
        return written + write_all(sink, encoder.trailer())
    finally:
        empty_pool()


def write_all(sink: Sink, data: Buffer) -> int:
    """Write all of the bytes: a raw file may take them in parts."""
    rest = memoryview(data)
    while rest:
        taken = sink.write(rest)
        if taken is None or taken == len(rest):
            break
        rest = rest[taken:]
    return len(data)
