"""Lines of text: the native loop against its twin in Python, and the twin against what the formats say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vczero._native import blocks
from vczero.kernels import pieces, text
from vczero.strings import Strings

MISSING_F4 = np.array([0x7F800001], "u4").view("f4")[0]
FILL_F4 = np.array([0x7F800002], "u4").view("f4")[0]
MISSING_F8 = np.array([0x7FF0000000000001], "u8").view("f8")[0]
FILL_F8 = np.array([0x7FF0000000000002], "u8").view("f8")[0]


def strings(values: object) -> Strings:
    """`Strings` with these values."""
    array = np.asarray(values, dtype=object)
    encoded = [value if isinstance(value, bytes) else str(value).encode() for value in array.ravel()]
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in encoded], dtype=np.int64)])
    return Strings(np.frombuffer(b"".join(encoded), np.uint8), offsets.astype(np.int64), array.shape)


def both(parts: list[pieces.Piece], rows: int, samples: int = 0) -> bytes:
    """What both implementations write; they must agree."""
    native = b"".join(text.lines(parts, rows, samples))
    assert native == text.lines_numpy(parts, rows, samples)
    return native


def cells(column: np.ndarray | Strings, **options: object) -> list[str]:
    """The text of each row's cell."""
    return (
        both([pieces.Values(column, **options), pieces.Literal(b"\n")], column.shape[0]).decode().splitlines()
    )


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
def test_integers(dtype: str) -> None:
    """Every width, both ends of its range, missing and fill."""
    info = np.iinfo(dtype)
    values = [0, 1, 9, 10, 99, 100, info.max, info.min, -3, -1, -2]
    expected = [str(v) for v in values[:-2]] + [".", "."]
    assert cells(np.array(values, dtype)) == expected


def test_vectors_end_at_fill() -> None:
    """Fill is cut off, missing values stay, but a row's cell without any value is one "."."""
    column = np.array([[1, 2, 3], [1, -2, -2], [-1, -1, -2], [-2, -2, -2], [-1, 5, -1], [1, -2, 3]], "i2")
    assert cells(column) == ["1,2,3", "1", ".", ".", ".,5,.", "1"]
    assert cells(strings([["a", "b"], [".", ""], ["", ""], [".", "x"]])) == ["a,b", ".", ".", ".,x"]
    assert cells(np.array([["a", "é"], ["b", ""], ["", ""]], "U1")) == ["a,é", "b", "."]
    assert cells(np.array([[b"ab", b"c"], [b"", b""]], "S2")) == ["ab,c", "."]


@pytest.mark.parametrize(
    ("dtype", "missing", "fill"), [("f4", MISSING_F4, FILL_F4), ("f8", MISSING_F8, FILL_F8)]
)
def test_missing_floats_are_told_from_nan_by_their_bits(dtype: str, missing: float, fill: float) -> None:
    """Any NaN but the two patterns of the specification is data."""
    column = np.array([[0, np.nan], [0, 0], [1.5, 0], [-np.inf, np.inf]], dtype)
    column[1, :] = missing, 2
    column[2, 1] = fill
    assert cells(column) == ["0,nan", ".,2", "1.5", "-inf,inf"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e-4, "0.0001"), (9.9999e-5, "9.9999e-05"), (1e10, "1e+10"), (0.1, "0.1"), (-0.0, "-0"),
        (1e6, "1e+06"), (999999, "999999"), (999999.5, "1e+06"), (1000.125, "1000.13"), (9.999999, "10"),
        (940170.5, "940171"),
        (29.0, "29"), (3.4028235e38, "3.40282e+38"), (1e-45, "1.4013e-45"), (0.00099999995, "0.001"),
        (-28.468912, "-28.4689"), (123456.0, "123456"), (100.0, "100"),
    ],
)  # fmt: skip
def test_floats_as_bcftools_writes_them(value: float, expected: str) -> None:
    """Six significant digits of the float32; the answers are bcftools 1.16's."""
    assert cells(np.array([value], "f4")) == [expected]


def test_a_part_of_a_cell() -> None:
    """`start` and `stop` choose values: REF is the first allele, ALT the others, a subscript one."""
    alleles = strings([["A", "C", "G"], ["T", "", ""], ["AC", "<DEL>", ""]])
    assert cells(alleles, stop=1) == ["A", "T", "AC"]
    assert cells(alleles, start=1) == ["C,G", ".", "<DEL>"]
    assert cells(alleles, start=2, stop=3) == ["G", ".", "."]
    assert cells(np.array([[1, 2], [3, -2]], "i1"), start=1, stop=2) == ["2", "."]
    assert cells(np.array([[1, 2], [3, -2]], "i1"), start=5, stop=6) == [".", "."]


def test_a_lone_value_stands_for_any_subscript() -> None:
    """bcftools query 1.16 prints a number that is alone in its INFO cell, whatever the subscript."""
    numbers = np.array([[7, -2], [7, 8], [-1, -2], [-1, -1]], "i4")
    assert cells(numbers, start=1, stop=2, lone=True) == ["7", "8", ".", "."]
    assert cells(numbers, start=4, stop=5, lone=True) == ["7", ".", ".", "."]
    assert cells(np.array([1.5, np.nan], "f8"), start=3, stop=4, lone=True) == ["1.5", "nan"]
    assert cells(np.array([[1.5, FILL_F4], [1, 2]], "f4"), start=1, stop=2, lone=True) == ["1.5", "2"]
    assert cells(strings([["ab", ""]]), start=1, stop=2, lone=True) == ["."]


def test_samples_show_a_key_that_the_row_lacks_as_one_point() -> None:
    """A row without any value of a key lacks it; in a row that has it, a sample's missing values all show."""
    column = np.array([[[-1, -1], [-1, -1]], [[-1, -1], [3, -1]]], "i2")
    piece = pieces.Samples((pieces.Values(column, samples=True), pieces.Literal(b" ")))
    assert both([piece], 2, 2) == b". . .,. 3,. "


def test_names_and_lookups() -> None:
    """Contigs by number and filters by flag; a number without a name is "."."""
    names = strings(["PASS", "q10", "s50"])
    flags = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1]], bool)
    parts = [
        pieces.Lookup(np.array([2, 0, -1], "i1"), names),
        pieces.Literal(b" "),
        pieces.Names(flags, names),
    ]
    assert both([*parts, pieces.Literal(b"\n")], 3) == b"s50 PASS\nPASS .\n. q10;s50\n"
    assert both([pieces.Lookup(np.array([3], "i4"), names)], 1) == b"."


def test_info_leaves_out_what_has_no_value() -> None:
    """A key stands in a line if one of its values is there; a flag stands alone."""
    info = pieces.Info(
        (
            pieces.Values(np.array([3, -1, -1, 4], "i1"), b"DP"),
            pieces.Values(np.array([[-1, 2], [-1, -2], [-2, -2], [1, -2]], "i1"), b"AC"),
            pieces.Values(np.array([1, 0, 0, 1], bool), b"DB"),
            pieces.Values(strings(["x", ".", "", "y"]), b"AA"),
            pieces.Values(np.array(["q", ".", "", "."], "U1"), b"CH"),
        )
    )
    expected = "DP=3;AC=.,2;DB;AA=x;CH=q\n.\n.\nDP=4;AC=1;DB;AA=y\n"
    assert both([info, pieces.Literal(b"\n")], 4).decode() == expected


def test_format_keeps_gt_and_leaves_out_keys_without_values() -> None:
    """GT stays even if all its calls are missing; other keys need one sample with a value."""
    calls = np.full((2, 2, 2), -1, "i1")
    depth = np.array([[-1, 7], [-1, -2]], "i2")
    entries = (pieces.Genotypes(calls), pieces.Values(depth, b"DP", samples=True))
    assert (
        both([pieces.Format(entries), pieces.Literal(b"\n")], 2, 2) == b"GT:DP\t./.:.\t./.:7\nGT\t./.\t./.\n"
    )
    assert both([pieces.Format(entries[1:]), pieces.Literal(b"\n")], 2, 2) == b"DP\t.\t7\n.\t.\t.\n"


def test_cells_of_every_kind_side_by_side() -> None:
    """Numbers in the table of short ones and beyond it, and cells that other loops write."""
    rng = np.random.default_rng(4)
    shape = (4, 3000, 3)
    entries = [pieces.Genotypes(rng.integers(-2, 12, (*shape[:2], 2)).astype("i1"))]
    for dtype in ("i1", "i2", "i4", "i8"):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        edges = [low, -3, -2, -1, 0, 9, 10, 99, 100, 999, 1000, 9999, 10000, high]
        choice = rng.choice(np.array([edge for edge in edges if low <= edge <= high], dtype), shape)
        entries.append(pieces.Values(choice, dtype.encode(), samples=True))
    entries.append(pieces.Values(rng.random(shape[:2]).astype("f4"), b"F", samples=True))
    entries.append(pieces.Values(strings([".", "", "word"] * 4000).reshape(shape[:2]), b"S", samples=True))
    entries.append(pieces.Values(rng.choice(np.array(["", "x", "yz"]), shape[:2]), b"U", samples=True))
    both([pieces.Format(tuple(entries)), pieces.Literal(b"\n")], *shape[:2])
    both([pieces.Format((*entries[1:3], entries[5]))], 1, 50)


@pytest.mark.parametrize("ploidy", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", ["i1", "i2", "i4"])
@pytest.mark.parametrize("has_phase", [True, False])
def test_calls_of_any_ploidy(ploidy: int, dtype: str, has_phase: bool) -> None:
    """Missing, fill, one, two and three digits, phased and not, in rows longer and shorter than a vector."""
    rng = np.random.default_rng(ploidy)
    for samples in (0, 1, 15, 16, 50):
        for values in ([0, 1], [0, 1, -1, 9], [0, 10, 127, -1, -2]):
            calls = rng.choice(np.array(values, dtype), (6, samples, ploidy))
            phased = rng.random((6, samples)) < 0.5 if has_phase else None
            both([pieces.Format((pieces.Genotypes(calls, phased),)), pieces.Literal(b"\n")], 6, samples)
            both([pieces.Samples((pieces.Literal(b" "), pieces.Genotypes(calls, phased)))], 6, samples)
            both([pieces.Samples((pieces.Genotypes(calls, phased), pieces.Literal(b"; ")))], 6, samples)


def test_the_text_of_calls() -> None:
    """What the calls mean: a haploid call has one allele, a haploid missing call is (-1, -2)."""
    calls = np.array([[[0, 1], [1, 0], [-1, -2], [-1, -1], [0, -2], [-1, 1], [-2, -2], [12, 127]]], "i1")
    phased = np.array([[0, 1, 1, 0, 1, 1, 0, 1]], bool)
    line = both([pieces.Samples((pieces.Literal(b" "), pieces.Genotypes(calls, phased)))], 1, 8)
    assert line == b" 0/1 1|0 . ./. 0 .|1 . 12|127"


@pytest.mark.parametrize("ploidy", [1, 2, 3])
@pytest.mark.parametrize("iupac", [True, False])
def test_calls_as_bases(ploidy: int, iupac: bool) -> None:
    """Alleles' text for their numbers, and codes for two bases; numbers that no allele has are missing."""
    rng = np.random.default_rng(ploidy)
    alleles = strings(rng.choice(["A", "c", "G", "T", "AT", "<DEL>", "*", "N", ""], (40, 4)))
    calls = rng.integers(-2, 5, (40, 12, ploidy), dtype="i1")
    piece = pieces.Genotypes(calls, rng.random((40, 12)) < 0.5, alleles=alleles, iupac=iupac)
    both([pieces.Samples((piece, pieces.Literal(b" "))), pieces.Literal(b"\n")], 40, 12)


def test_every_diploid_call_of_one_byte() -> None:
    """The table of calls holds all 65,536 pairs, phased and not."""
    alleles = np.arange(-128, 128).astype("i1")
    calls = np.stack(np.meshgrid(alleles, alleles, indexing="ij"), axis=-1)
    for phased in (None, np.ones(calls.shape[:2], bool)):
        both([pieces.Format((pieces.Genotypes(calls, phased),))], 256, 256)


def test_strided_columns() -> None:
    """Columns need not be contiguous: selections of rows and samples are written as they are."""
    rng = np.random.default_rng(0)
    calls = rng.integers(-1, 3, (40, 100, 2), dtype="i1")[::2, ::3]
    phased = (rng.random((40, 100)) < 0.5)[::2, ::3]
    depth = rng.integers(-2, 99, (40, 100), dtype="i4")[::2, ::3]
    entries = (pieces.Genotypes(calls, phased), pieces.Values(depth, b"DP", samples=True))
    both([pieces.Format(entries)], *calls.shape[:2])
    both([pieces.Format(entries[:1])], *calls.shape[:2])
    both([pieces.Format((pieces.Genotypes(calls[:, :, ::-1], phased),))], *calls.shape[:2])


def test_samples_with_a_mask_and_row_columns_inside() -> None:
    """Row columns and sample names may stand inside the brackets; a mask leaves samples out."""
    parts = (
        pieces.Values(strings(["ann", "bob", "eve"]), rows=False, samples=True),
        pieces.Literal(b":"),
        pieces.Values(np.array([5, 6], "i4")),
        pieces.Literal(b" "),
    )
    mask = np.array([[1, 0, 1], [0, 0, 0]], bool)
    assert both([pieces.Samples(parts, mask), pieces.Literal(b"\n")], 2, 3) == b"ann:5 eve:5 \n\n"
    assert both([pieces.Samples(parts)], 2, 3) == b"ann:5 bob:5 eve:5 ann:6 bob:6 eve:6 "


def test_nothing_makes_nothing() -> None:
    """No rows, no samples, no pieces."""
    assert both([pieces.Literal(b"x")], 0) == b""
    assert both([], 5) == b""
    assert both([pieces.Samples((pieces.Literal(b"x"),)), pieces.Literal(b"\n")], 2, 0) == b"\n\n"


def test_output_larger_than_a_block() -> None:
    """A value that no pooled block holds gets one of its own; text runs on over the blocks' ends."""
    long = strings(["x" * 3_000_000, "y", "z" * 1_500_000])
    blocks_made = text.lines([pieces.Values(long), pieces.Literal(b"\n")], 3)
    assert len(blocks_made) > 1
    assert all(isinstance(block, blocks.Block) and len(block) == len(bytes(block)) for block in blocks_made)
    both([pieces.Values(long), pieces.Literal(b"\n")], 3)
    many = np.arange(400_000, dtype="i4")
    assert b"".join(text.lines([pieces.Values(many), pieces.Literal(b"\n")], len(many))).split() == [
        b"%d" % k for k in range(400_000)
    ]


def test_blocks_are_used_again_without_mixing() -> None:
    """A block in use keeps its bytes while others are made; the pool can be emptied at any time."""
    first = text.lines([pieces.Values(np.arange(1000, dtype="i4"))], 1000)
    before = b"".join(first)
    for _ in range(5):
        text.lines([pieces.Values(np.arange(1000, 2000, dtype="i4"))], 1000)
        blocks.empty_pool()
    assert b"".join(first) == before
    with pytest.raises(TypeError):
        memoryview(first[0])[0] = 0


@pytest.mark.parametrize(
    "piece",
    [
        pieces.Values(np.zeros(3, "i4")),
        pieces.Values(np.zeros((5, 2), "i4"), samples=True),
        pieces.Genotypes(np.zeros((5, 3, 2), "i1"), np.zeros((5, 2), bool)),
        pieces.Values(np.zeros((5, 2, 2), "i4")),
        pieces.Names(np.zeros((5, 2), bool), strings(["one"])),
    ],
)
def test_columns_smaller_than_the_loop_are_refused(piece: pieces.Piece) -> None:
    """The native loop is never handed extents that its arrays do not have."""
    with pytest.raises(ValueError, match=r"shape|names"):
        text.lines([piece], 5, 3)


@pytest.mark.parametrize("dtype", [">i4", "c8", "u4", "f2", "M8[s]", ">U2", "O"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    """What the loop cannot read, it does not touch."""
    if np.dtype(dtype).isnative and dtype.startswith(">"):
        pytest.skip("this machine is big-endian")
    with pytest.raises(TypeError, match="dtype"):
        text.lines([pieces.Values(np.zeros(2, dtype))], 2)


columns = st.one_of(
    hnp.arrays(st.sampled_from(["i1", "i2", "i4", "i8"]), (4, 3, 2), elements=st.integers(-3, 120)),
    hnp.arrays("f4", (4, 3, 2), elements=st.floats(width=32)),
    hnp.arrays("f4", (4, 3, 2), elements=st.floats(2.0**-17, 2.0**24, width=32)),
    hnp.arrays("U3", (4, 3, 2)),
    hnp.arrays("S2", (4, 3, 2)),
    st.lists(st.sampled_from(["", ".", "a", "xyz", "é", "long text"]), min_size=24, max_size=24).map(
        lambda values: strings(np.array(values, dtype=object).reshape(4, 3, 2))
    ),
)


@settings(max_examples=150, deadline=None)
@given(column=columns, start=st.integers(0, 2))
def test_any_column_is_written_alike(column: np.ndarray | Strings, start: int) -> None:
    """FORMAT, INFO and plain cells of any values: native and Python agree."""
    entry = pieces.Values(column, b"K", samples=True, start=start)
    both(
        [pieces.Format((entry,)), pieces.Literal(b"\n"), pieces.Samples((entry, pieces.Literal(b" ")))], 4, 3
    )
    if isinstance(column, np.ndarray):
        flat = pieces.Values(column[:, 0], b"I", start=start)
        both([pieces.Info((flat, flat)), pieces.Literal(b"\n"), flat], 4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2000), st.integers(1, 4), st.integers(1, 3000), st.data())
def test_parts_of_rows_are_joined_in_blocks(rows, count, width, data):
    """Strided parts side by side, the last cut short, however many blocks they fill."""
    rows = min(rows, 4_000_000 // (count * width))
    row_bytes = data.draw(st.integers((count - 1) * width + 1, count * width))
    memory = np.random.default_rng(rows).integers(0, 256, (rows, count, width + 4), np.uint8)
    blocks = text.join_rows(memory[:, :, :width], row_bytes)
    joined = b"".join(map(bytes, blocks))
    assert joined == text.join_rows_numpy(memory[:, :, :width], row_bytes)
    assert joined == memory[:, :, :width].reshape(rows, count * width)[:, :row_bytes].tobytes()
    assert blocks.nbytes == len(joined)


@pytest.mark.parametrize("row_bytes", [-1, 0, 8, 17])
def test_rows_that_are_not_of_the_parts_are_refused(row_bytes):
    """Longer than all parts, or without the last of them; or parts that do not lie together."""
    parts = np.zeros((3, 2, 8), np.uint8)
    with pytest.raises(ValueError, match="parts"):
        text.join_rows(parts, row_bytes)
    with pytest.raises(ValueError, match="side by side"):
        text.join_rows(np.zeros((3, 2, 16), np.uint8)[:, :, ::2], 16)
