# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Tests and summaries of large arrays of small integers, a row at a time, without intermediate arrays.

Arrays in, arrays out; the caller (vczero.kernels.compare) allocates and checks shapes.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t

ctypedef fused integer:
    int8_t
    int16_t
    int32_t
    int64_t


cdef int64_t count_ones(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """The sum of bytes that are 0 or 1."""
    cdef int64_t total = 0
    cdef Py_ssize_t i = 0, stop
    cdef uint8_t part
    while i < n:
        stop = min(i + 255, n)
        part = 0
        while i < stop:
            part += p[i]
            i += 1
        total += part
    return total


def in_range(
    const integer[:, ::1] values,
    integer low,
    integer high,
    bint negate,
    uint8_t[:, ::1] out,
    int64_t[::1] counts,
):
    """out: 1 where low <= value <= high and the value is not -1 or -2, else 0; the opposite if `negate`."""
    cdef Py_ssize_t i, j, n = values.shape[1]
    cdef uint8_t flip = negate
    cdef const integer* row
    cdef uint8_t* result
    if n == 0:
        counts[:] = 0
        return
    with nogil:
        for i in range(values.shape[0]):
            row = &values[i, 0]
            result = &out[i, 0]
            if low >= 0 or high < -2:
                for j in range(n):
                    result[j] = ((row[j] >= low) & (row[j] <= high)) ^ flip
            else:
                for j in range(n):
                    result[j] = (
                        (row[j] >= low) & (row[j] <= high) & (row[j] != -1) & (row[j] != -2)
                    ) ^ flip
            counts[i] = count_ones(result, n)


def summarise(
    const integer[:, ::1] values,
    int64_t[::1] counts,
    int64_t[::1] sums,
    int64_t[::1] minima,
    int64_t[::1] maxima,
):
    """Number, sum, least and greatest of each row's values but -1 and -2; without any, all are 0."""
    cdef Py_ssize_t i, j, n = values.shape[1]
    cdef int64_t count, total
    cdef integer least, most, value, first
    cdef bint present
    with nogil:
        for i in range(values.shape[0]):
            j = 0
            while j < n and (values[i, j] == -1 or values[i, j] == -2):
                j += 1
            if j == n:
                counts[i] = sums[i] = minima[i] = maxima[i] = 0
                continue
            first = least = most = values[i, j]
            count = total = 0
            while j < n:
                value = values[i, j]
                present = (value != -1) & (value != -2)
                count += present
                total += value if present else 0
                value = value if present else first
                least = value if value < least else least
                most = value if value > most else most
                j += 1
            counts[i] = count
            sums[i] = total
            minima[i] = least
            maxima[i] = most


def look_up_pairs(
    const int8_t[:, ::1] pairs,
    const uint8_t[::1] table,
    const uint8_t[:, ::1] second,
    uint8_t[:, ::1] out,
    int64_t[::1] counts,
):
    """out[i, j]: the entry of `table` for the pair (a, b) at [i, 2j], [i, 2j + 1], which is number
    a + 256 b + 65536 second[i, j] with a and b as unsigned bytes. `second` may have no rows: then it is 0.

    Returns the entries seen, or-ed.
    """
    cdef Py_ssize_t i, j, n = out.shape[1]
    cdef bint two = second.shape[0] > 0
    cdef const uint8_t* row
    cdef const uint8_t* plane
    cdef uint8_t* result
    cdef uint8_t seen = 0
    if n == 0:
        counts[:] = 0
        return 0
    with nogil:
        for i in range(out.shape[0]):
            row = <const uint8_t*> &pairs[i, 0]
            result = &out[i, 0]
            if two:
                plane = &second[i, 0]
                for j in range(n):
                    result[j] = table[row[2 * j] | (row[2 * j + 1] << 8) | (plane[j] << 16)]
            else:
                for j in range(n):
                    result[j] = table[row[2 * j] | (row[2 * j + 1] << 8)]
            for j in range(n):
                seen |= result[j]
            counts[i] = count_ones(result, n) if seen < 2 else 0
    return seen
