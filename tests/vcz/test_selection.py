"""Samples by name, by file and by index; null samples are out of reach."""

from __future__ import annotations

import numpy as np
import pytest

import vczero
from support.stores import ScriptedStore
from support.vcz_builder import build_vcz, example_columns
from vczero.errors import SelectionError
from vczero.vcz.selection import check_indexes, real_samples, select_samples

IDS = ("a", "b", "", "c", "d")


@pytest.mark.parametrize(
    ("wanted", "options", "expected"),
    [
        (["c", "a"], {}, [3, 0]),
        ("c,a", {}, [3, 0]),
        ("^c,a", {}, [1, 4]),
        (["c", "c"], {"complement": True}, [0, 1, 4]),
        ("^c", {"complement": True}, [3]),
        ([], {}, []),
        ([], {"complement": True}, [0, 1, 3, 4]),
        (["zz", "b"], {"ignore_unknown": True}, [1]),
    ],
)
def test_names_become_indexes_in_the_order_asked(wanted, options, expected):
    assert select_samples(wanted, IDS, **options).tolist() == expected


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["zz"], "no sample zz"),
        (["b", "b"], "b is named twice"),
        ("", "empty"),
        ([""], "empty"),
        ([3], "3 is not a name"),
        ("aa", r"did you mean a\?"),
    ],
)
def test_names_that_cannot_be_selected_are_named(wanted, message):
    with pytest.raises(SelectionError, match=message):
        select_samples(wanted, IDS)


def test_a_file_has_one_name_a_line(tmp_path):
    path = tmp_path / "samples.txt"
    path.write_bytes(b"d\r\n\nb\n")
    assert select_samples(path, IDS).tolist() == [4, 1]
    with pytest.raises(SelectionError, match=r"nothing\.txt"):
        select_samples(tmp_path / "nothing.txt", IDS)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SelectionError, match="not text"):
        select_samples(path, IDS)


def test_indexes_are_copied_and_checked():
    given = np.array([4, 0], np.int32)
    checked = check_indexes(given, real_samples(IDS), len(IDS))
    given[0] = 1
    assert checked.tolist() == [4, 0]
    assert check_indexes([], real_samples(IDS), len(IDS)).tolist() == []
    refused = [([5], "5 is not in 0..4"), ([-1], "-1"), ([2], "null"), ([1, 1], "twice"), ([0.5], "integers")]
    for wrong, message in refused:
        with pytest.raises(SelectionError, match=message):
            check_indexes(wrong, real_samples(IDS), len(IDS))
    assert real_samples(IDS).tolist() == [0, 1, 3, 4]


def test_what_selects_variants_turned_into_their_numbers(tmp_path):
    """What follows is the same, but in the store's order, and reads no chunk without any of them."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(60, 4), chunks={"variants": 6})
    scripted = ScriptedStore.of_directory(path)
    with vczero.open(scripted, regions="chr3,chr1", variant_filter="QUAL>80", semantics="query") as reader:
        found = reader.to_arrays(["variant_index"])["variant_index"]
        assert (np.diff(found) < 0).any()
        reader.materialise_variant_filter()
        assert (reader.selection.regions, reader.selection.predicate) == (None, None)
        scripted.clear_log()
        assert reader.to_arrays(["variant_index", "variant_DP"])["variant_index"].tolist() == sorted(found)
        read = {int(key.rpartition("/")[2]) for key in scripted.keys if key.split("/")[-1].isdigit()}
        assert read == set((found // 6).tolist()) < set(range(10))
        reader.materialise_variant_filter()
        assert reader.variant_counts_per_chunk().sum() == len(found)


def test_a_filter_of_samples_is_no_list_of_variants(tmp_path):
    """It is refused, and stays in force."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(20, 4))
    with vczero.open(path, variant_filter="FMT/DP>10", semantics="query") as reader:
        with pytest.raises(SelectionError, match="by sample"):
            reader.materialise_variant_filter()
        assert reader.selection.predicate is not None
