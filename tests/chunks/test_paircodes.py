"""`PairCodes`: two-bit codes of any rows of any chunk are those of its values, however these are stored."""

from __future__ import annotations

from pathlib import Path

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.vcz_builder import Column, build_vcz
from vczero.chunks.blocks import BlockReader
from vczero.chunks.paircodes import BAD_BYTES, PairCodes
from vczero.chunks.runtime import Runtime
from vczero.chunks.stores import open_store
from vczero.errors import ChunkError, UnsupportedError
from vczero.kernels.pairs import code_rows_numpy
from vczero.vcz.catalog import Catalog

SMALL_BLOCKS = numcodecs.Blosc("zstd", 1, numcodecs.Blosc.BITSHUFFLE, blocksize=4096)
PLAIN = numcodecs.Blosc("zstd", 0, numcodecs.Blosc.BITSHUFFLE, blocksize=4096)
BYTES = numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE)
STORED = {"planes": SMALL_BLOCKS, "plain": PLAIN, "bytes": BYTES, "raw": None}


def values(rows: int, items: int, width: int) -> np.ndarray:
    """Pairs, some missing, one row with what has no code."""
    rng = np.random.default_rng(1)
    made = (rng.random((rows, items, width)) < 0.2).astype(np.int8)
    made[rng.random((rows, items)) < 0.01] = -1
    made[rows // 2, items // 2, 0] = 2
    return made


def expected(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and what has none, by the definition."""
    codes, bad = np.zeros((len(block), -(-block.shape[1] // 4)), np.uint8), np.zeros(len(block), np.uint32)
    code_rows_numpy(block, codes, bad)
    return codes, bad


def check(found: np.ndarray, block: np.ndarray) -> None:
    """The chunk's codes, and which pairs have none."""
    codes, bad = expected(block)
    reported = np.ascontiguousarray(found[:, 0, -BAD_BYTES:]).view(np.uint32)[:, 0]
    assert np.array_equal(reported, bad)
    assert np.array_equal(found[:, 0, : codes.shape[1]][bad == 0], codes[bad == 0])


def reader_of(path: Path) -> tuple[Runtime, BlockReader]:
    """The reader of `call_x`."""
    runtime = Runtime()
    return runtime, Catalog(open_store(str(path)), runtime).arrays(["call_x"])["call_x"].reader


@pytest.fixture(scope="module", params=[(kind, width) for kind in STORED for width in (1, 2)])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """An array in three by two chunks, the last of each axis cut off, and its reader of codes."""
    kind, width = request.param
    data = values(110, 1003, width)
    columns = {
        "variant_position": np.arange(110, dtype=np.int32),
        "sample_id": np.array([f"s{number}" for number in range(1003)]),
        "call_x": Column(data, ("variants", "samples", "p"), (40, 600, width), compressor=STORED[kind]),
    }
    path = build_vcz(tmp_path_factory.mktemp(kind) / "a.vcz", columns)
    runtime, reader = reader_of(path)
    yield data, PairCodes(reader)
    runtime.close()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2), st.integers(0, 1), st.data())
def test_any_rows(stored, row: int, column: int, data: st.DataObject) -> None:
    """Whole chunks, a run of rows, several runs; into memory that is strided or new."""
    whole, codes = stored
    block = whole[40 * row : 40 * (row + 1), 600 * column : 600 * (column + 1)]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(block)), min_size=2, max_size=8)))
    runs = tuple(slice(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    rows = data.draw(st.sampled_from([None, runs[0], runs]))
    chosen = (
        block
        if rows is None
        else np.concatenate([block[run] for run in (runs if rows == runs else runs[:1])])
    )
    encoded = codes.fetch((row, column, 0), rows)
    check(codes.decode(encoded), chosen)
    out = np.zeros((len(chosen), 3, 150 + BAD_BYTES), np.uint8)[:, 1:2]
    assert codes.decode(encoded, out) is out
    check(out, chosen)


def test_absent_and_damaged_chunks(tmp_path: Path) -> None:
    """The fill value's codes; an error that names array, chunk and key."""
    columns = {
        "variant_position": np.arange(40, dtype=np.int32),
        "sample_id": np.array([f"s{number}" for number in range(600)]),
        "call_x": Column(values(40, 600, 2), ("variants", "samples", "p"), compressor=SMALL_BLOCKS),
    }
    path = build_vcz(tmp_path / "a.vcz", columns)
    runtime, reader = reader_of(path)
    codes = PairCodes(reader)
    file = path / "call_x" / "0.0.0"
    damaged = bytearray(file.read_bytes())
    damaged[40:] = bytes(len(damaged) - 40)
    file.write_bytes(damaged)
    with pytest.raises(ChunkError, match="call_x") as caught:
        codes.read_chunk((0, 0, 0))
    assert caught.value.coords == (0, 0, 0)
    file.unlink()
    check(codes.decode(codes.fetch((0, 0, 0))), np.zeros((40, 600, 2), np.int8))
    runtime.close()


@pytest.mark.parametrize(
    ("dtype", "shape", "chunks"),
    [("i2", (4, 8, 2), None), ("i1", (4, 8, 3), None), ("i1", (4, 8), None), ("i1", (4, 8, 2), (4, 8, 1))],
)
def test_arrays_of_other_kinds(dtype: str, shape: tuple[int, ...], chunks: object, tmp_path: Path) -> None:
    """Wider integers, more values, no axis of pairs, or one that is cut into chunks."""
    columns = {
        "variant_position": np.arange(4, dtype=np.int32),
        "sample_id": np.array([f"s{number}" for number in range(8)]),
        "call_x": Column(np.zeros(shape, dtype), ("variants", "samples", "p")[: len(shape)], chunks),  # type: ignore[arg-type]
    }
    runtime, reader = reader_of(build_vcz(tmp_path / "a.vcz", columns))
    with pytest.raises(UnsupportedError, match="no pairs"):
        PairCodes(reader)
    runtime.close()
