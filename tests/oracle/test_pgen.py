"""`view-plink --pgen` against `plink2 --vcf X --make-pgen`, read back by plink2 and by pgenlib."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import vczero
from support.calls import plink, random_calls, vcf_text
from support.command import output
from support.command import vczero as command
from support.vcz_builder import STRING, build_vcz

pgenlib = pytest.importorskip("pgenlib")
pytestmark = pytest.mark.oracle("plink2")


def exported(stem: Path) -> list[list[str]]:
    """The records that plink2 finds in .pgen, .pvar and .psam, as lines of VCF; unphased alleles in order."""
    lines = (
        Path(f"{plink('plink2', '--pfile', stem, '--export', 'vcf', out=stem)}.vcf").read_text().splitlines()
    )
    return [line.split("\t") for line in lines if not line.startswith("##")]


def lines_of(path: Path) -> list[list[str]]:
    """Lines without the meta-information."""
    return [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("##")]


@pytest.mark.parametrize(("samples", "phased"), [(1, True), (5, True), (9, False), (40, True)])
def test_the_same_as_plink2(samples: int, phased: bool, tmp_path: Path) -> None:
    """Multi-allelic sites, phase, haploid and missing calls: the same records, samples and variants."""
    columns = random_calls(80, samples, seed=samples, most_alleles=4)
    if not phased:
        columns["call_genotype_phased"][...] = False
    stored = {name: column for name, column in columns.items() if phased or name != "call_genotype_phased"}
    store = build_vcz(tmp_path / "a.vcz", stored, chunks={"variants": 30, "samples": 8})
    (tmp_path / "in.vcf").write_text(vcf_text(columns))
    theirs = plink("plink2", "--vcf", tmp_path / "in.vcf", "--make-pgen", out=tmp_path / "theirs")
    ours = tmp_path / "ours"
    assert output("view-plink", store, "--pgen", "-o", ours) == ""
    assert (tmp_path / "ours.psam").read_text() == (tmp_path / "theirs.psam").read_text()
    wide, narrow = lines_of(tmp_path / "ours.pvar"), lines_of(tmp_path / "theirs.pvar")
    shared = [wide[0].index(name) for name in narrow[0]]
    assert [[line[at] for at in shared] for line in wide] == narrow
    assert exported(ours) == exported(theirs)


def test_pgenlib_reads_it(tmp_path: Path) -> None:
    """Alleles and phase of every call, those of haploid calls twice."""
    columns = random_calls(60, 11, most_alleles=4)
    store = build_vcz(tmp_path / "a.vcz", columns)
    with vczero.open(store) as reader:
        vczero.write_pgen(reader, tmp_path / "x")
    alleles, phased = np.empty((60, 22), np.int32), np.empty((60, 11), np.bool_)
    pvar = pgenlib.PvarReader(os.fsencode(tmp_path / "x.pvar"))
    with pgenlib.PgenReader(os.fsencode(tmp_path / "x.pgen"), pvar=pvar) as file:
        file.read_alleles_and_phasepresent_range(0, 60, alleles, phased)
    pvar.close()
    calls = columns["call_genotype"].astype(np.int32)
    calls[calls[:, :, 0] < 0] = -9
    calls = np.where(calls == -2, calls[:, :, :1], calls)
    found = alleles.reshape(60, 11, 2)
    het = calls[:, :, 0] != calls[:, :, 1]
    assert np.array_equal(np.sort(found, axis=2), np.sort(calls, axis=2))
    assert np.array_equal(phased[het], columns["call_genotype_phased"][het])
    assert np.array_equal(found[het & phased], calls[het & phased])


def test_every_column_of_a_selection(tmp_path: Path) -> None:
    """Records and samples selected; QUAL, FILTER, INFO and the header in the .pvar as plink2 has them."""
    rng = np.random.default_rng(3)
    columns = random_calls(50, 6, contigs=["1", "2", "3"])
    columns |= {
        "filter_id": np.array(["PASS", "q10"], STRING),
        "variant_filter": rng.random((50, 2)) < 0.3,
        "variant_DP": rng.integers(0, 100, 50).astype(np.int32),
        "variant_DB": rng.random(50) < 0.5,
        "contig_length": np.array([10_000, 20_000, 30_000]),
    }
    store = build_vcz(tmp_path / "a.vcz", columns)
    options = ["-r", "1,3", "-s", "s_4,s_1", "-i", "QUAL>30"]
    output("view", store, "--no-version", *options, "-I", "-o", tmp_path / "in.vcf")
    plink("plink2", "--vcf", tmp_path / "in.vcf", "--make-pgen", out=tmp_path / "theirs")
    output("view-plink", store, "--pgen", "-o", tmp_path / "ours", *options)
    assert lines_of(tmp_path / "ours.pvar") == lines_of(tmp_path / "theirs.pvar")
    assert exported(tmp_path / "ours") == exported(tmp_path / "theirs")
    headers = [
        {line for line in (tmp_path / f"{name}.pvar").read_text().splitlines() if line.startswith("##")}
        for name in ("ours", "theirs")
    ]
    # plink2 leaves out contigs without records.
    assert headers[0] - headers[1] == {"##contig=<ID=2,length=20000>"}
    assert headers[1] <= headers[0]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ((0, -1), "half missing"),
        ((-1, 1), "half missing"),
        ((0, 3), "an allele"),
        ((0, 1, 0), "more than two"),
    ],
)
def test_calls_that_are_refused(call: tuple[int, ...], reason: str, tmp_path: Path) -> None:
    """Record and sample are named, and no file is left over."""
    columns = random_calls(5, 3, contigs=["1"], haploid=0.0)
    calls = np.full((5, 3, len(call)), -2, np.int8)
    calls[:, :, :2] = 0
    calls[3, 1] = call
    store = build_vcz(tmp_path / "a.vcz", {**columns, "call_genotype": calls})
    done = command("view-plink", store, "--pgen", "-o", tmp_path / "x")
    assert done.returncode == 1
    assert f"record 1:{columns['variant_position'][3]}: the call of sample s_1 " in done.stderr
    assert reason in done.stderr
    assert os.listdir(tmp_path) == ["a.vcz"]


def test_what_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No records, options of other files, a name that a .psam cannot hold, no pgenlib, no folder."""
    columns = random_calls(5, 3, contigs=["1"])
    store = build_vcz(tmp_path / "a.vcz", columns)
    (tmp_path / "out").mkdir()
    write = ["--pgen", "-o", tmp_path / "out" / "x"]
    assert "no records" in command("view-plink", store, *write, "-r", "nowhere").stderr
    assert command("view-plink", store, *write, "--no-bim").returncode == 2
    assert "call_genotype_phased" in output("view-plink", store, *write, "--explain")
    names = {**columns, "sample_id": np.array(["#a", "b", "c"], STRING)}
    assert "begins with #" in command("view-plink", build_vcz(tmp_path / "b.vcz", names), *write).stderr
    missing = command("view-plink", store, "--pgen", "-o", tmp_path / "missing" / "x")
    assert "cannot write" in missing.stderr
    monkeypatch.setitem(sys.modules, "pgenlib", None)
    assert "pip install 'vczero[pgen]'" in command("view-plink", store, *write).stderr
    assert os.listdir(tmp_path / "out") == []
