"""Bit planes a tile at a time; part of bitplanes.pyx and pairs.pyx."""

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


cdef inline uint8_t upper_bits(const uint8_t* planes, Py_ssize_t pitch, Py_ssize_t count) noexcept nogil:
    # Not zero if one of `count` bytes of planes 1 to 7 is not.
    cdef uint8_t seen = 0
    cdef Py_ssize_t p
    for p in range(1, 8):
        seen |= any_bits(planes + p * pitch, count)
    return seen


cdef inline Py_ssize_t load(uint64_t* words, const uint8_t* plane, Py_ssize_t count) noexcept nogil:
    # The number of words that `count` bytes fill, zeros added.
    words[(count - 1) // 8] = 0
    memcpy(words, plane, count)
    return (count + 7) // 8
