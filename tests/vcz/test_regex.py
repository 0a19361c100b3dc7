"""Basic regular expressions: the C library is the oracle, where there is GNU's."""

from __future__ import annotations

import ctypes
import platform

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.kernels import match as kernels
from vczero.vcz.filters.regex import RegexError, compile_regex

ATOMS = [
    b"a",
    b"b",
    b"A",
    b"_",
    b" ",
    b".",
    b"*",
    b"^",
    b"$",
    b"[ab]",
    b"[^a]",
    b"[a-c]",
    b"[]a]",
    b"[^]a]",
    b"[a-]",
]
ATOMS += [
    b"[[:alpha:]_]",
    b"[[:digit:][:space:]]",
    b"\\(",
    b"\\)",
    b"\\|",
    b"\\+",
    b"\\?",
    b"\\{2\\}",
    b"\\{1,2\\}",
]
ATOMS += [
    b"\\{,2\\}",
    b"\\{2,\\}",
    b"\\w",
    b"\\W",
    b"\\s",
    b"\\S",
    b"\\b",
    b"\\B",
    b"\\<",
    b"\\>",
    b"\\.",
    b"\\a",
    b"\\`",
]
ATOMS += [
    b"\\'",
    b"-",
    b"{",
    b"}",
    b"(",
    b")",
    b"|",
    b"+",
    b"?",
    b"[",
    b"]",
    b"\xc3",
    b"[[.a.]]",
    b"[[=b=]-c]",
    b"[z-a]",
]
TEXTS = st.lists(
    st.binary(max_size=8).map(lambda b: bytes(b"abcABC_ .*-|(9\xc3"[c % 15] for c in b)), max_size=20
)


def find(pattern: bytes, texts: list[bytes], *, ignore_case: bool = False) -> list[bool]:
    """Which texts the pattern is found in."""
    automaton = compile_regex(pattern, ignore_case=ignore_case)
    data = np.frombuffer(b"".join(texts), dtype=np.uint8)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    bits = kernels.search(
        data, starts, ends, kernels.Fields.WHOLE, automaton.classes, automaton.table, automaton.at_end
    )
    return ((bits & kernels.EQUAL) > 0).tolist()


def c_library():
    """GNU's regcomp in the C locale, as (pattern, texts, ignore_case) -> which match; None: it refuses."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("the C library is not GNU's")
    libc = ctypes.CDLL(None)

    def search(pattern: bytes, texts: list[bytes], *, ignore_case: bool) -> list[bool] | None:
        compiled = ctypes.create_string_buffer(256)
        libc.setlocale.restype = ctypes.c_char_p
        previous = libc.setlocale(6, None)
        libc.setlocale(6, b"C")
        try:
            if libc.regcomp(compiled, pattern, 8 | 2 * ignore_case):
                return None
            found = [libc.regexec(compiled, text, 0, None, 0) == 0 for text in texts]
            libc.regfree(compiled)
            return found
        finally:
            libc.setlocale(6, previous)

    return search


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=8).map(b"".join), TEXTS, st.booleans())
def test_glibc(pattern, texts, ignore_case):
    """What glibc refuses is refused; all else matches where it does."""
    texts = [text for text in texts if text]
    theirs = c_library()(pattern, texts, ignore_case=ignore_case)
    if theirs is None:
        with pytest.raises(RegexError):
            compile_regex(pattern, ignore_case=ignore_case)
    else:
        assert find(pattern, texts, ignore_case=ignore_case) == theirs


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (b"a.c", b"xabcx", True),
        (b"^abc$", b"abc", True),
        (b"^abc$", b"abcd", False),
        (b"a+", b"aaa", False),
        (b"a\\+", b"aaa", True),
        (b"a|b", b"a", False),
        (b"a\\|b", b"b", True),
        (b"\\(ab\\)\\{2\\}$", b"xabab", True),
        (b"*a", b"*a", True),
        (b"\\<miss", b"x miss", True),
        (b"\\<miss", b"xmiss", False),
        (b"missense_variant.*deleterious", b"a|missense_variant|x|deleterious", True),
    ],
)
def test_examples(pattern, text, expected):
    """Basic syntax: `+`, `|` and parentheses are special behind a backslash only."""
    assert find(pattern, [text]) == [expected]


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (b"\\(a\\)\\1", "back-reference"),
        (b"[a", "has a \\[ without"),
        (b"\\(a", "without"),
        (b"a\\)", "without"),
        (b"a\\{3", "malformed"),
        (b"a\\{3,2\\}", "malformed"),
        (b"a\\{99999\\}", "malformed"),
        (b"a\\{9999\\}", "too complex"),
        (b"\\(a*\\)*" * 200, "bytes"),
        (b"[ab]*a" + b"[ab]" * 20, "too complex"),
        (b"\\(" * 400, "deep"),
        (b"\\(\\(\\(a\\{100\\}\\)\\{100\\}\\)\\{100\\}\\)\\{100\\}", "too complex"),
        (b"x" * 5000, "bytes"),
        (b"a\0b", "NUL"),
        (b"[[:nope:]]", "does not exist"),
        (b"[[.ab.]]", "collating"),
        (b"a\\", "backslash"),
        (b"a**", "repeats"),
    ],
)
def test_refusals(pattern, problem):
    """Malformed and explosive patterns are refused when they are compiled, quickly."""
    with pytest.raises(RegexError, match=problem):
        compile_regex(pattern)


def test_catastrophes_are_linear():
    """Patterns on which backtracking never ends."""
    text = b"a" * 100_000
    assert find(b"\\(a*\\)*b", [text]) == [False]
    assert find(b"\\(a\\|aa\\)*$", [text]) == [True]
    assert find(b"\\(.*\\)\\(.*\\)\\(.*\\)\\(.*\\)x", [text]) == [False]
