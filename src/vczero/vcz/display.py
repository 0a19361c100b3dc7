"""How a reader and its fields look: one line, and HTML for notebooks. Reads no more than metadata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from vczero.vcz.schema import FieldInfo

if TYPE_CHECKING:
    from vczero.vcz.reader import VczReader

__all__ = ["field_html", "reader_html", "reader_line"]


def reader_line(reader: VczReader, store: str) -> str:
    """`<VczReader ...>`: what the store has, and what is selected."""
    parts = [f"variants={reader.num_variants}", f"samples={reader.num_samples}"]
    return f"<VczReader {store!r} {' '.join([*parts, *_selected(reader)])}>"


def _selected(reader: VczReader) -> Iterable[str]:
    query = reader.selection
    if query.samples is not None:
        yield f"selected_samples={len(query.samples)}"
    if query.variants is not None:
        yield f"selected_variants={int((query.variants[:, 1] - query.variants[:, 0]).sum())}"
    if query.regions is not None:
        yield f"regions={len(query.regions)}"
    if query.targets is not None:
        yield f"targets={'^' if query.targets.complement else ''}{len(query.targets)}"
    if query.predicate is not None:
        yield "filtered"


def reader_html(reader: VczReader, store: str) -> str:
    """A table of what the store has, and one of its fields, folded."""
    rows = [
        ("Store", store),
        ("VCF Zarr version", reader.version or ""),
        ("Source", reader.source or ""),
        ("Variants", f"{reader.num_variants:,}"),
        ("Samples", f"{reader.num_samples:,}"),
        ("Contigs", f"{len(reader.contig_names):,}"),
        ("Filters", ", ".join(reader.filter_ids.tolist())),
        ("Selection", " ".join(_selected(reader)) or "all"),
    ]
    stored = reader.get_field_infos(sorted(reader.field_names))
    computed = reader.get_field_infos(sorted(reader.virtual_field_names - reader.field_names))
    fields = [_field_row(info, "stored") for info in stored] + [
        _field_row(info, "computed") for info in computed
    ]
    header = ("name", "dtype", "shape", "axes", "Number", "Type", "", "description")
    return (
        f"<div><b>VczReader</b>{_table(rows)}<details><summary>{len(fields)} fields</summary>"
        f"{_table(fields, header)}</details></div>"
    )


def field_html(info: FieldInfo) -> str:
    """A table of what is known of a field."""
    rows = [
        ("dtype", str(info.dtype)),
        ("shape", str(info.shape)),
        ("chunks", str(info.chunks)),
        ("axes", ", ".join(info.dims)),
        ("VCF", f"{info.category} {info.vcf_id}, Number={info.vcf_number}, Type={info.vcf_type}"),
        ("description", info.description),
    ]
    return f"<div><b>{escape(info.name)}</b>{_table(rows)}</div>"


def _field_row(info: FieldInfo, kind: str) -> Sequence[str]:
    axes = ", ".join(info.dims)
    numbers = (info.vcf_number, info.vcf_type) if info.category in ("INFO", "FORMAT") else ("", "")
    return (info.name, str(info.dtype), str(info.shape), axes, *numbers, kind, info.description)


def _table(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> str:
    lines = []
    if header:
        lines.append("".join(f"<th>{escape(cell)}</th>" for cell in header))
    lines += ["".join(f"<td style='text-align:left'>{escape(cell)}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
