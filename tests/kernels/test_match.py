"""Kernels of `kernels.match` and `kernels.alleles` against their twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vczero.kernels import alleles
from vczero.kernels import match as kernels
from vczero.strings import Strings
from vczero.vcz.filters.regex import compile_regex

VALUES = st.lists(st.text("ab.,", max_size=6), max_size=12)
FIELDS = st.sampled_from(list(kernels.Fields))


def places(values: list[str]):
    """Data, starts and ends of values."""
    text = Strings.from_values(values)
    return text.data, text.offsets[:-1], text.offsets[1:]


@given(VALUES, FIELDS, st.text("ab.,", max_size=6))
def test_match_constant(values, fields, constant):
    """Each value's fields against a constant's."""
    ours = kernels.match_constant(*places(values), fields, constant.encode())
    np.testing.assert_array_equal(
        ours, kernels.match_constant_numpy(*places(values), fields, constant.encode())
    )


@given(st.lists(st.tuples(st.text("ab.,", max_size=5), st.text("ab.,", max_size=5)), max_size=12), FIELDS)
def test_match_pairs(pairs, fields):
    """Each value's fields against its partner's."""
    a, b = places([pair[0] for pair in pairs]), places([pair[1] for pair in pairs])
    np.testing.assert_array_equal(
        kernels.match_pairs(*a, fields, *b), kernels.match_pairs_numpy(*a, fields, *b)
    )


@given(VALUES, FIELDS, st.sampled_from([b"a", b"^a*$", b"b\\.", b"\\<a", b"^$", b"ab\\|\\."]))
def test_search(values, fields, pattern):
    """Each value's fields against a pattern."""
    automaton = compile_regex(pattern)
    arguments = (*places(values), fields, automaton.classes, automaton.table, automaton.at_end)
    np.testing.assert_array_equal(kernels.search(*arguments), kernels.search_numpy(*arguments))


@given(st.lists(st.text(max_size=8), max_size=12))
def test_hashes(values):
    """A hash is that of the bytes."""
    np.testing.assert_array_equal(
        kernels.hash_values(*places(values)), kernels.hash_values_numpy(*places(values))
    )


@given(st.lists(st.tuples(*[st.text("ACac[]<>*.X", max_size=4)] * 3), max_size=20))
def test_variant_types(rows):
    """Types of variants with two ALT alleles, some of them absent or odd."""
    text = Strings.from_values([allele for row in rows for allele in row])
    ours = alleles.variant_types(text.data, text.offsets, 3)
    np.testing.assert_array_equal(ours, alleles.variant_types_numpy(text.data, text.offsets, 3))


def test_known_types():
    """A type for each form of allele, as htslib 1.16 tells them."""
    known = {
        "snp": [("A", "C"), ("A", "a"), ("AC", "AG"), ("ACG", "ATG")],
        "mnp": [("AC", "GT"), ("ACG", "GTG")],
        "indel": [("A", "AC"), ("AC", "A"), ("ACG", "AG"), ("A", "ac"), ("AC", "c")],
        "other": [("A", "<DEL>"), ("AC", "T"), ("A", "G]1:5]"), ("AC", "GTT")],
        "bnd": [("A", "A[1:5["), ("A", "]1:5]A"), ("AC", "AC]1:5]")],
        "overlap": [("A", "*"), ("AC", "*")],
    }
    for name, pairs in known.items():
        for pair in pairs:
            text = Strings.from_values(list(pair))
            assert alleles.variant_types(text.data, text.offsets, 2)[0] == alleles.TYPE_BITS[name], pair
    for pair in [("A", "<*>"), ("A", "<NON_REF>"), ("A", "X"), ("A", "A"), ("AC", "ac"), ("A", "")]:
        text = Strings.from_values(list(pair))
        assert alleles.variant_types(text.data, text.offsets, 2)[0] == 0, pair
