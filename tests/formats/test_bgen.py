"""BGEN: read back by independent readers, its index, its .sample file, and the file that is never made."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vczero
from support.command import output
from support.command import vczero as command
from support.vcz_builder import build_vcz
from vczero.errors import OptionError, RecordError, SelectionError, UnsupportedError
from vczero.formats.bgen import BgenOptions
from vczero.formats.bgenwriting import Files, write_files

ALLELES = [["A", "C", ""], ["G", "", ""], ["AT", "A", "G"], ["T", "C", ""], ["C", "CTT", ""], ["A", "T", ""]]
CALLS = [
    [[0, 0], [0, 1], [1, 1], [1, 0]],
    [[0, 0], [-1, -1], [0, 0], [0, 0]],
    [[0, 2], [1, 1], [2, 1], [0, 0]],
    [[0, -2], [1, -2], [0, 1], [-1, -2]],
    [[0, -1], [-1, 1], [1, 1], [0, 1]],
    [[1, 1], [1, 0], [0, 0], [0, 1]],
]
PHASED = [[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1], [1, 0, 1, 1]]


def columns(**more: Any) -> dict[str, Any]:
    """Six variants and four samples of every kind."""
    return {
        "sample_id": np.array(["s1", "s2", "s3", "s4"]),
        "contig_id": np.array(["1", "X"]),
        "variant_contig": np.array([0, 0, 0, 1, 1, 1], np.int8),
        "variant_position": np.array([10, 11, 12, 5, 6, 7], np.int32),
        "variant_id": np.array(["rs1", ".", "rs3;x", "rs4", "rs5", "rs6"]),
        "variant_allele": np.array(ALLELES),
        "call_genotype": np.array(CALLS, np.int8),
        "call_genotype_phased": np.array(PHASED, bool),
        **more,
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six variants."""
    return build_vcz(
        tmp_path_factory.mktemp("bgen") / "a.vcz", columns(), chunks={"variants": 4, "samples": 3}
    )


def parsed(data: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    """Samples and variants of a BGEN file, by a reader of its own, in plain Python."""
    word = lambda at, size=4: int.from_bytes(data[at : at + size], "little")  # noqa: E731
    assert data[16:20] == b"bgen"
    flags, at, names = word(20), 24, []
    if flags >> 31:
        at = 32
        for _ in range(word(28)):
            names.append(data[at + 2 : at + 2 + word(at, 2)].decode())
            at += 2 + word(at, 2)
    assert at == word(0) + 4
    variants = []
    for _ in range(word(8)):
        variant: dict[str, Any] = {"start": at}
        for name in ("varid", "rsid", "contig"):
            variant[name] = data[at + 2 : at + 2 + word(at, 2)].decode()
            at += 2 + word(at, 2)
        variant["position"], count = word(at), word(at + 4, 2)
        at, alleles = at + 6, []
        for _ in range(count):
            alleles.append(data[at + 4 : at + 4 + word(at)].decode())
            at += 4 + word(at)
        size, block = word(at), data[at + 4 : at + 4 + word(at)]
        if flags & 3:
            from numcodecs import zstd

            block, whole = block[4:], word(at + 4)
            block = zlib.decompress(block) if flags & 3 == 1 else zstd.decompress(block)
            assert len(block) == whole
        at += 4 + size
        samples = int.from_bytes(block[:4], "little")
        variant |= {"alleles": alleles, "end": at, "phased": block[8 + samples]}
        variant |= {"ploidies": block[8 : 8 + samples], "values": list(block[10 + samples :])}
        variants.append(variant)
    assert at == len(data)
    return names, variants


def written(path: Path, reading: dict[str, Any] | None = None, **options: Any) -> bytes:
    """What `write_bgen` writes."""
    sink = io.BytesIO()
    with vczero.open(path, **(reading or {})) as reader:
        assert vczero.write_bgen(reader, sink, **options) == len(sink.getvalue())
    return sink.getvalue()


def test_every_kind_of_call(store: Path) -> None:
    """Phased and not, missing, half, haploid, three alleles, no ALT: byte for byte what the format says."""
    names, variants = parsed(written(store))
    assert names == ["s1", "s2", "s3", "s4"]
    assert [v["rsid"] for v in variants] == ["rs1", ".", "rs3;x", "rs4", "rs5", "rs6"]
    assert {v["varid"] for v in variants} == {"."}
    assert [v["contig"] for v in variants] == ["1"] * 3 + ["X"] * 3
    assert [v["alleles"] for v in variants] == [["A", "C"], ["G", "."], ["AT", "A", "G"], *([["T", "C"]]),
                                                ["C", "CTT"], ["A", "T"]]  # fmt: skip
    assert [v["phased"] for v in variants] == [1, 0, 1, 1, 1, 0]
    assert [list(v["ploidies"]) for v in variants][1:5] == [
        [2, 0x82, 2, 2], [2, 2, 2, 2], [1, 1, 2, 0x81], [0x82, 0x82, 2, 2],
    ]  # fmt: skip
    assert variants[0]["values"] == [255, 255, 255, 0, 0, 0, 0, 255]
    assert variants[2]["values"] == [255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 255, 255, 0, 255, 0]
    assert variants[3]["values"] == [255, 0, 255, 0, 0]
    assert variants[5]["values"] == [0, 0, 0, 255, 255, 0, 0, 255]
    unphased = parsed(written(store, unphased=True))[1]
    assert [v["phased"] for v in unphased] == [0] * 6
    assert unphased[2]["values"][:5] == [0, 0, 0, 255, 0]  # 0/2 of 00 01 11 02 12 22


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("chunks", [{"variants": 1, "samples": 1}, {"variants": 5, "samples": 2}])
@pytest.mark.parametrize("compression", ["zlib", "zstd", "none"])
def test_storage_and_compression_change_nothing(
    tmp_path: Path, store: Path, zarr_format: int, chunks: dict[str, int], compression: str
) -> None:
    """The same probabilities from every shape of chunk and under every compression and level."""
    path = build_vcz(tmp_path / "b.vcz", columns(), zarr_format=zarr_format, chunks=chunks)
    expected = [
        {k: v for k, v in each.items() if k not in ("start", "end")} for each in parsed(written(store))[1]
    ]
    for level in {"zlib": [None, -1, 0, 6], "zstd": [None, 1], "none": [None]}[compression]:
        found = parsed(written(path, compression=compression, compression_level=level))[1]
        assert [{k: v for k, v in each.items() if k not in ("start", "end")} for each in found] == expected


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("unphased", [False, True])
def test_bgen_agrees(store: Path, tmp_path: Path, unphased: bool, level: int) -> None:
    """The package bgen sees the same names, positions, phase and probabilities as are in the store."""
    bgen = pytest.importorskip("bgen")
    file = tmp_path / "a.bgen"
    written_to(store, file, unphased=unphased, compression_level=level)
    with bgen.BgenReader(str(file)) as reader:
        assert reader.samples == ["s1", "s2", "s3", "s4"]
        theirs = list(reader)
        assert [v.rsid for v in theirs] == ["rs1", ".", "rs3;x", "rs4", "rs5", "rs6"]
        assert [v.pos for v in theirs] == [10, 11, 12, 5, 6, 7]
        assert [v.is_phased for v in theirs] == [bool(v["phased"]) for v in parsed(file.read_bytes())[1]]
        for row, variant in enumerate(theirs):
            check_probabilities(row, variant.probabilities, phased=variant.is_phased)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("unphased", [False, True])
def test_cbgen_agrees(store: Path, tmp_path: Path, unphased: bool, level: int) -> None:
    """cbgen sees the same ploidy, missing samples and probabilities as are in the store."""
    cbgen = pytest.importorskip("cbgen")
    file, meta = tmp_path / "a.bgen", tmp_path / "a.metafile"
    written_to(store, file, unphased=unphased, compression_level=level)
    with cbgen.bgen_file(file) as other:
        other.create_metafile(meta, verbose=False)
        with cbgen.bgen_metafile(meta) as metafile:
            places = metafile.read_partition(0).variants.offset
        assert len(places) == len(CALLS)
        for row, place in enumerate(places):
            genotype = other.read_genotype(place)
            np.testing.assert_array_equal(genotype.missing, missing_of(row))
            np.testing.assert_array_equal(genotype.ploidy, (np.array(CALLS[row]) != -2).sum(axis=1))
            check_probabilities(row, genotype.probability, phased=genotype.phased)


def missing_of(row: int) -> np.ndarray[Any, Any]:
    """bool, (samples,): those without a call, or with half of one."""
    calls = np.array(CALLS[row])
    return ((calls == -1) | (calls[:, :1] == -2)).any(axis=1)


def check_probabilities(row: int, found: np.ndarray[Any, Any], *, phased: bool) -> None:
    """What a reader found for each sample is 1 where its call is, else 0."""
    for call, has_none, values in zip(np.array(CALLS[row]), missing_of(row), found, strict=True):
        if not has_none:
            wanted = expected_probabilities(call[call != -2], len(parsed_alleles(row)), phased)
            np.testing.assert_array_equal(values[: len(wanted)], wanted)


def parsed_alleles(row: int) -> list[str]:
    return [allele for allele in ALLELES[row] if allele] if row != 1 else ["G", "."]


def expected_probabilities(call: np.ndarray[Any, Any], alleles: int, phased: bool) -> list[float]:
    """1 where the call is, in BGEN's order, all probabilities listed."""
    if phased:
        return [float(allele == number) for allele in call for number in range(alleles)]
    from itertools import combinations_with_replacement

    kinds = sorted(combinations_with_replacement(range(alleles), len(call)), key=lambda kind: kind[::-1])
    return [float(kind == tuple(sorted(call.tolist()))) for kind in kinds]


def written_to(store: Path, file: Path, **options: Any) -> None:
    with vczero.open(store) as reader:
        vczero.write_bgen(
            reader, file, bgi_path=f"{file}.bgi", sample_path=file.with_suffix(".sample"), **options
        )


def test_the_index_is_bgenix(store: Path, tmp_path: Path) -> None:
    """Both tables, offsets that are right, and a reader that goes by the index."""
    file = tmp_path / "a.bgen"
    written_to(store, file)
    data = file.read_bytes()
    with sqlite3.connect(f"{file}.bgi") as database:
        rows = database.execute("SELECT * FROM Variant ORDER BY file_start_position").fetchall()
        meta = database.execute("SELECT * FROM Metadata").fetchall()
    database.close()
    variants = parsed(data)[1]
    assert rows == [
        (
            *(v["contig"], v["position"], v["rsid"], len(v["alleles"]), *v["alleles"][:2]),
            *(v["start"], v["end"] - v["start"]),
        )
        for v in variants
    ]
    assert [row[:4] for row in meta] == [("a.bgen", len(data), int(file.stat().st_mtime), data[:1000])]
    bgen = pytest.importorskip("bgen")
    with bgen.BgenReader(str(file)) as reader:
        assert [v.rsid for v in reader.fetch("X", 6, 7)] == ["rs5", "rs6"]


def test_the_command_writes_three_files_or_less(store: Path, tmp_path: Path) -> None:
    """-o STEM and the options that leave out a file; standard output is the same .bgen."""
    stem = tmp_path / "out"
    assert output("view-bgen", store, "-o", stem) == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.bgen", "out.bgen.bgi", "out.sample"]
    assert (tmp_path / "out.bgen").read_bytes() == written(store)
    assert (tmp_path / "out.sample").read_text().splitlines() == [
        "ID_1 ID_2 missing", "0 0 0", *(f"s{i} s{i} 0" for i in range(1, 5)),
    ]  # fmt: skip
    other = tmp_path / "few"
    output("view-bgen", store, "-o", other, "--no-bgi", "--no-sample-file", "--no-header-samples",
           "--variant-id-field", "varid", "-r", "X", "-s", "s3,s1", "-M", "2", "-i", "POS>5")  # fmt: skip
    assert len(list(tmp_path.glob("few*"))) == 1
    names, variants = parsed((tmp_path / "few.bgen").read_bytes())
    assert (names, [v["varid"] for v in variants]) == ([], ["rs5", "rs6"])
    assert [list(v["ploidies"]) for v in variants] == [[2, 0x82], [2, 2]]
    assert "call_genotype" in output("view-bgen", store, "--explain")


def test_errors_leave_no_files(store: Path, tmp_path: Path) -> None:
    """A record that cannot be written, found in the middle: no new file, and an old one as it was."""
    (tmp_path / "x.bgen").write_text("old")
    done = command("view-bgen", store, "-o", tmp_path / "x", "--fixed-variant-size", "-M", "2")
    assert (done.returncode, done.stdout) == (1, "")
    assert "record X:5, sample s1: variants of a fixed size want samples of one ploidy, 2" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.bgen"]
    assert (tmp_path / "x.bgen").read_text() == "old"


def likely(**more: Any) -> dict[str, Any]:
    """Two diploid variants and one of mixed ploidy, with GP and DS."""
    nan = np.nan
    return {
        "sample_id": np.array(["a", "b", "c"]),
        "contig_id": np.array(["1"]),
        "variant_contig": np.zeros(2, np.int8),
        "variant_position": np.array([1, 2], np.int32),
        "variant_allele": np.array([["A", "C"], ["A", "G"]]),
        "call_genotype": np.array([[[0, 0], [0, 1], [-1, -1]], [[0, -2], [1, 1], [0, 0]]], np.int8),
        "call_GP": np.array(
            [
                [[0.9, 0.1, 0], [0.25, 0.5, 0.25], [nan, nan, nan]],
                [[0.5, 0.5, nan], [0, 0.001, 0.999], [0, 0, 0]],
            ],
            np.float32,
        ),
        "call_DS": np.array([[0.1, 1.5, nan], [1, 2, 0]], np.float32),
        **more,
    }


def test_genotype_probabilities_and_dosages(tmp_path: Path) -> None:
    """GP as it is, rounded; DS between the two nearest numbers of ALT alleles; ploidy from the calls."""
    path = build_vcz(tmp_path / "a.vcz", likely())
    first, second = parsed(written(path, field="GP"))[1]
    assert (first["values"], list(first["ploidies"])) == ([229, 26, 64, 127, 0, 0], [2, 2, 0x82])
    assert (second["values"], list(second["ploidies"])) == ([128, 0, 0, 0, 0], [1, 2, 0x82])
    first, second = parsed(written(path, field="DS"))[1]
    assert (first["values"], list(first["ploidies"])) == ([229, 26, 0, 128, 0, 0], [2, 2, 0x82])
    assert second["values"] == [0, 0, 0, 255, 0]
    bare = likely()
    del bare["call_genotype"]
    path = build_vcz(tmp_path / "b.vcz", bare)
    assert list(parsed(written(path, field="GP"))[1][1]["ploidies"]) == [1, 2, 0x82]
    with pytest.raises(vczero.FieldNotFoundError, match="call_genotype"):
        written(path)


@pytest.mark.parametrize(
    ("field", "values", "message"),
    [
        (
            "GP",
            [[[0.9, 0.1, 0], [0.5, 0.1, 0], [1, 0, 0]]] * 2,
            "record 1:1, sample b: GP has .* sum is not 1",
        ),
        (
            "GP",
            [[[30, 0, 5], [0.5, 0.5, 0], [1, 0, 0]]] * 2,
            r"sample a: GP has a probability that is not in",
        ),
        (
            "GP",
            [[[1, 0, np.nan], [0.5, 0.5, 0], [1, 0, 0]]] * 2,
            "sample a: GP has 2 values, and 2 alleles at ploidy 2",
        ),
        ("DS", [[0, 2.5, 0]] * 2, "record 1:1, sample b: DS is 2.5, not 0 to 2"),
    ],
)
def test_values_that_make_no_sense_are_named(tmp_path: Path, field: Any, values: Any, message: str) -> None:
    """Record and sample are in the message, and on the error."""
    calls = np.zeros((2, 3, 2), np.int8)
    path = build_vcz(
        tmp_path / "a.vcz", likely(call_genotype=calls, **{f"call_{field}": np.array(values, np.float32)})
    )
    with pytest.raises(RecordError, match=message) as found:
        written(path, field=field)
    assert (found.value.variant, found.value.sample in ("a", "b")) == (0, True)


def test_what_the_format_cannot_hold(tmp_path: Path, store: Path) -> None:
    """Ploidy, names, positions, alleles of calls; on standard output nothing is written before it is seen."""
    crowd = np.zeros((6, 4, 64), np.int8)
    with pytest.raises(UnsupportedError, match="ploidy 64"):
        written(build_vcz(tmp_path / "p.vcz", columns(call_genotype=crowd)))
    cases = {
        "variant_id": (
            np.array(["a"] * 5 + ["x" * 70_000], np.dtypes.StringDType()),
            "record X:7: its ID has 70000 bytes",
        ),
        "variant_position": (np.array([1, 2, 3, 4, 5, -1]), "record X:-1: BGEN holds positions"),
    }
    for name, (values, message) in cases.items():
        path = build_vcz(tmp_path / f"{name}.vcz", columns(**{name: values}))
        sink = io.BytesIO()
        with vczero.open(path) as reader, pytest.raises(RecordError, match=message):
            vczero.write_bgen(reader, sink)
        assert sink.getvalue() == b""
    foreign = np.array(CALLS, np.int8)
    foreign[4, 3, 1] = 2
    with pytest.raises(
        RecordError, match="record X:6, sample s4: GT has an allele that the record does not have"
    ):
        written(build_vcz(tmp_path / "f.vcz", columns(call_genotype=foreign)))
    with vczero.open(store, samples=[]) as reader, pytest.raises(SelectionError, match="at least one sample"):
        vczero.write_bgen(reader, io.BytesIO())
    spaced = build_vcz(tmp_path / "s.vcz", columns(sample_id=np.array(["a b", "c", "d", "e"])))
    with vczero.open(spaced) as reader, pytest.raises(SelectionError, match="white space"):
        vczero.write_sample(reader, tmp_path / "s.sample")
    assert not (tmp_path / "s.sample").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"level": 10},
        {"compression": "zstd", "level": 0},
        {"string_bytes": 64, "level": 1},
        {"string_bytes": 1},
        {"pad_byte": b"ab"},
        {"field": "PL"},
        {"compression": "gzip"},
        {"variant_id_field": "id"},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    """Levels out of range, and what variants of a fixed size exclude."""
    with pytest.raises(OptionError):
        BgenOptions(**options)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_bytes_of_the_file_that_is_never_made(store: Path, data: st.DataObject) -> None:
    """They are those of the file that is written at level 0, whatever was read before; so are its index's."""
    reading = data.draw(st.sampled_from([{}, {"samples": ["s4", "s2"]}, {"regions": "X,1:11-12"}]))
    options = data.draw(st.sampled_from([{}, {"unphased": True}, {"variant_id_field": "varid"}]))
    with vczero.open(store, **reading) as reader:
        whole = written(store, reading, compression_level=0, **options)
        encoder = vczero.BgenEncoder(reader, **options)
        assert encoder.size == len(whole)
        assert [v["start"] for v in parsed(whole)[1]] == encoder.offsets[:-1].tolist()
        for _ in range(6):
            start, size = data.draw(st.integers(0, len(whole) + 5)), data.draw(st.integers(0, len(whole) + 5))
            assert encoder.read(start, size) == whole[start : start + size]
        encoder.close()
        assert b"".join(encoder.read(at, 50) for at in range(0, encoder.size, 50)) == whole
        with pytest.raises(OptionError):
            encoder.read(-1, 1)


def test_variants_of_a_fixed_size(tmp_path: Path) -> None:
    """All variants have one size; the file and the virtual one are the same; the index finds them."""
    path = build_vcz(
        tmp_path / "a.vcz", likely(call_genotype=np.zeros((2, 3, 2), np.int8)), chunks={"variants": 1}
    )
    with vczero.open(path) as reader:
        encoder = vczero.BgenEncoder(reader, total_string_length=40, pad_byte=b"_")
        assert set(np.diff(encoder.offsets).tolist()) == {28 + 40 + 19 + 11}
        file = tmp_path / "a.bgen"
        write_files(reader, Files(str(file)), BgenOptions(string_bytes=40, pad_byte=b"_"))
        assert encoder.read(0, encoder.size) == file.read_bytes()
        assert parsed(file.read_bytes())[1][0]["varid"] == "." + "_" * 35
        vczero.write_bgi(encoder, f"{file}.bgi")
    with sqlite3.connect(f"{file}.bgi") as database:
        found = database.execute(
            "SELECT file_start_position, size_in_bytes FROM Variant ORDER BY 1"
        ).fetchall()
        assert database.execute("SELECT filename, file_size FROM Metadata").fetchone() == (
            "a.bgen",
            encoder.size,
        )
    database.close()
    assert found == [(start, 98) for start in encoder.offsets[:-1].tolist()]
    with pytest.raises(OptionError), vczero.open(path) as reader:
        write_files(reader, Files(str(file), index=str(file)), BgenOptions())


@pytest.mark.oracle("plink2")
@pytest.mark.parametrize("level", ["0", "1", "6"])
def test_plink2_reads_the_calls(store: Path, tmp_path: Path, level: str) -> None:
    """plink2 imports the file, which it refuses where a checksum is wrong, and has the same calls."""
    stem = tmp_path / "a"
    output("view-bgen", store, "-o", stem, "-M", "2", "-r", "1", "--compression-level", level)
    subprocess.run(
        ["plink2", "--bgen", f"{stem}.bgen", "ref-first", "--sample", f"{stem}.sample", "--export", "vcf"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    lines = [
        line.split("\t") for line in (tmp_path / "plink2.vcf").read_text().splitlines() if line[0] != "#"
    ]
    assert [line[1:5] for line in lines] == [["10", "rs1", "A", "C"], ["11", ".", "G", "."]]
    calls = [sorted(call.replace("|", "/").split("/")) for line in lines for call in line[9:]]
    zero, het, two, none = ["0", "0"], ["0", "1"], ["1", "1"], [".", "."]
    assert calls == [zero, het, two, het, zero, none, zero, zero]
