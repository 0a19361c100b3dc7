# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Text as bytes and offsets: decoding, gathering, and conversion from and to other forms.

Arrays in, arrays out; the caller (vczero.kernels.strings) allocates, checks lengths and turns codes into errors.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cdef uint64_t HIGH_BITS = 0x8080808080808080ULL


cdef inline uint32_t load_u32(const uint8_t* p) noexcept nogil:
    return p[0] | (<uint32_t> p[1] << 8) | (<uint32_t> p[2] << 16) | (<uint32_t> p[3] << 24)


cdef bint all_ascii(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    cdef uint64_t seen = 0, word
    cdef Py_ssize_t i = 0
    while i + 8 <= n:
        memcpy(&word, p + i, 8)
        seen |= word
        i += 8
    while i < n:
        seen |= p[i]
        i += 1
    return (seen & HIGH_BITS) == 0


cdef bint valid_utf8(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF."""
    cdef Py_ssize_t i = 0, k, more
    cdef uint8_t lead, low, high
    while i < n:
        lead = p[i]
        i += 1
        if lead < 0x80:
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= lead <= 0xDF:
            more = 1
        elif 0xE0 <= lead <= 0xEF:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif 0xF0 <= lead <= 0xF4:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if n - i < more or p[i] < low or p[i] > high:
            return False
        for k in range(1, more):
            if p[i + k] & 0xC0 != 0x80:
                return False
        i += more
    return True


def vlen_offsets(const uint8_t[::1] buf, Py_ssize_t first, Py_ssize_t last, bint to_end, int64_t[::1] offsets):
    """Walks the lengths of values 0 to `last` and fills `offsets` (last - first + 1), which start at 0.

    Returns the position of value `first` in `buf`, or -1 - i when the length of value i leads out of `buf`, or
    -1 - last when `to_end` and bytes are left over.
    """
    cdef Py_ssize_t n = buf.shape[0], position = 4, i, start = 4, failed = -1
    cdef uint32_t length
    cdef int64_t total = 0
    with nogil:
        for i in range(last):
            if i == first:
                start = position
            if n - position < 4:
                failed = i
                break
            length = load_u32(&buf[position])
            position += 4
            if n - position < <Py_ssize_t> length:
                failed = i
                break
            position += length
            if i >= first:
                offsets[i - first] = total
                total += length
        offsets[last - first] = total
        if failed < 0 and to_end and position != n:
            failed = last
    return -1 - failed if failed >= 0 else start


def vlen_gather(const uint8_t[::1] buf, Py_ssize_t start, const int64_t[::1] offsets, uint8_t[::1] out):
    """Copies the values that begin at `start` of `buf`, each behind its length, to `out` without the lengths."""
    cdef Py_ssize_t i, length
    with nogil:
        for i in range(offsets.shape[0] - 1):
            length = offsets[i + 1] - offsets[i]
            start += 4
            if length:
                memcpy(&out[offsets[i]], &buf[start], length)
            start += length


def first_invalid_utf8(const uint8_t[::1] data, const int64_t[::1] offsets):
    """Number of the first value that is not UTF-8, or -1."""
    cdef Py_ssize_t i, failed = -1
    cdef Py_ssize_t count = offsets.shape[0] - 1
    cdef const uint8_t* base = &data[0] if data.shape[0] else NULL
    with nogil:
        if not all_ascii(base + offsets[0], offsets[count] - offsets[0]):
            for i in range(count):
                if not valid_utf8(base + offsets[i], offsets[i + 1] - offsets[i]):
                    failed = i
                    break
    return failed


def take_offsets(const int64_t[::1] offsets, const int64_t[::1] indices, int64_t[::1] out):
    """Fills `out` (indices + 1) with the offsets of the values at `indices`; returns their bytes."""
    cdef Py_ssize_t i, j
    cdef int64_t total = 0
    with nogil:
        for i in range(indices.shape[0]):
            j = indices[i]
            out[i] = total
            total += offsets[j + 1] - offsets[j]
        out[indices.shape[0]] = total
    return total


def take_data(
    const uint8_t[::1] data,
    const int64_t[::1] offsets,
    const int64_t[::1] indices,
    const int64_t[::1] out_offsets,
    uint8_t[::1] out,
):
    """Copies the values at `indices` to `out`, at `out_offsets`."""
    cdef Py_ssize_t i, j, length
    with nogil:
        for i in range(indices.shape[0]):
            j = indices[i]
            length = offsets[j + 1] - offsets[j]
            if length:
                memcpy(&out[out_offsets[i]], &data[offsets[j]], length)


def ucs4_offsets(const uint32_t[:, ::1] chars, int64_t[::1] offsets):
    """Fills `offsets` (rows + 1) with those of the rows in UTF-8, trailing NULs left out.

    Returns the number of the first row that holds what is not a Unicode scalar value, or -1.
    """
    cdef Py_ssize_t i, k, width = chars.shape[1]
    cdef Py_ssize_t end, failed = -1
    cdef uint32_t c
    cdef int64_t total = 0
    with nogil:
        for i in range(chars.shape[0]):
            offsets[i] = total
            end = width
            while end > 0 and chars[i, end - 1] == 0:
                end -= 1
            for k in range(end):
                c = chars[i, k]
                if c > 0x10FFFF or (0xD800 <= c <= 0xDFFF):
                    failed = i
                    break
                total += 1 + (c > 0x7F) + (c > 0x7FF) + (c > 0xFFFF)
            if failed >= 0:
                break
        offsets[chars.shape[0]] = total
    return failed


def ucs4_encode(const uint32_t[:, ::1] chars, const int64_t[::1] offsets, uint8_t[::1] out):
    """Writes each row in UTF-8 to `out`, at `offsets`."""
    cdef Py_ssize_t i, k
    cdef int64_t p, end
    cdef uint32_t c
    with nogil:
        for i in range(chars.shape[0]):
            p = offsets[i]
            end = offsets[i + 1]
            k = 0
            while p < end:
                c = chars[i, k]
                k += 1
                if c <= 0x7F:
                    out[p] = c
                    p += 1
                elif c <= 0x7FF:
                    out[p] = 0xC0 | (c >> 6)
                    out[p + 1] = 0x80 | (c & 0x3F)
                    p += 2
                elif c <= 0xFFFF:
                    out[p] = 0xE0 | (c >> 12)
                    out[p + 1] = 0x80 | ((c >> 6) & 0x3F)
                    out[p + 2] = 0x80 | (c & 0x3F)
                    p += 3
                else:
                    out[p] = 0xF0 | (c >> 18)
                    out[p + 1] = 0x80 | ((c >> 12) & 0x3F)
                    out[p + 2] = 0x80 | ((c >> 6) & 0x3F)
                    out[p + 3] = 0x80 | (c & 0x3F)
                    p += 4


def fixed_offsets(const uint8_t[:, ::1] cells, int64_t[::1] offsets):
    """Fills `offsets` (rows + 1) with those of the rows, trailing NULs left out."""
    cdef Py_ssize_t i, end
    cdef int64_t total = 0
    with nogil:
        for i in range(cells.shape[0]):
            offsets[i] = total
            end = cells.shape[1]
            while end > 0 and cells[i, end - 1] == 0:
                end -= 1
            total += end
        offsets[cells.shape[0]] = total


def fixed_gather(const uint8_t[:, ::1] cells, const int64_t[::1] offsets, uint8_t[::1] out):
    """Copies each row, as long as `offsets` say, to `out`."""
    cdef Py_ssize_t i, length
    with nogil:
        for i in range(cells.shape[0]):
            length = offsets[i + 1] - offsets[i]
            if length:
                memcpy(&out[offsets[i]], &cells[i, 0], length)


def longest(const int64_t[::1] offsets):
    """Bytes of the longest value."""
    cdef Py_ssize_t i
    cdef int64_t found = 0
    with nogil:
        for i in range(offsets.shape[0] - 1):
            found = max(found, offsets[i + 1] - offsets[i])
    return found


def to_fixed(const uint8_t[::1] data, const int64_t[::1] offsets, uint8_t[:, ::1] cells):
    """Write each value into its row of `cells`, which is long enough, and NULs behind it.

    False if they are not ASCII or one ends in a NUL; then not all are written.
    """
    cdef Py_ssize_t i, width = cells.shape[1]
    cdef int64_t length
    cdef int64_t end = offsets[offsets.shape[0] - 1]
    cdef bint fits = end == offsets[0] or all_ascii(&data[offsets[0]], end - offsets[0])
    with nogil:
        for i in range(offsets.shape[0] - 1 if fits else 0):
            length = offsets[i + 1] - offsets[i]
            if length:
                if data[offsets[i + 1] - 1] == 0:
                    fits = False
                    break
                memcpy(&cells[i, 0], &data[offsets[i]], length)
            memset(&cells[i, 0] + length, 0, width - length)
    return fits


def to_str_list(const uint8_t[::1] data, const int64_t[::1] offsets):
    """The values as a list of `str`; UnicodeDecodeError where one is not UTF-8."""
    cdef Py_ssize_t i
    cdef const char* base = <const char*> &data[0] if data.shape[0] else NULL
    return [
        PyUnicode_DecodeUTF8(base + offsets[i], offsets[i + 1] - offsets[i], NULL)
        for i in range(offsets.shape[0] - 1)
    ]


def to_bytes_list(const uint8_t[::1] data, const int64_t[::1] offsets):
    """The values as a list of `bytes`."""
    cdef Py_ssize_t i
    cdef const char* base = <const char*> &data[0] if data.shape[0] else NULL
    return [
        PyBytes_FromStringAndSize(base + offsets[i], offsets[i + 1] - offsets[i])
        for i in range(offsets.shape[0] - 1)
    ]
