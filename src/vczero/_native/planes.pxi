"""Bit planes a tile at a time; part of bitplanes.pyx, gather.pyx and pairs.pyx."""

include "clones.pxi"

cdef enum:
    TILE = 1024  # bytes of a plane; eight of them, and what they become, fit the first-level cache
    WORDS = 128  # TILE // 8


cdef inline uint8_t any_bits(const uint8_t* data, Py_ssize_t count) noexcept nogil:
    # Not zero if one of `count` bytes is not.
    cdef uint8_t seen = 0
    cdef Py_ssize_t i
    for i in range(count):
        seen |= data[i]
    return seen


cdef inline Py_ssize_t lines_of(const Plain* block) noexcept nogil:
    # How many planes of a block, from the first on, may be other than zero.
    cdef Py_ssize_t pitch = max(block.size // 8, 1)
    return min((block.used + pitch - 1) // pitch, 8)


cdef inline uint8_t upper_bits(
    const uint8_t* planes, Py_ssize_t pitch, Py_ssize_t lines, Py_ssize_t count
) noexcept nogil:
    # Not zero if one of `count` bytes of the planes from 1 up to `lines` is not.
    cdef uint8_t seen = 0
    cdef Py_ssize_t p
    for p in range(1, lines):
        seen |= any_bits(planes + p * pitch, count)
    return seen


cdef check_ascending(const int64_t[::1] rows):
    # What is walked through with the blocks has to be in their order.
    cdef Py_ssize_t i
    for i in range(rows.shape[0]):
        if rows[i] < (rows[i - 1] if i else 0):
            raise ValueError("rows must ascend")


cdef inline Py_ssize_t first_row(
    const int64_t[::1] rows, Py_ssize_t begin, Py_ssize_t row_bytes, const Plain* block
) noexcept nogil:
    # The first row from `begin` on that does not end before a block.
    while begin < rows.shape[0] and rows[begin] + row_bytes <= block.start:
        begin += 1
    return begin


cdef inline Py_ssize_t load(uint64_t* words, const uint8_t* plane, Py_ssize_t count) noexcept nogil:
    # The number of words that `count` bytes fill, zeros added.
    words[(count - 1) // 8] = 0
    memcpy(words, plane, count)
    return (count + 7) // 8
