"""`write_vcf` and `write_query`: from Python what the commands print."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

import vczero
from support.command import output


class Halting(io.RawIOBase):
    """A file that takes seven bytes at a time, as a pipe may."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(memoryview(data)[:7])  # type: ignore[arg-type]
        self.taken += piece
        return len(piece)


@pytest.mark.parametrize("genotypes", [True, False])
def test_vcf(genotypes: bool, example_store: Path) -> None:
    """The command's bytes, and their number."""
    file = io.BytesIO()
    with vczero.open(example_store) as reader:
        count = vczero.write_vcf(reader, file, genotypes=genotypes)
    options = [] if genotypes else ["-G"]
    assert file.getvalue().decode() == output("view", "--no-version", *options, example_store)
    assert count == len(file.getvalue())


def test_functions_have_the_options_of_commands(example_store: Path) -> None:
    """No header; tags that the store lacks; no line end."""
    with vczero.open(example_store, regions="MT") as reader:
        bare, undefined, joined = io.BytesIO(), io.BytesIO(), io.BytesIO()
        vczero.write_vcf(reader, bare, header=False)
        vczero.write_query(reader, undefined, "%POS %NOPE", allow_undefined=True)
        vczero.write_query(reader, joined, "%POS,", add_newline=False)
    assert bare.getvalue().decode() == output("view", "-H", "-r", "MT", example_store)
    query = ["query", "-r", "MT", example_store]
    assert undefined.getvalue().decode() == output(*query, "-u", "-f", "%POS %NOPE")
    assert joined.getvalue().decode() == output(*query, "-N", "-f", "%POS,")


def test_a_subset_in_bgzf(example_store: Path) -> None:
    """Samples of the reader, AC and AN counted in them, compressed."""
    file = io.BytesIO()
    with vczero.open(example_store, samples=["NA00003", "NA00001"], semantics="view") as reader:
        vczero.write_vcf(reader, file, recount=True, output_type="z1")
    text = gzip.decompress(file.getvalue()).decode()
    assert text == output("view", "--no-version", "-s", "NA00003,NA00001", example_store)


def test_query_into_a_file_that_takes_little(example_store: Path) -> None:
    """Raw files may take less than they are given: nothing is lost or written twice."""
    query_format = r"%CHROM\t%POS[ %GT]"
    file = Halting()
    with vczero.open(example_store, regions="X") as reader:
        vczero.write_query(reader, file, query_format, print_header=True)
    expected = output("query", "-H", "-r", "X", "-f", query_format + r"\n", example_store)
    assert file.taken.decode().splitlines()[1:] == expected.splitlines()[1:]


def test_errors_come_as_they_are(example_store: Path) -> None:
    """A bad format before anything is written; a failing file at once."""

    class Full(io.RawIOBase):
        def write(self, data: object, /) -> int:
            raise OSError(28, "no space")

    with vczero.open(example_store) as reader:
        file = io.BytesIO()
        with pytest.raises(vczero.ExpressionError):
            vczero.write_query(reader, file, "[%GT")
        assert file.getvalue() == b""
        with pytest.raises(OSError, match="no space"):
            vczero.write_vcf(reader, Full())


@pytest.mark.parametrize("query_format", [r"%POS[ %SAMPLE=%GT]\n", r"%POS[ %SAMPLE]\n", r"%POS\n", "%LINE"])
@pytest.mark.parametrize("option", ["-i", "-e"])
def test_a_filter_of_calls(query_format: str, option: str, example_store: Path) -> None:
    """The rule of `query -e` holds from Python too: FORMAT values are dropped one by one, else sites."""
    expression = "FMT/DP>200"
    chosen = vczero.Filter(expression) if option == "-i" else vczero.Filter(exclude=expression)
    file = io.BytesIO()
    with vczero.open(example_store, samples=["NA00003", "NA00001"], semantics="query") as reader:
        reader.set_variant_filter(chosen, semantics="query")
        vczero.write_query(reader, file, query_format)
    given = ["query", "-s", "NA00003,NA00001", option, expression, "-f", query_format]
    assert file.getvalue().decode() == output(*given, example_store)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"include": "QUAL>100", "types": ["snps", "indels"]}, "-i QUAL>100 -v snps,indels"),
        ({"exclude": "QUAL>100", "exclude_types": "snps"}, "-e QUAL>100 -V snps"),
        ({"min_alleles": 2, "max_alleles": 2, "known": True}, "-m 2 -M 2 -k"),
        ({"known": False, "apply_filters": ["PASS", "."]}, "-n -f PASS,."),
        ({"genotype": "^het", "uncalled": False}, "-g ^het -U"),
        ({"min_ac": 2, "max_af": "0.4:minor", "phased": False}, "-c 2 -Q 0.4:minor -P"),
        ({"max_ac": "20:alt1", "min_af": 0.1}, "-C 20:alt1 -q 0.1"),
        ({"private": True, "include": "FMT/DP>10"}, "-x -i FMT/DP>10"),
        ({"private": False}, "-X"),
        ({}, ""),
    ],
)
def test_tests_of_sites(options: dict[str, object], arguments: str, example_store: Path) -> None:
    """`SiteFilter` has an attribute for each option of `view`; set before or after the samples."""
    samples = ["NA00005", "NA00003", "NA00002"]
    texts = []
    for early in (True, False):
        file = io.BytesIO()
        with vczero.open(example_store, samples=samples if early else "NA00001", semantics="view") as reader:
            reader.set_variant_filter(vczero.SiteFilter(**options), semantics="view")  # type: ignore[arg-type]
            reader.set_samples(samples)
            vczero.write_vcf(reader, file, recount=True)
        texts.append(file.getvalue().decode())
    expected = output("view", "--no-version", "-s", ",".join(samples), *arguments.split(), example_store)
    assert texts == [expected, expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include": "QUAL>1", "exclude": "QUAL>1"}, "exclude each other"),
        ({"types": "snps", "exclude_types": "mnps"}, "exclude each other"),
        ({"types": ["snips"]}, "not a type"),
        ({"genotype": "homo"}, "not one of hom, het, miss"),
        ({"min_ac": "1:most"}, "not one of nref"),
        ({"max_af": "much"}, "not a number"),
    ],
)
def test_tests_that_make_no_sense(options: dict[str, object], message: str) -> None:
    """Said when the filter is made, before there is a store."""
    with pytest.raises(vczero.OptionError, match=message):
        vczero.SiteFilter(**options)  # type: ignore[arg-type]


def test_private_needs_a_subset_and_the_others(example_store: Path) -> None:
    """Without a subset, or where nobody sees the other samples, there is nothing to compare."""
    chosen = vczero.SiteFilter(private=True)
    with vczero.open(example_store) as reader:
        with pytest.raises(vczero.OptionError, match="private"):
            reader.set_variant_filter(chosen, semantics="view")
        reader.set_samples("NA00001")
        with pytest.raises(vczero.OptionError, match="private"):
            reader.set_variant_filter(chosen, semantics="query")
        reader.set_variant_filter(chosen, semantics="view")


def test_a_subset_is_not_read_for_the_others(example_store: Path) -> None:
    """With an expression that reads no samples, tests of genotypes read those selected and no more."""
    with vczero.open(example_store, samples="NA00001") as reader:
        plans = {}
        for expression in ("QUAL>1", "FMT/DP>1"):
            chosen = vczero.SiteFilter(include=expression, min_ac=1)
            reader.set_variant_filter(chosen, semantics="view")
            assert reader.selection.predicate is not None
            plans[expression] = reader.selection.predicate.sees_selected
        assert plans == {"QUAL>1": True, "FMT/DP>1": False}
