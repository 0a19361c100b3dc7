"""Data types and fill values of Zarr arrays, from the JSON that spells them.

Sources: Zarr v2 specification, "Data type encoding" and "Fill value encoding"; Zarr v3 core specification,
    "Data types"
and "Fill value"; and, where those are silent, what zarr-python 3.1 to 3.4 writes and accepts. Text of
variable length is `numpy.dtypes.StringDType()`, bytes of variable length are `object`, as in zarr-python.
"""

from __future__ import annotations

import binascii
import math
import re
import struct
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from vczero.errors import MetadataError, UnsupportedError

__all__ = [
    "dtype_from_v2",
    "dtype_from_v3",
    "fill_value_from_json",
    "is_text",
    "is_variable_length",
]

_V2_NAME = re.compile(r"([<>|])([biufcmMSUV])([0-9]{1,9})(\[[0-9]{0,9}[A-Za-z]{1,2}\])?")
_V2_ITEMSIZES = {
    "b": (1,),
    "i": (1, 2, 4, 8),
    "u": (1, 2, 4, 8),
    "f": (2, 4, 8),
    "c": (8, 16),
    "m": (8,),
    "M": (8,),
}
_V2_OBJECTS = {"vlen-utf8": "T", "vlen-bytes": "O"}

_V3_FIXED = {
    **{name: name for name in ("bool", "float16", "float32", "float64", "complex64", "complex128")},
    **{f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}
_V3_TEXT = frozenset({"string", "numpy.variable_length_utf8", "variable_length_utf8"})
_V3_BYTES = frozenset({"bytes", "variable_length_bytes", "numpy.variable_length_bytes"})
_V3_SIZED = {
    "fixed_length_utf32": ("U", 4),
    "numpy.fixed_length_utf32": ("U", 4),
    "null_terminated_bytes": ("S", 1),
    "numpy.null_terminated_bytes": ("S", 1),
    "raw_bytes": ("V", 1),
    "numpy.void": ("V", 1),
}
_V3_RAW = re.compile(r"r([0-9]{1,9})")
_V3_TIME = {"numpy.datetime64": "M8", "numpy.timedelta64": "m8"}
_TIME_UNIT = re.compile(r"[A-Za-zμ]{1,7}")

_HEX_FLOAT = re.compile(r"0x([0-9a-fA-F]{4}|[0-9a-fA-F]{8}|[0-9a-fA-F]{16})")
_FLOAT_FORMATS = {2: ">e", 4: ">f", 8: ">d"}


def is_text(dtype: np.dtype[Any]) -> bool:
    """Whether `dtype` is that of variable-length text."""
    return dtype.kind == "T"


def is_variable_length(dtype: np.dtype[Any]) -> bool:
    """Whether values of `dtype` differ in length: text or bytes."""
    return dtype.kind in "TO"


def dtype_from_v2(name: object, object_codec: str | None, *, array: str) -> np.dtype[Any]:
    """The dtype that `dtype` of a `.zarray` document stands for, byte order included.

    `object_codec` is the id of the filter that makes values of variable length, if there is one.

    Raises:
        UnsupportedError: structured types, objects without a codec for text or bytes.
        MetadataError: not a type at all.
    """
    if isinstance(name, list):
        raise UnsupportedError(
            f"array {array!r}: structured data types are not supported", array=array, feature="structured"
        )
    if name == "|O":
        if object_codec not in _V2_OBJECTS:
            raise UnsupportedError(
                f"array {array!r}: objects encoded by {object_codec!r} are not supported",
                array=array,
                feature=str(object_codec),
            )
        return _variable(_V2_OBJECTS[object_codec])
    match = _V2_NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise _bad_dtype(name, array)
    order, kind, size, unit = match[1], match[2], int(match[3]), match[4] or ""
    itemsizes = _V2_ITEMSIZES.get(kind)
    if itemsizes is None:
        if size == 0 or unit or (order == "|") is (kind == "U"):
            raise _bad_dtype(name, array)
    elif size not in itemsizes:
        raise UnsupportedError(
            f"array {array!r}: data type {name!r} is not supported", array=array, feature=str(name)
        )
    elif (order == "|" and size > 1) or (unit and kind not in "mM"):
        raise _bad_dtype(name, array)
    elif kind in "mM" and not unit:
        raise _generic_time(array)
    return _numpy_dtype(f"{order}{kind}{size}{unit}", name, array)


def dtype_from_v3(data_type: object, *, array: str) -> np.dtype[Any]:
    """The dtype, in native byte order, that `data_type` of a `zarr.json` document stands for.

    Raises:
        UnsupportedError: an extension type that vczero does not know.
        MetadataError: not a type at all.
    """
    configuration: Mapping[str, Any] = {}
    name = data_type
    if isinstance(data_type, Mapping):
        name = data_type.get("name")
        configuration = data_type.get("configuration", {})
    if not isinstance(name, str) or not isinstance(configuration, Mapping):
        raise _bad_dtype(data_type, array)
    if name in _V3_FIXED:
        return np.dtype(_V3_FIXED[name])
    if name in _V3_TEXT:
        return _variable("T")
    if name in _V3_BYTES:
        return _variable("O")
    if name in _V3_SIZED:
        kind, unit_bytes = _V3_SIZED[name]
        length_bytes = configuration.get("length_bytes")
        if not _is_int(length_bytes) or length_bytes < 1 or length_bytes % unit_bytes:
            raise _bad_dtype(data_type, array)
        return _numpy_dtype(f"{kind}{length_bytes // unit_bytes}", data_type, array)
    if (raw := _V3_RAW.fullmatch(name)) and int(raw[1]) % 8 == 0 and int(raw[1]) > 0:
        return _numpy_dtype(f"V{int(raw[1]) // 8}", data_type, array)
    if name in _V3_TIME:
        unit, scale = configuration.get("unit"), configuration.get("scale_factor", 1)
        if (
            not isinstance(unit, str)
            or not _TIME_UNIT.fullmatch(unit)
            or not _is_int(scale)
            or not 1 <= scale < 2**31
        ):
            raise _bad_dtype(data_type, array)
        if unit == "generic":
            raise _generic_time(array)
        return _numpy_dtype(f"{_V3_TIME[name]}[{scale}{unit.replace('μ', 'u')}]", data_type, array)
    raise UnsupportedError(f"array {array!r}: data type {name!r} is not supported", array=array, feature=name)


def fill_value_from_json(value: object, dtype: np.dtype[Any], *, array: str) -> Any:
    """`value` as a NumPy scalar of `dtype`, or as `str` or `bytes` for values of variable length.

    `None` (null) stands for the dtype's default: 0, False, "", NaT. Hexadecimal floats keep their exact bits,
    as the v3 specification demands (zarr-python turns signalling NaNs into quiet ones).

    Raises:
        MetadataError: `value` does not spell a value of `dtype`.
    """
    try:
        with np.errstate(over="ignore"):
            return _parse_fill(value, dtype)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        shown = repr(value)
        raise MetadataError(
            f"array {array!r}: {shown[:60]} is not a fill value of data type {dtype}", array=array
        ) from None


def _parse_fill(value: Any, dtype: np.dtype[Any]) -> Any:
    kind = dtype.kind
    if kind == "T":
        return _parse_text(value)
    if kind == "O":
        return b"" if value is None else _parse_base64(value)
    if value is None:
        value = "NaT" if kind in "mM" else np.zeros((), dtype)[()]
    elif kind == "b":
        if not isinstance(value, bool | int | float):
            raise TypeError
        value = bool(value)
    elif kind in "iu":
        value = _parse_int(value)
    elif kind == "f":
        return _parse_float(value, dtype)
    elif kind == "c":
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise TypeError
        part = np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}")
        return np.array([_parse_float(item, part) for item in value], part).view(dtype)[0]
    elif kind in "mM":
        value = value if value == "NaT" else np.int64(_parse_int(value)).astype(dtype.newbyteorder("="))
    elif kind == "U":
        if not isinstance(value, str):
            raise TypeError
    else:
        value = _parse_base64(value)
        if kind == "V":
            if len(value) != dtype.itemsize:
                raise ValueError
            return np.frombuffer(value, dtype)[0]
    return np.array(value, dtype)[()]


def _parse_text(value: object) -> str:
    """Text as zarr-python 3 takes it: a number, which old zarr-python wrote, stands for its own spelling."""
    if value is None:
        return ""
    if isinstance(value, str):
        value.encode()  # an unpaired surrogate, which JSON can spell, is not text
        return value
    if isinstance(value, int | float):
        return str(value)
    raise TypeError


def _parse_base64(value: object) -> bytes:
    if isinstance(value, list | tuple) and all(_is_int(item) for item in value):
        return bytes(value)
    if not isinstance(value, str):
        raise TypeError
    import base64

    return base64.b64decode(value.encode("ascii"), validate=True)


def _parse_int(value: object) -> int:
    if isinstance(value, int | str):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise TypeError


def _parse_float(value: Any, dtype: np.dtype[Any]) -> Any:
    """A float scalar of `dtype`; hexadecimal digits are its bits, the most significant first."""
    if isinstance(value, str) and (match := _HEX_FLOAT.fullmatch(value)):
        raw = bytes.fromhex(match[1])
        if len(raw) == dtype.itemsize:
            return np.frombuffer(raw, f">f{len(raw)}").astype(dtype)[0]
        value = struct.unpack(_FLOAT_FORMATS[len(raw)], raw)[0]
    elif value == "Infinity":
        value = math.inf
    elif value == "-Infinity":
        value = -math.inf
    elif not isinstance(value, int | float | str):
        raise TypeError
    return np.array(float(value), dtype)[()]


def _variable(kind: str) -> np.dtype[Any]:
    return np.dtypes.StringDType() if kind == "T" else np.dtype(object)


def _numpy_dtype(name: str, spelled: object, array: str) -> np.dtype[Any]:
    try:
        return np.dtype(name)
    except (TypeError, ValueError):
        raise _bad_dtype(spelled, array) from None


def _generic_time(array: str) -> UnsupportedError:
    feature = "a time without a unit"  # deprecated by NumPy 2.5
    return UnsupportedError(f"array {array!r}: {feature} is not supported", array=array, feature=feature)


def _bad_dtype(spelled: object, array: str) -> MetadataError:
    return MetadataError(f"array {array!r}: {repr(spelled)[:60]} is not a data type", array=array)


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
