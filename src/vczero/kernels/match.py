"""Comparison of text values with constants, with each other and with automata.

Text is `data` (uint8) with `starts` and `ends` (int64): value i is `data[starts[i]:ends[i]]`, its fields are
what stands between commas. What is found of each value is told in bits:

    EQUAL    some field matches
    UNEQUAL  some field does not
    DOT      some field is "."
    ANY      there is a field (an empty value has none)

Beside each kernel stands its twin without native code, `<name>_numpy`, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from vczero._native import match as _native

__all__ = [
    "ANY",
    "DOT",
    "EQUAL",
    "UNEQUAL",
    "Fields",
    "Places",
    "hash_values",
    "hash_values_numpy",
    "match_constant",
    "match_constant_numpy",
    "match_pairs",
    "match_pairs_numpy",
    "search",
    "search_numpy",
]

EQUAL: Final = 1
UNEQUAL: Final = 2
DOT: Final = 4
ANY: Final = 8

Data = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


class Fields(IntEnum):
    """How a value is read: as one field, as all its fields, or as the first alone."""

    WHOLE = 0
    EVERY = 1
    FIRST = 2


def match_constant(data: Data, starts: Places, ends: Places, fields: Fields, constant: bytes) -> Bits:
    """The bits of each value, its fields compared with those of `constant`; uint8, (values,)."""
    out = np.empty(len(starts), dtype=np.uint8)
    _native.match_constant(data, starts, ends, fields, np.frombuffer(constant, dtype=np.uint8), out)
    return out


def match_constant_numpy(data: Data, starts: Places, ends: Places, fields: Fields, constant: bytes) -> Bits:
    """The same as `match_constant`, a value at a time."""
    needles = _split(constant, Fields.WHOLE if fields == Fields.WHOLE else Fields.EVERY)
    return _each(data, starts, ends, fields, lambda i, field: [field == needle for needle in needles])


def match_pairs(
    data: Data,
    starts: Places,
    ends: Places,
    fields: Fields,
    other: Data,
    other_starts: Places,
    other_ends: Places,
) -> Bits:
    """The bits of each value, its fields compared with those of its other value; uint8, (values,)."""
    out = np.empty(len(starts), dtype=np.uint8)
    _native.match_pairs(data, starts, ends, fields, other, other_starts, other_ends, out)
    return out


def match_pairs_numpy(
    data: Data,
    starts: Places,
    ends: Places,
    fields: Fields,
    other: Data,
    other_starts: Places,
    other_ends: Places,
) -> Bits:
    """The same as `match_pairs`, a value at a time."""
    whole = other.tobytes()
    how = Fields.WHOLE if fields == Fields.WHOLE else Fields.EVERY
    others = [_split(whole[a:b], how) for a, b in zip(other_starts, other_ends, strict=True)]
    return _each(data, starts, ends, fields, lambda i, field: [field == needle for needle in others[i]])


def search(
    data: Data,
    starts: Places,
    ends: Places,
    fields: Fields,
    classes: npt.NDArray[np.uint8],
    table: npt.NDArray[np.int16],
    at_end: npt.NDArray[np.uint8],
) -> Bits:
    """The bits of each value, whose fields match where an automaton finds its pattern; uint8, (values,).

    Args:
        data, starts, ends, fields: the values.
        classes: uint8, (256,): each byte's column of `table`.
        table: int16, (states, columns): the next state. State 0 means found; 1 is where it starts.
        at_end: uint8, (states,): whether a field that ends in this state matches; at_end[0] is 1.
    """
    out = np.empty(len(starts), dtype=np.uint8)
    _native.search(data, starts, ends, fields, classes, table, at_end, out)
    return out


def search_numpy(
    data: Data,
    starts: Places,
    ends: Places,
    fields: Fields,
    classes: npt.NDArray[np.uint8],
    table: npt.NDArray[np.int16],
    at_end: npt.NDArray[np.uint8],
) -> Bits:
    """The same as `search`, a byte at a time."""

    def found(_: int, field: bytes) -> list[bool]:
        state = 1
        for byte in field:
            state = int(table[state, classes[byte]])
            if not state:
                break
        return [bool(at_end[state])]

    return _each(data, starts, ends, fields, found)


def hash_values(data: Data, starts: Places, ends: Places) -> npt.NDArray[np.uint64]:
    """A hash of each value (FNV-1a); uint64, (values,)."""
    out = np.empty(len(starts), dtype=np.uint64)
    _native.hash_values(data, starts, ends, out)
    return out


def hash_values_numpy(data: Data, starts: Places, ends: Places) -> npt.NDArray[np.uint64]:
    """The same as `hash_values`, a byte at a time."""
    hashes = []
    for start, end in zip(starts, ends, strict=True):
        state = 0xCBF29CE484222325
        for byte in data[start:end].tolist():
            state = (state ^ byte) * 0x100000001B3 % (1 << 64)
        hashes.append(state)
    return np.array(hashes, dtype=np.uint64)


def _split(value: bytes, fields: Fields) -> list[bytes]:
    """The fields of a value; what follows a last comma is no field if it is empty."""
    if not value or fields == Fields.WHOLE:
        return [value] if value else []
    parts = value.split(b",")
    parts = parts[:-1] if not parts[-1] else parts
    return parts[:1] if fields == Fields.FIRST else parts


def _each(
    data: Data, starts: Places, ends: Places, fields: Fields, outcomes: Callable[[int, bytes], list[bool]]
) -> Bits:
    """The bits of each value, from the outcomes of its fields."""
    whole = data.tobytes()
    bits = np.zeros(len(starts), dtype=np.uint8)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        for field in _split(whole[start:end], fields):
            bits[i] |= ANY | (DOT if field == b"." else 0)
            for outcome in outcomes(i, field):
                bits[i] |= EQUAL if outcome else UNEQUAL
    return bits
