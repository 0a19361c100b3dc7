"""Indexes beside what `view` writes: bcftools and tabix find by them what is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.command import output
from support.vcf_records import bcftools

pytestmark = pytest.mark.oracle("bcftools", "tabix")

REGIONS = ["1:1-50000000", "X", "2:1011485-1011486", "MT:1-100", "X:1000000-90000000"]


@pytest.mark.parametrize(
    ("name", "option", "suffix"),
    [
        ("a.bcf", "--write-index", "csi"),
        ("a.bcf", "-W=csi", "csi"),
        ("a.vcf.gz", "-W", "csi"),
        ("a.vcf.gz", "--write-index=tbi", "tbi"),
    ],
)
def test_regions_by_the_index(
    name: str, option: str, suffix: str, example_store: Path, tmp_path: Path
) -> None:
    """The records of each region, among them those that only END makes overlap it, and the counts."""
    pytest.importorskip("pysam")
    target = tmp_path / name
    output("view", "--no-version", option, "-o", target, example_store)
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.{suffix}"}
    assert bcftools("index", "-s", target) == output("index", "-s", example_store)
    for region in REGIONS:
        ours = output("view", "-H", "-r", region, example_store)
        assert bcftools("view", "-H", "-r", region, target) == ours
        if name.endswith("gz"):
            command = ["tabix", target, region]
            assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ours


def test_other_programs_index_what_we_write(example_store: Path, tmp_path: Path) -> None:
    """Without --write-index too: `bcftools index` and `tabix` take the files."""
    for name, program in (("a.bcf", ["bcftools", "index"]), ("a.vcf.gz", ["tabix", "-p", "vcf"])):
        output("view", "--no-version", "-o", tmp_path / name, example_store)
        subprocess.run([*program, tmp_path / name], check=True)
        ours = output("view", "-H", "-r", "X", example_store)
        assert bcftools("view", "-H", "-r", "X", tmp_path / name) == ours
