"""What formats other than VCF ask of records: names for errors, and the bounds of IDs and positions."""

from __future__ import annotations

from typing import Final

import numpy as np

from vczero.errors import RecordError
from vczero.strings import Strings
from vczero.vcz.schema import Batch, Metadata

__all__ = ["LONGEST_NAME", "Places", "check_names", "check_positions", "texts"]

LONGEST_NAME: Final = 16_000
"""Bytes of an ID that plink2 reads."""

LAST_POSITION: Final = 2**31 - 2
"""The last position that plink2 reads."""


class Places:
    """Names records: by contig and position.

    Args:
        metadata: of the store.
    """

    columns = frozenset({"variant_contig", "variant_position"})
    """The columns that it needs in a batch."""

    def __init__(self, metadata: Metadata) -> None:
        self._contigs = Strings.from_values(metadata.contig_ids)

    def name(self, batch: Batch, row: int) -> str:
        """`record chr1:100`, for a row of a batch."""
        contig, position = (batch.columns[f"variant_{name}"] for name in ("contig", "position"))
        assert isinstance(contig, np.ndarray)
        assert isinstance(position, np.ndarray)
        number = int(contig[row])
        known = 0 <= number < len(self._contigs)
        name = self._contigs[number : number + 1].to_objects()[0] if known else "?"
        return f"record {name}:{int(position[row])}"


def texts(batch: Batch, name: str) -> Strings:
    """A column of text, however it is stored."""
    return Strings.of(batch.columns[name])


def check_positions(batch: Batch, places: Places) -> None:
    """Refuse positions below 0 and above 2^31 - 2.

    Raises:
        RecordError: naming the first such record.
    """
    position = batch.columns["variant_position"]
    assert isinstance(position, np.ndarray)
    wrong = np.flatnonzero((position < 0) | (position > LAST_POSITION))
    if len(wrong):
        row = int(wrong[0])
        raise RecordError(
            f"{places.name(batch, row)}: PLINK files hold positions from 0 to {LAST_POSITION}",
            variant=int(batch.variant_index[row]),
        )


def check_names(batch: Batch, places: Places) -> None:
    """Refuse IDs and alleles with white space in them, and IDs of more than `LONGEST_NAME` bytes.

    Raises:
        RecordError: naming the first such record.
    """
    for name, what in (("variant_id", "ID"), ("variant_allele", "allele")):
        if name not in batch.columns:
            continue
        values = texts(batch, name)
        first = int(values.offsets[0])
        found = np.flatnonzero(values.data[first : values.offsets[-1]] <= ord(" "))
        longest = LONGEST_NAME if what == "ID" else 2**31
        wrong = np.searchsorted(values.offsets, found + first, "right") - 1
        long = np.flatnonzero(values.lengths.reshape(-1) > longest)
        if len(wrong) or len(long):
            value = int(np.concatenate((wrong, long)).min())
            row = value // max(1, values.size // max(1, len(values)))
            reason = "white space" if len(wrong) else f"more than {longest:,} bytes"
            raise RecordError(
                f"{places.name(batch, row)}: its {what} has {reason}, which PLINK files cannot hold",
                variant=int(batch.variant_index[row]),
            )
