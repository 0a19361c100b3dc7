"""AC and AN as `bcftools view` writes them into records when it has counted alleles."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.vcz.derived import ALLELE, COUNTS, occurrences, present_alleles, stored_counts
from vczero.vcz.rewrites.metadata import Altered, info_field
from vczero.vcz.schema import Batch, FieldInfo, Metadata
from vczero.vcz.values import INT_FILL

__all__ = ["AC", "AN", "UpdateCounts"]

Int64s: TypeAlias = npt.NDArray[np.int64]

AC, AN = "variant_AC", "variant_AN"


class UpdateCounts:
    """AC and AN of every record: as stored where a record has both, for as many ALT alleles; else counted.

    `bcftools view` 1.16 does so with the options that count alleles (-c -C -q -Q -u -U -a -x -X), unless -I.
    """

    def __init__(self, metadata: Metadata) -> None:
        self._stored = frozenset(name for name in (AC, AN) if name in metadata.field_names)
        self.metadata: Metadata = Altered(metadata, [_ac_field(metadata), _an_field(metadata)])

    def reads(self, columns: frozenset[str]) -> frozenset[str]:
        """What is stored, and the counts."""
        if not columns & {AC, AN}:
            return columns
        return (columns - {AC, AN}) | self._stored | {ALLELE, COUNTS}

    def apply(self, batch: Batch) -> Batch:
        """The batch with AC and AN."""
        columns = dict(batch.columns)
        if not {ALLELE, COUNTS, *self._stored} <= columns.keys():
            return batch
        present, counts = present_alleles(columns[ALLELE]), occurrences(columns[COUNTS])
        alternate = np.where(present, counts, 0)[:, 1:]
        number = np.where(present, counts, 0).sum(axis=1)
        if len(self._stored) == 2:
            stored, total, believed = stored_counts(columns, present)
            alternate[believed, : stored.shape[1]] = stored[believed]
            number[believed] = total[believed]
        columns[AC] = np.where(present[:, 1:], alternate, INT_FILL).astype(np.int32)
        columns[AN] = number.astype(np.int32)
        return Batch(columns, batch.variant_index, batch.sample_mask)


def _ac_field(metadata: Metadata) -> FieldInfo:
    return info_field(metadata, "AC", "A", "Integer", "Allele count in genotypes")


def _an_field(metadata: Metadata) -> FieldInfo:
    return info_field(metadata, "AN", "1", "Integer", "Total number of alleles in called genotypes")
