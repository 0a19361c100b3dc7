"""Blocks of BGEN, layout 2 with 8 bits (format specification v1.2 and v1.3).

A probability block has the number of samples (uint32) and of alleles (uint16), the least and the most ploidy,
a byte per sample (its ploidy; bit 7: missing), whether it is phased, the bits per probability, and the
probabilities: of a phased call those of all alleles but the last for each haplotype, of an unphased one those
of all genotypes but the last, in the order in which VCF has them too.
"""

from __future__ import annotations

import zlib
from itertools import pairwise
from math import comb
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero._native import bgen as _native
from vczero.strings import Strings

__all__ = [
    "MOST_PLOIDY",
    "TOLERANCE",
    "WRONG",
    "BadCellError",
    "Values",
    "block_sizes",
    "call_blocks",
    "call_blocks_numpy",
    "call_streams",
    "call_streams_numpy",
    "float_blocks",
    "float_blocks_numpy",
    "identity_sizes",
    "variant_records",
    "variant_records_numpy",
]

MOST_PLOIDY: Final = 63
TOLERANCE: Final = 0.02
"""How far from 1 the sum of a sample's probabilities may be: they are text, rounded to two digits or more."""
WRONG: Final = {0: "an allele that the record does not have", 1: "a probability that is not in [0, 1]",
                2: "probabilities whose sum is not 1"}  # fmt: skip
_FIXED = 10
_MISSING = 0x80
_ONE = 255
_BEHIND = 8
_PIECE = 1 << 20
_CODED = 1 << 14  # bytes at least that a Huffman code is made for, but for the last
_CODES = 512  # bytes at most that such codes take

Calls: TypeAlias = npt.NDArray[np.signedinteger[Any]]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Values: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""Bytes and offsets: value i is `data[offsets[i]:offsets[i + 1]]`."""


class BadCellError(Exception):
    """A sample's value cannot be written.

    Attributes:
        row, sample: where it is.
        wrong: a key of `WRONG`.
    """

    def __init__(self, row: int, sample: int, wrong: int) -> None:
        super().__init__(row, sample, wrong)
        self.row, self.sample, self.wrong = row, sample, wrong


def block_sizes(alleles: npt.NDArray[np.int32], samples: int, ploidy: int) -> npt.NDArray[np.int64]:
    """int64, (variants,): bytes of a block whose samples all have `ploidy`, if it is not phased.

    No block is larger: fewer alleles in a call and phase only make it smaller.
    """
    kinds, rows = np.unique(alleles, return_inverse=True)
    most = np.iinfo(np.int64).max
    each = [min(_FIXED + samples * comb(ploidy + count - 1, ploidy), most) for count in kinds.tolist()]
    return np.array(each, np.int64)[rows]


def call_blocks(
    genotypes: Calls,
    phased: npt.NDArray[np.bool_] | None,
    alleles: npt.NDArray[np.int32],
) -> Values:
    """The probability block of each variant, from calls; releases the GIL.

    A call's ploidy is the number of its alleles before the first fill value (-2), or the axis' length where
    there is none. A call of which an allele is missing (-1) is missing. A block is phased if all calls are
    that can be: those of two known alleles and more, of which there is one.

    Args:
        genotypes: (variants, samples, ploidy), at least one sample, ploidy at most `MOST_PLOIDY`.
        phased: (variants, samples); None: no block is.
        alleles: the number of alleles of each variant, at least 2.

    Raises:
        BadCellError: a call has an allele that the variant does not have.
    """
    return _made(genotypes, phased, alleles, None)


def call_blocks_numpy(
    genotypes: Calls,
    phased: npt.NDArray[np.bool_] | None,
    alleles: npt.NDArray[np.int32],
) -> Values:
    """The same as `call_blocks`, a call at a time."""
    blocks = []
    for row, calls in enumerate(genotypes.tolist()):
        known = []
        for call in calls:
            stop = call.index(-2) if -2 in call else len(call)
            known.append(call[: stop or len(call)])
        called = [min(call) >= 0 for call in known]
        with_phase = [has and len(call) > 1 for has, call in zip(called, known, strict=True)]
        is_phased = phased is not None and any(with_phase) and bool(phased[row][with_phase].all())
        count = int(alleles[row])
        parts = []
        for sample, (call, has) in enumerate(zip(known, called, strict=True)):
            if has and max(call) >= count:
                raise BadCellError(row, sample, 0)
            groups = [[allele] for allele in call] if is_phased else [sorted(call)]
            for group in groups:
                part = np.zeros(comb(len(group) + count - 1, len(group)), np.uint8)
                if has:
                    part[sum(comb(allele + i, i + 1) for i, allele in enumerate(group))] = _ONE
                parts.append(part[:-1])
        ploidies = np.array([len(call) for call in known], np.uint8)
        missing = np.where(called, 0, _MISSING).astype(np.uint8)
        blocks.append(_block(count, ploidies, missing, int(is_phased), parts))
    return _joined(blocks)


def call_streams(
    genotypes: Calls,
    phased: npt.NDArray[np.bool_] | None,
    alleles: npt.NDArray[np.int32],
) -> tuple[Values, npt.NDArray[np.int64]]:
    """The zlib streams of what `call_blocks` gives, and how large each was; releases the GIL.

    Matches are looked for one sample back only, which takes a fraction of zlib's time and, on calls, gives
    less than its level 1.
    """
    sizes = np.zeros(len(alleles), np.int64)
    return _made(genotypes, phased, alleles, sizes), sizes


def call_streams_numpy(
    genotypes: Calls,
    phased: npt.NDArray[np.bool_] | None,
    alleles: npt.NDArray[np.int32],
) -> tuple[Values, npt.NDArray[np.int64]]:
    """The same as `call_streams`, by zlib: other streams of the same blocks."""
    data, offsets = call_blocks_numpy(genotypes, phased, alleles)
    blocks = [data[start:stop].tobytes() for start, stop in pairwise(offsets.tolist())]
    return _joined([np.frombuffer(zlib.compress(block, 1), np.uint8) for block in blocks]), np.diff(offsets)


def float_blocks(values: Floats, ploidies: npt.NDArray[np.uint8], alleles: npt.NDArray[np.int32]) -> Values:
    """The probability block of each variant, unphased, from the genotypes' probabilities; releases the GIL.

    A sample's probabilities are divided by their sum and become 255ths as the specification has it: rounded
    down, and those with the largest remainders up, so many that they sum to 255 (of equal ones the first).

    Args:
        values: float32 or float64, (variants, samples, genotypes), in the order of VCF.
        ploidies: (variants, samples), at most `MOST_PLOIDY`; bit 7: missing, its values do not count.
        alleles: as for `call_blocks`.

    Raises:
        BadCellError: a probability is not in [0, 1], or their sum is more than `TOLERANCE` from 1.
    """
    rows, samples, _ = values.shape
    most = int((ploidies & MOST_PLOIDY).max(initial=0))
    out = np.empty(int(block_sizes(alleles, samples, most).sum()) + 1, np.uint8)
    ends = np.zeros(rows + 1, np.int64)
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32)
    bad = _native.float_blocks(
        np.ascontiguousarray(values), np.ascontiguousarray(ploidies), alleles, TOLERANCE, out, ends
    )
    if bad is not None:
        raise BadCellError(*bad)
    return out[: ends[-1]], ends


def float_blocks_numpy(
    values: Floats, ploidies: npt.NDArray[np.uint8], alleles: npt.NDArray[np.int32]
) -> Values:
    """The same as `float_blocks`, a sample at a time."""
    blocks = []
    for row, count in enumerate(alleles.tolist()):
        parts = []
        for sample, ploidy in enumerate((ploidies[row] & MOST_PLOIDY).tolist()):
            kinds = comb(ploidy + count - 1, ploidy)
            whole = np.zeros(kinds, np.uint8)
            if not ploidies[row, sample] & _MISSING:
                given = values[row, sample, :kinds].astype(np.float64)
                if not ((given >= 0) & (given <= 1 + TOLERANCE)).all():
                    raise BadCellError(row, sample, 1)
                total = sum(given.tolist())
                if not 1 - TOLERANCE <= total <= 1 + TOLERANCE:
                    raise BadCellError(row, sample, 2)
                scaled = given * 255.0 / total
                whole = np.floor(scaled).astype(np.uint8)
                up = np.argsort(-(scaled - np.floor(scaled)), kind="stable")[: _ONE - int(whole.sum())]
                whole[up] += 1
            parts.append(whole[:-1])
        blocks.append(_block(count, ploidies[row] & MOST_PLOIDY, ploidies[row] & _MISSING, 0, parts))
    return _joined(blocks)


def identity_sizes(
    varids: Strings, rsids: Strings, contigs: Strings, alleles: Strings, counts: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """int64, (variants,): bytes of each variant's identifying data, up to its last allele."""
    width = alleles.shape[1]
    sizes = np.maximum(np.diff(alleles.offsets).reshape(alleles.shape), 1)
    sizes = np.where(np.arange(width) < counts[:, None], sizes, 0).sum(axis=1)
    sizes += np.maximum(counts - width, 0) + 4 * counts.astype(np.int64) + 12
    for text in (varids, rsids, contigs):
        sizes = sizes + np.maximum(np.diff(text.offsets), 1)
    return np.asarray(sizes, np.int64)


def variant_records(
    varids: Strings,
    rsids: Strings,
    contigs: Strings,
    positions: npt.NDArray[np.int64],
    alleles: Strings,
    counts: npt.NDArray[np.int32],
    payload: Values,
    sizes: npt.NDArray[np.int64] | None,
) -> Values:
    """Each variant as a file has it: identifying data, lengths, and payload; releases the GIL.

    Args:
        varids, rsids, contigs: (variants,); "" is written ".".
        positions: at most 2^32 - 1.
        alleles: (variants, alleles), of which each variant has the first `counts`; "" and those that the axis
            lacks are written ".".
        payload: the probability block of each, compressed or not.
        sizes: bytes of the blocks before they were compressed; None: they are not.
    """
    lengths = np.diff(payload[1])
    whole = identity_sizes(varids, rsids, contigs, alleles, counts) + (4 if sizes is None else 8) + lengths
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(whole)])
    out = np.empty(int(ends[-1]), np.uint8)
    texts = tuple(item for text in (varids, rsids, contigs, alleles) for item in (text.data, text.offsets))
    _native.variant_records(texts, positions, counts, *payload, sizes, out)
    return out, ends


def variant_records_numpy(
    varids: Strings,
    rsids: Strings,
    contigs: Strings,
    positions: npt.NDArray[np.int64],
    alleles: Strings,
    counts: npt.NDArray[np.int32],
    payload: Values,
    sizes: npt.NDArray[np.int64] | None,
) -> Values:
    """The same as `variant_records`, a variant at a time."""
    records = []
    data, offsets = payload[0].tobytes(), payload[1].tolist()
    texts = [text.to_bytes() for text in (varids, rsids, contigs, alleles)]
    for row, count in enumerate(counts.tolist()):
        parts = []
        for text in texts[:3]:
            value = text[row] or b"."
            parts += [len(value).to_bytes(2, "little"), value]
        parts += [int(positions[row]).to_bytes(4, "little"), count.to_bytes(2, "little")]
        for allele in [*texts[3][row], *([b""] * count)][:count]:
            value = allele or b"."
            parts += [len(value).to_bytes(4, "little"), value]
        block = data[offsets[row] : offsets[row + 1]]
        if sizes is None:
            parts.append(len(block).to_bytes(4, "little"))
        else:
            parts += [(len(block) + 4).to_bytes(4, "little"), int(sizes[row]).to_bytes(4, "little")]
        records.append(np.frombuffer(b"".join([*parts, block]), np.uint8))
    return _joined(records)


def _made(
    genotypes: Calls,
    phased: npt.NDArray[np.bool_] | None,
    alleles: npt.NDArray[np.int32],
    sizes: npt.NDArray[np.int64] | None,
) -> Values:
    """The native kernel's blocks, or streams if it is to give sizes."""
    if genotypes.dtype not in (np.int8, np.int16, np.int32):
        genotypes = genotypes.astype(np.int32)
    calls = np.ascontiguousarray(genotypes)
    flags = None if phased is None else np.ascontiguousarray(phased).view(np.uint8)
    blocks = block_sizes(alleles, *genotypes.shape[1:])
    largest = int(blocks.max(initial=0))
    spare, room = 0, int(blocks.sum()) + _BEHIND
    if sizes is not None:
        # A literal takes 9 bits at most under the best code, and three bytes and more as a match 27.
        spare = largest + largest // 8 + _CODES * (largest // _CODED + 1) + _BEHIND
        room = max(spare, _PIECE)
    ends = np.zeros(len(alleles) + 1, np.int64)
    parts, row = [np.empty(0, np.uint8)], 0
    while row < len(alleles):
        out, first = np.empty(room, np.uint8), row
        row, bad = _native.call_blocks(calls, flags, alleles, largest, spare, first, out, ends, sizes)
        if bad >= 0:
            raise BadCellError(row, bad, 0)
        parts.append(out[: ends[row] - ends[first]])
    return parts[1] if len(parts) == 2 else np.concatenate(parts), ends


def _block(
    alleles: int,
    ploidies: npt.NDArray[np.uint8],
    missing: npt.NDArray[np.uint8],
    phased: int,
    parts: list[npt.NDArray[np.uint8]],
) -> npt.NDArray[np.uint8]:
    """One probability block."""
    head = len(ploidies).to_bytes(4, "little") + alleles.to_bytes(2, "little")
    head += bytes([int(ploidies.min()), int(ploidies.max())])
    start = np.frombuffer(head + (ploidies | missing).tobytes() + bytes([phased, 8]), np.uint8)
    return np.concatenate([start, *parts])


def _joined(blocks: list[npt.NDArray[np.uint8]]) -> Values:
    ends = np.cumsum([0, *map(len, blocks)], dtype=np.int64)
    return np.concatenate([np.empty(0, np.uint8), *blocks]), ends
