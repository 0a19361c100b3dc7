"""Two-bit codes of pairs equal their definition in NumPy, from bytes and from bit planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.kernels import pairs

KINDS = ("zeros", "plain", "missing", "haploid", "half", "foreign", "any")


def calls(kind, rows, count, width, seed):
    """Pairs as genotypes have them, and as anything else has them."""
    rng = np.random.default_rng(seed)
    if kind == "any":
        return rng.integers(-128, 128, (rows, count, width)).astype(np.int8)
    values = (rng.random((rows, count, width)) < (0.0 if kind == "zeros" else 0.3)).astype(np.int8)
    rare = rng.random((rows, count)) < 0.02
    if kind == "missing":
        values[rare] = -1
        values[rng.random((rows, count)) < 0.02] = -2
    if kind in ("haploid", "foreign"):
        values[:, :, 1:][rng.random((rows, count)) < 0.3] = -2
    if kind == "half":
        values[:, :, 0][rare] = -1
        values[:, :, -1][rng.random((rows, count)) < 0.02] = -1
    if kind == "foreign":
        values[:, :, -1][rare] = rng.choice(np.array([2, 3, 64, 127, -128, -3], np.int8), rare.sum())
    return values


def outputs(rows, width, spare=0):
    """Memory for codes, strided along the rows, and for what has none."""
    return np.full((rows, width + spare), 0xAA, np.uint8)[:, :width], np.zeros(rows, np.uint32)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 70), st.integers(1, 2), st.integers(0, 2**32)
)
def test_codes_of_bytes(kind, rows, count, width, seed):
    """Any number of pairs, of two values or of one."""
    values = calls(kind, rows, count, width, seed)
    ours, expected = outputs(rows, -(-count // 4), 3), outputs(rows, -(-count // 4))
    pairs.code_rows(values, *ours)
    pairs.code_rows_numpy(values, *expected)
    assert np.array_equal(ours[1], expected[1])
    assert np.array_equal(ours[0][ours[1] == 0], expected[0][ours[1] == 0])


def test_every_pair_of_values():
    """All 65,536, by the table in the module's docstring."""
    one = np.arange(-128, 128).astype(np.int8)
    values = np.stack(np.meshgrid(one, one, indexing="ij"), axis=-1).reshape(-1, 1, 2)
    codes, bad = outputs(len(values), 1)
    pairs.code_rows(values, codes, bad)
    known = {(0, 0): 3, (0, 1): 2, (1, 0): 2, (1, 1): 0, (0, -2): 3, (1, -2): 0}
    known |= dict.fromkeys([(-1, -1), (-1, -2), (-2, -1), (-2, -2)], 1)
    for (a, b), code, flag in zip(values[:, 0].tolist(), codes[:, 0], bad.tolist(), strict=True):
        if (a, b) in known:
            assert (flag, code) == (0, known[a, b])
        else:
            is_half = -2 <= min(a, b) < 0 <= max(a, b) <= 1
            assert flag == (pairs.HALF if is_half else pairs.FOREIGN) + 1


def as_planes(data, block_bytes):
    """What bitshuffle makes of bytes, block by block."""
    parts = []
    for start in range(0, len(data), block_bytes):
        bits = np.unpackbits(data[start : start + block_bytes, None], axis=1, bitorder="little")
        parts.append(np.packbits(bits.T, axis=1, bitorder="little").reshape(-1))
    return np.concatenate(parts)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 6),
    st.integers(1, 3000),
    st.sampled_from([8, 64, 504, 4096, 8200, 16_392, 1 << 20]),
    st.integers(0, 2**32),
    st.data(),
)
def test_codes_of_planes(kind, rows, quads, block_bytes, seed, data):
    """Blocks that begin anywhere in rows, some pairs of each row, some of the rows, in several calls."""
    values = calls(kind, rows, 4 * quads, 2, seed)
    stored = as_planes(values.reshape(-1).view(np.uint8), block_bytes)
    row_bytes = 8 * quads
    used = data.draw(st.integers(1, 4 * quads))
    first = data.draw(st.integers(0, rows - 1))
    last = data.draw(st.integers(first + 1, rows))
    ours, expected = outputs(last - first, -(-used // 4), 3), outputs(last - first, -(-used // 4))
    cut = data.draw(st.integers(0, len(stored) // block_bytes)) * block_bytes
    for start, stop in ((0, cut), (cut, len(stored))):
        begin, end = max(start, first * row_bytes), min(stop, last * row_bytes)
        if begin < end:
            at = begin - first * row_bytes
            pairs.code_plane_rows(
                stored[start:stop], block_bytes, begin - start, end - start, at, row_bytes, 2 * used, *ours
            )
    pairs.code_rows_numpy(values[first:last, :used], *expected)
    assert np.array_equal(ours[1], expected[1])
    assert np.array_equal(ours[0][ours[1] == 0], expected[0][ours[1] == 0])


def test_the_twin_of_planes():
    """The definition by way of whole bytes."""
    values = calls("missing", 7, 40, 2, 1)
    stored = as_planes(values.reshape(-1).view(np.uint8), 104)
    ours, expected = outputs(7, 5), outputs(7, 5)
    pairs.code_plane_rows(stored, 104, 0, len(stored), 0, 80, 40, *ours)
    pairs.code_plane_rows_numpy(stored, 104, 0, len(stored), 0, 80, 40, *expected)
    assert np.array_equal(ours[0], expected[0])
    assert not ours[1].any()
    assert not expected[1].any()


REFUSAL = "no such|do not fit|does not fit|whole words|side by side"


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("block_bytes", 12), ("block_bytes", 0), ("first", 4), ("first", -8), ("last", 168),
        ("at", 8), ("at", -8), ("row_bytes", 0), ("row_bytes", 20), ("used_bytes", 0),
        ("used_bytes", 15), ("used_bytes", 24), ("codes", np.empty((10, 3), np.uint8)),
        ("codes", np.empty((9, 2), np.uint8)), ("codes", np.empty((10, 4), np.uint8)[:, ::2]),
        ("bad", np.zeros(9, np.uint32)),
    ],
)  # fmt: skip
def test_sizes_that_make_no_sense(change, value):
    """Anything that would read or write elsewhere is refused."""
    given_ = {
        "planes": np.zeros(160, np.uint8), "block_bytes": 64, "first": 0, "last": 160, "at": 0,
        "row_bytes": 16, "used_bytes": 16, "codes": np.empty((10, 2), np.uint8),
        "bad": np.zeros(10, np.uint32),
    }  # fmt: skip
    pairs.code_plane_rows(*given_.values())
    with pytest.raises(ValueError, match=REFUSAL):
        pairs.code_plane_rows(*(given_ | {change: value}).values())


@pytest.mark.parametrize(
    ("shape", "codes", "bad"),
    [((2, 5, 3), (2, 2), 2), ((2, 5, 2), (2, 1), 2), ((2, 5, 2), (3, 2), 2), ((2, 5, 2), (2, 2), 1)],
)
def test_rows_that_do_not_fit(shape, codes, bad):
    """Three values to a pair, too few bytes, other numbers of rows."""
    with pytest.raises(ValueError, match=REFUSAL):
        pairs.code_rows(np.zeros(shape, np.int8), np.empty(codes, np.uint8), np.zeros(bad, np.uint32))
    with pytest.raises(ValueError, match="side by side"):
        pairs.code_rows(
            np.zeros((2, 5, 4), np.int8)[:, :, ::2], np.empty((2, 2), np.uint8), np.zeros(2, np.uint32)
        )
