"""Checksums that Python's standard library lacks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from vczero._native import checksums as _native

__all__ = ["crc32c", "crc32c_numpy"]

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]

crc32c: Callable[[Buffer], int] = _native.crc32c
"""The CRC-32C (Castagnoli; RFC 3720, appendix B.4) of contiguous bytes; releases the GIL."""


def crc32c_numpy(data: Buffer) -> int:
    """The same, a byte at a time, by a table that NumPy makes."""
    table = np.arange(256)
    for _ in range(8):
        table = (table >> 1) ^ np.where(table & 1, 0x82F63B78, 0)
    steps = table.tolist()
    crc = 0xFFFFFFFF
    for byte in bytes(data):
        crc = (crc >> 8) ^ steps[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
