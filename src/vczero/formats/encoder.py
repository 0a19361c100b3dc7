"""`Encoder`: batches in, bytes out; and `write`, which puts the bytes out in order. `Together` and
`write_together` are the same for an output of several files.

An encoder knows no reader, no file and no thread: batches are handed to `encode` on workers, and what comes
of them goes to a sink that the caller opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from vczero.kernels.text import Block, empty_pool
from vczero.vcz.schema import Batch

__all__ = [
    "BATCH_BYTES",
    "Buffer",
    "Encoded",
    "Encoder",
    "Sink",
    "Together",
    "write",
    "write_all",
    "write_together",
]

Buffer: TypeAlias = bytes | memoryview | Block
"""Bytes; a memoryview is one of single bytes, contiguous."""

# How large the batches should be that are encoded: small enough that memory is bounded and all workers have
# some, large enough that reading chunks in pieces costs little.
BATCH_BYTES = 48 * 2**20


class Sink(Protocol):
    """Where bytes go: any binary file, buffered or not."""

    def write(self, data: Buffer, /) -> int | None:
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


class Encoded(list[Sequence[Buffer]]):
    """What several encoders made of one batch: the buffers of each, in their order."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory held, as far as they are in use."""
        return sum(len(buffer) for buffers in self for buffer in buffers)


class Together:
    """Several encoders over one scan, each of which makes a file of its own.

    Args:
        encoders: in the order in which their files are given to `write_together`.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        self.encoders = tuple(encoders)

    @property
    def columns(self) -> frozenset[str]:
        """The fields that one or the other needs."""
        return frozenset[str]().union(*(encoder.columns for encoder in self.encoders))

    @property
    def recomputed(self) -> frozenset[str]:
        """Those of the columns that one or the other wants computed."""
        return frozenset[str]().union(*(encoder.recomputed for encoder in self.encoders))

    def encode(self, batch: Batch) -> Encoded:
        """What each encoder makes of the batch."""
        return Encoded(encoder.encode(batch) for encoder in self.encoders)


def write_together(together: Together, encoded: Iterable[Encoded], sinks: Sequence[Sink]) -> list[int]:
    """Write several files, each in order, and return the number of bytes of each.

    Args:
        together: gives the headers and trailers.
        encoded: what its `encode` made of the batches, in their order.
        sinks: one for each encoder; neither flushed nor closed.

    Raises:
        OSError: from a sink, as it comes.
    """
    files = list(zip(together.encoders, sinks, strict=True))
    written = [write_all(sink, encoder.header()) for encoder, sink in files]
    try:
        for parts in encoded:
            for number, sink in enumerate(sinks):
                for buffer in parts[number]:
                    written[number] += write_all(sink, buffer)
            parts.clear()
        trailers = [write_all(sink, encoder.trailer()) for encoder, sink in files]
        return [body + end for body, end in zip(written, trailers, strict=True)]
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
