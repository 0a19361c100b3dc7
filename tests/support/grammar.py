"""Expressions drawn by hypothesis from the grammar of bcftools 1.16, over the tags of `support.expressions`.

They keep clear of what bcftools 1.16 leaves undefined (docs/expressions.md, "Where bcftools reads what is not
there"): arithmetic of different lengths, positions beyond a record's values, division by zero in `%`.
"""

from __future__ import annotations

from hypothesis import strategies as st

NUMBERS = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "7",
    "10",
    "20",
    "0.5",
    "0.25",
    "33.3",
    "120",
    "70000",
    "1e9",
    "-7",
    "-2.5",
    ".5",
]
TEXTS = ["a", "b", "abc", "xyz", "het", "x_y", ".", "a,abc", "b,.", "A"]
REGEXES = ["a", "^a", "b$", "A/i", "x_*y", r"\.", ".", "[a-c]\\{2,\\}", "abc\\|xyz", "^.$", "m.*s"]
KEYWORDS = [
    "hom",
    "het",
    "hap",
    "ref",
    "alt",
    "mis",
    "RR",
    "RA",
    "ar",
    "AA",
    "Aa",
    "aA",
    "R",
    "A",
    "r",
    "aa",
    "HET",
]
CALLS = ["0/0", "0/1", "1/1", "0|1", "1|0", "./.", ".|.", ".", "0", "1", "0/.", "0/0,0/1", "2|2"]

ORDER = st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">="])
EQUALITY = st.sampled_from(["=", "==", "!="])
MATCH = st.sampled_from(["~", "!~"])

SITE_SCALARS = st.sampled_from(
    [
        "QUAL",
        "POS",
        "INFO/I1",
        "I1",
        "F1",
        "FLAG",
        "N_ALT",
        "N_MISSING",
        "F_MISSING",
        "AN",
        "AC",
        "MAF",
        "I2[0]",
        "I2[1]",
        "IA[0]",
        "FA[0]",
        "IV[0]",
        "FV[1]",
        "INFO/BOTH",
        "N_SAMPLES",
    ]
)
SITE_VECTORS = st.sampled_from(
    [
        "I2",
        "IA",
        "IR",
        "IG",
        "IV",
        "FA",
        "FV",
        "IV[*]",
        "IV[1-]",
        "IR[0,1]",
        "AC[*]",
        "AF[*]",
        "MAC[*]",
        "ILEN",
    ]
)
SAMPLE_SCALARS = st.sampled_from(
    [
        "DP",
        "FMT/GQ",
        "FORMAT/DP",
        "DV",
        "GF",
        "AD[:0]",
        "AD[*:0]",
        "HI[:1]",
        "FMT/BOTH",
        "VI[:0]",
        "VF[:1]",
        "sMAX(AD)",
        "sMIN(PL)",
        "sAVG(VF)",
        "sSUM(AD)",
        "sMEDIAN(VI)",
        "sSTDEV(AD)",
        "SMPL_MAX(HI[:0,1])",
        "ABS(DP)",
        "binom(AD)",
        "phred(GF)",
        "binom(AD[:0],DV)",
    ]
)
SAMPLE_SUBSETS = st.sampled_from(["DP[0]", "GQ[1-3]", "DP[0,2-]", "AD[0-2:0]", "HI[1:0]", "sMAX(AD[1-:])"])
SAMPLE_VECTORS = st.sampled_from(["AD", "EC", "PL", "HI", "VI", "VF", "AD[0:*]", "VI[1-:]", "HI[:0,1]"])
REDUCTIONS = st.sampled_from(["MAX", "MIN", "AVG", "MEAN", "MEDIAN", "STDEV", "SUM"])
SITE_TEXTS = st.sampled_from(
    [
        "S1",
        "SA",
        "SV",
        "SV[0]",
        "SV[1]",
        "SA[0]",
        "C1",
        "C2",
        "C2[1]",
        "REF",
        "ALT",
        "ALT[0]",
        "ALT[1]",
        "CHROM",
    ]
)
SAMPLE_TEXTS = st.sampled_from(["FS", "FV2", "FC", "FV2[:0]", "FV2[:1]", "FS[0]", "FS[1-3]", "FV2[0,2:0]"])

constants = st.sampled_from(NUMBERS)


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """The parts one after the other, spaces between them now and then."""
    gap = st.sampled_from(["", "", " "])
    return st.tuples(*[part for pair in zip(parts, [gap] * len(parts), strict=True) for part in pair]).map(
        "".join
    )


def just(text: str) -> st.SearchStrategy[str]:
    return st.just(text)


def quoted(texts: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(texts), st.sampled_from("\"'")).map(lambda t: f"{t[1]}{t[0]}{t[1]}")


def reductions(of: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return joined(REDUCTIONS.map(lambda name: name + "("), of, just(")"))


def arithmetic(scalars: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Sums and products of single values."""
    atoms = scalars | constants | scalars.map(lambda tag: f"-{tag}") | scalars.map(lambda tag: f"ABS({tag})")
    operators = st.sampled_from(["+", "-", "*", "/"])
    return st.recursive(
        atoms,
        lambda inner: joined(inner, operators, inner) | joined(just("("), inner, just(")")),
        max_leaves=4,
    )


site_scalars = SITE_SCALARS | reductions(SITE_VECTORS | SAMPLE_SCALARS | SAMPLE_VECTORS)
site_numbers = arithmetic(site_scalars) | SITE_VECTORS
sample_numbers = (
    arithmetic(SAMPLE_SCALARS)
    | SAMPLE_SUBSETS
    | SAMPLE_VECTORS
    | joined(SAMPLE_SCALARS, just("/"), site_scalars)
)

site_tests = st.one_of(
    joined(site_numbers, ORDER, site_numbers | constants),
    joined(constants, ORDER, site_numbers),
    joined(st.sampled_from(["QUAL", "I1", "F1", "IV", "FV", "I2[0]", "FA[0]"]), EQUALITY, just('"."')),
    joined(SITE_TEXTS, EQUALITY, quoted(TEXTS)),
    joined(SITE_TEXTS, EQUALITY, SITE_TEXTS),
    joined(SITE_TEXTS, MATCH, quoted(REGEXES)),
    joined(just("ID"), EQUALITY, quoted(["rs1", "a,b", "."])),
    joined(just("ID"), MATCH, quoted(REGEXES)),
    joined(just("FILTER"), EQUALITY | MATCH, quoted(["PASS", ".", "q10", "s50;q10", "q1", "q10;q1"])),
    joined(
        just("TYPE"),
        EQUALITY | MATCH,
        quoted(["snp", "indel", "mnp", "other", "ref", "bnd", "overlap", "SNPS"]),
    ),
    joined(
        st.sampled_from(["COUNT(IV)", "COUNT(SV)", "COUNT(ALT)", "COUNT(VF)", "COUNT(AD[*:0])"]),
        ORDER,
        constants,
    ),
    joined(st.sampled_from(["STRLEN(ALT)", "STRLEN(REF)", "STRLEN(SV[0])", "STRLEN(S1)"]), ORDER, constants),
)
sample_tests = st.one_of(
    joined(sample_numbers, ORDER, constants),
    joined(constants, ORDER, sample_numbers),
    joined(SAMPLE_SCALARS, ORDER, SAMPLE_SCALARS | SAMPLE_SUBSETS),
    joined(sample_numbers, ORDER, SITE_SCALARS),
    joined(SITE_VECTORS, ORDER, SAMPLE_SCALARS | SAMPLE_SUBSETS),
    joined(st.sampled_from(["DP", "GF", "AD", "VF", "VI[:1]", "GQ[0]"]), EQUALITY, just('"."')),
    joined(SAMPLE_TEXTS, EQUALITY, quoted(TEXTS) | SITE_TEXTS),
    joined(SAMPLE_TEXTS, MATCH, quoted(REGEXES)),
    joined(just("GT"), EQUALITY, quoted(KEYWORDS + CALLS)),
    joined(st.sampled_from(["GT[0]", "GT[1-]", "GT[*]"]), EQUALITY, quoted(KEYWORDS)),
    joined(just("GT"), MATCH, quoted([*REGEXES, "^0", "1$", "|", "/", "het", "r"])),
)


def logic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Tests joined, and in parentheses."""
    operators = st.sampled_from(["&", "&&", "|", "||"])
    return joined(inner, operators, inner) | joined(just("("), inner, just(")"))


sample_conditions = st.recursive(sample_tests, lambda inner: logic(inner | site_tests), max_leaves=4)
counted = joined(
    st.sampled_from(["N_PASS(", "F_PASS(", "COUNT("]),
    joined(sample_tests, just("&"), sample_conditions),
    just(")"),
)
expressions = st.recursive(site_tests | sample_tests | joined(counted, ORDER, constants), logic, max_leaves=5)
