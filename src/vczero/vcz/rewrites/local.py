"""Local alleles: fields about the alleles of each sample, as VCF 4.5 has them, or about all alleles.

VCF 4.5 lists a sample's ALT alleles in LAA (from 1); fields of Number LR, LA and LG have values for REF and
these. bio2zarr stores `call_LA` instead, the alleles of the genotype (from 0, REF only if it is one of them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import ChunkError
from vczero.strings import Strings
from vczero.vcz.derived import ALLELE, present_alleles
from vczero.vcz.rewrites.cells import TAKE_FILL, TAKE_MISSING, Places, lengths, take
from vczero.vcz.rewrites.metadata import Altered
from vczero.vcz.schema import Batch, Column, FieldInfo, Metadata, describe_field
from vczero.vcz.values import INT_FILL, INT_MISSING

__all__ = ["LOCAL", "Delocalise", "Localise", "drop_alleles"]

Int64s: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_LA: Final = "call_LA"
_LAA: Final = "call_LAA"
_NUMBERS: Final = {
    **dict.fromkeys(("call_LAD", "call_LADF", "call_LADR"), "LR"),
    **dict.fromkeys(("call_LGL", "call_LGP", "call_LPL", "call_LPP"), "LG"),
    "call_LEC": "LA",
}  # fmt: skip
LOCAL: Final = frozenset({_LAA, *_NUMBERS})
"""Fields whose values go with the alleles listed in LAA, and LAA itself."""

_DIMS: Final = {"R": "alleles", "A": "alt_alleles", "G": "genotypes"}
_LISTED: Final = (
    "1-based indices into ALT, indicating which alleles are relevant (local) for the current sample"
)
# Values of one field of a batch, beyond which a store is taken for broken rather than memory for endless.
_MOST_VALUES: Final = 2**28


class Localise:
    """Of a store with `call_LA`: LAA in its place, and REF first in the fields that go with it."""

    def __init__(self, metadata: Metadata) -> None:
        self._fields = [name for name in _NUMBERS if metadata.has_field(name)]
        infos = metadata.get_field_infos([_LA, *self._fields])
        listed = describe_field(
            _LAA,
            dtype=infos[0].dtype,
            shape=infos[0].shape,
            dims=("variants", "samples", "local_alt_alleles"),
            chunks=infos[0].chunks,
            definitions={("FORMAT", "LAA"): {"Number": ".", "Type": "Integer", "Description": _LISTED}},
        )
        local = [replace(info, vcf_number=_NUMBERS[info.name]) for info in infos[1:]]
        self.metadata: Metadata = Altered(metadata, [listed, *local], removed=[_LA], at_least_4_5=True)

    def reads(self, columns: frozenset[str]) -> frozenset[str]:
        """`call_LA` for what is made of it."""
        return columns - {_LAA} | {_LA} if columns & LOCAL else columns

    def apply(self, batch: Batch) -> Batch:
        """The batch with LAA."""
        columns = dict(batch.columns)
        if _LA not in columns:
            return batch
        local = _cells(columns.pop(_LA)).astype(np.int64)
        listed = local > 0
        columns[_LAA] = take(local.astype(np.int32), _gathered(listed, or_missing=True))
        shifted = listed.any(axis=2) & ~(local == 0).any(axis=2)
        for name in self._fields:
            if name in columns:
                cells = _cells(columns[name])
                places = _with_reference(
                    _NUMBERS[name], cells, shifted & _has_values(cells), listed.sum(axis=2)
                )
                columns[name] = cells if places is None else take(cells, places)
        return Batch(columns, batch.variant_index, batch.sample_mask)


class Delocalise:
    """Of a store with LAA (after `Localise`): fields of all alleles in place of those of local ones.

    AD for LAD, PL for LPL and so on: an allele that the sample does not list has missing values, and so has
    each genotype with such an allele. Where a store has the field as well it is left as it is.
    """

    def __init__(self, metadata: Metadata) -> None:
        local = [name for name in _NUMBERS if metadata.has_field(name)]
        self._made = {name: _global(name) for name in local if not metadata.has_field(_global(name))}
        fields = [
            _described(info, self._made[info.name]) for info in metadata.get_field_infos(list(self._made))
        ]
        self.metadata: Metadata = Altered(metadata, fields, removed=[_LAA, *local])

    def reads(self, columns: frozenset[str]) -> frozenset[str]:
        """The local fields, LAA and the alleles, for what is made of them."""
        wanted = {name for name, made in self._made.items() if made in columns}
        return columns - set(self._made.values()) | wanted | {_LAA, ALLELE} if wanted else columns

    def apply(self, batch: Batch) -> Batch:
        """The batch with the fields of all alleles.

        Raises:
            ChunkError: they would not fit in any memory, or a local allele does not exist.
        """
        columns = dict(batch.columns)
        if _LAA not in columns:
            return batch
        listed = _cells(columns.pop(_LAA)).astype(np.int64)
        num_alleles = _num_alleles(columns[ALLELE])
        if listed.size and (listed >= num_alleles[:, None, None]).any():
            row = int(np.argmax((listed >= num_alleles[:, None, None]).any(axis=(1, 2))))
            raise ChunkError(
                f"a local allele of variant {batch.variant_index[row]} is not one of its {num_alleles[row]}",
                array=_LAA,
            )
        for name, made in self._made.items():
            if name in columns:
                columns[made] = _spread(_NUMBERS[name], _cells(columns.pop(name)), listed, num_alleles)
        return Batch(columns, batch.variant_index, batch.sample_mask)


def drop_alleles(
    columns: dict[str, Column], groups: Sequence[tuple[Int64s, Sequence[int]]]
) -> dict[str, Column]:
    """Local fields of variants that lose alleles: `groups` are rows and the alleles that they keep."""
    if _LAA not in columns:
        return {}
    changed = {name: columns[name] for name in LOCAL & columns.keys()}
    listed = _cells(columns[_LAA])
    numbers = np.array(listed)
    for rows, kept in groups:
        table = np.full(max(int(listed.max(initial=0)), *kept) + 1, 0, numbers.dtype)
        table[list(kept)] = np.arange(len(kept))
        own = listed[rows]
        numbers[rows] = np.where(own > 0, table[np.maximum(own, 0)], own)
    every = np.concatenate([rows for rows, _ in groups])
    present, stays = listed[every] > 0, numbers[every] > 0
    for name in changed:
        cells = _cells(columns[name]).copy()
        source = numbers[every] if name == _LAA else cells[every]
        if (present == stays).all():
            cells[every] = source
        else:
            cells[every] = take(source, _kept_places(name, present, stays, source))
        changed[name] = cells
    return changed


def _kept_places(name: str, present: Mask, stays: Mask, cells: npt.NDArray[Any]) -> Int64s:
    """Which values of local fields stay, where `stays` says it of the alleles listed, those `present`."""
    width = cells.shape[2]
    if name == _LAA:
        return _gathered(stays, or_missing=True)
    number = _NUMBERS[name]
    alleles = stays if number == "LA" else np.concatenate((np.ones_like(stays[..., :1]), stays), axis=2)
    if number == "LG":
        j, k = _pairs(alleles.shape[2])
        diploid = _gathered(alleles[..., j] & alleles[..., k], width=width)
        is_haploid = lengths(cells) <= 1 + present.sum(axis=2)
        return np.where(is_haploid[..., None], _gathered(alleles, width=width), diploid)
    return _gathered(alleles, width=width)


def _with_reference(number: str, cells: npt.NDArray[Any], shifted: Mask, listed: Int64s) -> Int64s | None:
    """Where values come from, if those of REF go before the others where `shifted`; None: they stay.

    `listed` is the number of ALT alleles of each sample.
    """
    if number == "LA" or not shifted.any():
        return None
    width = cells.shape[2]
    if number == "LR":
        at = np.arange(width + 1)
        moved, highest = np.where(at == 0, TAKE_MISSING, at - 1), at
    else:
        side = 1
        while side * (side + 1) // 2 < width:
            side += 1
        low, highest = _pairs(side + 1)
        at = np.arange(len(low))
        moved = np.where(low == 0, TAKE_MISSING, (highest - 1) * highest // 2 + low - 1)
    there = highest <= listed[..., None]
    return np.where(shifted[..., None], np.where(there, moved, TAKE_FILL), at).astype(np.int64)


def _spread(number: str, cells: npt.NDArray[Any], listed: Int64s, num_alleles: Int64s) -> Column:
    """Values of local alleles as values of all: of those not listed, missing."""
    alleles = int(num_alleles.max(initial=1))
    width = alleles * (alleles + 1) // 2 if number == "LG" else alleles
    if cells[..., :1].size * width > _MOST_VALUES:
        raise ChunkError(f"fields of {alleles} alleles would not fit in memory: leave them local")
    slots = np.concatenate((np.zeros_like(listed[..., :1]), listed), axis=2)
    if number == "LA":
        places = _by_allele(slots, alleles, num_alleles)[..., 1:]
        places = np.where(places > 0, places - 1, places)
    elif number == "LR":
        places = _by_allele(slots, alleles, num_alleles)
    else:
        places = _by_genotype(slots, alleles, num_alleles)
        num_local, used = (slots >= 0).sum(axis=2), lengths(cells)
        haploid = (used <= num_local) & (num_local > 1)
        if haploid.any():
            places[haploid] = TAKE_FILL
            places[haploid, :alleles] = _by_allele(slots, alleles, num_alleles)[haploid]
    empty = ~_has_values(cells)
    places[empty] = TAKE_FILL
    places[empty, :1] = TAKE_MISSING
    return take(cells, places)


def _by_allele(slots: Int64s, alleles: int, num_alleles: Int64s) -> Places:
    """Where the value of each allele is among those of `slots`, the alleles of each sample."""
    # One place more than there are, for the slots of samples that list fewer alleles; so below.
    places = np.full((*slots.shape[:2], alleles + 1), TAKE_MISSING, np.int32)
    for slot in range(slots.shape[2]):
        target = np.where(slots[..., slot] >= 0, slots[..., slot], alleles)
        np.put_along_axis(places, target[..., None], slot, axis=2)
    places = places[..., :alleles]
    return np.where(np.arange(alleles) < num_alleles[:, None, None], places, np.int32(TAKE_FILL))


def _by_genotype(slots: Int64s, alleles: int, num_alleles: Int64s) -> Places:
    """Where the value of each genotype of two alleles is among those of `slots`."""
    width = alleles * (alleles + 1) // 2
    places = np.full((*slots.shape[:2], width + 1), TAKE_MISSING, np.int32)
    for place, (one, other) in enumerate(zip(*_pairs(slots.shape[2]), strict=True)):
        low, high = (
            np.minimum(slots[..., one], slots[..., other]),
            np.maximum(slots[..., one], slots[..., other]),
        )
        target = np.where(low >= 0, high * (high + 1) // 2 + low, width)
        np.put_along_axis(places, target[..., None], place, axis=2)
    places = places[..., :width]
    whole = num_alleles * (num_alleles + 1) // 2
    return np.where(np.arange(width) < whole[:, None, None], places, np.int32(TAKE_FILL))


def _gathered(keep: Mask, *, width: int | None = None, or_missing: bool = False) -> Int64s:
    """The places of what is kept, in order, then fill; `or_missing`: of nothing, one missing value."""
    order = np.argsort(~keep, axis=-1, kind="stable")
    count = keep.sum(axis=-1, keepdims=True)
    places = np.where(np.arange(keep.shape[-1]) < count, order, TAKE_FILL)
    if or_missing and places.shape[-1]:
        places[..., :1] = np.where(count == 0, TAKE_MISSING, places[..., :1])
    if width is not None:
        short = max(0, width - places.shape[-1])
        filler = np.full((*places.shape[:-1], short), TAKE_FILL)
        places = np.concatenate((places, filler), axis=-1)[..., :width]
    return places.astype(np.int64)


def _pairs(alleles: int) -> tuple[Int64s, Int64s]:
    """The lower and the higher allele of each genotype of two, in the order of Number=G."""
    pairs = [(j, k) for k in range(alleles) for j in range(k + 1)]
    low, high = np.array(pairs, np.int64).reshape(-1, 2).T
    return low, high


def _cells(column: Column) -> npt.NDArray[Any]:
    """(variants, samples, values): as stored, or with an axis of one value."""
    if isinstance(column, Strings):
        raise ChunkError("fields of local alleles must hold numbers")
    return column if column.ndim == 3 else column[:, :, None]


def _has_values(cells: npt.NDArray[Any]) -> Mask:
    if cells.dtype.kind == "f":
        return np.asarray(lengths(cells) > 0)
    return np.asarray(((cells != INT_MISSING) & (cells != INT_FILL)).any(axis=2))


def _num_alleles(alleles: Column) -> Int64s:
    return np.asarray(present_alleles(alleles).sum(axis=1))


def _global(name: str) -> str:
    """`call_AD` of `call_LAD`."""
    return name.replace("_L", "_", 1)


def _described(info: FieldInfo, name: str) -> FieldInfo:
    number = _NUMBERS[info.name][1:]
    made = describe_field(
        name,
        dtype=info.dtype,
        shape=info.shape,
        dims=("variants", "samples", _DIMS[number]),
        chunks=info.chunks,
        attrs={"description": info.description.removesuffix(" (local-alleles)")},
    )
    return replace(made, vcf_type=info.vcf_type)
