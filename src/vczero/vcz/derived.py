"""Fields that are computed: allele counts and frequencies, missing genotypes, the variant's number.

Each declares the columns that it is computed from. What needs no more than how often each allele occurs, or
how many genotypes lack one, is computed from `COUNTS`, a column of counts that the store does not have: where
genotypes are stored as bit planes, it is counted from those, and the genotypes are never made. Definitions
are those of bcftools 1.16, observed: AC, AN, AF, NS and MAF as `+fill-tags` has them, F_MISSING and N_MISSING
as in expressions, where a genotype counts as missing if any of its alleles is (bcftools overlooks one that is
phased and not the first).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.kernels.bitplanes import count_values
from vczero.strings import Strings
from vczero.vcz.schema import Column
from vczero.vcz.values import FLOAT_FILL, FLOAT_MISSING, INT_FILL, INT_MISSING

__all__ = [
    "ALLELE",
    "CODES",
    "COUNTS",
    "DERIVED",
    "GENOTYPE",
    "MOST_COUNTED",
    "OTHER_COUNTS",
    "TAPPED",
    "Derived",
    "allele_counts",
    "computable",
    "compute",
    "counted_calls",
    "missing_calls",
    "occurrences",
    "present_alleles",
    "stored_counts",
]

# Values that the kernel counts, next to missing and fill.
MOST_COUNTED: Final = 254

COUNTS: Final = "call_genotype/counts"
"""int32, (variants, chunks, alleles + 5): occurrences of each allele, of fill (-2), of missing (-1); then
genotypes that lack an allele (the first is missing or fill, or another missing), that have none, and all."""
OTHER_COUNTS: Final = 5
"""Columns of `COUNTS` behind those of alleles."""

CODES: Final = "call_genotype/codes"
"""uint8, (variants, chunks, bytes): genotypes as two-bit codes, of each chunk (`chunks.paircodes`)."""

GENOTYPE: Final = "call_genotype"
ALLELE: Final = "variant_allele"

Int32s: TypeAlias = npt.NDArray[np.int32]
Columns: TypeAlias = Mapping[str, Column]


class Derived(NamedTuple):
    """A field that is computed.

    Attributes:
        name: of the field.
        needs: the columns it is computed from.
        dims: names of its axes.
        dtype: of the result.
        description: for a header.
        compute: makes it from the columns and the variants' numbers.
    """

    name: str
    needs: frozenset[str]
    dims: tuple[str, ...]
    dtype: np.dtype[Any]
    description: str
    compute: Callable[[Columns, npt.NDArray[np.int64]], npt.NDArray[Any]]

    @property
    def depends_on_samples(self) -> bool:
        """Whether a selection of samples changes it."""
        return bool(self.needs & {*TAPPED, GENOTYPE})


def _tapped(name: str, dtype: Any, description: str) -> Derived:
    return Derived(
        name,
        frozenset({name}),
        ("variants", "", ""),
        np.dtype(dtype),
        description,
        lambda columns, numbers: np.asarray(columns[name]),
    )


TAPPED: Final[Mapping[str, Derived]] = {
    COUNTS: _tapped(COUNTS, np.int32, "Occurrences of each allele"),
    CODES: _tapped(CODES, np.uint8, "Genotypes as two-bit codes"),
}
"""Columns that no store has, taken from the stored bytes of genotypes where these allow it."""


def computable(name: str, has: Callable[[str], bool]) -> bool:
    """Whether the field is one that is computed, and a store has what it needs."""
    field = DERIVED.get(name)
    return field is not None and all(has(GENOTYPE if need == COUNTS else need) for need in field.needs)


def allele_counts(genotypes: Column, num_alleles: int) -> Int32s:
    """int32, (variants, 1, alleles + 5): `COUNTS` from genotypes, (variants, samples, ploidy)."""
    assert isinstance(genotypes, np.ndarray)
    variants, samples, *group = genotypes.shape
    ploidy = prod(group)
    calls = np.ascontiguousarray(genotypes).reshape(variants, samples, ploidy)
    flat = calls.reshape(variants, samples * ploidy)
    counts = np.zeros((variants, num_alleles + OTHER_COUNTS), np.int32)
    if flat.dtype == np.int8 and num_alleles <= MOST_COUNTED and ploidy in (1, 2):
        if flat.shape[1]:
            count_values(flat.view(np.uint8), counts, ploidy)
    else:
        for number, value in enumerate([*range(num_alleles), INT_FILL, INT_MISSING]):
            counts[:, number] = (flat == value).sum(axis=1)
        for number, mask in ((-3, missing_calls(calls)), (-2, (calls < 0).all(axis=2))):
            counts[:, number] = np.count_nonzero(mask, axis=1)
        counts[:, -1] = samples
    return counts[:, None, :]


def occurrences(counts: Column, dtype: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
    """(variants, alleles): how often each allele occurs, from `COUNTS`."""
    assert isinstance(counts, np.ndarray)
    alleles = counts[:, :, :-OTHER_COUNTS]
    return np.asarray(alleles[:, 0] if counts.shape[1] == 1 else alleles.sum(axis=1, dtype=dtype), dtype)


def stored_counts(
    columns: Columns, present: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Stored AC, (variants, ALT alleles at most), AN, (variants,), and of which records they are believed.

    bcftools 1.16 does so where a record has both, and AC for each of its ALT alleles, of which there must be
    one (observed). `present` is what `present_alleles` gives.
    """
    number = np.asarray(columns["variant_AN"]).reshape(-1)
    alternate = np.asarray(columns["variant_AC"])
    alternate = alternate.reshape(len(alternate), -1)[:, : present.shape[1] - 1]
    expected = np.count_nonzero(present[:, 1:], axis=1)
    believed = (expected > 0) & (number >= 0) & (np.count_nonzero(alternate >= 0, axis=1) == expected)
    return alternate, number, believed


def genotype_codes(genotypes: Column) -> npt.NDArray[np.uint8]:
    """uint8, (variants, 1, ceil(samples / 4) + 4): `CODES` from genotypes, (variants, samples, ploidy)."""
    from vczero.kernels.pairs import CROWD, code_rows

    assert isinstance(genotypes, np.ndarray)
    variants, samples = genotypes.shape[:2]
    calls = genotypes.reshape(variants, samples, prod(genotypes.shape[2:]))
    calls = calls if calls.dtype == np.int8 else np.clip(calls, -128, 127).astype(np.int8)
    pair = calls[:, :, :2] if calls.shape[2] else np.full((variants, samples, 1), INT_MISSING, np.int8)
    codes = np.zeros((variants, 1, -(-samples // 4) + 4), np.uint8)
    bad = np.zeros(variants, np.uint32)
    code_rows(np.ascontiguousarray(pair), codes[:, 0, :-4], bad)
    if calls.shape[2] > 2:
        more = (calls[:, :, 2:] != INT_FILL).any(axis=2) & (calls >= 0).any(axis=2)
        wrong = more.any(axis=1)
        bad[wrong] = CROWD | (more[wrong].argmax(axis=1).astype(np.uint32) + 1)
    codes[:, 0, -4:] = bad.view(np.uint8).reshape(variants, 4)
    return codes


def compute(fields: Sequence[Derived], columns: Columns, numbers: npt.NDArray[np.int64]) -> dict[str, Column]:
    """`columns` and the fields computed from them."""
    known = dict(columns)
    if COUNTS not in known and any(COUNTS in field.needs for field in fields):
        num_alleles = known[ALLELE].shape[1] if ALLELE in known else 0
        known[COUNTS] = allele_counts(known[GENOTYPE], num_alleles)
    if CODES not in known and any(CODES in field.needs for field in fields):
        known[CODES] = genotype_codes(known[GENOTYPE])
    for field in fields:
        known[field.name] = field.compute(known, numbers)
    return known


def present_alleles(alleles: Column) -> npt.NDArray[np.bool_]:
    """bool, (variants, alleles): which alleles a variant has."""
    if isinstance(alleles, Strings):
        present = alleles.lengths > 0
    else:
        present = np.asarray(alleles != np.zeros((), alleles.dtype), np.bool_)
    return present if present.ndim > 1 else present[:, None]


def _counts(columns: Columns) -> Int32s:
    """int32, (variants, alleles): 0 for alleles that a variant has not."""
    summed = occurrences(columns[COUNTS], np.int32)
    return np.where(present_alleles(columns[ALLELE]), summed, np.int32(0))


def _ac(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.where(present_alleles(columns[ALLELE])[:, 1:], _counts(columns)[:, 1:], np.int32(INT_FILL))


def _called(columns: Columns) -> Int32s:
    """int32, (variants,): alleles that are called."""
    called: Int32s = _counts(columns).sum(axis=1, dtype=np.int32)
    return called


def _an(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _called(columns)


def _af(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    frequency = _ratio(_counts(columns)[:, 1:], _called(columns)[:, None])
    frequency[~present_alleles(columns[ALLELE])[:, 1:]] = FLOAT_FILL
    return frequency


def _second(columns: Columns) -> Int32s:
    """int32, (variants,): occurrences of the second most common allele."""
    counts = _counts(columns)
    second: Int32s = (
        np.sort(counts, axis=1)[:, -2] if counts.shape[1] > 1 else np.zeros(len(counts), np.int32)
    )
    return second


def _mac(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _second(columns)


def _maf(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _ratio(_second(columns), _called(columns))


def _ratio(part: Int32s, whole: Int32s) -> npt.NDArray[np.float32]:
    """float32: missing where `whole` is 0."""
    whole = np.broadcast_to(whole, part.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (part / whole).astype(np.float32)
    ratio[whole == 0] = FLOAT_MISSING
    return np.asarray(ratio, np.float32)


def missing_calls(genotypes: npt.NDArray[Any], phased: Column | None = None) -> npt.NDArray[np.bool_]:
    """bool, (variants, samples): which genotypes lack an allele, of integers (variants, samples, ploidy).

    With `phased`, bool (variants, samples), one that is phased and not the first is overlooked, as bcftools
    1.16 does.
    """
    missing = np.zeros(genotypes.shape[:2], np.bool_)
    for place in range(1, genotypes.shape[2]):
        missing |= genotypes[:, :, place] == INT_MISSING
    if isinstance(phased, np.ndarray):
        missing &= ~phased.astype(np.bool_, copy=False)
    if not genotypes.shape[2]:
        return ~missing
    return missing | (genotypes[:, :, 0] < 0)


def counted_calls(counts: Column) -> Int32s:
    """int32, (3, variants): genotypes that lack an allele, that have none, and all, from `COUNTS`."""
    assert isinstance(counts, np.ndarray)
    calls: Int32s = counts[:, :, -3:].sum(axis=1, dtype=np.int32).T
    return calls


def _ns(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    _, empty, samples = counted_calls(columns[COUNTS])
    return np.asarray(samples - empty)


def _n_missing(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(counted_calls(columns[COUNTS])[0])


def _f_missing(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    lacking, _, samples = counted_calls(columns[COUNTS])
    return np.asarray(lacking / np.maximum(1, samples), np.float32)


def _n_alt(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return np.asarray(np.count_nonzero(present_alleles(columns[ALLELE])[:, 1:], axis=1), np.int32)


def _index(columns: Columns, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return numbers


_BY_ALLELE = ("variants", "alt_alleles")
_BY_VARIANT = ("variants",)
_FROM_COUNTS = (COUNTS, ALLELE)
_TABLE: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...], str, str, Any], ...]] = (
    ("variant_index", (), _BY_VARIANT, "i8", "Number of the variant in the store, from 0", _index),
    ("variant_AC", _FROM_COUNTS, _BY_ALLELE, "i4", "Allele count in genotypes", _ac),
    ("variant_AN", _FROM_COUNTS, _BY_VARIANT, "i4", "Total number of alleles in called genotypes", _an),
    ("variant_AF", _FROM_COUNTS, _BY_ALLELE, "f4", "Allele frequency", _af),
    ("variant_MAC", _FROM_COUNTS, _BY_VARIANT, "i4", "Count of the second most common allele", _mac),
    ("variant_MAF", _FROM_COUNTS, _BY_VARIANT, "f4", "Frequency of the second most common allele", _maf),
    ("variant_NS", (COUNTS,), _BY_VARIANT, "i4", "Number of samples with data", _ns),
    ("variant_N_ALT", (ALLELE,), _BY_VARIANT, "i4", "Number of ALT alleles", _n_alt),
    ("variant_N_MISSING", (COUNTS,), _BY_VARIANT, "i4", "Number of missing genotypes", _n_missing),
    ("variant_F_MISSING", (COUNTS,), _BY_VARIANT, "f4", "Fraction of missing genotypes", _f_missing),
)

DERIVED: Final[Mapping[str, Derived]] = {
    name: Derived(name, frozenset(needs), dims, np.dtype(dtype), description, compute)
    for name, needs, dims, dtype, description, compute in _TABLE
}
