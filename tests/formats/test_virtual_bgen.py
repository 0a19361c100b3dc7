"""`BgenEncoder`: what it reads, how many may ask it, and what its index is called."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import vczero
from support.stores import ScriptedStore
from support.vcz_builder import build_vcz, example_columns


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> ScriptedStore:
    columns = example_columns(60, 3000)
    columns["call_genotype"] = np.abs(columns["call_genotype"]) % 2
    columns["variant_allele"] = columns["variant_allele"][:, :2]
    path = build_vcz(tmp_path_factory.mktemp("virtual") / "a.vcz", columns, chunks={"variants": 7})
    return ScriptedStore.of_directory(path)


@pytest.fixture
def encoder(scripted: ScriptedStore) -> Iterator[vczero.BgenEncoder]:
    with vczero.open(scripted, regions="chr3,chr1") as reader:
        scripted.clear_log()
        yield vczero.BgenEncoder(reader)


def test_no_genotypes_are_read_before_they_are_wanted(
    scripted: ScriptedStore, encoder: vczero.BgenEncoder
) -> None:
    """Sizes, offsets and names come without; a variant costs the 64 KiB that it is in."""

    def genotypes() -> set[str]:
        found = [key for key in scripted.keys if key.startswith("call_genotype/") and key[-1].isdigit()]
        return {key.rpartition("/")[2].partition(".")[0] for key in found}

    assert encoder.num_samples == 3000
    assert len(encoder.offsets) == encoder.num_variants + 1 == sum(map(len, _places(encoder))) + 1
    assert not encoder.offsets.flags.writeable
    encoder.read(0, int(encoder.offsets[0]))
    assert genotypes() == set()
    encoder.read(int(encoder.offsets[-2]), 10)
    assert {"8"} <= genotypes() <= {"7", "8"}


def _places(encoder: vczero.BgenEncoder) -> Iterator[list[object]]:
    return (list(found.rows()) for found in encoder.identities())


def test_ranges_read_by_several_threads(encoder: vczero.BgenEncoder) -> None:
    """One encoder, the same bytes, whoever asks, and after it was closed."""
    whole = encoder.read(0, encoder.size)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda start: encoder.read(start, 9700), range(0, encoder.size, 9700)))
    assert b"".join(parts) == whole
    encoder.close()
    assert encoder.read(50, 400) == whole[50:450]


@pytest.mark.parametrize(
    ("output", "options", "name"),
    [("x.bgen.bgi", {}, "x.bgen"), ("x.bgen.bgi", {"name": "y.bgen"}, "y.bgen"), (None, {}, "virtual.bgen")],
)
def test_an_index_has_the_name_of_its_file(
    encoder: vczero.BgenEncoder, output: str | None, options: dict[str, str], name: str, tmp_path: Path
) -> None:
    """That of the path without its end, or the one given; written to a file that is open, too."""
    path, file = tmp_path / "index", io.BytesIO()
    vczero.write_bgi(encoder, file if output is None else tmp_path / output, **options)
    path.write_bytes(file.getvalue() if output is None else (tmp_path / output).read_bytes())
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT filename FROM Metadata").fetchone() == (name,)
        assert database.execute("SELECT count(*) FROM Variant").fetchone() == (encoder.num_variants,)
    database.close()
