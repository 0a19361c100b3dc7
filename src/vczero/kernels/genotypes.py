"""What the genotypes of a variant come to: alleles by the kind of genotype they are in, and the exact test of
Hardy-Weinberg equilibrium.

Both kernels release the GIL and may run in any number of threads.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero._native import genotypes as _native

__all__ = ["hardy_weinberg", "hardy_weinberg_numpy", "tally", "tally_numpy"]

Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]
Float64s: TypeAlias = npt.NDArray[np.float64]


def tally(calls: npt.NDArray[Any], alleles: int) -> tuple[Int32s, Int32s]:
    """How often each allele is in genotypes of each kind, and how many genotypes have an allele called.

    Args:
        calls: integers (variants, samples, ploidy); -1 missing, -2 fill. Alleles that do not exist are passed
            over.
        alleles: how many there are.

    Returns:
        int32 (variants, alleles, 3): in genotypes of one distinct allele (counted twice), of several (once),
        and in those of one with nothing beside it or missing alleles (once); as `bcftools +fill-tags` 1.16
        counts them.
        int32 (variants,): genotypes with an allele that is called.
    """
    kinds = np.zeros((len(calls), alleles, 3), np.int32)
    called = np.zeros(len(calls), np.int32)
    if calls.dtype not in (np.int8, np.int16, np.int32):
        calls = calls.astype(np.int32)
    _native.tally(np.ascontiguousarray(calls, calls.dtype.newbyteorder("=")), kinds, called)
    return kinds, called


def tally_numpy(calls: npt.NDArray[Any], alleles: int) -> tuple[Int32s, Int32s]:
    """The same as `tally`, an allele at a time."""
    has = np.stack([(calls == allele).any(axis=2) for allele in range(alleles)], axis=2)
    called = ((calls >= 0) & (calls < alleles)).sum(axis=2)
    distinct = has.sum(axis=2)
    lone = (called == 1) | (calls == -1).any(axis=2)
    of_kind = (distinct == 1) & ~lone, distinct > 1, (distinct == 1) & lone
    kinds = [(has & which[:, :, None]).sum(axis=1) for which in of_kind]
    return (np.stack(kinds, axis=2) * [2, 1, 1]).astype(np.int32), (called > 0).sum(axis=1, dtype=np.int32)


def hardy_weinberg(reference: Int64s, alternate: Int64s, hets: Int64s) -> tuple[Float64s, Float64s]:
    """p-values of the exact test of Hardy-Weinberg equilibrium, and of an excess of heterozygotes.

    The first is the probability, given how often each allele occurs, of a number of heterozygotes that is no
    likelier than the one seen; the second, of one at least as large (Wigginton, Cutler and Abecasis 2005, by
    its recurrence from a likely number outwards). Both are 1 where one allele does not occur.

    Args:
        reference, alternate: int64 (n,). Copies of two alleles, an even number of them in all.
        hets: int64 (n,). Heterozygotes: no more than the rarer allele has copies, and as odd as these.
    """
    equilibrium, excess = np.empty(len(hets)), np.empty(len(hets))
    a, b, h = (np.ascontiguousarray(each, np.int64) for each in (reference, alternate, hets))
    _native.hardy_weinberg(a, b, h, equilibrium, excess)
    return equilibrium, excess


def hardy_weinberg_numpy(reference: Int64s, alternate: Int64s, hets: Int64s) -> tuple[Float64s, Float64s]:
    """The same as `hardy_weinberg`, from the definition: the probability of each number of heterozygotes."""
    from math import lgamma, log

    found = []
    for a, b, seen in zip(reference.tolist(), alternate.tolist(), hets.tolist(), strict=True):
        if min(a, b) <= 0:
            found.append((1.0, 1.0))
            continue
        numbers = np.arange(min(a, b) % 2, min(a, b) + 1, 2)
        logs = np.array(
            [h * log(2) - lgamma(h + 1) - lgamma((a - h) / 2 + 1) - lgamma((b - h) / 2 + 1) for h in numbers]
        )
        shares = np.exp(logs - logs.max())
        shares /= shares.sum()
        as_rare = shares <= shares[numbers == seen] * (1 + 1e-9)
        found.append((min(1.0, shares[as_rare].sum()), shares[numbers >= seen].sum()))
    equilibrium, excess = np.array(found, np.float64).reshape(-1, 2).T
    return equilibrium, excess
