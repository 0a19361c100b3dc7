"""`vczero query` against `bcftools query` of the VCF that a store was made from: equal to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import output
from support.vcf_records import bcftools

pytestmark = pytest.mark.oracle("bcftools")

ANY_STORE = [
    r"%CHROM\t%POS\t%ID\t%REF\t%ALT\t%QUAL\t%FILTER\n",
    r"%POS0 %END %END0 %FIRST_ALT %ALT{0} %ALT{1} %ALT{7}\n",
    r"[%SAMPLE,]\n",
    r"%POS[ %SAMPLE=%POS:%REF]\n",
    r"\t%CHROM{1} %QUAL{0}\q\n",
    r"%REF %ALT %TYPE\n",
    r"same for all\n",
]
EXAMPLE = [
    r"%1000G %AA %AC %AF %AN %BIAS %CIPOS %CSQ %DB %DIST %DP %DPR %END %FLANK %GENE %KIND %MQ %MQ0 %NS\n",
    r"%PUBS %SVTYPE %odds_raw %INFO/DP %INFO/1000G %INFO/odds_raw\n",
    r"%AC{0} %AC{1} %AF{1} %DPR{2} %odds_raw{5} %DIST{9} %AN{3}\n",
    r"[%AD %BASE %CN %DP %DS %EC %ENDS %FT %GL %GP %GQ %HQ %LAGS %PL %PS %TAGS ]\n",
    r"[%AD{0} %AD{1} %HQ{1} %GL{2};]\n",
    r"%CHROM:%POS[\t%GT]\n",
    r"[%SAMPLE;%GT;%DP;%INFO/DP;%DB\n]",
    r"[%GT %AF ]\n",
]
SHARED = {
    "sample": [
        r"%NS %DP %AF %DB %H2 %AA %AC %AN\n",
        r"[%GT:%GQ %DP;|]\n",
        r"%CHROM[\t%GT]\n",
        r"[%SAMPLE %GT\n]",
        r"[%HQ{1},%HQ{0} %INFO/DP %AF]\n",
    ],
    "chr22": [
        r"[%GT %AD %PL %AB %PGT %PID %SB %RGQ]\n",
        r"%AC %AF %MQ0 %MQ %FS %INFO/MQ0 %VQSLOD %culprit %NEGATIVE_TRAIN_SITE\n",
        r"[%MQ0,%MIN_DP ]\n",
        r"[ %AD{0} %AD{1} %PL{2}]\n",
        r"%AC{0} %AC{1}\n",
    ],
}


def agree(query_format: str, store: Path, vcf: Path) -> None:
    """Both programs print the same."""
    assert output("query", "-f", query_format, store) == bcftools("query", "-f", query_format, vcf)


@pytest.mark.parametrize("query_format", ANY_STORE + EXAMPLE)
def test_example(query_format: str, example_store: Path, example_vcf: Path) -> None:
    """Every kind of field on the bundled store."""
    agree(query_format, example_store, example_vcf)


@pytest.mark.parametrize("name", ["sample", "chr22", "field_type_combos"])
@pytest.mark.parametrize("query_format", ANY_STORE)
def test_columns_of_shared_data(query_format: str, name: str, shared_data: Path) -> None:
    """The columns that every VCF has."""
    agree(query_format, shared_data / f"{name}.vcz.zip", shared_data / f"{name}.vcf.gz")


@pytest.mark.parametrize(
    ("name", "query_format"), [(name, item) for name, items in SHARED.items() for item in items]
)
def test_tags_of_shared_data(query_format: str, name: str, shared_data: Path) -> None:
    """Tags of INFO and FORMAT, among them one that ends in a digit (%INFO/MQ0)."""
    agree(query_format, shared_data / f"{name}.vcz.zip", shared_data / f"{name}.vcf.gz")


@pytest.mark.parametrize(
    "query_format",
    [
        r"%CHROM\t%INFO/DP %AF{1} [ %GT %DP %INFO/DP %HQ{1}] %FIRST_ALT %ALT{0} %END\n",
        r"[%SAMPLE\t%GT\n]",
        r"x %POS\n[%TGT %IUPACGT %POS ]\n",
    ],
)
def test_the_line_of_names(query_format: str, example_store: Path, example_vcf: Path) -> None:
    """-H numbers and names what the format prints; in brackets for each sample."""
    ours = output("query", "-H", "-f", query_format, example_store)
    assert ours == bcftools("query", "-H", "-f", query_format, example_vcf)


@pytest.mark.parametrize(
    "expression",
    [
        'GT="alt"',
        "FMT/DP>100",
        'QUAL>10 & GT="alt"',
        'QUAL>10 | GT="alt"',
        '( FMT/DP > 100 | FMT/GQ="." ) & AC>2',
        'FMT/FT="PASS"',
    ],
)
@pytest.mark.parametrize("more", [["-s", "NA00003,NA00001"], ["-e", "FMT/DP>250"], ["-i", 'GT="hom"']])
def test_samples_that_pass(expression: str, more: list[str], example_store: Path, example_vcf: Path) -> None:
    """%N_PASS() counts the selected samples; where it stands, -e drops samples, not sites."""
    given = ["query", *more, "-f", rf"%POS %N_PASS({expression}) %MASK;\n"]
    assert output(*given, example_store) == bcftools(*given, example_vcf)
    given = ["query", "-H", "-f", rf"%POS %N_PASS({expression}) %MASK\n"]
    assert output(*given, example_store).splitlines()[0] == bcftools(*given, example_vcf).splitlines()[0]


@pytest.mark.parametrize("expression", ['GT[0]="het"', "FMT/DP[1-]>200", "FMT/AD[1,2:0]>100"])
def test_samples_are_numbered_as_stored(expression: str, example_store: Path, example_vcf: Path) -> None:
    """In subscripts, also those of %N_PASS(), whatever the order in which samples are asked for."""
    given = ["query", "-s", "NA00005,NA00003,NA00004", "-i", expression, "-f"]
    given.append(rf"%POS %N_PASS({expression})[ %SAMPLE=%GT]\n")
    assert output(*given, example_store) == bcftools(*given, example_vcf)


@pytest.mark.parametrize("samples", ["NA00003,NA00001", "^NA00003,NA00001"])
def test_names_of_a_subset(samples: str, example_store: Path, example_vcf: Path) -> None:
    """`query -l -s`: in the store's order."""
    given = ["query", "-l", "-s", samples]
    assert output(*given, example_store) == bcftools(*given, example_vcf)


def test_a_subset_of_samples_leaves_info_alone(example_store: Path, example_vcf: Path) -> None:
    """`query -s` prints the stored AC, as bcftools does, and the samples in the order asked for."""
    options = ["query", "-s", "NA00003,NA00001", "-f", r"%AC %AN %NS[ %SAMPLE=%GT]\n"]
    assert output(*options, example_store) == bcftools(*options, example_vcf)


def test_line_info_and_format_columns(example_store: Path, example_vcf: Path) -> None:
    """%LINE is a line of `view` with its end; %INFO and %FORMAT are its columns."""
    whole = output("view", "-H", example_store)
    assert output("query", "-f", "%LINE", example_store) == whole
    rows = [line.split("\t", 8) for line in whole.splitlines()]
    parts = output("query", "-f", r"%INFO\t%FORMAT\n", example_store).splitlines()
    assert parts == [f"{row[7]}\t{row[8]}" for row in rows]


def test_samples_and_records(example_store: Path, example_vcf: Path) -> None:
    """`query -l` and `index -n`, `-s`."""
    assert output("query", "-l", example_store) == bcftools("query", "-l", example_vcf)
    assert output("index", "-n", example_store) == bcftools("index", "-n", example_vcf)
    assert output("index", "-s", example_store) == bcftools("index", "-s", example_vcf)


def test_floats_in_plenty(tmp_path: Path) -> None:
    """Six digits of every size of float32, ties among them, as bcftools writes them."""
    import numpy as np

    from vczero.kernels import pieces, text

    rng = np.random.default_rng(7)
    values = np.concatenate(
        [
            rng.integers(0, 2**32, 20_000, dtype=np.uint64).astype("u4").view("f4"),
            (rng.random(20_000) * 10.0 ** rng.integers(-6, 8, 20_000)).astype("f4"),
            (rng.integers(0, 2**24, 20_000) / 2.0 ** rng.integers(0, 24, 20_000)).astype("f4"),
        ]
    )
    values = values[np.isfinite(values)]
    header = '##fileformat=VCFv4.2\n##contig=<ID=1>\n##INFO=<ID=F,Number=1,Type=Float,Description="">\n'
    header += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    lines = (f"1\t{k + 1}\t.\tA\t.\t.\t.\tF={float(v):.17g}\n" for k, v in enumerate(values))
    (tmp_path / "floats.vcf").write_text(header + "".join(lines))
    theirs = bcftools("query", "-f", r"%F\n", tmp_path / "floats.vcf")
    ours = b"".join(text.lines([pieces.Values(values), pieces.Literal(b"\n")], len(values))).decode()
    assert ours == theirs


TRANSLATED = """##fileformat=VCFv4.3
##contig=<ID=1>
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	a	b	c	d	e
1	10	.	A	C,*	.	.	.	GT	0/.	.|1	0/2	2/2	1
1	11	.	a	c,G	.	.	.	GT	0/1	1|2	0/2	2/2	1
1	12	.	N	C,<DEL>	.	.	.	GT	0/1	1|2	0/2	2/2	.
1	13	.	A	C,G,T	.	.	.	GT	0/1/2	1|2	3/0	2/2	3|2
1	14	.	A	R,G	.	.	.	GT	0/1	1|2	0/0	2/2	0/0
1	16	.	A	AT,G	.	.	.	GT	0/2	1|2	2/0	0/1	1/1
"""


def test_calls_as_bases(tmp_path: Path, example_store: Path, example_vcf: Path) -> None:
    """%TGT and %IUPACGT: bases, codes of two bases, and everything that has no code."""
    agree(r"[%TGT %IUPACGT,]\n", example_store, example_vcf)
    pytest.importorskip("bio2zarr")
    (tmp_path / "t.vcf").write_text(TRANSLATED)
    agree(r"%POS[ %TGT %IUPACGT]\n", convert(tmp_path / "t.vcf"), tmp_path / "t.vcf")


def convert(vcf: Path) -> Path:
    """A store that bio2zarr makes of a VCF."""
    from bio2zarr import vcf as vcf2zarr

    packed = vcf.with_suffix(".vcf.gz")
    bcftools("view", "-Oz", "-o", packed, vcf)
    bcftools("index", packed)
    vcf2zarr.convert([packed], vcf.with_suffix(".vcz"), worker_processes=0)
    return vcf.with_suffix(".vcz")
