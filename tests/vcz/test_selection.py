"""Samples by name, by file and by index; null samples are out of reach."""

from __future__ import annotations

import numpy as np
import pytest

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
