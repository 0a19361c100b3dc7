"""AC and AN of the samples in a batch: what `bcftools view` writes after taking a subset of samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vczero.formats.columns import allele_lengths, cell_column
from vczero.vcz.schema import Batch, FieldInfo, describe_field

__all__ = ["ALLELE_COUNT", "ALLELE_NUMBER", "allele_counts"]

_FILL = -2


def _field(name: str, description: str, number: str, inner: tuple[str, ...]) -> FieldInfo:
    return describe_field(
        name,
        dtype=np.dtype(np.int32),
        shape=(0,) * (1 + len(inner)),
        dims=("variants", *inner),
        chunks=(1,) * (1 + len(inner)),
        attrs={"description": description},
        definitions={("INFO", name): {"Number": number, "Type": "Integer"}},
    )


# The fields as bcftools 1.16 adds them to a header that lacks them.
ALLELE_COUNT = _field("variant_AC", "Allele count in genotypes", "A", ("alt_alleles",))
ALLELE_NUMBER = _field("variant_AN", "Total number of alleles in called genotypes", "1", ())


def allele_counts(batch: Batch) -> dict[str, npt.NDArray[np.int32]]:
    """`variant_AC`, int32 (variants, alternate alleles), fill beyond a variant's alleles; `variant_AN`, int32
    (variants,): counted in the batch's calls."""
    calls = cell_column(batch.columns["call_genotype"], 2)
    assert isinstance(calls, np.ndarray)
    calls = calls.reshape(len(calls), -1)
    alternates = np.count_nonzero(allele_lengths(batch), axis=1) - 1
    width = max(1, int(alternates.max(initial=1)))
    counts = np.full((len(calls), width), _FILL, np.int32)
    for allele in range(1, width + 1):
        column = (calls == allele).sum(axis=1, dtype=np.int32)
        counts[:, allele - 1] = np.where(alternates >= allele, column, _FILL)
    return {"variant_AC": counts, "variant_AN": (calls >= 0).sum(axis=1, dtype=np.int32)}
