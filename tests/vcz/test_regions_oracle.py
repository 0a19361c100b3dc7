"""Regions and targets select, in the same order, what bcftools 1.16 selects from the source VCF."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from bio2zarr import vcf as bio2zarr_vcf

import vczero

pytestmark = pytest.mark.oracle("bcftools", "bgzip")

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1>
##contig=<ID=2>
##contig=<ID=3>
##contig=<ID=X>
##INFO=<ID=END,Number=1,Type=Integer,Description="e">
##ALT=<ID=DEL,Description="d">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
"""
RECORDS = """1 50 first A C .
1 100 snp A C .
1 100 del ACGT A .
1 100 ins A ACG .
1 100 mnp ACGT TGCA .
1 100 mnp2 ACGT ACGA .
1 100 delins ACGT AC,ACGTTT .
1 100 insdel ACGT CG .
1 100 sym A <DEL> END=140
1 100 none A . .
1 100 noneref ACGT . .
1 100 star ACGT * .
1 100 multi ACGT A,TCGT .
1 100 bnd A A[1:500[ .
1 100 suffix ACGT AGT .
1 100 ins2 AC AGGC .
1 100 ins3 AC AACC,ACCC .
1 120 within A T .
1 1000 far A G .
2 100 two A C .
2 150 two2 AC A .
2 300 two3 A <DEL> END=5000
2 900 two4 A T .
3 1 start A C .
3 99 end AAAAA C .
X 7 last A C .
"""


@pytest.fixture(scope="module")
def vcf(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("regions") / "a.vcf"
    lines = []
    for line in RECORDS.splitlines():
        contig, position, name, ref, alt, info = line.split()
        lines.append("\t".join((contig, position, name, ref, alt, ".", ".", info)) + "\n")
    path.write_text(HEADER + "".join(lines))
    subprocess.run(["bgzip", "-f", str(path)], check=True)
    packed = path.with_suffix(".vcf.gz")
    subprocess.run(["bcftools", "index", str(packed)], check=True)
    return packed


@pytest.fixture(scope="module", params=["indexed", "no region_index", "no variant_length"])
def store(request, vcf, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("store") / "a.vcz"
    bio2zarr_vcf.convert([str(vcf)], str(path), variants_chunk_size=5, worker_processes=0)
    if request.param != "indexed":
        shutil.rmtree(path / "region_index")
    if request.param == "no variant_length":
        shutil.rmtree(path / "variant_length")
    return path


@cache
def bcftools(vcf: Path, *options: str) -> list[str]:
    """IDs of the records that `bcftools view` selects, which unlike `query` always parses END."""
    found = subprocess.run(
        ["bcftools", "view", "-H", *options, str(vcf)], capture_output=True, text=True, check=True
    )
    return [line.split("\t")[2] for line in found.stdout.splitlines()]


def ours(store: Path, configure) -> list[str]:
    with vczero.open(store) as reader:
        configure(reader)
        return [
            name for batch in reader.variant_chunks(["variant_id"]) for name in batch["variant_id"].tolist()
        ]


OVERLAPS = ["pos", "record", "variant"]
REGIONS = [
    "1",
    "1:100",
    "1:100-",
    "1:99",
    "1:101",
    "1:102-103",
    "1:103",
    "1:104",
    "1:120",
    "1:140",
    "1:141",
    "1:99-100",
    "1:100-101",
    "1:0-60",
    "1:200-100",
    "3,1",
    "2,1:50",
    "3:99,1,3:1",
    "1:50-105,1:100,1:90-110",
    "nowhere",
    "nowhere,2",
    "2:4999",
    "2:5001",
    "2:151",
    "2:152",
    "X,3,2,1",
    "1:1e2-.1k",
    "1,1",
    "3:103",
    "3:104",
    "1:51-99",
]


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_regions(vcf, store, overlap):
    for text in REGIONS:
        expected = bcftools(vcf, "-r", text, "--regions-overlap", str(OVERLAPS.index(overlap)))
        assert ours(store, lambda r, t=text: r.set_regions(t, overlap=overlap)) == expected, text


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_targets(vcf, store, overlap):
    for text in [*REGIONS, *(f"^{text}" for text in REGIONS)]:
        expected = bcftools(vcf, "-t", text, "--targets-overlap", str(OVERLAPS.index(overlap)))
        assert ours(store, lambda r, t=text: r.set_targets(t, overlap=overlap)) == expected, text


@pytest.mark.parametrize(
    ("regions", "targets"), [("2,1", "1:100,2:150"), ("1:101", "^1:120"), ("3", "1"), ("1", "^1")]
)
def test_regions_and_targets_together(vcf, store, regions, targets):
    def configure(reader):
        reader.set_regions(regions)
        reader.set_targets(targets)

    assert ours(store, configure) == bcftools(vcf, "-r", regions, "-t", targets)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.txt", "3\t1\t50\n1\t100\t101\n"),
        ("r.bed", "1\t99\t101\n2\t149\t150\n"),
        ("r.txt", "# comment\n1\t100\t100\n2\t150\t150\n"),
        ("r.vcf", "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\n2\t100\trs1\tA\tC\n1\t50\t.\tA\tC\n"),
        ("r.txt", "1\t40\t60\textra\tcolumns\n1\t45\t110\n"),
    ],
)
def test_files(vcf, store, tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    assert ours(store, lambda r: r.set_regions(path)) == bcftools(vcf, "-R", str(path))
    assert ours(store, lambda r: r.set_targets(path)) == bcftools(vcf, "-T", str(path))
    assert ours(store, lambda r: r.set_targets(path, complement=True)) == bcftools(vcf, "-T", f"^{path}")
