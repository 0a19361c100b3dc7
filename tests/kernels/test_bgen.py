"""BGEN's blocks and zlib streams of calls: native code against its twins, and undone by zlib."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.kernels import bgen, deflate
from vczero.strings import Strings


def same(one: deflate.Values, other: deflate.Values) -> None:
    """Both hold the same values."""
    np.testing.assert_array_equal(one[1], other[1])
    np.testing.assert_array_equal(one[0], other[0])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_of_calls_equal_the_twin(data: st.DataObject) -> None:
    """Any ploidy, alleles, missing and fill values, and phase; in tiles of known diploid calls and not."""
    rows, samples = data.draw(st.integers(0, 3)), data.draw(st.sampled_from([1, 3, 63, 64, 65, 130]))
    ploidy, alleles = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dtype = data.draw(st.sampled_from([np.int8, np.int16, np.int32]))
    calls = rng.integers(0, alleles, (rows, samples, ploidy)).astype(dtype)
    odd = rng.random((rows, samples)) < data.draw(st.sampled_from([0, 0.02, 0.5]))
    calls[odd] = rng.integers(-2, alleles, (int(odd.sum()), ploidy))
    phased = rng.random((rows, samples)) < data.draw(st.sampled_from([0.5, 1]))
    phased |= rng.random(rows)[:, None] < 0.7
    counts = np.full(rows, alleles, np.int32)
    for flags in (None, phased):
        same(bgen.call_blocks(calls, flags, counts), bgen.call_blocks_numpy(calls, flags, counts))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_blocks_of_probabilities_equal_the_twin(data: st.DataObject) -> None:
    """Any probabilities that sum to about 1, with ties, for samples of several ploidies."""
    rows, samples, alleles = (
        data.draw(st.integers(0, 3)),
        data.draw(st.integers(1, 5)),
        data.draw(st.integers(2, 4)),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    counts = np.full(rows, alleles, np.int32)
    ploidies = rng.integers(1, 4, (rows, samples)).astype(np.uint8)
    values = np.zeros((rows, samples, 20), data.draw(st.sampled_from([np.float32, np.float64])))
    for row in range(rows):
        for sample in range(samples):
            kinds = int(bgen.block_sizes(counts[:1], 1, int(ploidies[row, sample]))[0]) - 10
            shares = rng.integers(0, data.draw(st.sampled_from([2, 5, 1000])), kinds) + 1
            values[row, sample, :kinds] = shares / shares.sum() * rng.choice([1.0, 0.99, 1.01])
    ploidies |= np.where(rng.random(ploidies.shape) < 0.2, 0x80, 0).astype(np.uint8)
    found = bgen.float_blocks(values, ploidies, counts)
    same(found, bgen.float_blocks_numpy(values, ploidies, counts))


def test_probabilities_are_rounded_by_the_largest_remainder() -> None:
    """The specification's rule: rounded down, then the largest remainders up, so that the sum is 255."""
    third = np.array([[[1 / 3, 1 / 3, 1 / 3], [0.5, 0.25, 0.25], [0.998, 0.001, 0.001]]])
    data, _ = bgen.float_blocks(third, np.full((1, 3), 2, np.uint8), np.array([2], np.int32))
    assert data[-6:].tolist() == [85, 85, 127, 64, 255, 0]


@pytest.mark.parametrize(
    ("value", "wrong"), [([0.5, 0.6, 0.2], 2), ([0.2, 0.2, 0.2], 2), ([1.5, 0, 0], 1), ([-0.1, 1, 0.1], 1)]
)
def test_what_is_no_probability_is_found(value: list[float], wrong: int) -> None:
    """The sample whose values make no sense is named by both."""
    values = np.array([[[1.0, 0, 0], value]])
    for make in (bgen.float_blocks, bgen.float_blocks_numpy):
        with pytest.raises(bgen.BadCellError) as found:
            make(values, np.full((1, 2), 2, np.uint8), np.array([2], np.int32))
        assert (found.value.row, found.value.sample, found.value.wrong) == (0, 1, wrong)


def test_an_allele_that_the_record_lacks_is_found() -> None:
    """A call beyond the alleles would be written outside of its probabilities."""
    calls = np.array([[[0, 1], [0, 2]]], np.int8)
    for make in (bgen.call_blocks, bgen.call_blocks_numpy):
        with pytest.raises(bgen.BadCellError) as found:
            make(calls, None, np.array([2], np.int32))
        assert (found.value.row, found.value.sample) == (0, 1)


def test_records_equal_the_twin() -> None:
    """Names, positions, alleles that there are and are not, and payload, in their places."""
    texts = [Strings.from_values(["", "rs1", "é"]), Strings.from_values(["x", "", "yy"])]
    alleles = Strings.from_values(np.array([["A", "", ""], ["A", "CT", "G"], ["", "T", ""]]))
    payload = (np.arange(7, dtype=np.uint8), np.array([0, 3, 3, 7]))
    counts, positions = np.array([4, 3, 2], np.int32), np.array([0, 5, 2**32 - 1])
    contigs = Strings.from_values(["1", "1", "X"])
    for sizes in (None, np.array([9, 8, 7])):
        arguments = (*texts, contigs, positions, alleles, counts, payload, sizes)
        same(bgen.variant_records(*arguments), bgen.variant_records_numpy(*arguments))


def streams(values: deflate.Values) -> list[bytes]:
    return [values[0][start:stop].tobytes() for start, stop in pairwise(values[1].tolist())]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_zlib_undoes_runs(data: st.DataObject) -> None:
    """Bytes with and without a period, of all lengths, come back from the stream, as from the twin's."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    parts, periods = [], []
    for _ in range(data.draw(st.integers(0, 3))):
        size = data.draw(st.integers(0, 3000))
        period = data.draw(st.sampled_from([1, 2, 3, 5, 7, 33, 300, 4096, 5000]))
        letters = rng.integers(0, data.draw(st.sampled_from([2, 256])), period) * 255 % 256
        part = np.tile(letters, size // period + 1)[:size].astype(np.uint8)
        changed = rng.random(size) < data.draw(st.sampled_from([0, 0.01, 0.4]))
        part[changed] = rng.choice([0, 255, 7], int(changed.sum()))
        parts.append(part)
        periods.append(period)
    whole = np.concatenate([np.empty(0, np.uint8), *parts])
    values = (whole, np.cumsum([0, *map(len, parts)], dtype=np.int64))
    for make in (deflate.deflate_runs, deflate.deflate_runs_numpy):
        found = streams(make(values, np.array(periods, np.int64)))
        assert [zlib.decompress(stream) for stream in found] == [part.tobytes() for part in parts]


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.3])
def test_calls_of_many_samples_become_smaller_than_by_zlib(share: float) -> None:
    """Blocks of more tokens than one deflate block has; smaller than zlib's level 1, which is the point."""
    rng = np.random.default_rng(5)
    block = np.where(rng.random(300_000) < share, 0, 255).astype(np.uint8)
    found = streams(deflate.deflate_runs((block, np.array([0, len(block)])), np.array([1])))[0]
    assert zlib.decompress(found) == block.tobytes()
    assert len(found) < len(zlib.compress(block, 1))


def test_noise_is_stored() -> None:
    """What has neither runs nor a skewed alphabet grows by headers only."""
    block = np.random.default_rng(6).integers(0, 256, 200_000).astype(np.uint8)
    found = streams(deflate.deflate_runs((block, np.array([0, len(block)])), np.array([2])))[0]
    assert zlib.decompress(found) == block.tobytes()
    assert len(found) < len(block) + 60
