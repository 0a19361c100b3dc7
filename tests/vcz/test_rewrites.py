"""Rewrites by themselves: from Python, of stores that lack something, of dtypes that a VCF does not give."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vczero
from support.command import output
from support.command import vczero as command
from support.vcz_builder import FLOAT_FILL, FLOAT_MISSING, Column, build_vcz, example_columns
from vczero.errors import ChunkError, OptionError
from vczero.formats import rewriting
from vczero.strings import Strings
from vczero.vcz.rewrites import cells


def store(path: Path, *, without: str = "\0", **columns: Any) -> Path:
    """A store of six variants and four samples."""
    kept = {name: c for name, c in example_columns(6, 4).items() if not name.startswith(without)}
    return build_vcz(path / "a.vcz", {**kept, **columns}, chunks={"variants": 4, "samples": 3})


def written(path: Path, **options: Any) -> str:
    """What `write_vcf` writes with the rewrites that the options make."""
    file = io.BytesIO()
    with vczero.open(path, semantics="view") as reader:
        vczero.write_vcf(reader, file, rewrites=vczero.rewrites(reader, **options))
    return file.getvalue().decode()


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"trim_alt_alleles": True, "update_counts": True}, ["-a"]),
        ({"fill_tags": ["AN", "INFO/HWE", "TYPE"]}, ["--fill-tags", "AN,HWE,TYPE"]),
        ({"fill_tags": "all", "trim_alt_alleles": True}, ["-a", "-I", "--fill-tags", "all"]),
        ({}, []),
    ],
)
def test_from_python_as_from_the_command_line(
    options: dict[str, Any], given: list[str], example_store: Path
) -> None:
    """`vczero.rewrites` and `write_vcf` write what `view` prints."""
    assert written(example_store, **options) == output("view", "--no-version", *given, example_store)


def test_parts_of_a_batch_are_the_batch(example_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few variants at a time or all at once, the same records."""
    options = {"trim_alt_alleles": True, "fill_tags": "all"}
    whole = written(example_store, **options)
    monkeypatch.setattr(rewriting, "_CALLS_AT_ONCE", 60)
    assert written(example_store, **options) == whole


@pytest.mark.parametrize("given", [["-a"], ["--fill-tags", "AC"], ["--fill-tags", "TYPE,NS"]])
def test_a_store_without_genotypes(given: list[str], tmp_path: Path) -> None:
    """What cannot be had is one line, and no output."""
    done = command("view", *given, store(tmp_path, without="call_"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "no genotypes" in done.stderr


def test_type_and_end_need_no_genotypes(tmp_path: Path) -> None:
    """END is POS + length - 1, and the length of REF where no length is stored."""
    path = store(tmp_path, without="call_")
    with vczero.open(path) as reader:
        batch = next(iter(reader.variant_chunks(["variant_position", "variant_length", "variant_allele"])))
        position, length = int(batch["variant_position"][0]), int(batch["variant_length"][0])
        ref = len(batch["variant_allele"][0, 0])
    line = output("view", "-H", "--fill-tags", "END,TYPE", path).splitlines()[0]
    assert f"END={position + length - 1};" in line
    assert ";TYPE=" in line
    line = output("view", "-H", "--fill-tags", "END", store(tmp_path, without="variant_length")).splitlines()[
        0
    ]
    assert f"END={position + ref - 1}" in line


@pytest.mark.parametrize("tags", ["", "NOPE", "AC,ac", "all,,AN"])
def test_unknown_tags(tags: str, example_store: Path) -> None:
    """Tags are named as they are written, and the message lists them."""
    done = command("view", "--fill-tags", tags, example_store)
    assert done.returncode == 2
    assert "not one of all, AN, AC" in done.stderr
    with vczero.open(example_store) as reader, pytest.raises(OptionError, match="not one of"):
        vczero.rewrites(reader, fill_tags=["no"])


def test_no_samples(tmp_path: Path) -> None:
    """Nobody has any allele, and no fraction of nobody is missing."""
    columns = example_columns(3, 0)
    path = build_vcz(tmp_path / "none.vcz", columns)
    lines = output("view", "-H", "-a", "--fill-tags", "AN,NS,F_MISSING", path).splitlines()
    assert all(line.split("\t")[4] == "." and "AN=0;" in line and "F_MISSING=0;" in line for line in lines)


@pytest.mark.parametrize("dtype", ["i1", "i2", ">i4", "i8"])
def test_dtypes_of_genotypes(dtype: str, tmp_path: Path) -> None:
    """Counts and tallies do not depend on how wide numbers are."""
    calls = example_columns(6, 4)["call_genotype"]
    given = ["-a", "--fill-tags", "all,F_MISSING"]
    narrow = output("view", "-H", *given, store(tmp_path))
    wide = store(tmp_path, call_genotype=calls.astype(dtype))
    assert output("view", "-H", *given, wide) == narrow


def trimming_store(path: Path, **columns: Any) -> Path:
    """Two variants of three alleles, of which genotypes have the first and the third."""
    calls = np.array([[[0, 2], [2, -2]], [[0, 0], [2, 2]]], np.int8)
    alleles = np.array([["A", "C", "G"]] * 2, object)
    base = {name: c for name, c in example_columns(2, 2).items() if name not in ("variant_AF", "call_AD")}
    base |= {"variant_allele": alleles, "call_genotype": calls}
    return build_vcz(path / "trim.vcz", {**base, **columns})


def column_after(path: Path, name: str) -> np.ndarray:
    """A column as it is after alleles are trimmed."""
    with vczero.open(path) as reader:
        (trim,) = vczero.rewrites(reader, trim_alt_alleles=True)
        batch = next(iter(reader.variant_chunks(sorted(trim.reads(frozenset({name}))))))
        return trim.apply(batch)[name]


M, F = FLOAT_MISSING, FLOAT_FILL
TEXTS = [["a", "c", ""], [".", "", ""]]


@pytest.mark.parametrize(
    ("name", "dims", "values", "kept"),
    [
        ("variant_X", ("alt_alleles",), np.array([[1, 2], [-1, -2]], "i1"), [[2, -2], [-2, -2]]),
        ("variant_X", ("alleles",), np.array([[1, 2, 3], [4, 5, -2]], ">i4"), [[1, 3, -2], [4, -2, -2]]),
        ("variant_X", ("alleles",), np.array([["a", "b", "c"], [".", "", ""]], "U1"), TEXTS),
        ("variant_X", ("alleles",), np.array([["a", "bb", "c"], [".", "", ""]], object), TEXTS),
        ("variant_X", ("alt_alleles",), np.array([[1, M], [3, 4]], "f4"), [[M, F], [4, F]]),
        (
            "variant_X", ("genotypes",), np.arange(12, dtype="i2").reshape(2, 6),
            [[0, 3, 5, -2, -2, -2], [6, 9, 11, -2, -2, -2]],
        ),
        (
            "call_X", ("samples", "genotypes"),
            np.array([[[0, 1, 2, 3, 4, 5], [6, 7, 8, -2, -2, -2]], [[-1] * 6, [1, 2, -2, -2, -2, -2]]], "i2"),
            [
                [[0, 3, 5, -2, -2, -2], [6, 8, -2, -2, -2, -2]],
                [[-1, -1, -2, -2, -2, -2], [1, -2, -2, -2, -2, -2]],
            ],
        ),
    ],
)  # fmt: skip
def test_cut_fields(name: str, dims: tuple[str, ...], values: Any, kept: Any, tmp_path: Path) -> None:
    """Values of kept alleles stay, in order, whatever the dtype; floats keep the bits of missing and fill."""
    path = trimming_store(tmp_path, **{name: Column(values, ("variants", *dims))})
    found = column_after(path, name)
    if found.dtype.kind == "f":
        np.testing.assert_array_equal(found.view(np.uint32), np.array(kept, np.float32).view(np.uint32))
    else:
        assert found.tolist() == kept
    assert column_after(path, "call_genotype").tolist() == [[[0, 1], [1, -2]], [[0, 0], [1, 1]]]
    assert column_after(path, "variant_allele").tolist() == [["A", "G", ""]] * 2


def test_a_cell_that_is_too_long(tmp_path: Path) -> None:
    """Which values go with which allele is not known then: an error that says where."""
    values = np.array([[1, 2, 3, -2], [1, 2, 3, 4]], np.int16)
    path = trimming_store(tmp_path, variant_X=Column(values, ("variants", "alleles")))
    with pytest.raises(ChunkError, match="variant_X has 4 values at variant 1, but 3 go with its alleles"):
        column_after(path, "variant_X")


def test_taking_from_nothing() -> None:
    """Cells without values give fill and missing, in text as well."""
    places = np.array([0, cells.TAKE_MISSING, cells.TAKE_FILL])
    assert cells.take(np.empty((2, 0), np.int8), places).tolist() == [[-2, -1, -2]] * 2
    empty = Strings.full((2, 0), "")
    taken = cells.take(empty, places)
    assert isinstance(taken, Strings)
    assert taken.to_objects().tolist() == [["", ".", ""]] * 2
