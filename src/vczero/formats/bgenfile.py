"""`BgenEncoder`: the BGEN file that a store would become, to be read anywhere without being written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vczero.formats.bgen import BgenOptions, BgenVariants, Field
from vczero.formats.bgenids import Identities, IdField
from vczero.formats.bgenwriting import BgenSource, selected, survey
from vczero.formats.rowfile import RowFile, SelectedRows

__all__ = ["BgenEncoder"]


class BgenEncoder:
    """A BGEN file of known size that is made as it is read: what `view-bgen --compression-level 0` writes.

    Making one reads the columns that identify variants, and no genotypes: blocks are zlib streams that are
    not compressed, and filled up where samples of a smaller ploidy or phase leave room. A read decodes the
    variants that it touches, or share its first or last 64 KiB; one that goes on where the last ended some
    behind it, up to 4 MiB. Those read last are kept. Reads may come from several threads.

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
        field: Field = "GT",
        unphased: bool = False,
        header_samples: bool = True,
        variant_id_field: IdField = "rsid",
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
        numbers, sizes = [], [np.array([len(self._variants.header())])]
        for index, found in survey(self._reader, self._variants):
            numbers.append(index)
            sizes.append(found.sizes + 8 + self._variants.layout.sizes(found.counts))
        self._offsets = np.cumsum(np.concatenate(sizes), dtype=np.int64)
        self._offsets.flags.writeable = False
        self._file = RowFile(SelectedRows(self._reader, numbers), self._variants, self._offsets)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._file.size

    @property
    def num_variants(self) -> int:
        """The number of variants in the file."""
        return len(self._offsets) - 1

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
        return self._file.read(offset, size)

    def close(self) -> None:
        """Let go of what is held for the next read. The reader stays open."""
        self._file.forget()
