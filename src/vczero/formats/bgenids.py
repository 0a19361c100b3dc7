"""What identifies the variants of a batch in BGEN: names, position and alleles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import RecordError
from vczero.kernels.bgen import identity_sizes
from vczero.strings import Strings
from vczero.vcz.schema import Batch, Column

__all__ = ["IdField", "Identities", "identities", "padded"]

IdField: TypeAlias = Literal["rsid", "varid"]

_LONGEST_NAME = 0xFFFF
_MOST_ALLELES = 0xFFFF
_LAST_POSITION = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """The identifying data of variants; "" is written ".".

    Attributes:
        varids, rsids, contigs: (variants,).
        positions: int64, (variants,).
        alleles: (variants, alleles).
        counts: int32, (variants,): how many alleles each variant has, at least 2.
        numbers: int64, (variants,): in the store.
    """

    varids: Strings
    rsids: Strings
    contigs: Strings
    positions: npt.NDArray[np.int64]
    alleles: Strings
    counts: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.int64]

    def __getitem__(self, rows: slice) -> Identities:
        return Identities(
            self.varids[rows], self.rsids[rows], self.contigs[rows], self.positions[rows],
            self.alleles[rows], self.counts[rows],
            self.numbers[rows],
        )  # fmt: skip

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """int64, (variants,): bytes in a file, up to the last allele."""
        return identity_sizes(self.varids, self.rsids, self.contigs, self.alleles, self.counts)

    def refused(self, row: int, why: str, sample: str | None = None) -> RecordError:
        """The error for a variant, or a sample's value in it."""
        contig = self.contigs[row : row + 1].to_bytes()[0].decode(errors="replace")
        where = f"record {contig[:80] or '?'}:{self.positions[row]}"
        if sample is not None:
            where += f", sample {sample}"
        return RecordError(f"{where}: {why}", variant=int(self.numbers[row]), sample=sample)

    def rows(self) -> list[tuple[str, int, str, int, str, str]]:
        """Contig, position, rsid, number of alleles, and the first two alleles of each variant."""
        texts = [[value.decode(errors="replace") or "." for value in text.to_bytes().tolist()]
                 for text in (self.contigs, self.rsids)]  # fmt: skip
        width = self.alleles.shape[1]
        alleles = [
            value.decode(errors="replace") or "." for value in self.alleles.to_bytes().ravel().tolist()
        ]
        firsts = alleles[::width]
        seconds = alleles[1::width] if width > 1 else ["."] * len(firsts)
        return list(
            zip(
                texts[0],
                self.positions.tolist(),
                texts[1],
                self.counts.tolist(),
                firsts,
                seconds,
                strict=True,
            )
        )


def identities(batch: Batch, contigs: Strings, id_field: IdField) -> Identities:
    """What identifies the variants of a batch.

    A variant without ALT gets "." for one, as plink2 writes it: BGEN's readers want two alleles.

    Args:
        batch: `variant_contig`, `variant_position`, and where there are any `variant_id`, `variant_allele`.
        contigs: the names that `variant_contig` indexes.
        id_field: which name the ID is.

    Raises:
        RecordError: a position, a name or the number of alleles is beyond what the format holds.
    """
    rows = batch.num_variants
    none = Strings.full((rows,), "")
    given = _text(batch.columns.get("variant_id"), none)
    # An ID that is missing is written "." all the same.
    names = Strings.concatenate([contigs, Strings.full((1,), "")])
    numbers: Any = batch.columns["variant_contig"]
    known = (numbers >= 0) & (numbers < len(contigs))
    alleles = _text(batch.columns.get("variant_allele"), Strings.full((rows, 1), "N"))
    found = Identities(
        varids=given if id_field == "varid" else none,
        rsids=given if id_field == "rsid" else none,
        contigs=names.take(np.where(known, numbers, len(contigs)).astype(np.int64)),
        positions=np.asarray(batch.columns["variant_position"]).astype(np.int64),
        alleles=alleles,
        counts=_counts(alleles),
        numbers=batch.variant_index,
    )
    _check(found)
    return found


def padded(found: Identities, id_field: IdField, string_bytes: int, pad: bytes) -> Identities:
    """The same with the unused name filled up, so that each variant's five texts take `string_bytes`.

    Raises:
        RecordError: a variant has more than two alleles, or its texts are longer.
    """
    for row in np.flatnonzero(found.counts > 2)[:1]:
        raise found.refused(
            row, f"has {found.counts[row]} alleles, and variants of a fixed size two; leave it out (-M 2)"
        )
    # Each text has its length before it, 2 bytes for the names and 4 for the two alleles, and 6 bytes beside.
    slack = string_bytes - (found.sizes - 20 - 1)
    for row in np.flatnonzero(slack < 1)[:1]:
        raise found.refused(
            row,
            f"its names and alleles take {string_bytes - int(slack[row]) + 1} bytes, and variants of a fixed "
            f"size {string_bytes} (--total-string-length)",
        )
    filler = Strings.from_values([b"." + pad * (int(size) - 1) for size in slack])
    if id_field == "rsid":
        return replace(found, varids=filler)
    return replace(found, rsids=filler)


def _text(column: Column | None, default: Strings) -> Strings:
    return default if column is None else Strings.of(column)


def _counts(alleles: Strings) -> npt.NDArray[np.int32]:
    """How many alleles each variant has: up to the last that is not empty, and two at least."""
    has = alleles.lengths > 0
    last = np.where(has.any(axis=1), alleles.shape[1] - np.argmax(has[:, ::-1], axis=1), 0)
    return np.maximum(last, 2).astype(np.int32)


def _check(found: Identities) -> None:
    """Raise for the first variant that the format cannot hold."""
    for row in np.flatnonzero((found.positions < 0) | (found.positions > _LAST_POSITION))[:1]:
        raise found.refused(row, f"BGEN holds positions from 0 to {_LAST_POSITION}")
    for row in np.flatnonzero(found.counts > _MOST_ALLELES)[:1]:
        raise found.refused(row, f"it has {found.counts[row]} alleles, and BGEN holds {_MOST_ALLELES}")
    for what, text in (("ID", found.rsids), ("ID", found.varids), ("contig", found.contigs)):
        lengths = text.lengths
        for row in np.flatnonzero(lengths > _LONGEST_NAME)[:1]:
            raise found.refused(row, f"its {what} has {lengths[row]} bytes, and BGEN holds {_LONGEST_NAME}")
