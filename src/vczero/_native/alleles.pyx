# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The types of variants, from the text of their alleles.

Allele a of variant v is data[offsets[v * alleles + a]:offsets[v * alleles + a + 1]], REF first; an empty ALT
is none.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp

cdef enum:
    REF = 0
    SNP = 1
    MNP = 2
    INDEL = 4
    OTHER = 8
    BND = 16
    OVERLAP = 32


cdef inline uint8_t upper(uint8_t c) noexcept nogil:
    return c - 32 if 97 <= c <= 122 else c


cdef inline bint is_text(const uint8_t* p, int64_t n, const char* text, int64_t length) noexcept nogil:
    return n == length and memcmp(p, text, length) == 0


cdef uint8_t allele_type(const uint8_t* ref, int64_t m, const uint8_t* alt, int64_t n) noexcept nogil:
    """The type of one ALT allele, as htslib 1.16 tells it."""
    cdef int64_t first = 0
    if n == 1 and alt[0] == 42:  # *
        return OVERLAP
    if m == 1 and n == 1:
        return REF if alt[0] == ref[0] or alt[0] == 46 or alt[0] == 88 else SNP  # . and X
    if alt[0] == 60:  # <
        if is_text(alt, n, b"<*>", 3) or is_text(alt, n, b"<X>", 3) or is_text(alt, n, b"<NON_REF>", 9):
            return REF
        return OTHER
    if alt[0] == 91 or alt[0] == 93:  # [ ]
        return BND
    while first < m and first < n and upper(ref[first]) == upper(alt[first]):
        first += 1
    if first == m and first == n:
        return REF
    if first == m:
        return BND if alt[first] == 91 or alt[first] == 93 else INDEL
    if first == n:
        return INDEL
    # What differs, [first, m) and [first, n), less a common end; a base of each is kept.
    while m > first + 1 and n > first + 1 and upper(ref[m - 1]) == upper(alt[n - 1]):
        m -= 1
        n -= 1
    if m == first + 1 and n == first + 1:
        return SNP
    if m > first + 1 and n > first + 1:
        return MNP if m == n else OTHER
    return INDEL if upper(ref[m - 1]) == upper(alt[n - 1]) else OTHER


def variant_types(
    const uint8_t[::1] data, const int64_t[::1] offsets, Py_ssize_t alleles, uint8_t[::1] out
):
    """out: the types of each variant's ALT alleles, or-ed."""
    cdef Py_ssize_t v, a, i
    cdef uint8_t types
    cdef const uint8_t* p = &data[0] if data.shape[0] else NULL
    with nogil:
        for v in range(out.shape[0]):
            i = v * alleles
            types = REF
            if alleles and offsets[i] < offsets[i + 1]:
                for a in range(1, alleles):
                    if offsets[i + a] < offsets[i + a + 1]:
                        types |= allele_type(
                            p + offsets[i],
                            offsets[i + 1] - offsets[i],
                            p + offsets[i + a],
                            offsets[i + a + 1] - offsets[i + a],
                        )
            out[v] = types
