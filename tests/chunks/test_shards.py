"""Shard indexes and merged ranges, sound and hostile."""

from __future__ import annotations

import numpy as np
import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

from vczero.chunks.metadata import parse_v3
from vczero.chunks.shards import ShardLayout, merge_ranges
from vczero.errors import ChunkError, UnsupportedError

ABSENT = 2**64 - 1
PLAIN = [{"name": "bytes", "configuration": {"endian": "little"}}]
CHECKED = [*PLAIN, {"name": "crc32c"}]


def sharded(index_codecs, location="end", shape=(8, 6), shards=(4, 6), chunks=(2, 3)):
    configuration = {
        "chunk_shape": list(chunks),
        "codecs": PLAIN,
        "index_codecs": index_codecs,
        "index_location": location,
    }
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": "int32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shards)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": configuration}],
    }
    return parse_v3("x", document)


def encoded(entries, *, checksum):
    data = np.array(entries, dtype="<u8").tobytes()
    return data + crc32c(data).to_bytes(4, "little") if checksum else data


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("location", ["start", "end"])
def test_the_index_says_where_chunks_lie(checksum, location):
    # At either end, with or without a checksum; 2**64 - 1 twice is no chunk at all.
    layout = ShardLayout(sharded(CHECKED if checksum else PLAIN, location))
    nbytes = 64 + 4 * checksum
    assert layout.index_range == ((0, nbytes) if location == "start" else (-nbytes, nbytes))
    data = encoded([(10, 5), (ABSENT, ABSENT), (0, 10), (15, 0)], checksum=checksum)
    index = layout.parse_index(data)
    assert [index.locate(number) for number in range(4)] == [(10, 5), None, (0, 10), (15, 0)]


def test_chunks_are_numbered_within_their_shard():
    # C order over the chunks of the shard, wherever the shard lies in the array.
    layout = ShardLayout(sharded(PLAIN))
    assert [layout.number((i, j)) for i in range(4) for j in range(2)] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_a_damaged_index_is_found():
    # Too short, too long, or not what its checksum says.
    layout = ShardLayout(sharded(CHECKED))
    data = encoded([(10, 5)] * 4, checksum=True)
    for wrong in (b"", data[:-1], data + b"\0"):
        with pytest.raises(ChunkError, match=r"the shard's index has \d+ bytes instead of 68"):
            layout.parse_index(wrong)
    for position in (0, 40, 67):
        flipped = bytearray(data)
        flipped[position] ^= 1
        with pytest.raises(ChunkError, match="the shard's index is damaged"):
            layout.parse_index(bytes(flipped))


@pytest.mark.parametrize("entry", [(ABSENT, 5), (5, ABSENT), (2**63, 2**63 - 1), (2**62, 2**62)])
def test_places_that_no_object_has_are_refused(entry):
    # Sums that would wrap around in 64 bits must not become small offsets.
    layout = ShardLayout(sharded(PLAIN))
    with pytest.raises(ChunkError, match="the shard's index puts it at byte"):
        layout.parse_index(encoded([entry] * 4, checksum=False)).locate(0)


def test_a_compressed_index_is_refused():
    # Its place could not be known. The specification forbids it as well.
    gzip = {"name": "gzip", "configuration": {"level": 1}}
    with pytest.raises(UnsupportedError, match="x: a shard index encoded by bytes, gzip"):
        ShardLayout(sharded([*PLAIN, gzip]))


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20)), max_size=20),
    st.integers(0, 30),
)
def test_merged_ranges_hold_what_was_asked_for(ranges, gap):
    # Each range is found in a merged one; those are ascending and farther apart than the gap.
    stored = bytes(range(256))
    merged = merge_ranges(ranges, gap=gap)
    parts = [stored[start : start + length] for start, length in merged.ranges]
    expected = [stored[start : start + length] for start, length in ranges]
    assert [bytes(part) for part in merged.cut(parts, ranges)] == expected
    ends = [start + length for start, length in merged.ranges]
    starts = [start for start, _ in merged.ranges]
    assert all(start - end > gap for end, start in zip(ends, starts[1:], strict=False))
