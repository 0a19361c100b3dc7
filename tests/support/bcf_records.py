"""BCF2 taken apart, to compare files: an independent, short reader (VCF specification, section 6.3)."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

_BYTES = {0: 0, 1: 1, 2: 2, 3: 4, 5: 4, 7: 1}
_INTEGER = {1: "<b", 2: "<h", 3: "<i"}


class BcfRecord(NamedTuple):
    """A record; values as stored bytes with their type, texts in FORMAT without the NULs that pad them."""

    contig: int
    position: int
    length: int
    quality: bytes
    shared: tuple[Any, ...]
    info: tuple[Any, ...]
    samples: int
    formats: tuple[Any, ...]


def read_bcf(data: bytes) -> tuple[str, list[BcfRecord]]:
    """The header's text and the records of uncompressed BCF."""
    assert data[:5] == b"BCF\2\2"
    (length,) = struct.unpack_from("<I", data, 5)
    header = data[9 : 9 + length]
    assert header.endswith(b"\n\0")
    at, records = 9 + length, []
    while at < len(data):
        shared, indiv = struct.unpack_from("<II", data, at)
        at += 8
        records.append(_record(data[at : at + shared], data[at + shared : at + shared + indiv]))
        assert len(data) >= at + shared + indiv
        at += shared + indiv
    return header[:-1].decode(), records


def _record(shared: bytes, indiv: bytes) -> BcfRecord:
    contig, position, length, quality, infos, alleles, counts = struct.unpack_from("<iii4sHHI", shared)
    samples, formats = counts & 0xFFFFFF, counts >> 24
    at, values = 24, []
    for _ in range(alleles + 2):  # ID, alleles, FILTER
        value, at = _typed(shared, at)
        values.append(value)
    info = []
    for _ in range(infos):
        key, at = _typed(shared, at)
        value, at = _typed(shared, at)
        info.append((key, value))
    assert at == len(shared)
    made, at = [], 0
    for _ in range(formats):
        key, at = _typed(indiv, at)
        value, at = _typed(indiv, at, samples)
        made.append((key, value))
    assert at == len(indiv)
    return BcfRecord(contig, position, length, quality, tuple(values), tuple(info), samples, tuple(made))


def _typed(data: bytes, at: int, samples: int | None = None) -> tuple[tuple[Any, ...], int]:
    """Type and values, and where they end."""
    count, kind = data[at] >> 4, data[at] & 15
    at += 1
    if count == 15:
        size = data[at]
        assert size >> 4 == 1
        (count,) = struct.unpack_from(_INTEGER[size & 15], data, at + 1)
        at += 1 + _BYTES[size & 15]
    width = count * _BYTES[kind]
    cells = [data[at + k * width : at + (k + 1) * width] for k in range(1 if samples is None else samples)]
    at += len(cells) * width
    if kind == 7:
        return (kind, *(cell.rstrip(b"\0") for cell in cells)), at
    return (kind, count, *cells), at
