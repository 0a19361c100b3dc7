"""What `view` does to records between reading and encoding; `rewrites` makes what is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from vczero.errors import OptionError
from vczero.vcz.derived import GENOTYPE
from vczero.vcz.schema import Metadata, Rewrite

__all__ = ["rewrites"]


def rewrites(
    reader: Metadata,
    *,
    trim_alt_alleles: bool = False,
    fill_tags: str | Sequence[str] = (),
    delocalise: bool = False,
    update_counts: bool = False,
) -> list[Rewrite]:
    """What is done to the records of a reader, in order, for `write_vcf(reader, file, rewrites=...)`.

    Make it when the samples are set. A store with `call_LA` gets LAA of VCF 4.5 in its place in any case.

    Args:
        reader: a `VczReader`.
        trim_alt_alleles: whether ALT alleles that no genotype of the samples has are taken out.
        fill_tags: INFO fields to compute, as `bcftools +fill-tags`: a list, or text with commas; "all".
        delocalise: whether fields of local alleles become fields of all alleles.
        update_counts: whether records get AC and AN where they lack them.

    Raises:
        OptionError: there is no such tag, or the store has no genotypes.
    """
    has_genotypes = reader.has_field(GENOTYPE)
    if trim_alt_alleles and not has_genotypes:
        raise OptionError("--trim-alt-alleles: the store has no genotypes to find alleles in")
    made: list[Rewrite] = []

    def metadata() -> Metadata:
        return made[-1].metadata if made else reader

    if "call_LA" in reader.field_names:
        from vczero.vcz.rewrites.local import Localise

        made.append(Localise(reader))
    if delocalise and metadata().has_field("call_LAA"):
        from vczero.vcz.rewrites.local import Delocalise

        made.append(Delocalise(metadata()))
    if update_counts and has_genotypes:
        from vczero.vcz.rewrites.counts import UpdateCounts

        made.append(UpdateCounts(metadata()))
    if trim_alt_alleles:
        from vczero.vcz.rewrites.trim import TrimAlleles

        made.append(TrimAlleles(metadata()))
    if fill_tags:
        from vczero.vcz.rewrites.tags import FillTags

        tags = fill_tags.split(",") if isinstance(fill_tags, str) else fill_tags
        made.append(FillTags(metadata(), tags))
    return made
