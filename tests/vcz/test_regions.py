"""Regions and targets: what is understood, what is refused, and the test of records against a naive one."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.errors import SelectionError
from vczero.vcz.regions import MAX_POSITION, Intervals, parse_regions, read_regions


def rows(regions):
    names = [regions.contigs[i] for i in regions.contig]
    return list(zip(names, regions.start.tolist(), regions.end.tolist(), strict=True))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", [("1", 1, MAX_POSITION)]),
        ("1:100", [("1", 100, 100)]),
        ("1:100-", [("1", 100, MAX_POSITION)]),
        ("1:100-200,2,1:5", [("1", 100, 200), ("2", 1, MAX_POSITION), ("1", 5, 5)]),
        (",1,", [("1", 1, MAX_POSITION)]),
        ("1:1e2-.2k", [("1", 100, 200)]),
        ("1:1.5M", [("1", 1_500_000, 1_500_000)]),
        ("1: 100", [("1", 100, 100)]),
        ("1:0-9", [("1", 0, 9)]),
        ("1:9-5", [("1", 9, 5)]),
        ("HLA:1:5-6", [("HLA:1", 5, 6)]),
        ("{HLA:1,x}:5-6,2", [("HLA:1,x", 5, 6), ("2", 1, MAX_POSITION)]),
        ("{HLA:1}", [("HLA:1", 1, MAX_POSITION)]),
        (["1:100", ("2", None, 7)], [("1", 100, 100), ("2", 1, 7)]),
        ([("2", 3, None)], [("2", 3, MAX_POSITION)]),
        ([], []),
        ("1:99999999999999999999", [("1", MAX_POSITION, MAX_POSITION)]),
    ],
)
def test_regions_as_bcftools_takes_them(value, expected):
    assert rows(parse_regions(value)) == expected


def test_a_contig_whose_whole_name_is_known_needs_no_braces():
    assert rows(parse_regions("HLA-A*01:01", contigs=["HLA-A*01:01"])) == [("HLA-A*01:01", 1, MAX_POSITION)]
    assert rows(parse_regions("HLA-A*01:01")) == [("HLA-A*01", 1, 1)]


def test_a_caret_is_the_complement():
    assert parse_regions("^1:5").complement
    assert not parse_regions("1:5").complement


@pytest.mark.parametrize(
    "text", ["", "1:", "1:x", "1:-200", "1:100-x", "1:1-2:3", ":5", "{1", "{1}5", "{}:1", "1:1e"]
)
def test_malformed_regions_are_refused_by_name(text):
    with pytest.raises(SelectionError, match="targets: "):
        parse_regions(text, what="targets")


@pytest.mark.parametrize("item", [("1",), (1, 2, 3), ("1", "x", 2), 5])
def test_malformed_items_are_refused(item):
    with pytest.raises(SelectionError, match="regions: "):
        parse_regions([item])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("r.txt", "#x\n1\t100\t200\textra\n\n2\t5\t6", [("1", 100, 200), ("2", 5, 6)]),
        ("r.txt", "1\t100\r\n2\t5\t6\r\n", [("1", 100, 100), ("2", 5, 5)]),
        ("r.bed", "1\t99\t200\n", [("1", 100, 200)]),
        ("r.BED.gz", "1\t99\t200\n", [("1", 100, 200)]),
        ("r.vcf", "##x\n#CHROM\tPOS\n1\t7\trs1\tA\n1\t8\t9\tA\n", [("1", 7, 7), ("1", 8, 8)]),
        ("r.txt", "1\t1e2\t2e2\n", [("1", 100, 200)]),
    ],
)
def test_files_as_bcftools_takes_them(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    assert rows(parse_regions(path)) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.txt", b"1 100 200\n", "line 1"),
        ("r.txt", b"1\t5\t6\n1\tx\t100\n", "line 2"),
        ("r.txt", b"#only\n", "no region"),
        ("r.txt", b"", "no region"),
        ("r.bed", b"1\t5\n", "three columns"),
        ("r.txt", b"\xff\xfe\x00", "not text"),
        ("r.txt", b"\x1f\x8bnot gzip", "cannot read"),
        ("r.txt", gzip.compress(b"1\t5\t6\n" * 999, mtime=0)[:-9], "cannot read"),
    ],
)
def test_malformed_files_are_refused_with_file_and_line(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text)
    with pytest.raises(SelectionError, match=message) as caught:
        read_regions(path)
    assert str(path) in str(caught.value)
    with pytest.raises(SelectionError, match="absent"):
        read_regions(tmp_path / "absent")


spans = st.tuples(st.sampled_from("abcd"), st.integers(0, 30), st.integers(0, 40))


@given(st.lists(spans), st.lists(spans), st.booleans())
@settings(max_examples=150, deadline=None)
def test_selection_is_that_of_a_naive_loop(regions, records, complement):
    # The store lacks contig d; records may have an end before their start, which lies between two bases.
    intervals = Intervals.resolve(parse_regions(regions, complement=complement), ["a", "c", "b"])
    records = [r for r in records if r[0] != "d" and r[2] >= r[1] - 1]
    number = np.array(["acb".index(r[0]) for r in records], np.int8)
    first, last = (np.array([r[i] for r in records], np.int32) for i in (1, 2))
    merged = naive_merge(regions)
    expected = [
        any(c == r[0] and s <= r[2] and e >= r[1] for c, s, e in merged) != complement for r in records
    ]
    assert intervals.select(number, first, last).tolist() == expected


def naive_merge(regions):
    """Overlapping regions are one: a record between two bases is met where the union holds both."""
    merged = []
    for contig, start, end in sorted(r for r in regions if r[2] >= r[1]):
        if merged and merged[-1][0] == contig and start <= merged[-1][2]:
            merged[-1][2] = max(merged[-1][2], end)
        else:
            merged.append([contig, start, end])
    return merged


def test_contigs_keep_the_order_in_which_the_regions_name_them():
    regions = parse_regions("c:5,nowhere,a,c:9-3,b:9-3,c")
    assert Intervals.resolve(regions, ["a", "b", "c"]).contig_order == (2, 0)
