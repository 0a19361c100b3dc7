"""Probability blocks of BGEN from the columns of a store: calls, genotype probabilities, dosages."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.errors import RecordError, UnsupportedError
from vczero.formats.bgenids import Identities
from vczero.kernels import bgen as kernels
from vczero.kernels.bgen import Values

__all__ = ["called_blocks", "called_streams", "dosage_blocks", "likely_blocks"]

Array = npt.NDArray[Any]
_MISSING = 0x80


def called_blocks(calls: Array, phased: Array | None, found: Identities, samples: list[str]) -> Values:
    """Blocks of calls. A half call is missing: BGEN has no part of a genotype.

    Raises:
        RecordError: a call has an allele that its record lacks.
    """
    try:
        return kernels.call_blocks(_native(calls), phased, found.counts)
    except kernels.BadCellError as bad:
        raise _explained(bad, "GT", found, samples) from None


def called_streams(
    calls: Array, phased: Array | None, found: Identities, samples: list[str]
) -> tuple[Values, npt.NDArray[np.int64]]:
    """zlib streams of the same blocks, and the sizes of the blocks.

    Raises:
        RecordError: a call has an allele that its record lacks.
    """
    try:
        return kernels.call_streams(_native(calls), phased, found.counts)
    except kernels.BadCellError as bad:
        raise _explained(bad, "GT", found, samples) from None


def likely_blocks(values: Array, calls: Array | None, found: Identities, samples: list[str]) -> Values:
    """Blocks of GP, unphased. Missing are samples without values, and those whose values are all 0.

    Ploidy is that of the calls; without calls it follows from the number of values (1 or 2).

    Args:
        values: floats, (variants, samples, genotypes).

    Raises:
        RecordError: a sample has more or fewer values than its genotypes, or they are no probabilities.
    """
    values = _floats(values, "GP")
    if values.ndim == 2:
        values = values[:, :, None]
    known = ~np.isnan(values)
    numbers = np.minimum.accumulate(known, axis=2).sum(axis=2)
    counts = found.counts.astype(np.int64)[:, None]
    ploidies = np.where(numbers == counts, 1, 2) if calls is None else _ploidies(calls)
    expected = _genotypes(ploidies, found.counts)
    missing = ~known.any(axis=2) | (np.where(known, values, 0) == 0).all(axis=2)
    wrong = ~missing & ((numbers != expected) | (known.sum(axis=2) != numbers))
    if wrong.any():
        row, sample = np.argwhere(wrong)[0].tolist()
        raise found.refused(
            row,
            f"GP has {known[row, sample].sum()} values, and {found.counts[row]} alleles at ploidy "
            f"{ploidies[row, sample]} make {expected[row, sample]} genotypes",
            samples[sample],
        )
    return _float_blocks(values, ploidies, missing, "GP", found, samples)


def dosage_blocks(values: Array, calls: Array | None, found: Identities, samples: list[str]) -> Values:
    """Blocks of DS, unphased: of the numbers of ALT alleles, the two that are nearest share the probability.

    Ploidy is that of the calls, or 2 where there are none.

    Args:
        values: floats, (variants, samples) or (variants, samples, 1 and more).

    Raises:
        RecordError: a record has more than two alleles, or a dosage is not between 0 and the ploidy.
    """
    values = _floats(values, "DS")
    if values.ndim == 3:
        values = values[:, :, 0]
    for row in np.flatnonzero(found.counts > 2)[:1]:
        raise found.refused(
            row, f"it has {found.counts[row]} alleles, and dosages say nothing of which; leave it out (-M 2)"
        )
    ploidies = np.full(values.shape, 2) if calls is None else _ploidies(calls)
    missing = np.isnan(values)
    dosages = np.where(missing, 0, values).astype(np.float64)
    wrong = (dosages < 0) | (dosages > ploidies + kernels.TOLERANCE)
    if wrong.any():
        row, sample = np.argwhere(wrong)[0].tolist()
        why = f"DS is {values[row, sample]:g}, not 0 to {ploidies[row, sample]}"
        raise found.refused(row, why, samples[sample])
    dosages = np.minimum(dosages, ploidies)
    floors = np.minimum(dosages.astype(np.int64), ploidies - 1)
    above = dosages - floors
    likely = np.zeros((*values.shape, int(ploidies.max(initial=1)) + 1))
    np.put_along_axis(likely, floors[:, :, None], 1 - above[:, :, None], axis=2)
    np.put_along_axis(likely, floors[:, :, None] + 1, above[:, :, None], axis=2)
    return _float_blocks(likely, ploidies, missing, "DS", found, samples)


def _float_blocks(
    values: Array, ploidies: Array, missing: Array, field: str, found: Identities, samples: list[str]
) -> Values:
    marked = ploidies.astype(np.uint8) | np.where(missing, _MISSING, 0).astype(np.uint8)
    try:
        return kernels.float_blocks(values, marked, found.counts)
    except kernels.BadCellError as bad:
        raise _explained(bad, field, found, samples) from None


def _explained(bad: kernels.BadCellError, field: str, found: Identities, samples: list[str]) -> RecordError:
    return found.refused(bad.row, f"{field} has {kernels.WRONG[bad.wrong]}", samples[bad.sample])


def _ploidies(calls: Array) -> Array:
    """int64, (variants, samples): alleles before the first fill value; all where there are none."""
    width = calls.shape[2]
    numbers = np.minimum.accumulate(calls != -2, axis=2).sum(axis=2)
    return np.asarray(np.where(numbers == 0, width, numbers))


def _genotypes(ploidies: Array, counts: Array) -> Array:
    """int64, (variants, samples): how many genotypes there are."""
    table = np.ones((len(counts), int(ploidies.max(initial=0)) + 1), np.int64)
    for row, count in enumerate(counts.tolist()):
        table[row] = [min(comb(ploidy + count - 1, ploidy), 1 << 62) for ploidy in range(table.shape[1])]
    return np.take_along_axis(table, ploidies, axis=1)


def _native(column: Array) -> Array:
    return column if column.dtype.isnative else column.astype(column.dtype.newbyteorder("="))


def _floats(column: Array, field: str) -> Array:
    if column.dtype.kind != "f":
        raise UnsupportedError(
            f"call_{field} is stored as {column.dtype}: probabilities and dosages are floats",
            array=f"call_{field}",
            feature=str(column.dtype),
        )
    column = _native(column)
    return column.astype(np.float32) if column.dtype == np.float16 else column
