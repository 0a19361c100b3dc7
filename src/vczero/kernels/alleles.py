"""The types of variants (SNP, indel ...), from the text of their alleles, as htslib 1.16 tells them."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from vczero._native import alleles as _native

__all__ = ["TYPE_BITS", "variant_types", "variant_types_numpy"]

# The bit of each type in what `variant_types` gives; a variant without any of them is of type "ref".
TYPE_BITS: Final = {"snp": 1, "mnp": 2, "indel": 4, "other": 8, "bnd": 16, "overlap": 32}


def variant_types(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], alleles: int
) -> npt.NDArray[np.uint8]:
    """The types of each variant's ALT alleles, or-ed; uint8, (variants,).

    Args:
        data, offsets: the text of the alleles, (variants, alleles), REF first; an empty ALT is none.
        alleles: length of the alleles axis.
    """
    out = np.empty((len(offsets) - 1) // alleles if alleles else 0, dtype=np.uint8)
    _native.variant_types(data, offsets, alleles, out)
    return out


def variant_types_numpy(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], alleles: int
) -> npt.NDArray[np.uint8]:
    """The same as `variant_types`, an allele at a time."""
    whole = data.tobytes()
    out = np.zeros((len(offsets) - 1) // alleles if alleles else 0, dtype=np.uint8)
    for variant in range(len(out)):
        places = offsets[variant * alleles : (variant + 1) * alleles + 1]
        ref, *alts = (whole[a:b] for a, b in pairwise(places))
        for alt in alts:
            if ref and alt:
                out[variant] |= _allele_type(ref, alt)
    return out


def _allele_type(ref: bytes, alt: bytes) -> int:
    """The bit of one ALT allele's type; 0 for one that says the same as REF."""
    if alt == b"*":
        return TYPE_BITS["overlap"]
    if len(ref) == len(alt) == 1:
        return 0 if alt in (ref, b".", b"X") else TYPE_BITS["snp"]
    if alt.startswith(b"<"):
        return 0 if alt in (b"<*>", b"<X>", b"<NON_REF>") else TYPE_BITS["other"]
    if alt.startswith((b"[", b"]")):
        return TYPE_BITS["bnd"]
    a, b = ref.upper(), alt.upper()
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    if not a or not b:
        if not a and not b:
            return 0
        return TYPE_BITS["bnd"] if b.startswith((b"[", b"]")) else TYPE_BITS["indel"]
    while len(a) > 1 and len(b) > 1 and a[-1] == b[-1]:
        a, b = a[:-1], b[:-1]
    if len(a) > 1 and len(b) > 1:
        return TYPE_BITS["mnp" if len(a) == len(b) else "other"]
    if len(a) == len(b):
        return TYPE_BITS["snp"]
    return TYPE_BITS["indel" if a[-1] == b[-1] else "other"]
