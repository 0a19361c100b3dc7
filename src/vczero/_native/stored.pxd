from libc.stdint cimport int64_t, uint8_t


cdef struct Plain:
    # A block as it is when it has been decompressed: `size` bytes, which stand for those from byte `start` of the
    # chunk on. From byte `used` on all are zero.
    const uint8_t* data
    Py_ssize_t start
    Py_ssize_t size
    Py_ssize_t used


cdef class Stored:
    cdef readonly const uint8_t[::1] data
    cdef readonly const int64_t[::1] starts
    cdef readonly const int64_t[::1] numbers
    cdef readonly Py_ssize_t block_bytes
    cdef readonly Py_ssize_t nbytes
    cdef readonly bint is_compressed
    cdef uint8_t[::1] memory

    cdef bint enter(self, Py_ssize_t k, Plain* block) noexcept nogil
    cdef uint8_t* ordered(self) noexcept nogil
