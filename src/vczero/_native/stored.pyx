# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Blocks of a Blosc chunk, decompressed one after the other for kernels. See vczero/kernels/stored.py."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX

include "words.pxi"
include "zstd.pxi"


def memory_bytes(Py_ssize_t block_bytes):
    return sizeof(Decoder) + 2 * (block_bytes + SLACK)


cdef class Stored:
    def __init__(
        self,
        const uint8_t[::1] data,
        const int64_t[::1] starts,
        const int64_t[::1] numbers,
        Py_ssize_t block_bytes,
        Py_ssize_t nbytes,
        uint8_t[::1] memory=None,
        bint is_compressed=False,
    ):
        cdef Py_ssize_t k, size, needed, room = 0 if memory is None else memory.shape[0]
        if block_bytes < 1 or block_bytes > PY_SSIZE_T_MAX // 4 or nbytes < 1:
            raise ValueError("no such blocks")
        if starts.shape[0] != numbers.shape[0]:
            raise ValueError("no such blocks: a start for each")
        if (is_compressed or memory is not None) and room < <Py_ssize_t> memory_bytes(block_bytes):
            raise ValueError("the memory is too small")
        for k in range(numbers.shape[0]):
            if numbers[k] < (numbers[k - 1] + 1 if k else 0) or numbers[k] > (nbytes - 1) // block_bytes:
                raise ValueError("blocks must ascend, and be of the chunk")
            size = min(block_bytes, nbytes - numbers[k] * block_bytes)
            needed = 4 if is_compressed else size
            if not 0 <= starts[k] <= data.shape[0] - needed:
                raise ValueError("the data do not hold such blocks")
        self.data = data
        self.starts = starts
        self.numbers = numbers
        self.block_bytes = block_bytes
        self.nbytes = nbytes
        self.memory = memory
        self.is_compressed = is_compressed

    cdef bint enter(self, Py_ssize_t k, Plain* block) noexcept nogil:
        # Block number k of these, decompressed; not, if it cannot be. Good until the next one.
        cdef const uint8_t* data = &self.data[self.starts[k]]
        cdef Py_ssize_t left = self.data.shape[0] - self.starts[k], length
        cdef Decoder* decoder
        cdef uint8_t* out
        block.start = self.numbers[k] * self.block_bytes
        block.size = block.used = min(self.block_bytes, self.nbytes - block.start)
        block.data = data
        if not self.is_compressed:
            return True
        length = little(data, 4)
        if length > left - 4:
            return False
        block.data = data + 4
        if length == block.size:  # it did not get shorter
            return True
        decoder = <Decoder*> &self.memory[0]
        out = &self.memory[sizeof(Decoder)]
        block.data = out
        block.used = decode_frame(decoder, data + 4, length, out, block.size)
        return block.used >= 0

    cdef uint8_t* ordered(self) noexcept nogil:
        # Memory for one more block; NULL: there is none. It is at the end, and so none of that which blocks of
        # another length, in the same memory, are decompressed in.
        if self.memory is None:
            return NULL
        return &self.memory[self.memory.shape[0] - self.block_bytes]
