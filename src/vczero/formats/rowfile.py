"""Any bytes of a file that is never made: a header, and for each selected record a row of known length.

What a file system in user space needs, which asks for some bytes at a time: the size is known up front, and a
range costs no more than the rows that it touches.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import OptionError, VczeroError
from vczero.formats.encoder import Encoder
from vczero.vcz.schema import Batch, Metadata

__all__ = ["RowFile", "RowSource", "SelectedRows"]

Int64s: TypeAlias = npt.NDArray[np.int64]

# Rows are read in pieces of about so many bytes, so that small ranges in a row read few rows twice.
PIECE_BYTES: Final = 64 * 1024
CACHE_BYTES: Final = 8 * 2**20
# What is read in order is made ahead, up to this.
AHEAD_BYTES: Final = 4 * 2**20


class RowSource(Metadata, Protocol):
    """Where rows come from: a `VczReader`, with the selection set on it."""

    def variant_chunks(self, fields: Sequence[str]) -> Iterable[Batch]:
        """The batches of what is selected."""

    def query(self, fields: Sequence[str], **selected: Any) -> Iterable[Batch]:
        """The same with another selection, this once."""


class SelectedRows:
    """The records that a reader selects, by their places in the output.

    Args:
        source: the reader.
        numbers: int64, (variants,), in parts: the selected variants as they are output; None: what the
            reader selects is found out when the first row is asked for.
    """

    def __init__(self, source: RowSource, numbers: Iterable[Int64s] | None = None) -> None:
        self._source = source
        self._numbers = numbers
        self._lock = Lock()
        self._found: tuple[Int64s, Int64s] | None = None

    def __len__(self) -> int:
        """The number of records."""
        return int(self._runs()[1][-1])

    def batches(self, fields: Sequence[str], first: int, last: int) -> Iterator[Batch]:
        """Batches of rows [first, last), in order."""
        runs, ends = self._runs()
        wanted: list[tuple[int, int]] = []
        for number in range(int(np.searchsorted(ends, first, "right")) - 1, len(runs)):
            done, begin = int(ends[number]), int(runs[number, 0])
            if done >= last:
                break
            run = (begin + max(first - done, 0), min(begin + last - done, int(runs[number, 1])))
            if wanted and run[0] < wanted[-1][1]:  # regions that name contigs in another order
                yield from self._batches(fields, wanted)
                wanted = []
            wanted.append(run)
        if wanted:
            yield from self._batches(fields, wanted)

    def _batches(self, fields: Sequence[str], runs: list[tuple[int, int]]) -> Iterable[Batch]:
        variants: Any = slice(*runs[0])
        if len(runs) > 1:
            variants = np.concatenate([np.arange(begin, end) for begin, end in runs])
        return self._source.query(fields, regions=None, targets=None, variant_filter=None, variants=variants)

    def _runs(self) -> tuple[Int64s, Int64s]:
        """int64 (runs, 2): variants [begin, end) as they are output; int64 (runs + 1,): rows before each."""
        with self._lock:
            if self._found is None:
                parts = [np.empty((0, 2), np.int64)]
                found = self._numbers
                if found is None:
                    found = (batch.variant_index for batch in self._source.variant_chunks(["variant_index"]))
                for numbers in found:
                    cuts = np.flatnonzero(np.diff(numbers) != 1)
                    begins = numbers[np.concatenate(([0], cuts + 1))]
                    ends = numbers[np.concatenate((cuts, [len(numbers) - 1]))] + 1
                    parts.append(np.stack((begins, ends), axis=1))
                runs = np.concatenate(parts)
                starts = np.concatenate(([True], runs[1:, 0] != runs[:-1, 1]))[: len(runs)]
                stops = np.concatenate((starts[1:], [True]))[: len(runs)]
                runs = np.stack((runs[starts, 0], runs[stops, 1]), axis=1)
                before = np.concatenate(([0], np.cumsum(runs[:, 1] - runs[:, 0])))
                self._found = runs, before.astype(np.int64)
            return self._found


class RowFile:
    """The bytes that an encoder's file would have; for any number of threads.

    Args:
        rows: the records.
        encoder: makes a row of each, after its header, and has no trailer.
        offsets: (records + 1,): where each row begins, and where the last one ends.
    """

    def __init__(self, rows: SelectedRows, encoder: Encoder, offsets: Sequence[int] | Int64s) -> None:
        self._rows = rows
        self._encoder = encoder
        self._offsets = offsets
        self._header = encoder.header()
        self._count = len(offsets) - 1
        self.size = int(offsets[-1])
        self._piece_rows = max(1, PIECE_BYTES * self._count // max(1, self.size - int(offsets[0])))
        self._lock = Lock()
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self._made = (0, 0)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes [offset, offset + size), as far as there are any.

        Raises:
            OptionError: a number is negative.
        """
        if offset < 0 or size < 0:
            raise OptionError(f"there are no {size} bytes at {offset}: neither may be negative")
        end = min(offset + size, self.size)
        head = self._header[offset : max(offset, end)]
        start = max(offset, len(self._header))
        if start >= end:
            return head
        first = (bisect_right(self._offsets, start) - 1) // self._piece_rows
        last = -(-bisect_left(self._offsets, end) // self._piece_rows)
        body, base = b"".join(self._get(first, last)), self._start(first)
        return head + body[start - base : end - base]

    def forget(self) -> None:
        """Let go of the rows that are kept."""
        with self._lock:
            self._pieces.clear()

    def _start(self, piece: int) -> int:
        """Where a piece begins; of the one behind the last, where the file ends."""
        return int(self._offsets[min(piece * self._piece_rows, self._count)])

    def _get(self, first: int, last: int) -> Iterator[bytes]:
        """Pieces [first, last), from the cache or made; runs of missing ones are made at once."""
        with self._lock:
            known = {number: self._pieces[number] for number in range(first, last) if number in self._pieces}
            for number in known:
                self._pieces.move_to_end(number)
        number = first
        while number < last:
            end = number + 1
            if number in known:
                yield known[number]
            else:
                while end < last and end not in known:
                    end += 1
                yield from self._made_anew(number, end, self._ahead(number, end) if end == last else end)
            number = end

    def _made_anew(self, first: int, last: int, ahead: int) -> list[bytes]:
        """Pieces [first, last), made with those up to `ahead`; without, if something is wrong there."""
        try:
            return list(self._make(first, ahead))[: last - first]
        except VczeroError:
            if ahead == last:
                raise
            return list(self._make(first, last))

    def _ahead(self, first: int, last: int) -> int:
        """Up to which piece to make: further than [first, last) if they go on where the last ended."""
        begin, end = self._made
        if first != end:
            return last
        reach = (bisect_right(self._offsets, self._start(first) + AHEAD_BYTES) - 1) // self._piece_rows
        return max(last, min(first + 2 * (end - begin), reach))

    def _make(self, first: int, last: int) -> Iterator[bytes]:
        """Make pieces [first, last), and keep them."""
        begin, end = first * self._piece_rows, min(last * self._piece_rows, self._count)
        held = bytearray()
        number, size = first, self._start(first + 1) - self._start(first)
        for batch in self._rows.batches(sorted(self._encoder.columns), begin, end):
            for buffer in self._encoder.encode(batch):
                held += buffer
            while number < last and len(held) >= size:
                yield self._keep(number, bytes(held[:size]))
                del held[:size]
                number += 1
                size = self._start(number + 1) - self._start(number)
        self._made = first, last

    def _keep(self, number: int, piece: bytes) -> bytes:
        with self._lock:
            self._pieces[number] = piece
            self._pieces.move_to_end(number)
            while sum(map(len, self._pieces.values())) > CACHE_BYTES and len(self._pieces) > 1:
                self._pieces.popitem(last=False)
        return piece
