"""Two-bit codes of pairs equal their definition in NumPy, from bytes and from bit planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.blocks import as_planes, stored_blocks
from vczero.kernels import pairs

KINDS = ("zeros", "plain", "missing", "haploid", "half", "third", "foreign", "any")


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
    if kind == "third":  # most planes are zero, and another than the first is in part
        values[rng.random(values.shape) < 3 / max(values.size, 1)] = 2
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
    before = 8 * data.draw(st.sampled_from([0, 1, 100]))
    planes = as_planes(
        np.append(np.full(before, 9, np.uint8), values.reshape(-1).view(np.uint8)), block_bytes
    )
    row_bytes = 8 * quads
    used = data.draw(st.integers(1, 4 * quads))
    chosen = np.sort(data.draw(st.permutations(range(rows)))[: data.draw(st.integers(1, rows))])
    ours, expected = outputs(len(chosen), -(-used // 4), 3), outputs(len(chosen), -(-used // 4))
    numbers = np.arange(-(-len(planes) // block_bytes))
    cut = data.draw(st.integers(0, len(numbers)))
    level = data.draw(st.sampled_from([None, 0, 1]))
    for part in (numbers[:cut], numbers[cut:]):
        stored = stored_blocks(planes, block_bytes, part, level=level)
        assert pairs.code_blocks(stored, before + chosen * row_bytes, 2 * used, *ours) == len(part)
    pairs.code_rows_numpy(values[chosen, :used], *expected)
    assert np.array_equal(ours[1], expected[1])
    assert np.array_equal(ours[0][ours[1] == 0], expected[0][ours[1] == 0])


def test_the_twin_of_planes():
    """The definition by way of whole bytes."""
    values = calls("missing", 7, 40, 2, 1)
    stored = stored_blocks(as_planes(values.reshape(-1).view(np.uint8), 104), 104, level=1)
    ours, expected = outputs(7, 5), outputs(7, 5)
    for function, output in ((pairs.code_blocks, ours), (pairs.code_blocks_numpy, expected)):
        assert function(stored, np.arange(0, 560, 80), 40, *output) == 6
    expected_too = outputs(7, 5)
    pairs.code_rows_numpy(values[:, :20], *expected_too)
    assert np.array_equal(expected[0], expected_too[0])
    assert np.array_equal(ours[0], expected[0])
    assert not ours[1].any()
    assert not expected[1].any()


REFUSAL = "no such|do not fit|does not fit|whole words|side by side|must ascend"


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("block_bytes", 12), ("nbytes", 156), ("rows", np.arange(4, 164, 16)),
        ("rows", np.arange(-8, 152, 16)), ("rows", np.arange(160, 0, -16)),
        ("rows", np.arange(0, 144, 16)), ("used_bytes", 0),
        ("used_bytes", 15), ("used_bytes", 24), ("codes", np.empty((10, 3), np.uint8)),
        ("codes", np.empty((9, 2), np.uint8)), ("codes", np.empty((10, 4), np.uint8)[:, ::2]),
        ("bad", np.zeros(9, np.uint32)),
    ],
)  # fmt: skip
def test_sizes_that_make_no_sense(change, value):
    """Anything that would read or write elsewhere is refused."""
    given_ = {
        "nbytes": 160, "block_bytes": 64, "rows": np.arange(0, 160, 16), "used_bytes": 16,
        "codes": np.empty((10, 2), np.uint8), "bad": np.zeros(10, np.uint32),
    }  # fmt: skip

    def code(nbytes, block_bytes, *others):
        return pairs.code_blocks(stored_blocks(np.zeros(nbytes, np.uint8), block_bytes), *others)

    assert code(*given_.values()) == 3
    with pytest.raises(ValueError, match=REFUSAL):
        code(*(given_ | {change: value}).values())


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
