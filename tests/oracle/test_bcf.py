"""`vczero view -O u|b` against what bcftools makes of `vczero view`: the same values in the same types."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import bcf_columns as make
from support.bcf_records import read_bcf
from support.command import raw_output
from support.vcf_records import bcftools, records
from support.vcz_builder import build_vcz
from vczero.formats.bcf import BcfEncoder
from vczero.formats.vcf import VcfEncoder
from vczero.strings import Strings
from vczero.vcz.schema import Batch, VczSchema, describe_field

pytestmark = pytest.mark.oracle("bcftools")

STRING = np.dtypes.StringDType()
INNER = {
    "A": ("alt_alleles", 4),
    "R": ("alleles", 5),
    "G": ("genotypes", 15),
    "1": ("", 0),
    ".": ("other", 20),
}


def piped(data: bytes, *options: str) -> bytes:
    """What bcftools view makes of its standard input."""
    command = ["bcftools", "view", "--no-version", *options]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def compare(bcf: bytes, vcf: bytes) -> None:
    """As text the same characters, and as BCF the same values in the same types."""
    assert piped(bcf).split(b"\n") == piped(vcf).split(b"\n")
    (header, ours), (expected, theirs) = read_bcf(bcf), read_bcf(piped(vcf, "-Ou"))
    assert header.split("\n") == expected.split("\n")
    for left, right in zip(ours, theirs, strict=True):
        assert [pair for pair in zip(left, right, strict=True) if pair[0] != pair[1]] == []


def both(columns: dict[str, Any], **metadata: Any) -> tuple[bytes, bytes]:
    """Columns, with their axes where these say something, as BCF and as VCF."""
    axes = {name: value if isinstance(value, tuple) else (value, None) for name, value in columns.items()}
    fields, stored = {}, {}
    for name, (column, inner) in axes.items():
        text = isinstance(column, Strings)
        base = ("variants", "samples") if name.startswith("call_") else ("variants",)
        last = [inner or f"{name}_dim"] * (len(column.shape) - len(base))
        fields[name] = describe_field(
            name,
            dtype=STRING if text else column.dtype,
            shape=column.shape,
            dims=(*base, *last),
            chunks=column.shape,
        )
        stored[name] = column
    rows = len(stored["variant_position"])
    schema = VczSchema(fields, rows, contig_ids=np.array(["1", "chr2"], STRING), **metadata)
    batch = Batch(stored, np.arange(rows))
    bcf, vcf = BcfEncoder(schema), VcfEncoder(schema)
    return bcf.header() + b"".join(bcf.encode(batch)), vcf.header() + b"".join(vcf.encode(batch))


def sites(rows: int, **other: Any) -> dict[str, Any]:
    """The columns that every store has."""
    return {
        "variant_contig": (np.arange(rows) * 2 // rows).astype("i1"),
        "variant_position": np.arange(5, 5 + rows, dtype="i4"),
        "variant_allele": Strings.from_values(np.full((rows, 2), "A", object)),
        **other,
    }


def samples(count: int) -> dict[str, Any]:
    return {"sample_ids": np.array([f"s{k}" for k in range(count)], STRING)}


@pytest.mark.parametrize("number", INNER)
def test_every_type(number: str) -> None:
    """Integers of all widths with values at the edges of BCF's types, floats, texts, characters, flags."""
    rows, count = 40, 4
    random = np.random.default_rng(1)
    inner, size = INNER[number]
    cell = (size,) if size else ()
    columns: dict[str, Any] = {}
    for prefix, shape in (("variant", (rows, *cell)), ("call", (rows, count, *cell))):
        for dtype in ("i1", "i2", "i4", "i8"):
            made = make.integers(shape, dtype, random, large=True)
            columns[f"{prefix}_{dtype.upper()}"] = (made, inner)
            columns[f"{prefix}_{dtype.upper()}S"] = (make.integers(shape, dtype, random, large=False), inner)
        columns[f"{prefix}_F4"] = (make.floats(shape, "f4", random), inner)
        columns[f"{prefix}_S"] = (make.texts(shape, random), inner)
        letters = random.choice(np.array(["A", "C", ".", ""], "U1"), shape)
        columns[f"{prefix}_C"] = (make.ragged(letters, random, ""), inner)
    columns["variant_FLAG"] = random.random(rows) < 0.5
    columns["call_genotype"] = make.calls((rows, count, 2), "i1", random, 1)
    compare(*both(sites(rows, **columns), **samples(count)))


@pytest.mark.parametrize(("dtype", "largest"), [("i1", 1), ("i1", 62), ("i1", 63), ("i4", 17000)])
@pytest.mark.parametrize("ploidy", [1, 2, 3])
def test_calls(dtype: str, largest: int, ploidy: int) -> None:
    """Allele numbers to either side of what a byte and what two hold; mixed ploidy; phased or not."""
    random = np.random.default_rng(2)
    column = make.calls((30, 20, ploidy), dtype, random, largest)
    phased = random.random((30, 20)) < 0.5
    columns = sites(30, call_genotype=column, call_genotype_phased=phased)
    # Which numbers are alleles of the record bcftools does not ask here.
    compare(*both(columns, **samples(20)))


def test_sites() -> None:
    """Qualities, IDs, filters; one to twenty alleles; symbolic ones; END around POS, and huge."""
    random = np.random.default_rng(3)
    rows = 60
    alleles = np.full((rows, 20), "", object)
    for row in range(rows):
        words = ["C" * (row % 7 + 1), "<DEL>", "<DUP:TANDEM>", "*", "G]chr2:7]", "T" * 40]
        count = row % 20 + 1
        alleles[row, :count] = ["ACGT" * (row % 5) + "A", *words, *(["C"] * 20)][:count]
    alleles[3] = ["A", ".", *[""] * 18]
    ends = np.arange(5, 5 + rows) + random.integers(-3, 300, rows)
    ends[10:14] = [-1, -2, 2**31 - 1, 2**40]
    columns = sites(
        rows,
        variant_allele=Strings.from_values(alleles),
        variant_END=ends.astype("i8"),
        variant_quality=make.floats((rows,), "f4", random),
        variant_id=make.texts((rows,), random),
        variant_filter=random.random((rows, 20)) < 0.2,
    )
    names = np.array(["q10", "PASS", *(f"f{k}" for k in range(18))], STRING)
    compare(*both(columns, filter_ids=names))


def test_no_variants_and_samples_without_fields() -> None:
    """A header alone; samples about whom nothing is known."""
    compare(*both(sites(0, call_DP=np.empty((0, 2), "i4")), **samples(2)))
    compare(*both(sites(3, call_DP=np.full((3, 2), -1)), **samples(2)))
    compare(*both(sites(3), **samples(0)))


def test_many_fields_and_a_large_dictionary() -> None:
    """More than 127 FORMAT fields in a record, and keys that take one, two and four bytes."""
    random = np.random.default_rng(4)
    columns = sites(2, variant_filter=np.zeros((2, 33_000), bool))
    columns["variant_filter"][1, [1, 200, 32_999]] = True
    for k in range(200):
        columns[f"call_Z{k:03}"] = random.integers(0, 300, (2, 1))
    columns["variant_Z000"] = np.array([1, 2])
    names = np.array(["PASS", *(f"f{k}" for k in range(1, 33_000))], STRING)
    bcf, vcf = both(columns, filter_ids=names, **samples(1))
    assert "IDX=33199>" in read_bcf(bcf)[0]
    compare(bcf, vcf)


@pytest.fixture(params=["example", "sample.vcz", "sample.vcz3", "field_type_combos.vcz", "chr22.vcz"])
def pair(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A store and its VCF."""
    if request.param == "example":
        return request.getfixturevalue("example_store"), request.getfixturevalue("example_vcf")
    folder = request.getfixturevalue("shared_data")
    return folder / f"{request.param}.zip", folder / f"{request.param.partition('.')[0]}.vcf.gz"


@pytest.mark.parametrize("options", [[], ["-G"], ["-h"]])
def test_stores(options: list[str], pair: tuple[Path, Path]) -> None:
    """-Ou and -Ob hold what `vczero view` prints, and what the source says."""
    store, vcf = pair
    text = raw_output("view", "--no-version", *options, store)
    bcf = raw_output("view", "--no-version", "-Ou", *options, store)
    compare(bcf, text)
    if "-h" not in options:
        assert piped(raw_output("view", "--no-version", "-Ob1", *options, store)) == text
        assert records(piped(bcf).decode()) == records(bcftools("view", *options, vcf))


@pytest.mark.parametrize(
    "options", ["-s NA00007,NA00001", "-s NA00003 -I", "-r X:1-50000000 -s ^NA00004", "-c 5 -v snps"]
)
def test_selections(options: str, example_store: Path) -> None:
    """Subsets of samples, with their AC and AN, and of records."""
    given = [*options.split(), "--no-version", example_store]
    compare(raw_output("view", "-Ou", *given), raw_output("view", *given))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_several_chunks(zarr_format: int, tmp_path: Path) -> None:
    """Batches that end anywhere, samples from several chunks, columns that lie strided."""
    random = np.random.default_rng(5)
    rows, count = 50, 33
    columns = {
        "sample_id": np.array([f"s{k}" for k in range(count)], object),
        "contig_id": np.array(["1", "2"], object),
        "variant_contig": np.arange(rows, dtype="i1") // 25,
        "variant_position": np.arange(1, rows + 1, dtype="i4"),
        "variant_allele": np.full((rows, 2), "A", object),
        "call_genotype": make.calls((rows, count, 2), "i1", random, 3),
        "call_genotype_phased": random.random((rows, count)) < 0.5,
        "call_AD": make.integers((rows, count, 3), "i2", random, large=False),
        "call_GL": make.floats((rows, count, 3), "f4", random),
    }
    store = build_vcz(
        tmp_path / "a.vcz", columns, zarr_format=zarr_format, chunks={"variants": 7, "samples": 10}
    )
    for options in ([], ["-s", "s30,s2,s11"], ["-r", "2"]):
        given = [*options, "--no-version", store]
        compare(raw_output("view", "-Ou", *given), raw_output("view", *given))
