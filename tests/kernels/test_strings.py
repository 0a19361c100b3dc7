"""Kernels for text: each native function equals its NumPy twin, Python's own codecs, and numcodecs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vczero.kernels import strings as kernels
from vczero.kernels.checksums import crc32c, crc32c_numpy

TEXTS = st.lists(st.text(max_size=12), max_size=20)
ASCII = st.lists(st.text(st.characters(max_codepoint=127), max_size=4).map(str.encode), max_size=20)
RAW = st.lists(st.binary(max_size=12), max_size=20)


def pair(values: list[bytes]) -> kernels.Pair:
    offsets = np.cumsum([0, *map(len, values)]).astype(np.int64)
    return np.frombuffer(b"".join(values), np.uint8), offsets


def encoded(values: list[bytes]) -> bytes:
    return bytes(numcodecs.VLenBytes().encode(np.array([*values, None], object)[:-1]))


def outcome(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What comes out, as plain values, or the error as text."""
    try:
        result = function(*args, **kwargs)
    except (ValueError, IndexError) as error:
        return f"{type(error).__name__}: {error}"
    if isinstance(result, tuple):
        assert (result[0].dtype, result[1].dtype) == (np.uint8, np.int64)
        return [array.tolist() for array in result]
    return result


@settings(max_examples=100, deadline=None)
@given(values=RAW, rows=st.tuples(st.integers(0, 20), st.integers(0, 20)), utf8=st.booleans())
def test_decode_vlen_equals_its_twin_and_numcodecs(
    values: list[bytes], rows: tuple[int, int], utf8: bool
) -> None:
    """Any run of values of what numcodecs wrote: the same from kernel, twin and the values."""
    first, last = sorted(min(row, len(values)) for row in rows)
    buffer = encoded(values)
    args = (buffer, len(values), first, last)
    result = outcome(kernels.decode_vlen, *args, utf8=utf8)
    assert result == outcome(kernels.decode_vlen_numpy, *args, utf8=utf8)
    if not utf8:
        data, offsets = kernels.decode_vlen(*args, utf8=False)
        assert kernels.to_bytes_list(data, offsets) == values[first:last]


@settings(max_examples=150, deadline=None)
@given(
    values=RAW,
    cut=st.integers(0, 200),
    flips=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
)
def test_decode_vlen_of_damaged_buffers(values: list[bytes], cut: int, flips: list[tuple[int, int]]) -> None:
    """Cut, extended and changed buffers: kernel and twin agree on the values or on the reason."""
    buffer = bytearray(encoded(values))
    for position, byte in flips:
        buffer[position % len(buffer)] = byte
    damaged = bytes(buffer)[: cut or None] if cut < 100 else bytes(buffer) + bytes(cut - 100)
    for count in (len(values), min(int.from_bytes(damaged[:4], "little"), 50)):
        args = (damaged, count, 0, count)
        assert outcome(kernels.decode_vlen, *args, utf8=True) == outcome(
            kernels.decode_vlen_numpy, *args, utf8=True
        )


@settings(max_examples=200, deadline=None)
@given(
    value=st.lists(
        st.sampled_from(
            [
                0,
                0x41,
                0x7F,
                0x80,
                0x9F,
                0xA0,
                0xBF,
                0xC1,
                0xC2,
                0xDF,
                0xE0,
                0xED,
                0xEF,
                0xF0,
                0xF4,
                0xF5,
                0x8F,
                0x90,
                0xFF,
            ]
        ),
        max_size=9,
    )
)
def test_utf8_is_what_python_says(value: list[int]) -> None:
    """Boundaries of every class of lead and continuation bytes are judged as by Python's strict decoder."""
    raw = bytes(value)
    try:
        raw.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    for check in (kernels.check_utf8, kernels.check_utf8_numpy):
        if valid:
            check(*pair([b"a", raw]))
        else:
            with pytest.raises(ValueError, match="value 1 "):
                check(*pair([b"a", raw]))


def test_every_scalar_value_is_utf8() -> None:
    """All code points survive the way to UTF-8 and back, as Python encodes them."""
    points = [*range(0xD800), *range(0xE000, 0x110000)]
    text = np.array(list(map(chr, points)), "U1")
    data, offsets = kernels.from_ucs4(text)
    assert data.tobytes() == "".join(map(chr, points[1:])).encode()
    kernels.check_utf8(data, offsets)
    assert kernels.to_str_list(data, offsets)[1:] == text.tolist()[1:]
    assert kernels.to_str_list(data, offsets)[0] == ""  # a NUL alone is padding


def test_a_character_may_not_be_split_between_values() -> None:
    """Bytes that are UTF-8 together but not value by value are refused."""
    with pytest.raises(ValueError, match="value 0 "):
        kernels.check_utf8(*pair([b"\xc3", b"\xa9"]))


@settings(max_examples=60, deadline=None)
@given(values=RAW, indices=st.lists(st.integers(-2, 21), max_size=12))
def test_take_equals_its_twin(values: list[bytes], indices: list[int]) -> None:
    """Values in any order, repeated or not; an index outside is an IndexError, never a read outside."""
    data, offsets = pair(values)
    wanted = np.array(indices, np.int64)
    result = outcome(kernels.take, data, offsets, wanted)
    assert result == outcome(kernels.take_numpy, data, offsets, wanted)
    if all(0 <= i < len(values) for i in indices):
        assert kernels.to_bytes_list(*kernels.take(data, offsets, wanted)) == [values[i] for i in indices]
    else:
        assert result.startswith("IndexError")


@settings(max_examples=60, deadline=None)
@given(values=TEXTS, order=st.sampled_from("<>"))
def test_from_ucs4_equals_its_twin(values: list[str], order: str) -> None:
    """Fixed-width text of both byte orders, without the NULs at its end."""
    array = np.array(values, f"{order}U12")
    assert outcome(kernels.from_ucs4, array) == outcome(kernels.from_ucs4_numpy, array)
    assert kernels.to_str_list(*kernels.from_ucs4(array)) == array.tolist()


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0x110000, 0xFFFFFFFF])
def test_from_ucs4_refuses_what_is_not_unicode(code: int) -> None:
    """A damaged chunk may hold any number in place of a character."""
    array = np.array([0x41, code], np.uint32).view("U1")
    for function in (kernels.from_ucs4, kernels.from_ucs4_numpy):
        with pytest.raises(ValueError, match="value 1 "):
            function(array)


@settings(max_examples=60, deadline=None)
@given(values=RAW)
def test_from_fixed_bytes_equals_its_twin(values: list[bytes]) -> None:
    """Fixed-width bytes without the NULs at their end."""
    array = np.array(values, "S12")
    assert outcome(kernels.from_fixed_bytes, array) == outcome(kernels.from_fixed_bytes_numpy, array)
    assert kernels.to_bytes_list(*kernels.from_fixed_bytes(array)) == array.tolist()


@settings(max_examples=60, deadline=None)
@given(values=TEXTS)
def test_lists_of_objects(values: list[str]) -> None:
    """Text and bytes as objects, from kernel and twin."""
    raw = [value.encode() for value in values]
    data, offsets = pair(raw)
    assert kernels.to_str_list(data, offsets) == kernels.to_str_list_numpy(data, offsets) == values
    assert kernels.to_bytes_list(data, offsets) == kernels.to_bytes_list_numpy(data, offsets) == raw


@settings(max_examples=60, deadline=None)
@given(values=RAW | ASCII, most=st.integers(1, 12), skipped=st.integers(0, 3))
def test_to_fixed_bytes_equals_its_twin(values: list[bytes], most: int, skipped: int) -> None:
    """Also of offsets that do not begin at 0; what is too long, or ends in what pads, is left to others."""
    data, offsets = pair(values)
    offsets = offsets[min(skipped, len(values)) :]
    found = kernels.to_fixed_bytes(data, offsets, most)
    twin = kernels.to_fixed_bytes_numpy(data, offsets, most)
    wanted = values[min(skipped, len(values)) :]
    none = any(len(value) > most or value.endswith(b"\0") or not value.isascii() for value in wanted)
    assert (found is None) == (twin is None) == none
    if found is not None and twin is not None:
        assert found.dtype == twin.dtype
        assert found.tolist() == twin.tolist() == wanted


def test_text_that_is_not_utf8_has_no_str() -> None:
    """Bytes are handed out as bytes, and as `str` only where they are UTF-8."""
    data, offsets = pair([b"a", b"\xff"])
    assert kernels.to_bytes_list(data, offsets) == [b"a", b"\xff"]
    for function in (kernels.to_str_list, kernels.to_str_list_numpy):
        with pytest.raises(UnicodeDecodeError):
            function(data, offsets)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60))
def test_crc32c_equals_its_twin(data: bytes) -> None:
    """The kernel and the table agree, for every length modulo eight."""
    assert crc32c(data) == crc32c_numpy(data)


def test_crc32c_of_known_texts() -> None:
    """The check value of the algorithm, and the vectors of RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert crc32c(memoryview(b"x123456789")[1:]) == 0xE3069283
    assert crc32c(b"") == 0
