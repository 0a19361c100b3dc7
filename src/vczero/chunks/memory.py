"""`Pool`: arrays over memory that earlier arrays have given back.

A batch of 40 MB from `numpy.empty` is mapped, faulted in page by page, and unmapped when it is dropped; that
costs as much as decoding it (measured: 10 ms of CPU for 40 MB). A stream makes batch after batch of the same
size, so the pages of the one that the consumer has dropped serve the next.

Nobody has to give anything back by hand: an array from the pool is a view of a lease, views of it keep the
lease alive (NumPy shortens chains of views to the array behind them, but not past an array whose own memory
is no array), and when the last view has gone the lease puts its memory into the pool.
"""

from __future__ import annotations

import mmap
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Pool"]

# Smaller arrays are reused by the C library's allocator well enough.
_LEAST_BYTES = 4 * 2**20
# A smaller array may use the memory of a larger one that is at most so much larger.
_SLACK = 1.25


class Pool:
    """Memory for arrays; any thread may ask and any thread may drop.

    Args:
        spare_bytes: the most memory kept for later. Together with the arrays in use it never comes to more
            than the most that were in use at once, unless their sizes change.
    """

    def __init__(self, spare_bytes: int) -> None:
        self._spare_bytes = spare_bytes
        self._spare: deque[mmap.mmap] = deque()

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array in C order with undefined contents; like `numpy.empty`, but it does not own its memory."""
        shape = tuple(shape)
        dtype = np.dtype(dtype)
        nbytes = prod(shape) * dtype.itemsize
        if nbytes < _LEAST_BYTES or dtype.hasobject:
            return np.empty(shape, dtype)
        memory = self._take(nbytes) or _map(nbytes)
        lease = np.ndarray.__new__(_Lease, shape, dtype, memory)
        lease.memory, lease.give_back = memory, self._give_back
        return lease.view(np.ndarray)

    def clear(self) -> None:
        """Return what is spare to the system."""
        self._spare.clear()

    # No lock: memory is given back by finalizers, which may run on a thread that holds it. Both ends of a
    # deque are safe.

    def _take(self, nbytes: int) -> mmap.mmap | None:
        for _ in range(len(self._spare)):
            try:
                memory = self._spare.popleft()
            except IndexError:
                break
            if nbytes <= len(memory) <= nbytes * _SLACK:
                return memory
            self._spare.append(memory)
        with suppress(IndexError):
            self._spare.popleft()  # nothing fits: sizes have changed, so what is spare goes, one by one
        return None

    def _give_back(self, memory: mmap.mmap) -> None:
        if (len(self._spare) + 1) * len(memory) <= self._spare_bytes:
            self._spare.append(memory)


class _Lease(np.ndarray[Any, Any]):
    """The array that all views from the pool lead to."""

    memory: mmap.mmap | None = None
    give_back: Callable[[mmap.mmap], None] | None = None

    def __del__(self) -> None:
        if self.memory is not None and self.give_back is not None:
            self.give_back(self.memory)


def _map(nbytes: int) -> mmap.mmap:
    if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
        return mmap.mmap(-1, nbytes)
    memory = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
