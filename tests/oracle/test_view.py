"""`vczero view` against `bcftools view` of the VCF that a store was made from."""

from __future__ import annotations

import re
import subprocess
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
        ["-r", "X:1-1000000,MT,1"],
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


def test_regions_after_the_store(example_store: Path, example_vcf: Path) -> None:
    """`view STORE REGION...` is `view -r`."""
    regions = ["X:1-50000000", "1"]
    ours, theirs = output("view", example_store, *regions), bcftools("view", example_vcf, *regions)
    assert records(ours) == records(theirs)


SITE_OPTIONS = [
    "-m2 -M2", "-m3", "-k", "-n", "-f PASS", "-f .,PASS", "-f q10,s50", "-v snps", "-v indels",
    "-v mnps,other", "-v bnd", "-V snps", "-V indels,other", "-m2 -M2 -v snps",
    "-g hom", "-g het", "-g miss", "-g ^hom", "-g ^het", "-g ^miss", "-u", "-U", "-p", "-P",
    "-c 10", "-c 10:minor", "-C 5:major", "-m2 -c 1:alt1", "-c 10:nonmajor", "-C 3", "-q 0.5:major", "-q 0.1",
    "-Q 0.1:minor", "-m2 -q 0.2:alt1 -Q 0.4:alt1", "-k -c 5 -v snps",
    "-s NA00003,NA00007 -c 1", "-s NA00003,NA00007 -C 0", "-s NA00003 -q 0.5",
    "-s NA00003 -u", "-s NA00002,NA00003 -p", "-s NA00003 -v snps -f PASS",
]  # fmt: skip


@pytest.mark.parametrize("options", SITE_OPTIONS)
def test_tests_of_sites(options: str, example_store: Path, example_vcf: Path) -> None:
    """The options that test alleles, types, ID, FILTER, counts, phase and genotypes: the same sites."""
    given = options.split()
    ours = [line.split("\t")[:6] for line in output("view", "-H", *given, example_store).splitlines()]
    theirs = [line.split("\t")[:6] for line in bcftools("view", "-H", *given, example_vcf).splitlines()]
    assert ours == theirs


@pytest.mark.parametrize("test", ["-c 2", "-q 0.5", "-u", "-P", "-x", "-X"])
@pytest.mark.parametrize("expression", ["QUAL>50", "AC>10", "N_PASS(FMT/DP>100)>3", "MAC>4"])
def test_expressions_and_genotypes_of_a_subset(
    test: str, expression: str, example_store: Path, example_vcf: Path
) -> None:
    """The expression is about the stored record with all its samples, the test about those selected."""
    given = ["-s", "NA00005,NA00003", *test.split(), "-i", expression]
    ours, theirs = output("view", "-H", *given, example_store), bcftools("view", "-H", *given, example_vcf)
    assert subset_records(ours) == subset_records(theirs)


PAIRED = [
    "-m2 -M2", "-s NA00003,NA00001", "-i AC>3", "-r 1,X", "-c 3:minor", "-U",
    "-e N_MISSING>1", "-v snps", "-t ^X", "-x -s NA00002", "-f PASS", "-i N_PASS(FMT/DP>100)>3",
    "-k", "-q 0.1", "-G", "-V other", "-P", "-I", "-r X:1-90000000 --regions-overlap 0",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(PAIRED)))
def test_options_in_pairs(number: int, example_store: Path, example_vcf: Path) -> None:
    """Each option with one further down the list: the same records, but for AC and AN."""
    given = f"{PAIRED[number]} {PAIRED[(number + 7) % len(PAIRED)]}".split()
    ours, theirs = output("view", *given, example_store), bcftools("view", *given, example_vcf)
    left, right = records(ours), records(theirs)
    for record in (*left, *right):
        record["INFO"].pop("AC", None)
        record["INFO"].pop("AN", None)
    assert left == right


PRIVATE = """##fileformat=VCFv4.3
##contig=<ID=1>
##INFO=<ID=AC,Number=A,Type=Integer,Description="g">
##INFO=<ID=AN,Number=1,Type=Integer,Description="g">
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	a	b	c	d
1	10	.	A	C	.	.	.	GT	0/1	0/0	0/0	0/0
1	11	.	A	C	.	.	.	GT	0/1	0/1	0/0	0/0
1	12	.	A	C	.	.	AC=5;AN=8	GT	0/1	0/0	0/0	0/0
1	13	.	A	C	.	.	AC=1;AN=8	GT	0/1	0/0	0/1	0/0
1	14	.	A	C,G	.	.	.	GT	1/2	0/0	0/0	0
1	15	.	A	C,G	.	.	.	GT	0/1	0/0	0/0	0/2
1	16	.	A	C	.	.	.	GT	./.	./1	./.	./.
1	17	.	A	.	.	.	AN=2	GT	0/0	0/0	0/0	0/0
"""


@pytest.fixture(scope="module")
def private_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store and its VCF, with alleles that one sample or two have, and counts that are not true."""
    pytest.importorskip("bio2zarr")
    from bio2zarr import vcf as vcf2zarr

    folder = tmp_path_factory.mktemp("private")
    (folder / "a.vcf").write_text(PRIVATE)
    bcftools("view", "-Oz", "-o", folder / "a.vcf.gz", folder / "a.vcf")
    bcftools("index", folder / "a.vcf.gz")
    vcf2zarr.convert([folder / "a.vcf.gz"], folder / "a.vcz", worker_processes=0)
    return folder / "a.vcz", folder / "a.vcf"


@pytest.mark.parametrize("samples", ["a", "b,a", "d", "^c", "a,b,c,d"])
@pytest.mark.parametrize("test", ["-x", "-X", "-x -I", "-x -c 2", "-X -C 0", "-x -i AC>0", "-x -G"])
def test_private_sites(samples: str, test: str, private_pair: tuple[Path, Path]) -> None:
    """What all samples have is taken from AC and AN where a record has both, as 1.16 does."""
    store, vcf = private_pair
    given = ["-H", "-s", samples, *test.split()]
    ours, theirs = output("view", *given, store), bcftools("view", *given, vcf)
    assert [line.split("\t")[1] for line in ours.splitlines()] == [
        line.split("\t")[1] for line in theirs.splitlines()
    ]


@pytest.mark.parametrize("test", ["-c 8:major", "-C 2:major", "-q 0.9:major", "-c 5", "-C 1"])
def test_stored_counts_are_believed(test: str, private_pair: tuple[Path, Path]) -> None:
    """True or not, where a record has an ALT allele; where it has none, AN is counted."""
    store, vcf = private_pair
    ours, theirs = output("view", "-H", *test.split(), store), bcftools("view", "-H", *test.split(), vcf)
    assert [line.split("\t")[1] for line in ours.splitlines()] == [
        line.split("\t")[1] for line in theirs.splitlines()
    ]


def test_genotypes_of_a_subset_and_an_expression(example_store: Path, example_vcf: Path) -> None:
    """-g with -s and an expression, as one after the other."""
    subset = bcftools("view", "-i", "N_PASS(FMT/DP>100)>3", "-s", "NA00003,NA00005", example_vcf)
    theirs = subprocess.run(
        ["bcftools", "view", "-H", "-g", "het"], input=subset, text=True, capture_output=True, check=True
    ).stdout
    given = ["-s", "NA00003,NA00005", "-g", "het", "-i", "N_PASS(FMT/DP>100)>3"]
    assert subset_records(output("view", "-H", *given, example_store)) == subset_records(theirs)


def test_genotypes_of_a_subset(example_store: Path, example_vcf: Path) -> None:
    """-g is about the samples selected, as after a pipe (bcftools 1.16 mixes samples up if given both)."""
    given = ["-s", "NA00003,NA00005"]
    subset = bcftools("view", *given, example_vcf)
    theirs = subprocess.run(
        ["bcftools", "view", "-H", "-g", "het"], input=subset, text=True, capture_output=True, check=True
    ).stdout
    ours = output("view", "-H", *given, "-g", "het", example_store)
    assert subset_records(ours) == subset_records(theirs)


@pytest.mark.parametrize(
    "expression",
    ["QUAL>100", 'TYPE="snp" && AF>0.1', "N_PASS(FMT/DP>100)>3", 'GT="het" & FMT/DP>200', 'FILTER="PASS"'],
)
@pytest.mark.parametrize("option", ["-i", "-e"])
def test_expressions(expression: str, option: str, example_store: Path, example_vcf: Path) -> None:
    """-i and -e, alone, with a subset of samples, and with a test of sites."""
    for more in ([], ["-s", "NA00004,NA00001"], ["-m2", "-M2"]):
        ours = output("view", "-H", option, expression, *more, example_store)
        theirs = bcftools("view", "-H", option, expression, *more, example_vcf)
        assert subset_records(ours) == subset_records(theirs)
    query = ["query", option, expression, "-f", r"%CHROM:%POS\n"]
    assert output(*query, example_store) == bcftools(*query, example_vcf)


@pytest.mark.parametrize(
    "expression",
    [
        "FMT/DP>100",
        'GT="alt"',
        "QUAL>100 || FMT/DP>100",
        "QUAL>100 | FMT/DP>100",
        "QUAL>100 & FMT/DP>100",
        "N_PASS(FMT/DP>100)>3",
        "QUAL>100",
    ],
)
@pytest.mark.parametrize("option", ["-i", "-e"])
@pytest.mark.parametrize("text", [r"%POS[ %GT]\n", r"%POS[ %SAMPLE]\n", r"%POS[ %SAMPLE=%DP]\n", "%LINE"])
def test_query_judges_samples(
    expression: str, option: str, text: str, example_store: Path, example_vcf: Path
) -> None:
    """Which samples -i and -e leave depends on whether the format prints FORMAT values."""
    for more in ([], ["-s", "NA00001,NA00004"]):
        query = ["query", option, expression, "-f", text, *more]
        assert output(*query, example_store) == bcftools(*query, example_vcf)
