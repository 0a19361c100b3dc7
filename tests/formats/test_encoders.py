"""The encoders on batches made by hand: what the store's dtypes, axes and gaps come to in text."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from support.whole_store import encode
from vczero.errors import ChunkError, ExpressionError, FieldNotFoundError
from vczero.formats.header import vcf_header
from vczero.formats.queryformat import Group, Tag, Text, has_newline, parse
from vczero.formats.text import QueryEncoder
from vczero.formats.vcf import VcfEncoder
from vczero.strings import Strings
from vczero.vcz.schema import Batch, VczSchema, describe_field

STRING = np.dtypes.StringDType()
HALF = np.array([0x3E00, 0x7C01, 0x7C02], "u2").view("f2")


def made(**columns: np.ndarray) -> tuple[VczSchema, Batch]:
    """Two variants and two samples with these columns beside the fixed ones."""
    whole = {
        "variant_contig": np.array([0, 1], "i1"),
        "variant_position": np.array([5, 10], "i4"),
        "variant_allele": np.array([["A", "T"], ["C", ""]], dtype=object),
        **columns,
    }
    dims = {
        2: ("variants", "inner"),
        3: ("variants", "samples", "inner"),
        4: ("variants", "samples", "a", "b"),
    }
    fields = {}
    for name, column in whole.items():
        axes = dims.get(column.ndim, ("variants",))
        if name.startswith("call_") and column.ndim == 2:
            axes = ("variants", "samples")
        fields[name] = describe_field(
            name, dtype=column.dtype, shape=column.shape, dims=axes, chunks=column.shape
        )
    schema = VczSchema(
        fields,
        2,
        sample_ids=np.array(["a", "b"], STRING),
        contig_ids=np.array(["1", "2"], STRING),
    )
    stored = {k: Strings.from_values(v) if v.dtype.kind == "O" else v for k, v in whole.items()}
    return schema, Batch(stored, np.arange(2))


def query(query_format: str, **columns: np.ndarray) -> str:
    """What a format prints of such a batch."""
    schema, batch = made(**columns)
    return encode(QueryEncoder(schema, query_format), batch)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.array([1, -1], ">i2"), "1 ."),
        (np.array([1, 255], "u1"), "1 255"),
        (np.array([1.5, 2], ">f4"), "1.5 2"),
        (HALF[:2], "1.5 ."),
        (np.array(["x", ""], "U1"), "x ."),
        (np.array(["é", "yy"], ">U2"), "é yy"),
        (np.array([b"x", b"yy"], "S2"), "x yy"),
        (np.array([True, False]), "1 ."),
        (np.array([[[1, 2], [3, -2]], [[-1, -2], [-2, -2]]], "i8"), "1,2,3 ."),
        (np.stack([HALF, HALF[::-1]]), "1.5,. ."),
        (np.array([["a", ""], [".", "b"]], dtype=object), "a .,b"),
    ],
)
def test_dtypes_of_info(column: np.ndarray, expected: str) -> None:
    """Any byte order, width and shape; missing and fill of half floats among them."""
    assert query(r"%X ", variant_X=column).split("\n")[:2] == [f"{word} " for word in expected.split()]


def test_what_a_store_lacks() -> None:
    """No ID, QUAL, FILTER, phase: points; REF comes with the alleles; unphased calls."""
    schema, batch = made(call_genotype=np.array([[[0, 1], [1, 1]], [[-1, -2], [0, 0]]], "i1"))
    lines = encode(VcfEncoder(schema), batch).splitlines()
    assert lines[-2:] == [
        "1\t5\t.\tA\tT\t.\t.\t.\tGT\t0/1\t1/1",
        "2\t10\t.\tC\t.\t.\t.\t.\tGT\t.\t0/0",
    ]
    assert '##FILTER=<ID=PASS,Description="All filters passed">' in lines


def test_counts_of_a_subset_join_the_header() -> None:
    """AC and AN are defined where the store has neither, and taken as computed."""
    schema, _ = made(call_genotype=np.zeros((2, 2, 2), "i1"))
    encoder = VcfEncoder(schema, recount=True)
    assert encoder.recomputed == {"variant_AC", "variant_AN"} <= encoder.columns
    header = encoder.header().decode()
    assert '##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count in genotypes">' in header
    assert VcfEncoder(made()[0], recount=True).recomputed == frozenset()


def test_a_contig_number_without_a_name_is_an_error() -> None:
    """Not a point in its place: the record would be lost to whoever looks for it."""
    schema, batch = made(variant_contig=np.array([0, 7], "i4"))
    with pytest.raises(ChunkError, match="variant_contig is 7 at variant 1"):
        encode(QueryEncoder(schema, "%CHROM"), batch)


def test_filters_that_do_not_fit_their_names() -> None:
    """A column for each name, or an error that says so."""
    schema, batch = made(variant_filter=np.zeros((2, 3), bool))
    schema = dataclasses.replace(schema, filter_ids=np.array(["PASS"], STRING))
    with pytest.raises(ChunkError, match="variant_filter has 3 columns"):
        encode(VcfEncoder(schema), batch)


def test_header_text() -> None:
    """fileformat first, PASS always, quotes escaped once, lengths where they are known."""
    schema, _ = made(variant_DP=np.zeros(2, "i4"))
    info = dataclasses.replace(schema.fields["variant_DP"], description='say "hi" \\"there\\"')
    schema = dataclasses.replace(
        schema,
        fields={**schema.fields, "variant_DP": info},
        filter_ids=np.array(["q10", "PASS"], STRING),
        filter_descriptions=np.array(["low", ""], STRING),
        contig_lengths=np.array([100, 0]),
        vcf_meta_information=[("x", "1"), ("fileformat", "VCFv4.4"), ("x", "2")],
    )
    assert vcf_header(schema, extra=["end=1"]).splitlines() == [
        "##fileformat=VCFv4.4",
        '##FILTER=<ID=PASS,Description="All filters passed">',
        '##FILTER=<ID=q10,Description="low">',
        "##x=1",
        "##x=2",
        r'##INFO=<ID=DP,Number=1,Type=Integer,Description="say \"hi\" \"there\"">',
        "##contig=<ID=1,length=100>",
        "##contig=<ID=2>",
        "##end=1",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb",
    ]


def test_parsing_a_format() -> None:
    """Tags, subscripts, brackets, escapes; what is printed whole takes no subscript."""
    assert parse(r"%CHROM\t%INFO/DP{1}[ %GT]%POS{0}%%\n") == (
        Tag("CHROM"),
        Text("\t"),
        Tag("DP", "INFO", 1, position=8),
        Group((Text(" "), Tag("GT", position=21))),
        Tag("POS", position=25),
        Text("{0}"),
        Text("%"),
        Text("\n"),
    )
    assert parse('%N_PASS(GQ>(1) & x=")")!')[0] == Tag("N_PASS", argument='GQ>(1) & x=")"')
    assert parse("") == ()
    assert has_newline(parse(r"[%GT\n]"))
    assert has_newline(parse("%LINE"))
    assert not has_newline(parse(r"%POS\t"))


@pytest.mark.parametrize("text", ["%N_PASS", "%N_PASS(", "[", "]", "%", "% ", "[[", "%INFO/", "%N_PASS(a"])
def test_formats_that_cannot_be_parsed(text: str) -> None:
    """Each says where."""
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.text == text
    assert caught.value.position is not None


def test_tags_resolve_as_in_bcftools() -> None:
    """In brackets FORMAT before INFO; outside INFO only; an INFO tag that ends in _mask is a tag."""
    columns = {
        "variant_DP": np.array([1, 2], "i4"),
        "call_DP": np.array([[3, 4], [5, 6]], "i4"),
        "variant_my_mask": np.array([7, 8], "i4"),
    }
    assert query(r"%DP[ %DP %INFO/DP]\n", **columns) == "1 3 1 4 1\n2 5 2 6 2\n"
    assert query(r"%my_mask\n", **columns) == "7\n8\n"
    with pytest.raises(FieldNotFoundError, match="INFO tag GQ"):
        query("%INFO/GQ", **columns)
    with pytest.raises(FieldNotFoundError, match="FORMAT tag my_mask"):
        query("[%FORMAT/my_mask]", **columns)


def test_a_mask_leaves_samples_out() -> None:
    """What a FORMAT expression of `query` passed is what is printed."""
    schema, batch = made(call_DP=np.array([[3, 4], [5, 6]], "i4"))
    masked = Batch(batch.columns, batch.variant_index, np.array([[True, False], [False, True]]))
    assert encode(QueryEncoder(schema, r"[%SAMPLE=%DP ]\n"), masked) == "a=3 \nb=6 \n"
