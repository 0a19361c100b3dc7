"""AC and AN as `bcftools view` adds them to a header after taking a subset of samples."""

from __future__ import annotations

import numpy as np

from vczero.vcz.schema import FieldInfo, describe_field

__all__ = ["ALLELE_COUNT", "ALLELE_NUMBER"]


def _field(name: str, description: str, number: str, inner: tuple[str, ...]) -> FieldInfo:
    return describe_field(
        f"variant_{name}",
        dtype=np.dtype(np.int32),
        shape=(0,) * (1 + len(inner)),
        dims=("variants", *inner),
        chunks=(1,) * (1 + len(inner)),
        attrs={"description": description},
        definitions={("INFO", name): {"Number": number, "Type": "Integer"}},
    )


ALLELE_COUNT = _field("AC", "Allele count in genotypes", "A", ("alt_alleles",))
ALLELE_NUMBER = _field("AN", "Total number of alleles in called genotypes", "1", ())
