"""PLINK files: what cannot be written, what is written together, and any bytes of a file that is not made."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vczero
from support.calls import random_calls
from support.command import output
from support.command import vczero as command
from support.vcz_builder import STRING, build_vcz
from vczero.formats.rowfile import CACHE_BYTES, PIECE_BYTES


def changed(tmp_path: Path, **columns: object) -> Path:
    """A store of five records and three samples, two of its columns changed."""
    made = random_calls(5, 3, haploid=0.0, contigs=["1"])
    made["variant_position"] = np.arange(100, 105, dtype=np.int32)
    return build_vcz(tmp_path / "a.vcz", {**made, **columns})


def with_call(*call: int) -> np.ndarray:
    """Genotypes of five records and three samples, in which the fourth record's second sample has `call`."""
    calls = np.zeros((5, 3, len(call)), np.int8)
    calls[:, :, 2:] = -2
    calls[3, 1] = call
    return calls


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ((0, -1), "half missing"),
        ((-1, 1), "half missing"),
        ((-2, 1), "half missing"),
        ((0, 2), "an allele that the record does not have"),
        ((-3, 0), "an allele that the record does not have"),
        ((0, 0, 1), "more than two alleles"),
        ((0, 1, -1), "more than two alleles"),
    ],
)
def test_calls_that_have_no_code(call: tuple[int, ...], reason: str, tmp_path: Path) -> None:
    """Record and sample are named, and no file is there."""
    store = changed(tmp_path, call_genotype=with_call(*call))
    folder = tmp_path / "out"
    folder.mkdir()
    for samples in ([], ["-s", "s_1,s_0"]):
        done = command("view-plink", store, "-o", folder / "x", *samples)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("vczero: error: record 1:103: the call of sample s_1 ")
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
        assert os.listdir(folder) == []
    assert output("view-plink", store, "-o", folder / "x", "-s", "^s_1") == ""
    assert output("view-plink", store, "-o", folder / "x", "-t", "1:1-102,1:104") == ""


def test_missing_calls_of_three_alleles(tmp_path: Path) -> None:
    """A call that is missing altogether is missing, whatever its ploidy."""
    store = changed(tmp_path, call_genotype=with_call(-1, -1, -1))
    with vczero.open(store) as reader:
        assert vczero.BedEncoder(reader).read(3 + 3, 1) == bytes([0b110111])


BAD_RECORDS = [
    ({"variant_allele": np.array([["A", "C", ""]] * 3 + [["A", "C", "T"]] * 2, STRING)}, "has 3 alleles"),
    ({"variant_position": np.array([1, 2, 3, -1, 5], np.int32)}, "record 1:-1: PLINK files hold positions"),
    ({"variant_position": np.array([1, 2, 3, 2**31 - 1, 5], np.int32)}, "hold positions from 0"),
    ({"variant_id": np.array(["a", "b", "c", "d e", "f"], STRING)}, "record 1:103: its ID has white space"),
    ({"variant_id": np.array(["a", "b", "c", "d" * 16_001, "f"], STRING)}, "ID has more than 16,000 bytes"),
    ({"variant_id": np.array(["a", "b", "c", "d e", "f"])}, "record 1:103: its ID has white space"),
    ({"variant_allele": np.array([["A", "C"]] * 3 + [["A\t", "C"]] * 2, STRING)}, "allele has white space"),
    ({"contig_id": np.array(["GL1"], STRING)}, "record GL1:100: its chromosome is none"),
    ({"contig_id": np.array(["50"], STRING)}, "record 50:100: its chromosome is none"),
    ({"sample_id": np.array(["a", "b c", "d"], STRING)}, "sample 'b c': PLINK files hold no name"),
    ({"sample_id": np.array(["a", "0", "d"], STRING)}, "sample '0': PLINK files hold no name"),
    ({"sample_id": np.array(["a", "x" * 16_001, "d"], STRING)}, "more than 16,000 bytes"),
]


@pytest.mark.parametrize(("columns", "message"), BAD_RECORDS)
def test_records_and_names_that_cannot_be_written(
    columns: dict[str, np.ndarray], message: str, tmp_path: Path
) -> None:
    """One line that names the record or sample, and no files."""
    store = changed(tmp_path, **columns)
    done = command("view-plink", store, "-o", tmp_path / "x")
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ["a.vcz"]


def test_nothing_to_write(tmp_path: Path) -> None:
    """No genotypes and no samples are errors; no records are empty files."""
    made = random_calls(5, 3)
    store = build_vcz(tmp_path / "a.vcz", made)
    done = command("view-plink", store, "-o", tmp_path / "x", "-s", "^s_0,s_1,s_2")
    assert done.returncode == 1
    assert "no samples" in done.stderr
    assert output("view-plink", store, "-o", tmp_path / "x", "-r", "nowhere") == ""
    assert (tmp_path / "x.bed").read_bytes() == b"\x6c\x1b\x01"
    assert (tmp_path / "x.bim").read_bytes() == b""
    assert (tmp_path / "x.fam").read_text().splitlines()[0] == "0\ts_0\t0\t0\t0\t-9"
    without = {name: column for name, column in made.items() if not name.startswith("call_")}
    done = command("view-plink", build_vcz(tmp_path / "b.vcz", without), "-o", tmp_path / "y")
    assert done.returncode == 1
    assert "no genotypes" in done.stderr


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    """--no-bim and --no-fam; --explain writes nothing; a stem is needed; contigs matter to a .bim."""
    store = changed(tmp_path, contig_id=np.array(["GL1"], STRING))
    folder = tmp_path / "out"
    folder.mkdir()
    assert output("view-plink", store, "-o", folder / "x", "--no-bim", "--no-fam") == ""
    assert os.listdir(folder) == ["x.bed"]
    assert "call_genotype/codes" in output("view-plink", store, "-o", folder / "y", "--explain")
    with vczero.open(store) as reader:
        with pytest.raises(vczero.RecordError, match="GL1"):
            vczero.write_bim(reader, io.BytesIO())
        vczero.write_bim(reader, bim := io.BytesIO(), allow_extra_chr=True)
    assert bim.getvalue().startswith(b"GL1\t")
    assert os.listdir(folder) == ["x.bed"]
    assert command("view-plink", store).returncode == 2
    done = command("view-plink", store, "-o", tmp_path / "missing" / "x", "--allow-extra-chr")
    assert done.returncode == 1
    assert "cannot write" in done.stderr


def test_from_python(tmp_path: Path) -> None:
    """The functions write what the command writes."""
    store = changed(tmp_path)
    output("view-plink", store, "-o", tmp_path / "x")
    with vczero.open(store) as reader:
        vczero.write_plink(reader, tmp_path / "y")
        files = io.BytesIO(), io.BytesIO()
        sizes = vczero.write_bim(reader, files[0]), vczero.write_fam(reader, files[1])
    expected = [(tmp_path / f"x.{name}").read_bytes() for name in ("bed", "bim", "fam")]
    assert [(tmp_path / f"y.{name}").read_bytes() for name in ("bed", "bim", "fam")] == expected
    assert [file.getvalue() for file in files] == expected[1:]
    assert list(sizes) == [len(data) for data in expected[1:]]


def test_single_files_go_to_paths_too(tmp_path: Path) -> None:
    """As with every function that writes one file; it appears when it is complete, or not at all."""
    with vczero.open(changed(tmp_path)) as reader:
        file = io.BytesIO()
        for write in (vczero.write_bim, vczero.write_fam, vczero.write_sample, vczero.write_vcf):
            file.seek(0)
            size = write(reader, file)
            assert write(reader, tmp_path / "out") == size
            assert (tmp_path / "out").read_bytes() == file.getvalue()[:size]
            with pytest.raises(vczero.OutputError, match="cannot write"):
                write(reader, tmp_path / "missing" / "out")


def test_stores_that_lack_columns(tmp_path: Path) -> None:
    """No IDs, alleles or phases: ".", and N for REF, as in VCF."""
    made = random_calls(4, 3, contigs=["1"], haploid=0.0)
    kept = ("sample_id", "contig_id", "variant_contig", "variant_position", "call_genotype")
    store = build_vcz(tmp_path / "a.vcz", {name: made[name] for name in kept})
    output("view-plink", store, "-o", tmp_path / "x")
    lines = (tmp_path / "x.bim").read_text().splitlines()
    assert lines == [f"1\t.\t0\t{position}\t.\tN" for position in made["variant_position"]]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[vczero.BedEncoder, bytes]]]:
    """Encoders of several selections, and the files that they would write."""
    folder = tmp_path_factory.mktemp("plink")
    columns = random_calls(90, 601, contigs=["1", "2", "X"])
    store = build_vcz(folder / "a.vcz", columns, chunks={"variants": 20, "samples": 400})
    selections = [
        {},
        {"regions": "X,1:1-5000"},
        {"samples": ["s_5", "s_2", "s_600"], "targets": "2"},
        {"variant_filter": "QUAL>30"},
        {"regions": "nowhere"},
    ]
    made = []
    opened = [vczero.open(store, **selection) for selection in selections]
    for number, reader in enumerate(opened):
        vczero.write_plink(reader, folder / str(number))
        made.append((vczero.BedEncoder(reader), (folder / f"{number}.bed").read_bytes()))
    yield made
    for reader in opened:
        reader.close()


def test_the_size_is_known(readers: list[tuple[vczero.BedEncoder, bytes]]) -> None:
    """Before anything is encoded."""
    for encoder, data in readers:
        assert encoder.size == len(data)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.data())
def test_any_range_equals_the_file(
    readers: list[tuple[vczero.BedEncoder, bytes]], which: int, data: st.DataObject
) -> None:
    """Whatever the range, also beyond the end."""
    encoder, expected = readers[which]
    offset = data.draw(st.integers(0, len(expected) + 5))
    size = data.draw(st.integers(0, len(expected) + 5))
    assert encoder.read(offset, size) == expected[offset : offset + size]


def test_ranges_read_by_several_threads(readers: list[tuple[vczero.BedEncoder, bytes]]) -> None:
    """One encoder, one cache, the same bytes."""
    encoder, expected = readers[0]
    starts = range(0, len(expected), 97)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda start: encoder.read(start, 97), starts))
    assert b"".join(parts) == expected


class Counting:
    """A reader that notes which variants are asked for."""

    def __init__(self, reader: vczero.VczReader) -> None:
        self._reader = reader
        self.asked: list[object] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._reader, name)

    def query(self, fields: list[str], **selected: object) -> object:
        self.asked.append(selected["variants"])
        return self._reader.query(fields, **selected)


def test_no_more_is_read_than_the_range_touches(tmp_path: Path) -> None:
    """A few bytes cost the rows of a piece at each end; the same again cost nothing; the cache is bounded."""
    columns = random_calls(400, 5, contigs=["1"])
    store = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 100})
    with vczero.open(store) as opened:
        reader = Counting(opened)
        encoder = vczero.BedEncoder(reader)  # type: ignore[arg-type]
        file = encoder._file
        file._piece_rows = 10
        whole = encoder.read(0, encoder.size)
        assert reader.asked == [slice(0, 400)]
        reader.asked.clear()
        assert encoder.read(3 + 2 * 25, 90) == whole[53:143]
        assert reader.asked == []
        file._pieces.clear()
        assert encoder.read(3 + 2 * 25, 90) == whole[53:143]
        assert reader.asked == [slice(20, 70)]
        del file._pieces[4]
        reader.asked.clear()
        assert encoder.read(3, 2 * 80) == whole[3:163]
        assert reader.asked == [slice(0, 20), slice(40, 50), slice(70, 80)]
        file.forget()
        for number in range(CACHE_BYTES // PIECE_BYTES + 3):
            file._keep(number, bytes(PIECE_BYTES))
        assert len(file._pieces) == CACHE_BYTES // PIECE_BYTES


def test_what_is_read_in_order_is_made_ahead(tmp_path: Path) -> None:
    """Twice as much each time, as far as the file goes."""
    store = build_vcz(tmp_path / "a.vcz", random_calls(400, 5, contigs=["1"]), chunks={"variants": 100})
    with vczero.open(store) as opened:
        reader = Counting(opened)
        encoder = vczero.BedEncoder(reader)  # type: ignore[arg-type]
        whole = vczero.BedEncoder(opened).read(0, encoder.size)
        encoder._file._piece_rows = 10
        assert b"".join(encoder.read(at, 20) for at in range(0, encoder.size, 20)) == whole
        ends = [0, 10, 30, 70, 150, 310, 400]
        assert reader.asked == [slice(*bounds) for bounds in pairwise(ends)]


def test_what_is_wrong_further_on_is_not_in_the_way(tmp_path: Path) -> None:
    """A record that cannot be written is an error of the ranges that touch its piece, not of those before."""
    columns = random_calls(400, 5, contigs=["1"])
    columns["call_genotype"][250, 2] = [0, -1]
    with vczero.open(build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 100})) as reader:
        encoder = vczero.BedEncoder(reader)
        encoder._file._piece_rows = 10
        for at in range(3, 3 + 2 * 250, 20):
            assert len(encoder.read(at, 20)) == 20
        with pytest.raises(vczero.RecordError, match="half missing"):
            encoder.read(3 + 2 * 250, 20)


@pytest.mark.parametrize(("offset", "size"), [(-1, 4), (4, -1)])
def test_negative_ranges(readers: list[tuple[vczero.BedEncoder, bytes]], offset: int, size: int) -> None:
    """Refused."""
    with pytest.raises(vczero.OptionError, match="negative"):
        readers[0][0].read(offset, size)


def test_errors_of_random_access(tmp_path: Path) -> None:
    """A record that cannot be written fails where it is read, with its number and the sample's name."""
    store = changed(tmp_path, call_genotype=with_call(0, -1))
    with vczero.open(store) as reader:
        encoder = vczero.BedEncoder(reader)
        with pytest.raises(vczero.RecordError, match="half missing") as caught:
            encoder.read(0, 100)
        assert (caught.value.variant, caught.value.sample) == (3, "s_1")
