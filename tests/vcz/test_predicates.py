"""Filters over batches made by hand: what bcftools leaves undefined, what is decided early, and errors."""

from __future__ import annotations

import dataclasses
import gzip
import time
from contextlib import suppress

import numpy as np
import pytest

import vczero
from vczero.errors import ExpressionError, OptionError, SelectionError
from vczero.strings import Strings
from vczero.vcz.filters.conditions import UNDECIDED
from vczero.vcz.predicates import BcftoolsFilter, Filter
from vczero.vcz.schema import Batch, VczSchema, describe_field

TEXT = np.dtypes.StringDType()
MISSING = np.array([0x7F800001], np.uint32).view(np.float32)[0]
FILL = np.array([0x7F800002], np.uint32).view(np.float32)[0]
DIMS = {
    "call_AD": "alleles",
    "variant_DP4": "INFO_DP4_dim",
    "variant_AC": "alt_alleles",
    "variant_CSQ": "INFO_CSQ_dim",
}


def store(**columns):
    """A schema and a batch of columns, three variants of two samples; `call_` columns have samples."""
    columns = {
        "variant_position": np.array([10, 20, 30], np.int32),
        "variant_contig": np.array([0, 0, 1], np.int8),
        "variant_allele": np.array([["A", "C", "", ""], ["A", "G", "TT", ""], ["AC", "", "", ""]], TEXT),
        **columns,
    }
    fields = {}
    for name, values in columns.items():
        dims = ["variants", "samples"] if name.startswith("call_") else ["variants"]
        dims += ["ploidy" if name == "call_genotype" else DIMS.get(name, "x")] * (values.ndim - len(dims))
        fields[name] = describe_field(
            name, dtype=values.dtype, shape=values.shape, dims=tuple(dims), chunks=values.shape, names=columns
        )
    schema = VczSchema(
        fields=fields,
        num_variants=3,
        sample_ids=np.array(["s0", "s1"], TEXT),
        contig_ids=np.array(["1", "2"], TEXT),
        filter_ids=np.array(["PASS", "q10"], TEXT),
    )
    batch = {n: Strings.from_values(v) if v.dtype.kind in "TU" else v for n, v in columns.items()}
    return schema, Batch(batch, np.arange(3))


def sites(expression: str, **columns) -> list[int]:
    schema, batch = store(**columns)
    return np.flatnonzero(Filter(expression).bind(schema).evaluate(batch).sites).tolist()


def samples(expression: str, **columns) -> list[list[int]]:
    schema, batch = store(**columns)
    passed = Filter(expression).bind(schema).evaluate(batch)
    return [np.flatnonzero(row).tolist() for row in passed.samples]


DP = np.array([[1, 20], [-1, 30], [5, -2]], np.int16)
AD = np.array([[[5, 5, -2], [1, 9, -2]], [[0, 1, 7], [-1, -2, -2]], [[4, -2, -2], [8, -2, -2]]], np.int32)
GENOTYPES = np.array([[[0, 0], [0, 1]], [[1, 2], [-1, -1]], [[0, -2], [0, -1]]], np.int8)


def test_filter_is_a_value():
    """Either include or exclude, compared and hashed by its text, parsed at once."""
    assert Filter("DP>1") == Filter(include="DP>1") != Filter(exclude="DP>1")
    assert len({Filter("DP>1"), Filter("DP>1"), Filter("DP>2")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Filter("DP>1").include = "DP>2"
    for options in ({}, {"include": "DP>1", "exclude": "DP>2"}):
        with pytest.raises(OptionError):
            Filter(**options)
    with pytest.raises(ExpressionError):
        Filter("DP>")


def test_include_exclude_and_semantics():
    """`view` knows no samples; `exclude` keeps sites with all samples, or samples one by one."""
    schema, batch = store(call_DP=DP)
    query = Filter("DP>10").bind(schema).evaluate(batch)
    assert query.sites.tolist() == [True, True, False]
    assert query.samples.tolist() == [[False, True], [False, True], [False, False]]
    view = Filter("DP>10").bind(schema, semantics="view").evaluate(batch)
    assert view.sites.tolist() == query.sites.tolist()
    assert view.samples is None
    dropped = Filter(exclude="DP>10").bind(schema).evaluate(batch)
    assert dropped.sites.tolist() == [False, False, True]
    assert dropped.samples is None
    calls = Filter(exclude="DP>10").bind(schema, semantics="calls").evaluate(batch)
    assert calls.samples.tolist() == (~query.samples).tolist()
    assert calls.sites.tolist() == [True, True, True]


def test_columns_are_those_that_the_tree_names():
    """Only what is needed is read, and what may settle it first is told apart."""
    schema, _ = store(
        call_DP=DP,
        call_genotype=GENOTYPES,
        call_genotype_phased=np.zeros((3, 2), bool),
        variant_quality=np.ones(3, np.float32),
        variant_AC=np.array([[1, -2, -2]] * 3, np.int8),
        variant_AN=np.array([4, 4, 4], np.int8),
    )
    columns = {
        "QUAL>1": {"variant_quality"},
        "POS>1 & DP>1": {"variant_position", "call_DP"},
        'GT="het"': {"call_genotype"},
        'GT="0|1"': {"call_genotype", "call_genotype_phased"},
        'TYPE="snp"': {"variant_allele"},
        'CHROM="1"': {"variant_contig"},
        "AC>1": {"variant_AC"},
        "MAF>.1": {"variant_AC", "variant_AN", "call_genotype", "variant_allele"},
        "1=1": set(),
        'ID="."': set(),
    }
    for expression, expected in columns.items():
        assert Filter(expression).bind(schema).columns == expected, expression
    first = {"POS>1 & DP>1": {"variant_position"}, "DP>1": set(), "MAX(DP)>POS": set()}
    first["MAF>.1"] = {"variant_AC", "variant_AN", "variant_allele"}
    for expression, expected in first.items():
        assert Filter(expression).bind(schema).first == expected, expression


def decide(expression: str, *, exclude: bool = False, semantics="view", **columns) -> list[int]:
    """What the first columns alone decide."""
    schema, batch = store(call_DP=DP, **columns)
    bound = (Filter(exclude=expression) if exclude else Filter(expression)).bind(schema, semantics=semantics)
    first = {name: batch.columns[name] for name in bound.first}
    return bound.decide(Batch(first, batch.variant_index)).tolist()


def test_decisions_without_samples():
    """A site that fails one side of `&`, or passes one of `|`, is settled before FORMAT is read."""
    assert decide("POS>15 & DP>10") == [0, UNDECIDED, UNDECIDED]
    assert decide("POS>15 && (DP>10 | POS>25)") == [0, UNDECIDED, 1]
    assert decide("POS>15 | DP>10") == [UNDECIDED, 1, 1]
    assert decide("POS>15 | DP>10", semantics="query") == [UNDECIDED] * 3
    assert decide("POS>15 | DP>10", exclude=True, semantics="query") == [UNDECIDED, 0, 0]
    assert decide("POS>15 & DP>10", exclude=True) == [1, UNDECIDED, UNDECIDED]
    assert decide("DP>10") == [UNDECIDED] * 3
    assert decide("1=1 | DP>10") == [1, 1, 1]


def test_allele_counts_in_info_spare_the_genotypes():
    """MAF asks for genotypes only where INFO/AC or INFO/AN is missing."""
    stored = {
        "variant_AC": np.array([[1, -2, -2], [-1, -1, -1], [1, -2, -2]], np.int8),
        "variant_AN": np.array([4, 4, 10], np.int8),
        "call_genotype": GENOTYPES,
    }
    assert decide("MAF<0.2", **stored) == [0, UNDECIDED, 1]
    assert sites("MAF<0.6", **stored) == [0, 1, 2]


def test_one_value_meets_each_of_several():
    """Where bcftools 1.16 reads beyond the shorter side."""
    two = np.array([[10, 20], [1, -2], [-1, -1]], np.int32)
    assert sites("DP4+5=25", variant_DP4=two) == [0]
    assert sites("5+DP4=6", variant_DP4=two) == [1]
    assert samples("AD/DP=0.25", call_AD=AD, call_DP=np.array([[20, 4], [4, 4], [16, -1]], np.int8)) == [
        [0, 1],
        [0],
        [0],
    ]
    with pytest.raises(ExpressionError, match="equally many values"):
        sites("DP4+CSQ=1", variant_DP4=two, variant_CSQ=np.ones((3, 3), np.int32))
    with pytest.raises(ExpressionError, match=r"equally many values.*in the expression"):
        sites("DP>AD", call_AD=AD, call_DP=DP)


def test_missing_beyond_the_end():
    """Positions that a record does not have, division by zero, unchosen samples."""
    three = np.array([[10, 20, 30], [1, 2, -2], [7, -2, -2]], np.int32)
    assert sites("DP4[2]>0", variant_DP4=three) == [0, 2]  # one value stands for all positions
    assert sites("DP4[9]>0", variant_DP4=three) == [2]
    assert sites("POS%0=0") == []
    assert sites("POS/0>1") == [0, 1, 2]
    assert samples("DP[0]+DP[1]>0", call_DP=DP) == [[], [], []]
    assert samples("AD[:0,7]=5", call_AD=AD) == [[0], [], []]
    assert sites("MAX(AD)>100", call_AD=np.full((3, 2, 2), -1, np.int8)) == []


def test_values_of_the_genotype():
    """`[GT]` takes the values of the alleles that a sample carries (bcftools 1.17 and later)."""
    assert samples("AD[GT]=9", call_AD=AD, call_genotype=GENOTYPES) == [[1], [], []]
    assert samples("sSUM(AD[GT])=5", call_AD=AD, call_genotype=GENOTYPES) == [[0], [], []]
    assert samples("sMAX(AD[0:GT])>6", call_AD=AD, call_genotype=GENOTYPES) == [[], [0], []]


def test_old_spelling_of_columns():
    """`%QUAL` and the like are in bcftools' manual, though 1.16 refuses them."""
    assert sites('%POS>15 & %TYPE="ref"') == [2]
    assert sites('%ID="."') == [0, 1, 2]


def test_files_of_names_are_bounded(tmp_path, monkeypatch):
    """Neither an endless file nor one that unpacks to much takes all memory."""
    monkeypatch.setattr("vczero.vcz.filters.subscripts.MAX_LIST", 10_000)
    (tmp_path / "long").write_text("rs1\n" * 5000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"rs1\n" * 100_000))
    for name in ("long", "bomb.gz"):
        with pytest.raises(ExpressionError, match="it has more than"):
            sites(f"ID=@{tmp_path}/{name}")


def test_binomial_tests():
    """Against exact values; a `-` after it is a minus."""
    assert samples("binom(AD)=1", call_AD=AD, call_genotype=GENOTYPES) == [[0], [], []]
    # 1 and 9: 2 * (1 + 10) / 1024; 1 and 7: 2 * (1 + 8) / 256.
    assert samples("binom(AD)>0.02148 & binom(AD)<0.02149", call_AD=AD, call_genotype=GENOTYPES) == [
        [1],
        [],
        [],
    ]
    assert samples("binom(AD)-0.07=0.0003125", call_AD=AD, call_genotype=GENOTYPES) == [[], [0], []]
    assert sites("binom(600,700)>0.005 & binom(600,700)<0.0064") == [0, 1, 2]
    assert sites("binom(0,100)<1e-29 & binom(0,2000)=0 & phred(binom(3,4))=0") == [0, 1, 2]


def test_alleles_beyond_the_first_table():
    """Genotypes with many alleles, and numbers that no genotype has."""
    calls = np.array([[[5, 5], [120, 3]], [[-100, 0], [0, 127]], [[127, 127], [-1, 5]]], np.int8)
    assert samples('GT="het"', call_genotype=calls) == [[1], [1], []]
    assert samples('GT="mis"', call_genotype=calls) == [[], [0], [1]]
    assert samples('GT="127/127"', call_genotype=calls) == [[], [], [0]]
    wide = calls.astype(np.int16) * 100
    assert samples('GT="12700/12700"', call_genotype=wide) == [[], [], [0]]


def test_calls_without_any_allele_are_missing():
    """A call that is all fill, which VCF writes as ".", is missing to every name for it."""
    calls = np.array([[[-2, -2], [0, 1]], [[0, -2], [0, 0]], [[-1, -2], [-2, -2]]], np.int8)
    assert samples('GT="mis"', call_genotype=calls) == [[0], [], [0, 1]]
    assert sites("N_MISSING=1 & F_MISSING=0.5", call_genotype=calls) == [0]
    assert sites("N_MISSING=2 & F_MISSING=1", call_genotype=calls) == [2]


def test_stores_that_lack_columns():
    """No QUAL, ID or FILTER: all are missing. No genotypes: said so."""
    assert sites("QUAL>1") == []
    assert sites('QUAL="."') == [0, 1, 2]
    assert sites('FILTER="."') == [0, 1, 2]
    assert sites('FILTER="PASS"') == []
    for expression in ("AC>1", "N_MISSING>1", 'GT="het"', "binom(3,4)>1 & binom(DP)>1"):
        with pytest.raises(ExpressionError):
            sites(expression, call_DP=DP)


def test_floats_of_all_sizes():
    """Missing and fill are certain NaNs; any other is data, which no comparison but `!=` lets through."""
    values = np.array([1.5, MISSING, np.nan], np.float32)
    assert sites("X>1", variant_X=values) == [0]
    assert sites('X="."', variant_X=values) == [1]
    assert sites("X!=1.5", variant_X=values) == [1, 2]
    assert sites('X!="."', variant_X=values) == [0, 2]
    half = np.array([0x3E00, 0x7C01, 0x7E00], np.uint16).view(np.float16)
    double = np.array([0x3FF8 << 48, 0x7FF0000000000001, 0x7FF8 << 48], np.uint64).view(np.float64)
    for other in (half, double):
        assert sites('X="."', variant_X=other) == [1]
        assert sites("X=1.5", variant_X=other) == [0]
    assert sites("X=1.5", variant_X=values.byteswap().view(values.dtype.newbyteorder())) == [0]
    vector = np.array([[1.5, FILL], [MISSING, 2.5], [np.nan, FILL]], np.float32)
    assert sites("COUNT(DP4)=1", variant_DP4=vector) == [0, 2]


def test_empty_batches():
    """No variants, and no samples."""
    schema, _ = store(call_DP=DP)
    for expression in ("POS>1", "DP>1", "MAX(DP)>1", "N_PASS(DP>1)=0", "DP+DP>1"):
        bound = Filter(expression).bind(schema)
        none = {"call_DP": DP[:0], "variant_position": np.zeros(0, np.int32)}
        passed = bound.evaluate(Batch(none, np.arange(0)))
        assert passed.sites.shape == (0,)
        assert passed.samples is None or passed.samples.shape == (0, 2)
        unsampled = Filter(expression).bind(schema, sample_ids=schema.sample_ids[:0])
        batch = Batch({"call_DP": DP[:, :0], "variant_position": np.array([1, 2, 3])}, np.arange(3))
        assert unsampled.evaluate(batch).sites.shape == (3,)


def test_samples_selected_too_late():
    """A filter that was bound to other samples than a batch has says so."""
    schema, batch = store(call_DP=DP)
    with pytest.raises(SelectionError, match="select samples before"):
        Filter("DP>1").bind(schema, sample_ids=schema.sample_ids[:1]).evaluate(batch)


def test_unknown_names_suggest_near_ones():
    """The error has a caret and names that are nearly it."""
    with pytest.raises(ExpressionError) as caught:
        sites("POS>1 & PDP>1", call_DP=DP)
    assert caught.value.position == 8
    assert "did you mean DP" in caught.value.message
    with pytest.raises(ExpressionError, match="did you mean q10"):
        sites('FILTER="q1"')


def test_files_that_cannot_be_read(tmp_path):
    """The file and the reason are named."""
    with pytest.raises(ExpressionError, match=r"cannot read .*nope: No such file"):
        sites(f"ID=@{tmp_path}/nope")
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(ExpressionError, match="cannot read"):
        sites(f"ID=@{tmp_path}/bad.gz")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"rs1\n" * 1000)[:-20])
    with pytest.raises(ExpressionError, match="cannot read"):
        sites(f"ID=@{tmp_path}/cut.gz")
    (tmp_path / "names").write_text("s0\nnobody\n")
    with pytest.raises(ExpressionError, match="there is no sample 'nobody'"):
        sites(f"DP[@{tmp_path}/names]>1", call_DP=DP)


@pytest.mark.parametrize(
    "expression",
    [
        'ID~"' + r"\(a*\)*" * 150 + '"',
        'ID~"' + r"\(x\{999\}\)\{999\}" + '"',
        "DP[0-999999999]>1",
        "DP[99999999999999999999]>1",
        "DP[" + "0," * 60000 + "0]>1",
        "DP4[0-2000000000]>1",
        "POS" + "+POS" * 20000 + ">1",
        'ID="a"' + '|ID="a"' * 10000,
        "-" * 100000 + "POS<1",
        'ID="' + "a," * 60000 + '"',
    ],
    ids=lambda text: text[:20],
)
def test_hostile_expressions_end_quickly(expression):
    """Nothing takes long or much memory: there is an answer or an error."""
    start = time.process_time()
    with suppress(ExpressionError):
        sites(expression, call_DP=DP, variant_DP4=np.ones((3, 2), np.int32))
    assert time.process_time() - start < 20  # seconds; all take less than two on a quiet machine


def test_blocks_do_not_show():
    """Rows are evaluated in blocks that fit the cache; the result is that of all at once."""
    rng = np.random.default_rng(1)
    calls = rng.integers(-1, 40, (1000, 700)).astype(np.int8)
    schema, _ = store(call_DP=DP)
    bound = Filter("DP>20 & DP<35").bind(schema, sample_ids=np.array([f"s{i}" for i in range(700)], TEXT))
    passed = bound.evaluate(Batch({"call_DP": calls}, np.arange(1000)))
    expected = (calls > 20) & (calls < 35)
    np.testing.assert_array_equal(passed.samples, expected)
    np.testing.assert_array_equal(passed.sites, expected.any(axis=1))


def test_readers_take_expressions(example_store):
    """An expression, a Filter and a bound filter are one; samples are judged as the selection has them."""
    expected = None
    for make in (str, Filter, lambda text: BcftoolsFilter(reader, include=text)):
        with vczero.open(example_store) as reader:
            reader.set_samples([str(reader.sample_ids[1])])
            reader.set_variant_filter(make("FMT/DP>10 & QUAL>20"))
            batches = reader.variant_chunks(["variant_position"])
            found = [(batch["variant_position"].tolist(), batch.sample_mask.tolist()) for batch in batches]
        assert expected is None or found == expected
        expected = found
    assert any(positions for positions, _ in expected)
    with vczero.open(example_store, variant_filter=Filter(exclude="QUAL>0")) as reader:
        kept = sum(batch.num_variants for batch in reader.variant_chunks(["variant_position"]))
        assert 0 < kept < reader.num_variants
        reader.set_variant_filter(BcftoolsFilter(reader, exclude="QUAL>0"))
        assert kept == sum(batch.num_variants for batch in reader.variant_chunks(["variant_position"]))


def test_readers_count_alleles_without_genotypes(example_store):
    """AC and its kin come from the reader's counts; with genotypes at hand, from those: the same."""
    names = ["variant_allele", "call_genotype", "variant_AC", "variant_AN"]
    for expression in ("AC[*]>3", "AN<20", "MAF<0.2", "MAC[*]=1", "MAF[*]>0.3"):
        with vczero.open(example_store) as reader:
            reader.set_variant_filter(expression)
            counted = [batch.variant_index for batch in reader.variant_chunks(["variant_position"])]
            reader.set_variant_filter(None)
            plain = Filter(expression).bind(
                VczSchema(
                    fields={name: reader.get_field_info(name) for name in names if reader.has_field(name)},
                    num_variants=reader.num_variants,
                    sample_ids=reader.sample_ids,
                )
            )
            batches = reader.variant_chunks(sorted(plain.columns))
            found = [batch.variant_index[plain.evaluate(batch).sites] for batch in batches]
        assert np.concatenate(counted).tolist() == np.concatenate(found).tolist(), expression
