"""BCF records in native code against the plain Python beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support import bcf_columns as make
from vczero.kernels.bcf import Calls, Field, Fixed, records, records_numpy
from vczero.strings import Strings

ROWS, SAMPLES = 24, 5


def fixed(rows: int = ROWS, **other: Any) -> Fixed:
    """Rows with all that every record has, the same in each."""
    given = {
        "contig": np.zeros(rows, np.int32),
        "position": np.arange(rows, dtype=np.int32),
        "length": np.ones(rows, np.int32),
        "quality": np.full(rows, 30, np.float32),
        "identifier": None,
        "alleles": Strings.full((rows, 1), "A"),
        "filters": None,
        "filter_keys": np.empty(0, np.int32),
        **other,
    }
    return Fixed(**given)


def agree(*fields: Field | Calls, info: tuple[Field, ...] = (), samples: int = SAMPLES, **other: Any) -> None:
    """Both ways make the same bytes."""
    rest = fixed(**other)
    native = b"".join(records(rest, info, fields, ROWS, samples))
    assert native == records_numpy(rest, info, fields, ROWS, samples)


@pytest.mark.parametrize("inner", [(), (1,), (3,), (20,)])
@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8"])
@pytest.mark.parametrize("large", [False, True])
def test_integers(inner: tuple[int, ...], dtype: str, large: bool) -> None:
    """The smallest type for each record; reserved numbers and what no type holds; cells that end early."""
    random = np.random.default_rng(1)
    agree(
        Field(3, make.integers((ROWS, SAMPLES, *inner), dtype, random, large=large)),
        Field(300, make.integers((ROWS, SAMPLES, *inner), dtype, random, large=large)[:, ::-1]),
        info=(Field(40000, make.integers((ROWS, *inner), dtype, random, large=large)),),
    )


@pytest.mark.parametrize("value", make.EDGES)
def test_edges_of_types(value: int) -> None:
    """A number at the edge of a type, alone in its record."""
    column = np.full((ROWS, SAMPLES), -1, "i8")
    column[:, 2] = value
    agree(Field(1, column), info=(Field(2, column[:, 2]),))


@pytest.mark.parametrize("inner", [(), (1,), (4,)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floats(inner: tuple[int, ...], dtype: str) -> None:
    """Missing and end of vector keep their bits; doubles are rounded."""
    random = np.random.default_rng(2)
    column = make.floats((ROWS, SAMPLES, *inner), dtype, random)
    agree(
        Field(3, column),
        Field(4, column[:, ::-1]),
        info=(Field(5, make.floats((ROWS, *inner), dtype, random)),),
    )


@pytest.mark.parametrize("inner", [(), (1,), (3,)])
def test_texts(inner: tuple[int, ...]) -> None:
    """Joined by commas, padded in FORMAT, more than fourteen bytes among them."""
    random = np.random.default_rng(3)
    agree(
        Field(3, make.texts((ROWS, SAMPLES, *inner), random)),
        info=(Field(5, make.texts((ROWS, *inner), random)),),
    )


@pytest.mark.parametrize(("dtype", "largest"), [("i1", 1), ("i1", 62), ("i1", 63), ("i2", 70), ("i4", 20000)])
@pytest.mark.parametrize(("ploidy", "samples"), [(0, 5), (1, 5), (2, 1), (2, 5), (2, 2100), (3, 5)])
def test_calls(dtype: str, largest: int, ploidy: int, samples: int) -> None:
    """Every ploidy, phased or not, side by side in memory or not."""
    random = np.random.default_rng(4)
    rows = ROWS if samples < 100 else 2
    column = make.calls((rows, samples, ploidy), dtype, random, largest)
    phased = random.random((rows, samples)) < 0.5
    wide = np.repeat(phased, 2, axis=1)[:, ::2]
    fields = [Calls(1, column), Calls(2, column, phased), Calls(3, column[:, ::-1], wide)]
    native = b"".join(records(fixed(rows), (), fields, rows, samples))
    assert native == records_numpy(fixed(rows), (), fields, rows, samples)


def test_a_row_of_few_calls_behind_a_full_block() -> None:
    """A record that goes on in another block, at every distance from the end of one."""
    rows, samples = 20, 60_000
    random = np.random.default_rng(5)
    column = random.integers(0, 2, (rows, samples, 2)).astype("i1")
    column[::3, 17, 1] = -2
    depth = random.integers(0, 300, (rows, samples)).astype("i2")
    fields = [Calls(1, column), Field(2, depth)]
    whole = b"".join(records(fixed(rows), (), fields, rows, samples))
    single = [
        b"".join(
            records(
                fixed(1, position=np.array([row])),
                (),
                [Calls(1, column[row : row + 1]), Field(2, depth[row : row + 1])],
                1,
                samples,
            )
        )
        for row in range(rows)
    ]
    assert whole == b"".join(single)


def test_cells_wider_than_a_tile() -> None:
    """Thousands of values in a cell."""
    random = np.random.default_rng(6)
    column = make.integers((ROWS, 5000), "i8", random, large=True)
    agree(info=(Field(1, column), Field(2, column.astype("i1"))))


def test_what_every_record_has() -> None:
    """IDs, alleles, filters and flags, with more than fourteen bytes, values and filters, and with none."""
    names = ["", ".", "rs1", "rs" + "1" * 200]
    identifier = Strings.from_values([names[row % 4] for row in range(ROWS)])
    alleles = [
        ["A", "", ""],
        ["", "", ""],
        ["A", ".", ""],
        ["A", "T", "."],
        ["ACGT" * 9, "<DEL>", "A" * 20],
        ["A", ".", "T"],
    ]
    filters = np.zeros((ROWS, 20), bool)
    filters[3:] = np.random.default_rng(7).random((ROWS - 3, 20)) < 0.7
    for last in (100, 200, 70_000):
        agree(
            info=(Field(9, filters[:, 0]), Field(10, filters[:, :3])),
            samples=0,
            identifier=identifier,
            alleles=Strings.from_values(np.array([alleles[row % 6] for row in range(ROWS)], object)),
            filters=filters,
            filter_keys=np.append(np.arange(19), last).astype(np.int32),
        )


def test_more_than_a_record_can_count() -> None:
    """256 FORMAT fields or 65,536 alleles are an error that names the row; 255 are not."""
    column = np.ones((2, 1), "i1")
    fields = [Field(key, column) for key in range(256)]
    fields[0] = Field(0, np.array([[-1], [1]], "i1"))
    assert len(records(fixed(2), (), fields, 1, 1)) == 1
    with pytest.raises(OverflowError) as caught:
        records(fixed(2), (), fields, 2, 1)
    assert caught.value.args[0] == 1
    with pytest.raises(OverflowError):
        records(fixed(1, alleles=Strings.full((1, 65_536), "A")), (), (), 1, 0)


@pytest.mark.parametrize(
    "field",
    [Field(1, np.zeros((2, 1), "U1")), Field(1, np.zeros((2, 1), bool)), Calls(1, np.zeros((2, 1, 2)))],
)
def test_columns_that_cannot_be_written(field: Field | Calls) -> None:
    """Dtypes that the caller has to turn into others."""
    with pytest.raises(TypeError, match="cannot write values of dtype"):
        records(fixed(2), (), [field], 2, 1)


def test_columns_that_are_too_short() -> None:
    """Native code reads what is there, and no further."""
    with pytest.raises(ValueError, match="fewer than"):
        records(fixed(1), (), [], 2, 0)
    with pytest.raises(ValueError, match="fewer than"):
        records(fixed(2), (), [Field(1, np.zeros((2, 1), "i1"))], 2, 2)
    with pytest.raises(ValueError, match="2 columns of flags for 1 filters"):
        records(fixed(2, filters=np.ones((2, 2), bool), filter_keys=np.zeros(1, np.int32)), (), [], 2, 0)


def test_a_column_that_is_not_aligned() -> None:
    """As slices of stored bytes may be."""
    raw = np.zeros(4 * ROWS + 1, np.uint8)
    column = raw[1:].view("i4")
    column[:] = np.arange(ROWS) * 1000
    assert not column.flags.aligned
    agree(info=(Field(1, column),), samples=0)
