# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Comparison of text values with constants, with each other and with automata.

Value i is data[starts[i]:ends[i]]. It is one field, or several between commas. What is found of a value is
told in bits: EQUAL (some field matched), UNEQUAL (some did not), DOT (some field is "."), ANY (it has fields).
"""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp

cdef enum:
    EQUAL = 1
    UNEQUAL = 2
    DOT = 4
    ANY = 8
    # How a value is read: as one field, as all its fields, or as the first alone.
    WHOLE = 0
    EVERY = 1
    FIRST = 2


cdef inline int64_t field_end(const uint8_t* data, int64_t start, int64_t end, int fields) noexcept nogil:
    cdef const void* comma
    if fields == WHOLE:
        return end
    comma = memchr(data + start, 44, end - start)
    return end if comma == NULL else <const uint8_t*> comma - data


cdef inline bint same(
    const uint8_t* a, int64_t a_length, const uint8_t* b, int64_t b_length
) noexcept nogil:
    return a_length == b_length and memcmp(a, b, a_length) == 0


cdef inline uint8_t match_one(
    const uint8_t* data,
    int64_t start,
    int64_t end,
    int fields,
    const uint8_t* other,
    int64_t other_start,
    int64_t other_end,
) noexcept nogil:
    """The bits of one value compared with all fields of another."""
    cdef int64_t stop, position, other_stop
    cdef uint8_t bits = 0
    while start < end:
        stop = field_end(data, start, end, fields)
        bits |= ANY
        if stop - start == 1 and data[start] == 46:
            bits |= DOT
        position = other_start
        while position < other_end:
            other_stop = field_end(other, position, other_end, EVERY if fields != WHOLE else WHOLE)
            if same(data + start, stop - start, other + position, other_stop - position):
                bits |= EQUAL
            else:
                bits |= UNEQUAL
            position = other_stop + 1
        if fields == FIRST:
            break
        start = stop + 1
    return bits


def match_constant(
    const uint8_t[::1] data,
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    int fields,
    const uint8_t[::1] constant,
    uint8_t[::1] out,
):
    """out: the bits of each value, compared with the fields of `constant`."""
    cdef Py_ssize_t i
    cdef const uint8_t* p = &data[0] if data.shape[0] else NULL
    cdef const uint8_t* q = &constant[0] if constant.shape[0] else NULL
    with nogil:
        for i in range(starts.shape[0]):
            out[i] = match_one(p, starts[i], ends[i], fields, q, 0, constant.shape[0])


def match_pairs(
    const uint8_t[::1] data,
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    int fields,
    const uint8_t[::1] other,
    const int64_t[::1] other_starts,
    const int64_t[::1] other_ends,
    uint8_t[::1] out,
):
    """out: the bits of each value, compared with the fields of the other value of the same number."""
    cdef Py_ssize_t i
    cdef const uint8_t* p = &data[0] if data.shape[0] else NULL
    cdef const uint8_t* q = &other[0] if other.shape[0] else NULL
    with nogil:
        for i in range(starts.shape[0]):
            out[i] = match_one(p, starts[i], ends[i], fields, q, other_starts[i], other_ends[i])


def search(
    const uint8_t[::1] data,
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    int fields,
    const uint8_t[::1] classes,
    const int16_t[:, ::1] table,
    const uint8_t[::1] at_end,
    uint8_t[::1] out,
):
    """out: the bits of each value, whose fields match where the automaton finds its pattern in them.

    State 0 of the automaton means found; it starts in state 1.
    """
    cdef Py_ssize_t i
    cdef int64_t start, stop, position, end
    cdef int16_t state
    cdef uint8_t bits
    cdef const uint8_t* p = &data[0] if data.shape[0] else NULL
    with nogil:
        for i in range(starts.shape[0]):
            start = starts[i]
            end = ends[i]
            bits = 0
            while start < end:
                stop = field_end(p, start, end, fields)
                bits |= ANY
                if stop - start == 1 and p[start] == 46:
                    bits |= DOT
                state = 1
                for position in range(start, stop):
                    state = table[state, classes[p[position]]]
                    if state == 0:
                        break
                bits |= EQUAL if at_end[state] else UNEQUAL
                if fields == FIRST:
                    break
                start = stop + 1
            out[i] = bits


def hash_values(
    const uint8_t[::1] data, const int64_t[::1] starts, const int64_t[::1] ends, uint64_t[::1] out
):
    """out: a hash of each value's bytes (FNV-1a, 64 bits)."""
    cdef Py_ssize_t i
    cdef int64_t position
    cdef uint64_t state
    with nogil:
        for i in range(starts.shape[0]):
            state = 0xCBF29CE484222325ULL
            for position in range(starts[i], ends[i]):
                state = (state ^ data[position]) * 0x100000001B3ULL
            out[i] = state
