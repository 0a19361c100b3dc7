"""numcodecs' filters from array to array: delta, fixedscaleoffset, astype, quantize, bitround, packbits.

numcodecs decodes them; what is here is their configuration, checked, and the size of what they encode to, by
which the compressors are bounded. Filters see the elements of a chunk flat, in the order in which they are
stored.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vczero.errors import ChunkError

__all__ = ["NAMES", "Filter", "build_filter"]


class Filter(NamedTuple):
    """How to undo one filter.

    Attributes:
        decode: encoded elements, flat, as uint8 or of any dtype of the right size -> decoded elements, flat.
        encoded_nbytes: bytes of the encoded elements.
    """

    decode: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
    encoded_nbytes: int


# By name: module, class, member that says the decoded dtype, member that says the encoded one.
_FILTERS = {
    "numcodecs.delta": ("delta", "Delta", "dtype", "astype"),
    "numcodecs.fixedscaleoffset": ("fixedscaleoffset", "FixedScaleOffset", "dtype", "astype"),
    "numcodecs.quantize": ("quantize", "Quantize", "dtype", "astype"),
    "numcodecs.astype": ("astype", "AsType", "decode_dtype", "encode_dtype"),
    "numcodecs.packbits": ("packbits", "PackBits", None, None),
}

NAMES = frozenset({*_FILTERS, "numcodecs.bitround"})


def build_filter(name: str, configuration: Mapping[str, Any], size: int, dtype: np.dtype[Any]) -> Filter:
    """The filter `name` over `size` elements that were of `dtype` before it.

    Raises:
        ValueError, TypeError, KeyError, OverflowError: the configuration makes no sense.
    """
    if name == "numcodecs.bitround":  # what was rounded stays so
        return Filter(lambda elements: elements, size * dtype.itemsize)
    module, cls, decoded, encoded = _FILTERS[name]
    options = dict(configuration)
    if decoded is not None:
        options[decoded] = np.dtype(options.get(decoded) or dtype.str).str  # may be absent in v3
    codec = getattr(importlib.import_module(f"numcodecs.{module}"), cls)(**options)
    if name == "numcodecs.packbits":
        encoded_nbytes = 1 + -(-size // 8)
    else:
        encoded_dtype = getattr(codec, str(encoded))
        if encoded_dtype.kind not in "biufcmM" or getattr(codec, str(decoded)).kind not in "biufcmM":
            raise ValueError(f"{name} between types that are not numbers")
        encoded_nbytes = size * encoded_dtype.itemsize

    def decode(elements: npt.NDArray[Any]) -> npt.NDArray[Any]:
        try:
            with np.errstate(all="ignore"):
                return np.asarray(codec.decode(elements)).reshape(-1)
        except Exception as error:  # what numcodecs raises on bad data is not limited to any class
            raise ChunkError(f"the filter {name} cannot decode it ({error})") from None

    return Filter(decode, encoded_nbytes)
