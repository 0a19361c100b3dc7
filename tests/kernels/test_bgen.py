"""BGEN's blocks and zlib streams of calls: native code against its twins, and undone by zlib."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.kernels import bgen
from vczero.strings import Strings


def same(one: bgen.Values, other: bgen.Values) -> None:
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


def streams(values: bgen.Values) -> list[bytes]:
    return [values[0][start:stop].tobytes() for start, stop in pairwise(values[1].tolist())]


def check_streams(
    calls: npt.NDArray[np.int8], phased: npt.NDArray[np.bool_] | None, counts: npt.NDArray[np.int32]
) -> list[bytes]:
    """zlib makes the blocks of the streams; the streams."""
    data, offsets = bgen.call_blocks_numpy(calls, phased, counts)
    expected = [data[start:stop].tobytes() for start, stop in pairwise(offsets.tolist())]
    for make in (bgen.call_streams, bgen.call_streams_numpy):
        values, sizes = make(calls, phased, counts)
        found = streams(values)
        assert [zlib.decompress(stream) for stream in found] == expected
        assert sizes.tolist() == list(map(len, expected))
    return streams(bgen.call_streams(calls, phased, counts)[0])


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_zlib_undoes_streams(data: st.DataObject) -> None:
    """Any calls, phased and not, alike for long and short runs, few and many; also where a sample has many
    probabilities, or its ploidy is not the others'."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    rows, samples = data.draw(st.integers(0, 3)), data.draw(st.sampled_from([1, 5, 29, 33, 64, 200, 1111]))
    ploidy, alleles = data.draw(st.sampled_from([(2, 2), (2, 2), (1, 2), (2, 12), (3, 3), (2, 95)]))
    calls = np.repeat(rng.integers(0, alleles, (rows, 1, ploidy)), samples, 1).astype(np.int8)
    changed = rng.random((rows, samples)) < data.draw(st.sampled_from([0, 0.005, 0.1, 0.6]))
    calls[changed] = rng.integers(0, data.draw(st.sampled_from([2, alleles])), (int(changed.sum()), ploidy))
    odd = rng.random((rows, samples)) < data.draw(st.sampled_from([0, 0, 0.01, 0.5]))
    calls[odd] = rng.integers(data.draw(st.sampled_from([-2, -1])), 2, (int(odd.sum()), ploidy))
    phased = np.ones((rows, samples), bool)
    for flags in (None, phased):
        check_streams(calls, flags, np.full(rows, alleles, np.int32))


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.3])
@pytest.mark.parametrize("missing", [0, 0.2])
def test_streams_of_many_samples_are_smaller_than_by_zlib(share: float, missing: float) -> None:
    """More tokens, of ploidies and probabilities, than a deflate block has; smaller than zlib's level 1."""
    rng = np.random.default_rng(5)
    calls = (rng.random((1, 150_000, 2)) < share).astype(np.int8)
    calls[rng.random((1, 150_000)) < missing] = -1
    counts = np.array([2], np.int32)
    (block, _), (found, _) = bgen.call_blocks(calls, None, counts), bgen.call_streams(calls, None, counts)[0]
    assert zlib.decompress(found.tobytes()) == block.tobytes()
    assert len(found) < len(zlib.compress(block, 1))


def test_few_samples_are_stored() -> None:
    """Where a code would take more than it saves, a stream has eleven bytes more than its block."""
    for samples in range(1, 31):
        calls = np.random.default_rng(samples).integers(0, 2, (1, samples, 2)).astype(np.int8)
        (stream,) = check_streams(calls, None, np.array([2], np.int32))
        assert len(stream) == 10 + 3 * samples + 11
