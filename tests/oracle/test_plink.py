"""`view-plink` against `plink2 --vcf X --make-bed` of the VCF with the same calls, byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numcodecs
import numpy as np
import pytest

import vczero
from support.calls import plink, random_calls, three_files, vcf_text
from support.command import output
from support.command import vczero as command
from support.vcf_records import bcftools
from support.vcz_builder import STRING, Column, build_vcz

pytestmark = pytest.mark.oracle("plink2", "plink1.9", "bcftools")


def by_plink2(tmp_path: Path, vcf: str, *options: str) -> tuple[bytes, bytes, bytes]:
    """What plink2 makes of a VCF."""
    (tmp_path / "in.vcf").write_text(vcf)
    arguments = ["--vcf", tmp_path / "in.vcf", *options, "--make-bed"]
    return three_files(plink("plink2", *arguments, out=tmp_path / "theirs"))


def by_vczero(tmp_path: Path, store: Path, *options: str) -> tuple[bytes, bytes, bytes]:
    """What the command makes of a store."""
    assert output("view-plink", store, "-o", tmp_path / "ours", *options) == ""
    return three_files(tmp_path / "ours")


@pytest.mark.parametrize("samples", [*range(1, 10)])
def test_every_number_of_samples(samples: int, tmp_path: Path) -> None:
    """All residues modulo 4; haploid, missing and mixed calls; chunks that begin bytes and that do not."""
    columns = random_calls(60, samples, seed=samples)
    chunks = [{"variants": 25, "samples": 4}, {"variants": 60}, {"samples": 3}][samples % 3]
    store = build_vcz(tmp_path / "a.vcz", columns, chunks=chunks, zarr_format=2 + samples % 2)
    assert by_vczero(tmp_path, store) == by_plink2(tmp_path, vcf_text(columns))


@pytest.mark.parametrize("kind", ["diploid", "haploid", "missing"])
def test_calls_of_one_kind(kind: str, tmp_path: Path) -> None:
    """All calls diploid, all haploid, or all missing."""
    columns = random_calls(40, 13, haploid=float(kind == "haploid"), missing=float(kind == "missing"))
    store = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 10, "samples": 8})
    assert by_vczero(tmp_path, store) == by_plink2(tmp_path, vcf_text(columns))


def test_ploidy_axes_of_one_and_three(tmp_path: Path) -> None:
    """A store of haploid calls, and one whose third allele is never there."""
    columns = random_calls(30, 7, haploid=1.0)
    expected = by_plink2(tmp_path, vcf_text(columns))
    calls = columns["call_genotype"]
    for number, changed in enumerate(
        [calls[:, :, :1], np.pad(calls, ((0, 0), (0, 0), (0, 1)), constant_values=-2)]
    ):
        store = build_vcz(tmp_path / f"{number}.vcz", {**columns, "call_genotype": changed})
        assert by_vczero(tmp_path, store) == expected


def test_many_blocks(tmp_path: Path) -> None:
    """Chunks of several Blosc blocks, which end within rows, compressed and not, and of wider integers."""
    columns = random_calls(40, 604, haploid=0.001, missing=0.001)
    expected = by_plink2(tmp_path, vcf_text(columns))
    blocks = numcodecs.Blosc("zstd", 1, numcodecs.Blosc.BITSHUFFLE, blocksize=4096)
    cases = [
        ("i1", 604, blocks),
        ("i1", 400, blocks),
        ("i1", 302, blocks),
        ("i2", 400, None),
        ("i1", 400, None),
    ]
    for number, (dtype, chunk, compressor) in enumerate(cases):
        calls = columns["call_genotype"].astype(dtype)
        array = Column(calls, chunks=(15, chunk, 2), compressor=compressor)
        store = build_vcz(tmp_path / f"{number}.vcz", {**columns, "call_genotype": array})
        assert by_vczero(tmp_path, store) == expected


@pytest.mark.parametrize(
    "options",
    [
        ["-r", "chr2"],
        ["-r", "X:1-5000,1"],
        ["-t", "^1,MT"],
        ["-s", "s_7,s_2,s_3"],
        ["-s", "^s_0"],
        ["-i", "QUAL>50"],
        ["-e", 'GT[3]="het"', "-s", "s_3,s_1,s_2,s_9,s_8"],
        ["-v", "snps"],
        ["-m", "2", "-r", "1"],
        ["-c", "3"],
    ],
)
def test_selections(options: list[str], tmp_path: Path) -> None:
    """What `view` selects, of the records that PLINK files hold."""
    columns = random_calls(120, 10, most_alleles=4)
    store = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 16, "samples": 4})
    (tmp_path / "all.vcf").write_text(vcf_text(columns))
    bcftools("view", "-Oz", "-o", tmp_path / "all.vcf.gz", tmp_path / "all.vcf")
    bcftools("index", tmp_path / "all.vcf.gz")
    bcftools("view", "-M2", *options, "-o", tmp_path / "some.vcf", tmp_path / "all.vcf.gz")
    theirs = by_plink2(tmp_path, (tmp_path / "some.vcf").read_text())
    assert by_vczero(tmp_path, store, "-M", "2", *options) == theirs


KNOWN = ["0", "01", "chr7", "Chr10", "22", "X", "chrY", "25", "chrM", "PAR1", "28"]
ALSO_KNOWN = ["chr0", "1", "07", "23", "0Y", "chrxy", "mt", "par2", "27"]
EXTRA = ["GL000192.1", "chrUn", "chr1_random", "chrPAR1", "022", "100", "0MT", "HLA-1"]


@pytest.mark.parametrize(("contigs", "extra"), [(KNOWN, False), (ALSO_KNOWN, False), (KNOWN + EXTRA, True)])
def test_chromosome_codes(contigs: list[str], extra: bool, tmp_path: Path) -> None:
    """Contigs that plink2 knows by any of their names, and others as they are."""
    columns = random_calls(100, 3, contigs=contigs)
    store = build_vcz(tmp_path / "a.vcz", columns)
    option = ["--allow-extra-chr"] if extra else []
    assert by_vczero(tmp_path, store, *option) == by_plink2(tmp_path, vcf_text(columns), *option)


@pytest.mark.parametrize("contig", ["chrUn", "30", "chr99", "chrPAR2"])
def test_chromosomes_that_are_refused(contig: str, tmp_path: Path) -> None:
    """Both refuse; 29 to 99 even as extra chromosomes."""
    columns = random_calls(3, 3, contigs=[contig])
    store = build_vcz(tmp_path / "a.vcz", columns)
    (tmp_path / "in.vcf").write_text(vcf_text(columns))
    for option in ([], ["--allow-extra-chr"]):
        theirs = subprocess.run(
            ["plink2", "--vcf", tmp_path / "in.vcf", *option, "--make-bed", "--out", tmp_path / "theirs"],
            capture_output=True,
            check=False,
        )
        done = command("view-plink", store, "-o", tmp_path / "ours", *option)
        assert (done.returncode == 0) == (theirs.returncode == 0)
        assert done.returncode == 0 or f"record {contig}:" in done.stderr


def test_plink_reads_it(tmp_path: Path) -> None:
    """plink1.9 and plink2 count the alleles that we count."""
    columns = random_calls(200, 50, contigs=["1", "2", "22"], haploid=0.0)
    columns["variant_id"] = np.array([f"v{row}" for row in range(200)], STRING)
    columns["variant_allele"][:, 1] = "CC"
    store = build_vcz(tmp_path / "a.vcz", columns)
    by_vczero(tmp_path, store)
    stem = tmp_path / "ours"
    with vczero.open(store) as reader:
        counted = reader.to_arrays(["variant_AC", "variant_AN"])
    expected = [
        (int(ac), int(an)) for ac, an in zip(counted["variant_AC"][:, 0], counted["variant_AN"], strict=True)
    ]
    plink("plink2", "--bfile", stem, "--freq", "counts", out=tmp_path / "two")
    lines = [line.split() for line in (tmp_path / "two.acount").read_text().splitlines()[1:]]
    assert [(int(line[4]), int(line[5])) for line in lines] == expected
    plink("plink1.9", "--bfile", stem, "--keep-allele-order", "--freq", "counts", out=tmp_path / "one")
    lines = [line.split() for line in (tmp_path / "one.frq.counts").read_text().splitlines()[1:]]
    assert [(int(line[4]), int(line[4]) + int(line[5])) for line in lines] == expected


@pytest.mark.parametrize("name", ["sample.vcz", "chr22.vcz"])
def test_real_stores(name: str, shared_data: Path, tmp_path: Path) -> None:
    """What bio2zarr made of real VCFs."""
    vcf = shared_data / f"{name.partition('.')[0]}.vcf.gz"
    options = ["-M", "2", "--allow-extra-chr"]
    ours = by_vczero(tmp_path, shared_data / f"{name}.zip", *options)
    arguments = ["--vcf", vcf, "--max-alleles", "2", "--allow-extra-chr", "--make-bed"]
    assert ours == three_files(plink("plink2", *arguments, out=tmp_path / "theirs"))
