# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Blocks of BGEN layout 2: the probabilities of calls and of floats, and whole variants. See vczero/kernels/bgen.py."""

from libc.math cimport floor
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, memset

cdef enum:
    TILE = 64  # samples
    PLOIDIES = 64  # a call has at most 63 alleles
    MISSING = 0x80
    FILL = -2

ctypedef fused calls:
    int8_t
    int16_t
    int32_t

ctypedef fused floats:
    float
    double


cdef inline void put16(uint8_t* p, uint32_t value) noexcept nogil:
    p[0] = value & 255
    p[1] = (value >> 8) & 255


cdef inline void put32(uint8_t* p, uint32_t value) noexcept nogil:
    put16(p, value & 0xFFFF)
    put16(p + 2, value >> 16)


cdef inline int64_t choose(int64_t n, int64_t k) noexcept nogil:
    # n over k.
    cdef int64_t i, result = 1
    for i in range(1, k + 1):
        result = result * (n - k + i) // i
    return result


cdef void start_block(uint8_t* p, int64_t samples, int alleles) noexcept nogil:
    put32(p, <uint32_t>samples)
    put16(p + 4, alleles)
    p[6] = 63
    p[7] = 0


cdef inline void take_ploidy(uint8_t* p, int64_t sample, int ploidy, bint missing) noexcept nogil:
    p[8 + sample] = ploidy | MISSING if missing else ploidy
    if ploidy < p[6]:
        p[6] = ploidy
    if ploidy > p[7]:
        p[7] = ploidy


cdef inline int count_alleles(const calls* call, int width) noexcept nogil:
    # The ploidy of a call: its alleles before the first fill value.
    cdef int count = 0
    while count < width and call[count] != FILL:
        count += 1
    return count if count else width


cdef inline bint is_missing(const calls* call, int ploidy) noexcept nogil:
    # Whether one of its alleles is.
    cdef int i
    for i in range(ploidy):
        if call[i] < 0:
            return True
    return False


cdef inline bint has_phase(const calls* call, int width) noexcept nogil:
    # Whether a call is one of two known alleles or more.
    cdef int ploidy = count_alleles(call, width)
    return ploidy > 1 and not is_missing(call, ploidy)


cdef bint is_phased(const calls* row, const uint8_t* phased, int64_t samples, int width) noexcept nogil:
    # Whether all calls that can have a phase do, and there is one.
    cdef int64_t s = 0
    cdef const uint8_t* found
    if phased == NULL:
        return False
    while s < samples:
        found = <const uint8_t*>memchr(phased + s, 0, samples - s)
        if found == NULL:
            break
        s = found - phased
        if has_phase(row + s * width, width):
            return False
        s += 1
    for s in range(samples):
        if has_phase(row + s * width, width):
            return True
    return False


cdef inline bint put_tile(
    uint8_t* out, const calls* row, int64_t count, bint phased
) noexcept nogil:
    # The probabilities of `count` diploid calls of two alleles, if all of them are known.
    cdef int64_t i
    cdef calls seen = 0, a, b
    for i in range(2 * count):
        seen |= row[i]
    if seen & ~1:
        return False
    if phased:
        for i in range(2 * count):
            out[i] = <uint8_t>(row[i] - 1)
    else:
        for i in range(count):
            a = row[2 * i]
            b = row[2 * i + 1]
            out[2 * i] = <uint8_t>((a | b) - 1)
            out[2 * i + 1] = <uint8_t>(-(a ^ b))
    return True


cdef int64_t put_call(
    uint8_t* out, const calls* call, int ploidy, int alleles, bint phased, const int64_t* counts
) noexcept nogil:
    # The probabilities of one known call: their number; -1: an allele that the variant does not have.
    cdef int64_t i, j, place = 0, size
    cdef calls[PLOIDIES] ordered
    if phased:
        size = <int64_t>ploidy * (alleles - 1)
        memset(out, 0, size)
        for i in range(ploidy):
            if call[i] >= alleles:
                return -1
            if call[i] < alleles - 1:
                out[i * (alleles - 1) + call[i]] = 255
        return size
    size = counts[ploidy]
    for i in range(ploidy):
        if call[i] >= alleles:
            return -1
        j = i
        while j > 0 and ordered[j - 1] > call[i]:
            ordered[j] = ordered[j - 1]
            j -= 1
        ordered[j] = call[i]
    for i in range(ploidy):
        place += choose(ordered[i] + i, i + 1)
    memset(out, 0, size)
    if place < size:
        out[place] = 255
    return size


cdef int64_t put_row(
    uint8_t* out, const calls* row, const uint8_t* phases, int64_t samples, int width, int alleles, int64_t* bad
) noexcept nogil:
    # The block of one variant: its size; -1 with the sample whose call has an allele that there is not.
    cdef int64_t[PLOIDIES] counts
    cdef int64_t s, t, end, size
    cdef int ploidy
    cdef bint missing, phased = is_phased(row, phases, samples, width)
    cdef uint8_t* p = out + 10 + samples
    for ploidy in range(width + 1):
        counts[ploidy] = choose(ploidy + alleles - 1, ploidy) - 1
    start_block(out, samples, alleles)
    end = 0
    while end < samples:
        s = end
        end = min(s + <int64_t>TILE, samples)
        if width == 2 and alleles == 2 and put_tile(p, row + 2 * s, end - s, phased):
            memset(out + 8 + s, 2, end - s)
            out[6] = min(out[6], 2)
            out[7] = max(out[7], 2)
            p += 2 * (end - s)
            continue
        for t in range(s, end):
            ploidy = count_alleles(row + t * width, width)
            missing = is_missing(row + t * width, ploidy)
            take_ploidy(out, t, ploidy, missing)
            if missing:
                size = <int64_t>ploidy * (alleles - 1) if phased else counts[ploidy]
                memset(p, 0, size)
            else:
                size = put_call(p, row + t * width, ploidy, alleles, phased, counts)
                if size < 0:
                    bad[0] = t
                    return -1
            p += size
    out[8 + samples] = phased
    out[9 + samples] = 8
    return p - out


def call_blocks(
    const calls[:, :, ::1] genotypes,
    const uint8_t[:, ::1] phased,
    const int32_t[::1] alleles,
    uint8_t[::1] out,
    int64_t[::1] ends,
):
    """The blocks of calls, one after the other; (row, sample) of a call that has no sense, else None."""
    cdef Py_ssize_t v
    cdef int64_t size, at = 0, bad = -1
    cdef int64_t samples = genotypes.shape[1]
    cdef int width = <int>genotypes.shape[2]
    cdef const uint8_t* phases = NULL
    with nogil:
        ends[0] = 0
        for v in range(genotypes.shape[0]):
            if phased is not None:
                phases = &phased[v, 0]
            size = put_row(&out[at], &genotypes[v, 0, 0], phases, samples, width, alleles[v], &bad)
            if size < 0:
                break
            at += size
            ends[v + 1] = at
    return (v, bad) if bad >= 0 else None


cdef int put_rounded(uint8_t* out, const floats* values, int64_t count, double tolerance, double* parts) noexcept nogil:
    # All but the last of `count` probabilities, in 255ths that sum to 255. 1: one is not in [0, 1]; 2: their sum is not 1.
    cdef int64_t i, best
    cdef double total = 0, scaled
    cdef int left = 255
    for i in range(count):
        if not (values[i] >= 0 and values[i] <= 1 + tolerance):
            return 1
        total += values[i]
    if not (total >= 1 - tolerance and total <= 1 + tolerance):
        return 2
    for i in range(count):
        scaled = values[i] * 255.0 / total
        parts[i] = scaled - floor(scaled)
        left -= <int>floor(scaled)
        if i < count - 1:
            out[i] = <uint8_t>floor(scaled)
    while left > 0:
        best = 0
        for i in range(1, count):
            if parts[i] > parts[best]:
                best = i
        parts[best] = -1
        if best < count - 1:
            out[best] += 1
        left -= 1
    return 0


def float_blocks(
    const floats[:, :, ::1] values,
    const uint8_t[:, ::1] ploidies,
    const int32_t[::1] alleles,
    double tolerance,
    uint8_t[::1] out,
    int64_t[::1] ends,
):
    """The blocks of probabilities, one after the other; (row, sample, what is wrong) of the first bad ones, else None."""
    cdef Py_ssize_t v, s, samples = values.shape[1]
    cdef int64_t[PLOIDIES] counts
    cdef int64_t width = values.shape[2]
    cdef int ploidy, wrong = 0
    cdef double* parts = <double*>malloc(max(width, 1) * sizeof(double))
    cdef uint8_t* block
    cdef uint8_t* p = &out[0]
    if parts == NULL:
        raise MemoryError
    with nogil:
        ends[0] = 0
        for v in range(values.shape[0]):
            block = p
            start_block(block, samples, alleles[v])
            for ploidy in range(PLOIDIES):
                counts[ploidy] = -1
            p += 10 + samples
            for s in range(samples):
                ploidy = ploidies[v, s] & 63
                if counts[ploidy] < 0:
                    counts[ploidy] = choose(ploidy + alleles[v] - 1, ploidy) - 1
                take_ploidy(block, s, ploidy, ploidies[v, s] & MISSING)
                if ploidies[v, s] & MISSING:
                    memset(p, 0, counts[ploidy])
                else:
                    wrong = put_rounded(p, &values[v, s, 0], counts[ploidy] + 1, tolerance, parts)
                    if wrong:
                        break
                p += counts[ploidy]
            if wrong:
                break
            block[8 + samples] = 0
            block[9 + samples] = 8
            ends[v + 1] = p - &out[0]
        free(parts)
    return (v, s, wrong) if wrong else None


cdef inline uint8_t* put_text(
    uint8_t* p, const uint8_t[::1] data, const int64_t[::1] offsets, Py_ssize_t i, int width
) noexcept nogil:
    # A length of `width` bytes, and the text; "." for none.
    cdef int64_t size = offsets[i + 1] - offsets[i]
    if width == 2:
        put16(p, <uint32_t>max(size, 1))
    else:
        put32(p, <uint32_t>max(size, 1))
    p += width
    if size == 0:
        p[0] = 46
        return p + 1
    memcpy(p, &data[offsets[i]], size)
    return p + size


def variant_records(
    tuple texts,
    const int64_t[::1] positions,
    const int32_t[::1] counts,
    const uint8_t[::1] payload,
    const int64_t[::1] offsets,
    const int64_t[::1] sizes,
    uint8_t[::1] out,
):
    """Identifying data and payload of each variant, one after the other."""
    cdef const uint8_t[::1] id_data = texts[0]
    cdef const int64_t[::1] id_offsets = texts[1]
    cdef const uint8_t[::1] rs_data = texts[2]
    cdef const int64_t[::1] rs_offsets = texts[3]
    cdef const uint8_t[::1] contig_data = texts[4]
    cdef const int64_t[::1] contig_offsets = texts[5]
    cdef const uint8_t[::1] allele_data = texts[6]
    cdef const int64_t[::1] allele_offsets = texts[7]
    cdef Py_ssize_t v, a, rows = counts.shape[0]
    cdef Py_ssize_t width = (allele_offsets.shape[0] - 1) // rows if rows else 0
    cdef int64_t size
    cdef uint8_t* p = &out[0] if out.shape[0] else NULL
    with nogil:
        for v in range(rows):
            p = put_text(p, id_data, id_offsets, v, 2)
            p = put_text(p, rs_data, rs_offsets, v, 2)
            p = put_text(p, contig_data, contig_offsets, v, 2)
            put32(p, <uint32_t>positions[v])
            put16(p + 4, counts[v])
            p += 6
            for a in range(counts[v]):
                if a < width:
                    p = put_text(p, allele_data, allele_offsets, v * width + a, 4)
                else:
                    put32(p, 1)
                    p[4] = 46
                    p += 5
            size = offsets[v + 1] - offsets[v]
            if sizes is None:
                put32(p, <uint32_t>size)
                p += 4
            else:
                put32(p, <uint32_t>(size + 4))
                put32(p + 4, <uint32_t>sizes[v])
                p += 8
            memcpy(p, &payload[offsets[v]], size)
            p += size
