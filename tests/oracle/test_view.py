"""`vczero view` against `bcftools view` of the VCF that a store was made from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.command import output
from support.vcf_records import bcftools, header_lines, records

pytestmark = pytest.mark.oracle("bcftools")

SHARED = ["sample.vcz", "sample.vcz3", "field_type_combos.vcz", "chr22.vcz"]


@pytest.fixture(params=["example", *SHARED])
def pair(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A store and its VCF."""
    if request.param == "example":
        return request.getfixturevalue("example_store"), request.getfixturevalue("example_vcf")
    folder = request.getfixturevalue("shared_data")
    name = request.param.partition(".")[0]
    return folder / f"{request.param}.zip", folder / f"{name}.vcf.gz"


def without_fixed_number(lines: set[str]) -> set[tuple[str, ...]]:
    """Header lines with their members in any order, Numbers above 1 as "." (a store does not keep them)."""
    return {tuple(sorted(re.sub(r"Number=([2-9]|\d\d+)", "Number=.", line).split(","))) for line in lines}


def test_every_record(pair: tuple[Path, Path]) -> None:
    """Record by record, field by field, numbers as numbers."""
    store, vcf = pair
    assert records(output("view", store)) == records(bcftools("view", vcf))


def test_the_header(pair: tuple[Path, Path]) -> None:
    """The first line, the samples, and every line that a store keeps."""
    store, vcf = pair
    ours, theirs = output("view", "-h", store), bcftools("view", "-h", vcf)
    assert ours.splitlines()[0] == theirs.splitlines()[0]
    assert ours.splitlines()[-1] == theirs.splitlines()[-1]
    assert without_fixed_number(header_lines(ours)) == without_fixed_number(header_lines(theirs))


def test_bcftools_reads_it(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """What we write, bcftools writes again unchanged: it is VCF, and canonical."""
    store, _ = pair
    (tmp_path / "ours.vcf").write_text(output("view", "--no-version", store))
    theirs = bcftools("view", "--no-version", tmp_path / "ours.vcf")
    assert theirs.splitlines() == (tmp_path / "ours.vcf").read_text().splitlines()


@pytest.mark.parametrize("option", ["-H", "-G", "-h"])
def test_parts_of_the_output(pair: tuple[Path, Path], option: str) -> None:
    """Without header, without genotypes, or the header alone."""
    store, vcf = pair
    ours, theirs = output("view", option, store), bcftools("view", option, vcf)
    assert ours.startswith("#") == theirs.startswith("#")
    assert records(ours) == records(theirs)


def subset_records(vcf: str) -> list[dict]:
    """Records without the counts of those whose calls are all missing (a store knows no absent GT)."""
    made = records(vcf)
    for record in made:
        if record["INFO"].get("AN") in ([0.0], None):
            record["INFO"].pop("AN", None)
            record["INFO"].pop("AC", None)
    return made


@pytest.mark.parametrize(
    "options",
    [
        ["-s", "{1},{0}"],
        ["-s", "^{1}"],
        ["-s", "{2}", "-I"],
        ["-s", "{1}", "-G"],
        ["-s", "{0},NOBODY", "--force-samples"],
    ],
)
def test_subsets_of_samples(
    options: list[str], example_store: Path, example_vcf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The order asked for, the complement, AC and AN counted anew unless -I, no genotypes after counting."""
    names = bcftools("query", "-l", example_vcf).split()
    given = [option.format(*names) for option in options]
    ours = subset_records(output("view", *given, example_store))
    theirs = subset_records(bcftools("view", *given, example_vcf))
    assert len(ours) == len(theirs)
    for left, right in zip(ours, theirs, strict=True):
        assert left == right


@pytest.mark.parametrize(
    "options",
    [
        ["-r", "1"],
        ["-r", "X,1:1-50000000"],
        ["-r", "2:1011485-1011486,2:1011486"],
        ["-r", "nowhere"],
        ["-t", "1:1-50000000,MT"],
        ["-t", "^1,2"],
        ["-r", "1", "-t", "^1:1-100000000"],
        ["-r", "1:1-9000000", "--regions-overlap", "0"],
        ["-t", "2:1-90000000", "--targets-overlap", "1"],
    ],
)
def test_regions_and_targets(options: list[str], example_store: Path, example_vcf: Path) -> None:
    """-r and -t, alone and together, with each kind of overlap."""
    assert records(output("view", *options, example_store)) == records(
        bcftools("view", *options, example_vcf)
    )
    query = ["query", "-f", r"%CHROM\t%POS\n", *options]
    assert output(*query, example_store) == bcftools(*query, example_vcf)


@pytest.mark.parametrize("options", [["-Oz"], ["-Oz1"], ["-O", "z", "-l", "0"]])
def test_bgzf(options: list[str], example_store: Path, tmp_path: Path) -> None:
    """-Oz gives what bcftools reads and indexes, with the same records."""
    target = tmp_path / "out.vcf.gz"
    output("view", "--no-version", *options, "-o", target, example_store)
    assert bcftools("view", "--no-version", target) == output("view", "--no-version", example_store)
    bcftools("index", target)
    assert bcftools("index", "-n", target) == "437\n"
    assert records(bcftools("view", "-r", "X", target)) == records(output("view", "-r", "X", example_store))
