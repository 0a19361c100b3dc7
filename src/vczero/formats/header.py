"""The header of a VCF from what a store says of itself.

A store keeps the source VCF's lines but those of INFO, FORMAT, FILTER and contig: these are made from arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vczero.formats.columns import format_fields, info_fields
from vczero.vcz.schema import FieldInfo, Metadata

__all__ = ["vcf_header"]

_DEFAULT_VERSION = "VCFv4.3"
_PASS = "All filters passed"
# A quote or backslash that is not escaped already: descriptions come both ways.
_BARE = re.compile(r'\\(?![\\"])|(?<!\\)"')
_FIXED_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")


def vcf_header(
    metadata: Metadata,
    *,
    info: Sequence[FieldInfo] | None = None,
    formats: Sequence[FieldInfo] | None = None,
    samples: Sequence[str] | None = None,
    extra: Iterable[str] = (),
) -> str:
    """The header's text, its last line `#CHROM ...` included.

    Args:
        info: INFO fields to define; None: all that the store has.
        formats: FORMAT fields to define; None: all.
        samples: the columns' names; None: the metadata's.
        extra: lines (without `##` and line end) that end the meta-information, such as the command.
    """
    kept = metadata.vcf_meta_information or []
    version = next((value for key, value in kept if key == "fileformat"), _DEFAULT_VERSION)
    lines = [f"##fileformat={version}"]
    lines += _filter_lines(metadata)
    lines += [f"##{key}={value}" for key, value in kept if key != "fileformat"]
    lines += [_definition("INFO", field) for field in (info_fields(metadata) if info is None else info)]
    lines += [
        _definition("FORMAT", field) for field in (format_fields(metadata) if formats is None else formats)
    ]
    lines += _contig_lines(metadata)
    lines += [f"##{line}" for line in extra]
    names = [str(name) for name in metadata.sample_ids] if samples is None else list(samples)
    columns = [*_FIXED_COLUMNS, "FORMAT", *names] if names else _FIXED_COLUMNS
    return "\n".join([*lines, "\t".join(columns)]) + "\n"


def _filter_lines(metadata: Metadata) -> list[str]:
    """PASS first, which every VCF has, then the others as they come."""
    identifiers = [str(name) for name in metadata.filter_ids]
    described = metadata.filter_descriptions
    texts = [""] * len(identifiers) if described is None else [str(text) for text in described]
    descriptions = dict(zip(identifiers, texts, strict=False))
    descriptions = {"PASS": descriptions.pop("PASS", "") or _PASS, **descriptions}
    return [f'##FILTER=<ID={name},Description="{_quoted(text)}">' for name, text in descriptions.items()]


def _definition(category: str, field: FieldInfo) -> str:
    description = field.description or ("Genotype" if field.vcf_id == "GT" else "")
    return (
        f"##{category}=<ID={field.vcf_id},Number={field.vcf_number},Type={field.vcf_type},"
        f'Description="{_quoted(description)}">'
    )


def _contig_lines(metadata: Metadata) -> list[str]:
    lengths = metadata.contig_lengths
    names = [str(name) for name in metadata.contig_ids]
    if lengths is None:
        return [f"##contig=<ID={name}>" for name in names]
    return [
        f"##contig=<ID={name},length={length}>" if length > 0 else f"##contig=<ID={name}>"
        for name, length in zip(names, lengths.tolist(), strict=True)
    ]


def _quoted(text: str) -> str:
    """Text for within quotes, on one line."""
    return _BARE.sub(lambda match: "\\" + match[0], text).replace("\n", " ")
