"""`view -a`, `--fill-tags`, and the counts that `view` writes, against bcftools on the same records."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.alleles import write_vcf
from support.command import output
from support.expressions import convert
from support.vcf_records import Record, bcftools, header_lines, records

pytestmark = pytest.mark.oracle("bcftools")

Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A generated VCF with diploid and haploid calls, and its store."""
    vcf = write_vcf(tmp_path_factory.mktemp("rewrites") / "mixed.vcf", seed=3, records=90)
    return convert(vcf), vcf


@pytest.fixture(scope="module")
def triploid(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same with three alleles in some genotypes."""
    vcf = write_vcf(tmp_path_factory.mktemp("rewrites") / "three.vcf", seed=5, ploidies=(3, 3, 2, 1))
    return convert(vcf), vcf


@pytest.fixture(params=["example", "generated", "chr22.vcz", "sample.vcz"])
def pair(request: pytest.FixtureRequest) -> Pair:
    """A store and its VCF."""
    if request.param == "generated":
        return request.getfixturevalue("generated")
    if request.param == "example":
        return request.getfixturevalue("example_store"), request.getfixturevalue("example_vcf")
    folder = request.getfixturevalue("shared_data")
    return folder / f"{request.param}.zip", folder / f"{request.param.partition('.')[0]}.vcf.gz"


def with_tags(tags: str, text: str) -> str:
    """What `bcftools +fill-tags` makes of VCF text."""
    command = ["bcftools", "+fill-tags", "-", "--", "-t", tags]
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


def equal(ours: list[Record], theirs: list[Record]) -> None:
    """Record by record, so that the first difference is what one sees."""
    assert len(ours) == len(theirs)
    for left, right in zip(ours, theirs, strict=True):
        assert left == right


def sample_names(vcf: Path, numbers: list[int]) -> str:
    names = bcftools("query", "-l", vcf).split()
    return ",".join(names[number % len(names)] for number in numbers)


TRIMMING = [
    "-a", "-a -I", "-a -G", "-a -s {two}", "-a -s {one} -I", "-a -s {two} -G", "-a -m3", "-a -M2", "-a -c 2",
    "-a -C 3:minor", "-a -u", "-a -s {one} -U", "-a -i N_ALT>1", "-a -e N_ALT>1 -s {two}", "-a -v snps",
    "-c 1", "-c 1 -I", "-q 0.1:minor -G", "-Q 0.5 -m2", "-u", "-U", "-U -I", "-C 4 -s {two}",
    "-c 1 -i N_ALT=2", "-x -s {one}", "-a -X -s {two}",
]  # fmt: skip


@pytest.mark.parametrize("options", TRIMMING)
def test_trimmed_and_counted(options: str, generated: Pair) -> None:
    """-a alone and with what selects, and the AC and AN that options which count alleles write."""
    store, vcf = generated
    given = options.format(one=sample_names(vcf, [1]), two=sample_names(vcf, [4, 2])).split()
    ours, theirs = (
        output("view", "--no-version", *given, store),
        bcftools("view", "--no-version", *given, vcf),
    )
    equal(records(ours), records(theirs))
    assert header_lines(ours) == header_lines(theirs)


@pytest.mark.parametrize("options", ["-a -I", "-a -s {two} -I", "-c 1", "-a -G -c 1"])
def test_trimming_real_data(options: str, pair: Pair, tmp_path: Path) -> None:
    """Real and example stores: values of every Type and Number, real INFO."""
    store, vcf = pair
    given = options.format(two=sample_names(vcf, [2, 0])).split()
    ours, theirs = records(output("view", *given, store)), records(bcftools("view", *given, vcf))
    if vcf.name.startswith("sample"):
        for record in (*ours, *theirs):  # its header says Number=., and bcftools does not cut such AC
            record["INFO"].pop("AC", None)
    equal(ours, theirs)


@pytest.mark.parametrize("tags", ["all,F_MISSING,TYPE,END", "AN,AC,AF,MAF"])
def test_filled_tags(tags: str, pair: Pair) -> None:
    """Every tag, and with the counts alone or the genotypes read."""
    store, vcf = pair
    theirs = with_tags(tags, bcftools("view", vcf))
    equal(records(output("view", "--fill-tags", tags, store)), records(theirs))


@pytest.mark.parametrize(
    "options", ["-s {two}", "-a", "-a -s {two}", "-c 2 -m3", "-i N_ALT>1 -a -I", "-s {one} -I"]
)
def test_filled_tags_after_other_options(options: str, generated: Pair) -> None:
    """Tags are about the samples selected, and what is left of alleles."""
    store, vcf = generated
    given = options.format(one=sample_names(vcf, [1]), two=sample_names(vcf, [4, 2])).split()
    tags = "all,F_MISSING,TYPE,END"
    theirs = with_tags(tags, bcftools("view", *given, vcf))
    equal(records(output("view", *given, "--fill-tags", tags, store)), records(theirs))


def test_tags_without_genotypes_in_the_output(generated: Pair) -> None:
    """-G drops genotypes after they were counted."""
    store, vcf = generated
    theirs = records(with_tags("all", bcftools("view", vcf)))
    for record in theirs:
        record["FORMAT"] = {}
    equal(records(output("view", "-G", "--fill-tags", "all", store)), theirs)


def test_more_than_two_alleles_in_a_genotype(triploid: Pair) -> None:
    """Alleles are counted by kind of genotype, whatever its ploidy; fields of G are those of diploids."""
    store, vcf = triploid
    tags = "NS,AN,AC,AF,MAF,AC_Hom,AC_Het,AC_Hemi,F_MISSING"
    theirs = with_tags(tags, bcftools("view", vcf))
    equal(records(output("view", "--fill-tags", tags, store)), records(theirs))
    counts = "AN,AC,AF,MAF"
    theirs = with_tags(counts, bcftools("view", vcf))
    equal(records(output("view", "--fill-tags", counts, store)), records(theirs))
    equal(records(output("view", "-a", store)), records(bcftools("view", "-a", vcf)))


def test_header_of_filled_tags(generated: Pair) -> None:
    """The lines that bcftools adds, but for F_MISSING, which it describes as an expression of the user."""
    store, vcf = generated
    ours = header_lines(output("view", "-h", "--fill-tags", "all,TYPE,END,F_MISSING", store))
    theirs = header_lines(with_tags("all,TYPE,END,F_MISSING", bcftools("view", "-h", vcf)))
    assert [line for line in ours ^ theirs if "F_MISSING" not in line] == []
    assert '##INFO=<ID=F_MISSING,Number=1,Type=Float,Description="Fraction of missing genotypes">' in ours
