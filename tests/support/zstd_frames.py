"""What Zstandard frames are made of (RFC 8878): read, so that tests prove what they cover, and written."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

MAGIC = bytes.fromhex("28b52ffd")
KINDS = ("raw", "run", "compressed", "reserved")
LITERALS = ("raw", "run", "compressed", "treeless")
MODES = ("predefined", "run", "described", "repeat")
# Where the codes of literal lengths and of match lengths begin.
LENGTHS = (*range(16), 16, 18, 20, 22, 24, 28, 32, 40, 48, *(2**k for k in range(6, 18)))
MATCHES = (*range(3, 35), 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, *(2**k + 3 for k in range(7, 18)))


class Block(NamedTuple):
    """One block of a frame.

    Attributes:
        kind: one of `KINDS`.
        size: of a compressed block as it is stored, else as it is decoded.
        literals: of a compressed block, one of `LITERALS`.
        streams: how many streams these make, if they are coded.
        weights: how a Huffman code that comes along is given, "coded" or "direct".
        sequences: their number.
        modes: of `MODES`, of literal lengths, offsets and match lengths, if there are sequences.
    """

    kind: str
    size: int
    literals: str = ""
    streams: int = 0
    weights: str = ""
    sequences: int = 0
    modes: tuple[str, ...] = ()


def blocks_of(frame):
    """The blocks of a frame that is well made."""
    single, size_code = frame[4] >> 5 & 1, frame[4] >> 6
    at = 5 + (1 - single) + (0, 1, 2, 4)[frame[4] & 3] + (single, 2, 4, 8)[size_code]
    found, is_last = [], False
    while not is_last:
        head = int.from_bytes(frame[at : at + 3], "little")
        is_last, kind, size = head & 1, KINDS[head >> 1 & 3], head >> 3
        at += 3
        found.append(_compressed(frame[at : at + size]) if kind == "compressed" else Block(kind, size))
        at += 1 if kind == "run" else size
    return found


def _compressed(data):
    kind, form = LITERALS[data[0] & 3], data[0] >> 2 & 3
    head, streams, weights = (1, 2, 1, 3)[form], 0, ""
    if kind in ("raw", "run"):
        stored = int.from_bytes(data[:head], "little") >> (3 if head == 1 else 4) if kind == "raw" else 1
    else:
        head, streams = (3, 3, 4, 5)[form], 4 if form else 1
        bits = (10, 10, 14, 18)[form]
        stored = int.from_bytes(data[:head], "little") >> (4 + bits)
        if kind == "compressed":
            weights = "coded" if data[head] < 128 else "direct"
    rest = data[head + stored :]
    width = 1 if rest[0] < 128 else 2 if rest[0] < 255 else 3
    sequences = (
        rest[0] if width == 1
        else (rest[0] - 128 << 8) + rest[1] if width == 2
        else int.from_bytes(rest[1:3], "little") + 0x7F00
    )  # fmt: skip
    modes = tuple(MODES[rest[width] >> shift & 3] for shift in (6, 4, 2)) if sequences else ()
    return Block("compressed", len(data), kind, streams, weights, sequences, modes)


def traits(frame):
    """What occurs in a frame, in words: for example "run block", "treeless literals", "repeat offsets"."""
    found = set()
    for block in blocks_of(frame):
        found.add(f"{block.kind} block")
        if block.kind == "compressed":
            found.add(f"{block.literals} literals")
            width = bisect_right((1, 128, 0x7F00), block.sequences)
            found.add(f"{('no', 'few', 'many', 'most')[width]} sequences")
        if block.streams:
            found.add(f"{block.streams} streams")
        if block.weights:
            found.add(f"{block.weights} weights")
        found |= {
            f"{mode} {part}"
            for mode, part in zip(block.modes, ("lengths", "offsets", "matches"), strict=False)
        }
    return found


def framed(size, *blocks):
    """A frame that says it decodes to `size` bytes, of blocks (kind, size, bytes)."""
    parts = [MAGIC, b"\xa0", size.to_bytes(4, "little")]
    for number, (kind, length, data) in enumerate(blocks, 1):
        parts.append((length << 3 | KINDS.index(kind) << 1 | (number == len(blocks))).to_bytes(3, "little"))
        parts.append(data)
    return b"".join(parts)


def sequences(literals, *wanted):
    """A compressed block for `framed`, of raw literals and (literal length, offset value, match length).

    All sequences have the same codes, so that each is its extra bits alone. The library wants no block to be
    longer than what its frame decodes to.
    """
    head = (len(literals) << 4 | 3 << 2).to_bytes(3, "little")
    number = len(wanted)
    if number < 0x7F00:
        count = bytes([number]) if number < 128 else bytes([128 + (number >> 8), number & 255])
    else:
        count = b"\xff" + (number - 0x7F00).to_bytes(2, "little")
    bits, codes = ["1"], set()
    for length, offset, match in wanted:
        first, last = bisect_right(LENGTHS, length) - 1, bisect_right(MATCHES, match) - 1
        far = offset.bit_length() - 1
        codes.add((first, far, last))
        for value, base, above in (
            (offset, 1 << far, 2 << far),
            (match, MATCHES[last], MATCHES[last + 1]),
            (length, LENGTHS[first], LENGTHS[first + 1]),
        ):
            bits.append(f"{value - base + above - base:b}"[1:])
    ((first, far, last),) = codes
    stream = int("".join(bits), 2)
    body = stream.to_bytes((stream.bit_length() + 7) // 8, "little")
    data = head + literals + count + bytes([0x54, first, far, last]) + body
    return "compressed", len(data), data
