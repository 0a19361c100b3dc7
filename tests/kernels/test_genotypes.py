"""Kernels of `kernels.genotypes` against their twins."""

from __future__ import annotations

import numpy as np
import pytest

from vczero.kernels.genotypes import hardy_weinberg, hardy_weinberg_numpy, tally, tally_numpy


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", ">i2"])
@pytest.mark.parametrize("alleles", [1, 2, 4, 30, 31, 40])
@pytest.mark.parametrize("ploidy", [1, 2, 3, 4])
def test_tally(ploidy: int, alleles: int, dtype: str) -> None:
    """Genotypes of every ploidy, by the table of pairs and without it; alleles that do not exist."""
    rng = np.random.default_rng(ploidy * 100 + alleles)
    calls = rng.integers(-2, alleles + 2, (5, 40, ploidy)).astype(dtype)
    calls[calls > alleles] = -2
    calls = np.where(rng.random(calls.shape) < 0.5, np.minimum(calls, 1), calls)
    for one, other in zip(tally(calls, alleles), tally_numpy(calls, alleles), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype == np.int32


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2), (3, 2, 0)])
def test_tally_of_nothing(shape: tuple[int, ...]) -> None:
    """No variants, no samples, no alleles in a genotype."""
    kinds, called = tally(np.zeros(shape, np.int8), 2)
    assert kinds.shape == (shape[0], 2, 3)
    assert not kinds.any()
    assert not called.any()


def test_hardy_weinberg_of_few() -> None:
    """Every number of heterozygotes of every two alleles of up to thirty copies."""
    cases = [
        (a, b, h)
        for a in range(31)
        for b in range(31)
        if (a + b) % 2 == 0
        for h in range(min(a, b) % 2, min(a, b) + 1, 2)
    ]
    reference, alternate, hets = np.array(cases, np.int64).T
    ours = hardy_weinberg(reference, alternate, hets)
    theirs = hardy_weinberg_numpy(reference, alternate, hets)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_hardy_weinberg_of_many() -> None:
    """A cohort's numbers, down to what a float32 can tell from zero."""
    rng = np.random.default_rng(7)
    rare = rng.integers(1, 3000, 60)
    common = rng.integers(3000, 40_000, 60)
    common += (common + rare) % 2
    hets = (rng.random(60) ** 0.3 * rare).astype(np.int64)
    hets += (hets + rare) % 2
    ours, theirs = hardy_weinberg(common, rare, hets), hardy_weinberg_numpy(common, rare, hets)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-46)
