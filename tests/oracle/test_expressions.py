"""Filter expressions give what bcftools 1.16 gives: the records and, as `query` prints them, the samples."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from support.expressions import Case, make_vcf
from support.grammar import expressions
from support.manual import EXPRESSIONS

pytestmark = pytest.mark.oracle
MANUAL = Path(__file__).resolve().parents[2] / "docs" / "expressions.md"


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    """Every Type and Number, missing values, diploid and haploid calls, up to four alleles."""
    return Case.convert(make_vcf(tmp_path_factory.mktemp("case") / "case.vcf", seed=7, records=60))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Case:
    """Calls of one to four alleles."""
    path = tmp_path_factory.mktemp("mixed") / "mixed.vcf"
    return Case.convert(make_vcf(path, seed=3, records=30, samples=3, ploidies=(1, 2, 3, 4)))


@pytest.fixture(scope="module")
def haploid(tmp_path_factory) -> Case:
    """Haploid calls alone, for which the store has an axis of one allele."""
    path = tmp_path_factory.mktemp("haploid") / "haploid.vcf"
    return Case.convert(make_vcf(path, seed=4, records=20, samples=3, ploidies=(1,)))


def blocks(language: str) -> list[str]:
    """The lines of the documentation's code blocks in a language, less their comments."""
    found = re.findall(rf"```{language}\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    return [line.rstrip() for block in found for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_manual(case: Case, expression: str) -> None:
    """One expression for each form in the manual, and for what forms do together."""
    theirs = case.bcftools(expression)
    assert theirs.sites is not None, theirs.error
    assert case.ours(expression) == theirs


@pytest.mark.parametrize(
    "expression",
    [e for e in EXPRESSIONS if e.startswith(("GT", "COUNT(GT", "N_PASS(GT", "AC", "AN", "N_MIS"))],
)
def test_ploidies(mixed: Case, haploid: Case, expression: str) -> None:
    """What looks at genotypes, on calls of other ploidies."""
    for other in (mixed, haploid):
        if "[1-" in expression or "[0,2" in expression or "[1-3" in expression:
            continue
        theirs = other.bcftools(expression)
        assert theirs.sites is not None, theirs.error
        assert other.ours(expression) == theirs


SOME = random.Random(0).sample(EXPRESSIONS, 60)


@pytest.mark.parametrize("expression", SOME)
def test_exclude_and_view(case: Case, expression: str) -> None:
    """`-e` keeps the other sites, with all their samples; `view` knows sites alone."""
    assert case.ours(expression, exclude=True) == case.bcftools(expression, exclude=True)
    assert case.ours(expression, view=True) == case.view(expression)


@pytest.mark.parametrize("expression", [e for e in SOME if "[" not in e])
def test_selected_samples(case: Case, expression: str) -> None:
    """`query -s` evaluates on the chosen samples, in the order in which they are named."""
    samples = ["s3", "s0", "s4"]
    assert case.ours(expression, samples=samples) == case.bcftools(expression, samples=samples)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=expressions)
def test_generated(case: Case, expression: str) -> None:
    """Expressions drawn from the grammar: what both understand means the same to both."""
    ours, theirs = case.ours(expression), case.bcftools(expression)
    if ours.sites is not None and theirs.sites is not None:
        assert ours == theirs
    elif ours.sites is None:
        # What is refused here and not there: COUNT of a test without samples, which counts nothing.
        assert "counts samples" in ours.error
    else:
        # A `-` after binom() is taken for a sign by bcftools 1.16.
        assert "Error occurred while processing the filter" in theirs.error
        assert "binom" in expression


def test_files(case: Case, tmp_path: Path) -> None:
    """`ID=@file`, and sample names from a file in a subscript; plain and gzip."""
    ids = tmp_path / "ids"
    ids.write_text("rs1\nrs5 and more\n\nrs7\tx\nrs1\na,b\n")
    names = tmp_path / "names"
    names.write_text("s3\ns1\n")
    subprocess.run(["bgzip", "-k", ids], check=True)
    for expression in (
        f"ID=@{ids}",
        f"ID!=@{ids}",
        f"ID=@{ids}.gz",
        f"@{ids}=ID",
        f"ID=@{ids} & QUAL>20",
        f'GT[@{names}]="het"',
        f"DP[@{names}]>10",
        f"AD[@{names}]>10",
        f"AD[@{names}:1]>5",
        f'GT[@{names}]="het" & binom(AD)<0.5',
        f"MAX(DP[@{names}])>10",
    ):
        assert case.ours(expression) == case.bcftools(expression), expression


def test_regular_expressions_read_bytes(tmp_path: Path) -> None:
    """`.` is one byte and letters are ASCII's, as in bcftools, which sets no locale."""
    vcf = make_vcf(tmp_path / "utf8.vcf", seed=5, records=10, samples=1)
    vcf.write_text(vcf.read_text().replace("=abc", "=é").replace("=Abc", "=Éb"))
    case = Case.convert(vcf)
    for expression in (
        'S1~"^.$"',
        'S1~"^..$"',
        'SV~"é/i"',
        'SV~"[é]b"',
        'SV~"^[^a-z]*$"',
        'SV="é"',
        "STRLEN(SV)=2",
    ):
        assert case.ours(expression) == case.bcftools(expression), expression


def test_long_chains(case: Case) -> None:
    """Thousands of tests joined, which users write from lists of IDs."""
    expression = "|".join(f'ID="rs{number}"' for number in range(5000))
    assert case.ours(expression) == case.bcftools(expression)
    assert case.ours(expression.replace("|", "&")) == case.bcftools(expression.replace("|", "&"))
    total = "+".join(["1"] * 5000) + "=5000"
    assert case.ours(total) == case.bcftools(total)


@pytest.mark.parametrize("line", blocks("expr"))
def test_documented(case: Case, line: str) -> None:
    """The examples of docs/expressions.md; two spaces set off what is said of them."""
    expression = line.split("   ", maxsplit=1)[0]
    theirs = case.bcftools(expression)
    assert theirs.sites is not None, theirs.error
    assert case.ours(expression) == theirs


@pytest.mark.parametrize("line", blocks("refused"))
def test_documented_refusals(case: Case, line: str) -> None:
    """What docs/expressions.md says is refused, with the message that it shows."""
    expression, message = re.split(r"\s{3,}", line, maxsplit=1)
    assert message in case.ours(expression).error
