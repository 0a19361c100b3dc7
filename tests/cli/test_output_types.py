"""`view -O`, the names of files, and --write-index: what is written, and what is refused."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest

import vczero as package
from support.bcf_records import read_bcf
from support.command import output, raw_output, vczero
from support.vcz_builder import build_vcz, example_columns

GZIP = b"\x1f\x8b"


def kind_of(data: bytes) -> str:
    """v, z, u or b."""
    binary = (gzip.decompress(data) if data[:2] == GZIP else data)[:5] == b"BCF\2\2"
    return ("b" if binary else "z") if data[:2] == GZIP else "u" if binary else "v"


@pytest.mark.parametrize("kind", ["v", "u", "b", "z0", "b1"])
def test_types(kind: str, example_store: Path) -> None:
    """On standard output, and from Python: the same bytes."""
    written = raw_output("view", "--no-version", "-O", kind, example_store)
    assert kind_of(written) == kind[0]
    file = io.BytesIO()
    with package.open(example_store) as reader:
        assert package.write_vcf(reader, file, output_type=kind) == len(written)
    assert file.getvalue() == written


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.bcf", "b"),
        ("A.BCF", "b"),
        ("a.vcf.gz", "z"),
        ("a.vcf.bgz", "z"),
        ("a.vcf", "v"),
        ("a.gz", "v"),
        ("a", "v"),
    ],
)
def test_names_of_files(name: str, kind: str, example_store: Path, tmp_path: Path) -> None:
    """Without -O the name's end says the type, as in bcftools 1.16; -O says it for any name."""
    output("view", "-o", tmp_path / name, example_store)
    assert kind_of((tmp_path / name).read_bytes()) == kind
    output("view", "-Ou", "-o", tmp_path / name, example_store)
    assert kind_of((tmp_path / name).read_bytes()) == "u"


def test_levels(example_store: Path, tmp_path: Path) -> None:
    """-l is the level of -O, unless that has one; more of it makes smaller files."""
    sizes = []
    for options in (["-l0"], ["-l1"], ["-l9"], ["-l0", "-Ob9"]):
        output("view", "--no-version", *options, "-o", tmp_path / "a.bcf", example_store)
        sizes.append((tmp_path / "a.bcf").stat().st_size)
    assert sizes[0] > sizes[1] > sizes[2] == sizes[3]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-Ou1"], "output type 'u1' is none of"),
        (["-Ox"], "output type 'x' is none of"),
        (["-Ob10"], "output type 'b10' is none of"),
        (["-l", "3"], "--compression-level is of -O z and -O b, not of -O v"),
        (["-Ou", "-l", "3"], "not of -O u"),
        (["-Ob", "-H"], "BCF cannot be without a header"),
        (["--write-index", "-Ou", "-o", "a.bcf"], "not for -O u"),
        (["--write-index", "-o", "a.vcf"], "not for -O v"),
        (["--write-index", "-Ob"], "needs a file"),
        (["-W", "-Oz", "-o", "-"], "needs a file"),
        (["-W", "-Oz", "-o", "/dev/null"], "needs a file"),
        (["-W=tbi", "-o", "a.bcf"], "csi, not tbi"),
        (["--write-index=crai", "-o", "a.bcf"], "csi or tbi, not 'crai'"),
    ],
)
def test_what_is_refused(options: list[str], reason: str, example_store: Path, in_folder: Path) -> None:
    """With a line that says why, before anything is written."""
    done = vczero("view", *options, example_store)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert list(in_folder.iterdir()) == []


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_index_without_its_library(
    example_store: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install, and nothing has been done."""
    monkeypatch.setitem(sys.modules, "pysam", None)
    done = vczero("view", "--write-index", "-o", "a.bcf", example_store)
    assert done.returncode == 1
    assert "pip install 'vczero[index]'" in done.stderr
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize("name", ["a.bcf", "a.vcf.gz"])
def test_records_out_of_order_have_no_index(name: str, in_folder: Path) -> None:
    """Neither a file nor an index, and what was there stays."""
    pytest.importorskip("pysam")
    columns = example_columns(30, 4)
    columns["variant_position"] = columns["variant_position"][::-1].copy()
    columns["variant_contig"] = np.zeros_like(columns["variant_contig"])
    store = build_vcz(in_folder / "store.vcz", columns)
    (in_folder / name).write_text("before")
    done = vczero("view", "-W", "-o", name, store)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"cannot index {name}" in done.stderr
    assert (in_folder / name).read_text() == "before"
    assert {path.name for path in in_folder.iterdir()} == {"store.vcz", name}


def test_a_store_that_breaks_leaves_neither(in_folder: Path) -> None:
    """An error in mid-stream: no file, no index."""
    pytest.importorskip("pysam")
    store = build_vcz(in_folder / "store.vcz", example_columns(30, 4), chunks={"variants": 10})
    (store / "variant_position" / "2").write_bytes(b"no chunk")
    assert vczero("view", "-W", "-o", "a.bcf", store).returncode == 1
    assert [path.name for path in in_folder.iterdir()] == ["store.vcz"]


def test_positions_that_bcf_cannot_hold(tmp_path: Path) -> None:
    """Text can say them, BCF has 32 bits: an error that says so."""
    columns = example_columns(3, 2)
    columns["variant_position"] = np.array([1, 2**31 - 1, 2**31], "i8")
    store = build_vcz(tmp_path / "store.vcz", columns)
    done = vczero("view", "-Ou", store)
    assert done.returncode == 1
    assert "variant_position is 2147483648 at variant 2" in done.stderr
    assert len(read_bcf(raw_output("view", "-Ou", "-t", "^nowhere:1", "-i", "POS<2147483648", store))[1]) == 2
