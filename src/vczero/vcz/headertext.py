"""What the text of a VCF header says, which stores up to version 0.3 keep."""

from __future__ import annotations

__all__ = ["header_definitions", "header_lines"]


def header_definitions(vcf_header: str) -> dict[tuple[str, str], dict[str, str]]:
    """(category, ID) -> Number, Type, Description: the INFO, FORMAT and FILTER lines of a VCF header."""
    definitions = {}
    for line in vcf_header.splitlines():
        key, _, value = line.removeprefix("##").partition("=")
        if key in ("INFO", "FORMAT", "FILTER") and value.startswith("<"):
            members = _structured_value(value)
            if "ID" in members:
                definitions[key, members["ID"]] = members
    return definitions


def header_lines(vcf_header: str) -> list[tuple[str, str]]:
    """(key, value) of the lines of a VCF header's text that are not INFO, FORMAT, FILTER or contig."""
    pairs = (line[2:].partition("=") for line in vcf_header.splitlines() if line.startswith("##"))
    kept = ((key, value) for key, _, value in pairs)
    return [pair for pair in kept if pair[0] not in ("INFO", "FORMAT", "FILTER", "contig")]


def _structured_value(text: str) -> dict[str, str]:
    """The members of `<ID=..,Number=..,Description="..">`; quotes taken off, commas within them kept."""
    members: dict[str, str] = {}
    rest = text.strip().removeprefix("<").removesuffix(">")
    while rest:
        key, _, rest = rest.partition("=")
        if rest.startswith('"'):
            end = 1
            while end < len(rest) and rest[end] != '"':
                end += 2 if rest[end] == "\\" else 1
            members[key] = rest[1:end].replace('\\"', '"').replace("\\\\", "\\")
            rest = rest[end + 1 :].removeprefix(",")
        else:
            members[key], _, rest = rest.partition(",")
    return members
