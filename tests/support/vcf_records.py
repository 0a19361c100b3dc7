"""VCF text as records to compare: numbers as numbers, without what the conversion to VCZ loses.

What a store does not keep (bio2zarr 0.2.1) is taken out of both sides: the order of INFO and FORMAT keys and
of filters, keys whose values are all missing, and missing values at the end of a FORMAT vector.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def bcftools(*arguments: str | Path) -> str:
    """What bcftools prints; it must succeed."""
    command = ["bcftools", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def records(vcf: str) -> list[Record]:
    """The records of VCF text."""
    lines = [line for line in vcf.splitlines() if not line.startswith("##")]
    samples: list[str] = []
    if lines and lines[0].startswith("#CHROM"):
        samples = lines.pop(0).split("\t")[9:]
    return [_record(line, samples) for line in lines]


def header_lines(vcf: str) -> set[str]:
    """The meta-information, without what programs add of themselves and without what stores do not keep."""
    return {
        line
        for line in vcf.splitlines()
        if line.startswith("##") and "Command=" not in line and "Version=" not in line
    }


def _record(line: str, samples: Sequence[str]) -> Record:
    chrom, pos, name, ref, alt, qual, filters, info, *calls = line.split("\t")
    record: Record = {
        "CHROM": chrom,
        "POS": int(pos),
        "ID": name,
        "REF": ref,
        "ALT": alt,
        "QUAL": _number(qual),
        "FILTER": frozenset(filters.split(";")),
        "INFO": {},
        "FORMAT": {},
    }
    for entry in [] if info == "." else info.split(";"):
        key, _, value = entry.partition("=")
        values = _values(value)
        if any(v != "." for v in values) or "=" not in entry:
            record["INFO"][key] = values
    if calls:
        record["FORMAT"] = _format(calls[0].split(":"), [call.split(":") for call in calls[1:]], samples)
    return record


def _format(keys: list[str], calls: list[list[str]], samples: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    names = samples or [str(k) for k in range(len(calls))]
    for column, key in enumerate(keys):
        cells = {
            name: call[column] if column < len(call) else "." for name, call in zip(names, calls, strict=True)
        }
        if key == "GT":
            if set("".join(cells.values())) - set("./|"):
                made[key] = cells
            continue
        values = {name: _trimmed(_values(cell)) for name, cell in cells.items()}
        if any(value != ["."] for value in values.values()):
            made[key] = values
    return made


def _trimmed(values: list[Any]) -> list[Any]:
    while len(values) > 1 and values[-1] == ".":
        values = values[:-1]
    return values


def _values(text: str) -> list[Any]:
    return [_number(value) for value in text.split(",")]


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    return "nan" if math.isnan(value) else value
