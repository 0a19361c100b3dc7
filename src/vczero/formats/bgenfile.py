"""`BgenEncoder`: the BGEN file that a store would become, to be read anywhere without being written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from vczero.errors import OptionError
from vczero.formats.bgen import BgenOptions, BgenVariants
from vczero.formats.bgenids import Identities
from vczero.formats.bgenwriting import BgenSource, selected, survey
from vczero.vcz.schema import Batch, Column

__all__ = ["BgenEncoder"]

_AHEAD_BYTES = 8 << 20


class BgenEncoder:
    """A BGEN file of known size that is made as it is read: what `view-bgen --compression-level 0` writes.

    Making one reads the columns that identify variants, and no genotypes: blocks are zlib streams that are
    not compressed, and filled up where samples of a smaller ploidy or phase leave room. A read decodes the
    variants that it touches; one that goes on where the last ended decodes ahead, up to 8 MiB. Reads may come
    from several threads, and take turns.

    Args:
        reader: its selection, as it is now, is what the file holds, in the store's order. Must stay open.
        field, unphased, header_samples, variant_id_field: see `BgenOptions`.
        total_string_length: gives all variants one size; `BgenOptions.string_bytes`.
        pad_byte: see `BgenOptions`.

    Raises:
        RecordError: the format cannot hold a variant.
        VczeroError: the store cannot be read.
    """

    def __init__(
        self,
        reader: BgenSource,
        *,
        field: Literal["GT", "GP", "DS"] = "GT",
        unphased: bool = False,
        header_samples: bool = True,
        variant_id_field: Literal["rsid", "varid"] = "rsid",
        total_string_length: int | None = None,
        pad_byte: bytes = b".",
    ) -> None:
        options = BgenOptions(
            field=field,
            level=0,
            unphased=unphased,
            header_samples=header_samples,
            variant_id_field=variant_id_field,
            string_bytes=total_string_length,
            pad_byte=pad_byte,
        )
        self._reader, count = selected(reader)
        self._variants = BgenVariants(self._reader, count, options)
        self._header = self._variants.header()
        numbers, sizes = [np.empty(0, np.int64)], [np.array([len(self._header)])]
        for index, found in survey(self._reader, self._variants):
            numbers.append(index)
            sizes.append(found.sizes + 8 + self._variants.layout.sizes(found.counts))
        self._numbers = np.concatenate(numbers)
        self._offsets = np.cumsum(np.concatenate(sizes), dtype=np.int64)
        self._offsets.flags.writeable = False
        self._lock = threading.Lock()
        self._batches: list[tuple[int, Batch]] = []
        self._encoded = (0, 0, b"")

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return int(self._offsets[-1])

    @property
    def num_variants(self) -> int:
        """The number of variants in the file."""
        return len(self._numbers)

    @property
    def num_samples(self) -> int:
        """The number of samples in the file."""
        return self._variants.num_samples

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """int64, (variants + 1,): variant i is bytes `offsets[i]` to `offsets[i + 1]`; read-only."""
        return self._offsets

    def identities(self) -> Iterator[Identities]:
        """What identifies the variants, batch by batch."""
        return (found for _, found in survey(self._reader, self._variants))

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from `offset`, `size` of them or those that there are to the end.

        Raises:
            OptionError: `offset` or `size` is negative.
            RecordError: a sample's value makes no sense.
            VczeroError: the store cannot be read.
        """
        if offset < 0 or size < 0:
            raise OptionError(f"cannot read {size} bytes from offset {offset}")
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        parts = [self._header[offset:end]]
        at = max(offset, len(self._header))
        with self._lock:
            while at < end:
                first = int(np.searchsorted(self._offsets, at, "right")) - 1
                stop = int(np.searchsorted(self._offsets, end, "left"))
                stop = max(first + 1, min(stop, first + self._most))
                start, stop, data = self._run(first, stop)
                base = int(self._offsets[start])
                parts.append(data[at - base : end - base])
                at = min(int(self._offsets[stop]), end)
        return b"".join(parts)

    def close(self) -> None:
        """Let go of what is held for the next read. The reader stays open."""
        with self._lock:
            self._batches = []
            self._encoded = (0, 0, b"")

    @property
    def _most(self) -> int:
        """Variants whose calls take about `_AHEAD_BYTES`."""
        return max(1, _AHEAD_BYTES // (self.num_samples * (self._variants.ploidy + 1)))

    def _run(self, first: int, stop: int) -> tuple[int, int, bytes]:
        """Bytes of variants, `first` to `stop` or those encoded last if they hold these."""
        start, end, _ = self._encoded
        if not start <= first < stop <= end:
            buffers = []
            for at, batch in self._decoded(first, stop):
                part = _rows(batch, max(first - at, 0), min(stop - at, batch.num_variants))
                buffers += self._variants.encode(part)
            self._encoded = (first, stop, b"".join(buffers))
        return self._encoded

    def _decoded(self, first: int, stop: int) -> list[tuple[int, Batch]]:
        """Batches that hold the variants, each with the number of its first."""
        held, end = 0, -1
        if self._batches:
            held = self._batches[0][0]
            end = self._batches[-1][0] + self._batches[-1][1].num_variants
        if not held <= first < stop <= end:
            count = stop - first
            if held < first <= end:
                count = min(max(count, 2 * (end - held)), self._most, self.num_variants - first)
            self._batches = self._fetched(first, first + max(count, stop - first))
        return [(at, batch) for at, batch in self._batches if at < stop and first < at + batch.num_variants]

    def _fetched(self, first: int, stop: int) -> list[tuple[int, Batch]]:
        batches = []
        chosen = self._numbers[first:stop]
        with self._reader.query(sorted(self._variants.columns), variants=chosen) as found:
            for batch in found:
                batches.append((first, batch))
                first += batch.num_variants
        return batches


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    """Some rows of a batch."""
    columns: dict[str, Column] = {name: column[start:stop] for name, column in batch.columns.items()}
    return Batch(columns, batch.variant_index[start:stop])
