"""`Strings`: text that behaves like an array of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.strings import Strings

WORDS = np.array([["a", "", "é→"], ["rs1", "𝄞", "."]], object)


@pytest.mark.parametrize(
    "values",
    [
        WORDS,
        WORDS.astype("T"),
        WORDS.astype("U3"),
        WORDS.astype(">U3"),
        np.char.encode(WORDS.astype("U3"), "utf-8"),
        np.array([[word.encode() for word in row] for row in WORDS], object),
        WORDS.astype("U3").T.copy().T,
    ],
    ids=lambda values: str(values.dtype),
)
def test_from_every_kind_of_array_and_back(values: np.ndarray) -> None:
    """Arrays of U, S, StringDType, str and bytes, C order or not, give the same text in the same places."""
    text = Strings.from_values(values)
    assert text.shape == (2, 3)
    assert (len(text), text.size) == (2, 6)
    assert text.nbytes == text.data.nbytes + text.offsets.nbytes
    assert text.to_numpy().dtype == np.dtypes.StringDType()
    assert text.to_numpy().tolist() == WORDS.tolist()
    assert text.to_objects().tolist() == WORDS.tolist()
    assert text.to_bytes().tolist() == [[word.encode() for word in row] for row in WORDS]
    assert text.lengths.tolist() == [[len(word.encode()) for word in row] for row in WORDS]
    assert Strings.of(text) is text
    assert Strings.of(values).to_objects().tolist() == WORDS.tolist()


def test_from_sequences_and_missing_values() -> None:
    """A sequence of str and bytes is one axis; None is the empty string."""
    assert Strings.from_values(["é", b"x", ""]).to_objects().tolist() == ["é", "x", ""]
    assert Strings.from_values(np.array(["a", None], object)).to_objects().tolist() == ["a", ""]
    assert Strings.from_values([]).shape == (0,)
    assert Strings.from_values([]).to_numpy().shape == (0,)


@pytest.mark.parametrize("values", [[1], np.array([1.5]), np.array([1], object)], ids=repr)
def test_what_is_not_text(values: Any) -> None:
    """Numbers are no text: they are not printed by accident."""
    with pytest.raises(TypeError):
        Strings.from_values(values)


def test_text_that_utf8_cannot_hold() -> None:
    """An unpaired surrogate is a ValueError."""
    for values in (["\ud800"], np.array(["\ud800"], "U1")):
        with pytest.raises(ValueError, match=r"surrogates|Unicode"):
            Strings.from_values(values)


SHAPES = st.sampled_from([(5,), (4, 3), (3, 2, 2), (0,), (0, 3), (3, 0), (1, 1)])


def numbered(shape: tuple[int, ...]) -> tuple[Strings, np.ndarray]:
    values = np.array([f"v{i}" * (i % 4) for i in range(int(np.prod(shape)))], object).reshape(shape)
    return Strings.from_values(values), values


@settings(max_examples=100, deadline=None)
@given(
    shape=SHAPES,
    start=st.integers(-6, 6),
    stop=st.none() | st.integers(-6, 6),
    step=st.sampled_from([1, 2, -1]),
)
def test_slices_are_those_of_numpy(shape: tuple[int, ...], start: int, stop: int | None, step: int) -> None:
    """Any slice of axis 0, in any number of dimensions, and a slice of the slice."""
    text, values = numbered(shape)
    rows = slice(start, stop, step)
    assert text[rows].shape == values[rows].shape
    assert text[rows].to_objects().tolist() == values[rows].tolist()
    assert text[rows][1:].to_objects().tolist() == values[rows][1:].tolist()


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, data=st.data())
def test_take_is_that_of_numpy(shape: tuple[int, ...], data: st.DataObject) -> None:
    """Rows by number and by mask, also of a slice whose offsets do not begin at 0."""
    text, values = numbered(shape)
    if shape[0] > 1:
        text, values = text[1:], values[1:]
    numbers = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=6)) if len(values) else []
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), bool)
    for rows in (np.array(numbers, np.int64), np.array(numbers, np.int32), mask):
        assert text.take(rows).shape == values[rows].shape
        assert text.take(rows).to_objects().tolist() == values[rows].tolist()


def test_rows_outside_are_refused() -> None:
    """Never a read beyond the offsets."""
    for shape in ((3,), (3, 2)):
        text, _ = numbered(shape)
        for rows in (np.array([3]), np.array([-1]), np.ones(4, bool)):
            with pytest.raises(IndexError):
                text.take(rows)


def test_concatenate() -> None:
    """Parts, some of them slices and some empty, one after the other; a single part is itself."""
    text, values = numbered((4, 3))
    joined = Strings.concatenate([text[2:], text[:0], text[:1], text])
    assert joined.to_objects().tolist() == np.concatenate([values[2:], values[:1], values]).tolist()
    assert Strings.concatenate([text]) is text
    with pytest.raises(ValueError, match="fit"):
        Strings.concatenate([text, numbered((4,))[0]])


def test_full_and_reshape() -> None:
    """One value everywhere, and the same values under another shape."""
    assert Strings.full((2, 2), "é").to_objects().tolist() == [["é", "é"], ["é", "é"]]
    assert Strings.full((2,), b"").to_bytes().tolist() == [b"", b""]
    assert Strings.full((0, 3), "x").shape == (0, 3)
    assert Strings.full((), "x").to_numpy().tolist() == "x"
    text, values = numbered((4, 3))
    assert text.reshape((12,)).to_objects().tolist() == values.reshape(-1).tolist()
    with pytest.raises(ValueError, match="fit"):
        text.reshape((5,))


def test_bytes_that_are_not_text_stay_bytes() -> None:
    """`vlen-bytes` values come out as bytes, and refuse to be text."""
    for values in ([b"\xff", b"a\0"], [b"\xff"], [b"a" * 20, b"\xff"]):
        text = Strings.from_values(values)
        assert text.to_bytes().tolist() == values
        for convert in (text.to_numpy, text.to_objects):
            with pytest.raises(ValueError, match="utf-8"):
                convert()


@pytest.mark.parametrize("values", [["a", "", "é"], ["x" * 15], ["x" * 16, "b"], ["a\0", "\0"], ["", ""], []])
def test_short_text_and_long_text_become_the_same_arrays(values: list[str]) -> None:
    """Values are made in several ways; the array owns them, and can be written to."""
    array = Strings.from_values(values).to_numpy()
    assert array.dtype == np.dtypes.StringDType()
    assert array.tolist() == values
    array[:1] = "new"
    assert array.tolist()[1:] == values[1:]
