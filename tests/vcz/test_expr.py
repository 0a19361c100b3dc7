"""Expressions to trees: grouping, what is refused and where, and hostile text."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vczero.errors import ExpressionError
from vczero.vcz.expr import Call, Chain, Compare, File, Negative, Number, Tag, Text, parse


def shape(node) -> str:
    """A tree as fully parenthesised text."""
    match node:
        case Number(value):
            return f"{value:g}"
        case Text(value):
            return repr(value)
        case File(path):
            return f"@{path}"
        case Tag(name, None):
            return name
        case Tag(name, subscript):
            return f"{name}[{subscript}]"
        case Call(function, arguments):
            return f"{function}({', '.join(map(shape, arguments))})"
        case Negative(operand):
            return f"-{shape(operand)}"
        case Compare(left, operator, right):
            return f"({shape(left)} {operator} {shape(right)})"
        case Chain(_, operands, operators):
            return (
                "("
                + " ".join(
                    part for pair in zip(["", *operators], map(shape, operands), strict=True) for part in pair
                ).strip()
                + ")"
            )
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DP>10", "(DP > 10)"),
        (" QUAL == 1e-3 ", "(QUAL = 0.001)"),
        ("a>1&b>2|c>3&&d>4", "(((a > 1) & (b > 2)) | ((c > 3) && (d > 4)))"),
        ("a>1||b>2|c>3", "((a > 1) || (b > 2) | (c > 3))"),
        ("1+2*3-4=5", "((1 + (2 * 3) - 4) = 5)"),
        ("(1+2)*3=9", "(((1 + 2) * 3) = 9)"),
        ("-a*--b=-1", "((-a * b) = -1)"),
        ("POS%2=1", "((POS % 2) = 1)"),
        ("%ID!='.'", "(ID != '.')"),
        ("%MAX(DP)>1", "(MAX(DP) > 1)"),
        ("smpl_max(FMT/AD[0:*])>.5", "(SMPL_MAX(FMT/AD[0:*]) > 0.5)"),
        ("binom(AD[:0],AD[:1])<1", "(BINOM(AD[:0], AD[:1]) < 1)"),
        ('N_PASS(GT="het" & GQ>5)>2', "(N_PASS(((GT = 'het') & (GQ > 5))) > 2)"),
        ("ID=@~/my.ids", "(ID = @~/my.ids)"),
        ("(ID=@ids)", "(ID = @ids)"),
        ('GT[@a b.txt]~"0/i"', "(GT[@a b.txt] ~ '0/i')"),
        ("INFO/1000G_AF>.1", "(INFO/1000G_AF > 0.1)"),
        ('CSQ[*]!~"it\'s"', '(CSQ[*] !~ "it\'s")'),
        ("a.b_c=1.5", "(a.b_c = 1.5)"),
    ],
)
def test_trees(text, expected):
    """Operators group by level, and within one level stay a chain."""
    assert shape(parse(text).root) == expected


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("", 0, "the expression is empty"),
        ("  ", 0, "the expression is empty"),
        ("DP>10 & (GQ>", 12, "the expression ends here"),
        ("DP>1)", 4, "found ')'"),
        ("DP>1 GQ", 5, "expected an operator or the end"),
        ('S="abc', 2, "this quote is not closed"),
        ("!(DP>1)", 0, "no operator `!`"),
        ("1<DP<5", 4, "a comparison cannot be compared"),
        ("foo(1)=1", 0, "there is no function foo()"),
        ("DP>1 & mox(DP)>1", 7, "did you mean MAX"),
        ("fisher(AD)<1", 0, "bcftools 1.16 has none"),
        ("perl:x.pl; perl.f(1)", 0, "Perl scripts are not supported"),
        ("perl.f(1)>1", 0, "Perl functions are not supported"),
        ("AD[0>1", 2, "this bracket is not closed"),
        ("DP=", 3, "expected"),
        ("&", 0, "expected"),
        ("DP>1\0", 4, "found"),
    ],
)
def test_refusals_show_the_place(text, position, problem):
    """The message says what is wrong, and has a caret under it."""
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    assert error.position == position
    assert problem in error.message
    _, shown, caret = error.message.split("\n")
    assert caret.index("^") == 2 + position
    assert shown[2 : 2 + len(text)].replace(" ", "") == text.replace(" ", "").replace("\0", "")


def test_long_text_is_cut_around_the_place():
    """An error in the middle of much text shows that place alone."""
    text = "DP>1 & " * 500 + "DP>>1" + " & DP>1" * 500
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    _, shown, caret = caught.value.message.split("\n")
    assert len(shown) < 120
    with pytest.raises(ExpressionError) as caught:
        parse("(" * 1000)
    assert len(caught.value.message) < 400
    assert shown[caret.index("^") - 1 : caret.index("^") + 2] == ">>1"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "1" + ")" * 100_000,
        "x" * 10_000_000,
        "-" * 100_000 + "1>0",
        "MAX(" * 10_000,
        "1" + "+1" * 50_000 + "=1",
        "|".join(['ID="rs1"'] * 10_000),
        '"' * 99_999,
        "[" * 100_000,
        "((((" * 10 + "DP>1",
        "1e" * 50_000,
        "@" * 100_000,
    ],
    ids=lambda text: text[:10],
)
def test_hostile_text_ends_quickly(text):
    """Deep nesting and megabytes end in a tree or a clear error, well before anyone notices."""
    start = time.process_time()
    with suppress(ExpressionError):
        parse(text)
    assert time.process_time() - start < 20  # seconds; all take less than one on a quiet machine


@given(st.text(alphabet="DPGT()[]<>=!&|~+-*/%\"'.,:;@ 01eE", max_size=40))
def test_any_text_is_a_tree_or_an_error(text):
    """No other exception comes out, whatever the text."""
    with suppress(ExpressionError):
        parse(text)


def test_parser_library_is_loaded_only_by_an_expression():
    """Who has no filter does not wait for the parser."""
    code = (
        "import sys, vczero.vcz.predicates; assert 'parsy' not in sys.modules;"
        "vczero.vcz.predicates.Filter('DP>1'); assert 'parsy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
