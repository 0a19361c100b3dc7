# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Blocks of BGEN layout 2: the probabilities of calls and of floats, and whole variants. See vczero/kernels/bgen.py."""

from libc.math cimport floor
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcpy, memset

include "deflate.pxi"

cdef enum:
    TILE = 32  # samples: diploid, of two alleles, they have a word of probabilities
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


cdef inline bint take_bits(const calls* row, int count, uint64_t* low, uint64_t* negative) noexcept nogil:
    # The lowest bits and the signs of `count` values, at most 64; whether all are -1, 0 or 1.
    cdef uint64_t word, sign, others = 0
    cdef int i
    low[0] = negative[0] = 0
    if calls is int8_t and count == 64:
        if plain_bits(<const uint8_t*>row, low):
            return True
        for i in range(0, 64, 8):
            word = load(<const uint8_t*>row + i)
            sign = (word >> 7) & each(1)
            negative[0] |= gather(sign) << i
            word ^= sign * 255
            others |= word & (each(0xFE) | sign)
        return others == 0
    for i in range(count):
        low[0] |= <uint64_t>(row[i] & 1) << i
        negative[0] |= <uint64_t>(row[i] < 0) << i
        others |= row[i] < -1 or row[i] > 1
    return others == 0


cdef inline void put_word(uint8_t* ones, int64_t at, uint64_t word) noexcept nogil:
    # 64 bits behind which there are none yet.
    cdef uint8_t* p = ones + (at >> 3)
    store(p, load(p) | word << (at & 7))
    store(p + 8, word >> 1 >> (63 - (at & 7)))


cdef bint put_tile(Block* block, const calls* row, int64_t sample, int count, bint phased) noexcept nogil:
    # `count` calls of two alleles, from `sample`, if all are diploid or missing.
    cdef uint64_t low, negative, a, b
    cdef int i
    if not take_bits(row + 2 * sample, 2 * count, &low, &negative):
        return False
    block.bytes[6] = min(block.bytes[6], 2)
    block.bytes[7] = max(block.bytes[7], 2)
    a = low & each(0x55)
    b = (low >> 1) & each(0x55)
    # What is not an ALT allele, or neither ALT twice nor once.
    low = ~low if phased else ~(a | b) & each(0x55) | (a ^ b) << 1
    if negative:
        negative = (negative | negative >> 1) & each(0x55)
        low &= ~(negative | negative << 1)
        for i in range(count):
            block.bytes[8 + sample + i] |= (negative >> (2 * i) & 1) << 7
    if count < TILE:
        low &= (<uint64_t>1 << (2 * count)) - 1
    put_word(block.ones, block.count, low)
    block.count += 2 * count
    return True


cdef int64_t put_call(
    Block* block, const calls* call, int ploidy, int alleles, bint phased, int64_t size
) noexcept nogil:
    # The probabilities of one known call, `size` in number; -1: an allele that the variant does not have.
    cdef int64_t i, j, place = 0
    cdef calls[PLOIDIES] ordered
    for i in range(ploidy):
        if call[i] >= alleles:
            return -1
        if phased:
            place = block.count + i * (alleles - 1) + call[i]
            if call[i] < alleles - 1:
                block.ones[place >> 3] |= 1 << (place & 7)
            continue
        j = i
        while j > 0 and ordered[j - 1] > call[i]:
            ordered[j] = ordered[j - 1]
            j -= 1
        ordered[j] = call[i]
    if not phased:
        for i in range(ploidy):
            place += choose(ordered[i] + i, i + 1)
        if place < size:
            place += block.count
            block.ones[place >> 3] |= 1 << (place & 7)
    return size


cdef int64_t put_row(
    Block* block, const calls* row, const uint8_t* phases, int64_t samples, int width, int alleles
) noexcept nogil:
    # Make the block of one variant: -1, or the sample whose call has an allele that there is not.
    cdef int64_t[PLOIDIES] counts
    cdef int64_t s, t, end = 0, size
    cdef int ploidy
    cdef bint missing, phased = is_phased(row, phases, samples, width)
    for ploidy in range(width + 1):
        counts[ploidy] = choose(ploidy + alleles - 1, ploidy) - 1
    start_block(block.bytes, samples, alleles)
    block.size = 10 + samples
    block.count = 0
    block.period = alleles - 1 if phased else counts[width]
    if block.period > FRONT:
        block.period = 1
    memset(block.bytes + 8, 2, samples)  # the ploidy where put_tile puts calls
    memset(block.ones, 0, samples * counts[width] // 8 + BEHIND)
    while end < samples:
        s = end
        end = min(s + <int64_t>TILE, samples)
        if width == 2 and alleles == 2 and put_tile(block, row, s, <int>(end - s), phased):
            continue
        for t in range(s, end):
            ploidy = count_alleles(row + t * width, width)
            missing = is_missing(row + t * width, ploidy)
            take_ploidy(block.bytes, t, ploidy, missing)
            size = <int64_t>ploidy * (alleles - 1) if phased else counts[ploidy]
            if not missing and put_call(block, row + t * width, ploidy, alleles, phased, size) < 0:
                return t
            block.count += size
    block.bytes[8 + samples] = phased
    block.bytes[9 + samples] = 8
    return -1


def call_blocks(
    const calls[:, :, ::1] genotypes,
    const uint8_t[:, ::1] phased,
    const int32_t[::1] alleles,
    int64_t largest,
    int64_t spare,
    Py_ssize_t first,
    uint8_t[::1] out,
    int64_t[::1] ends,
    int64_t[::1] sizes,
):
    """The blocks of calls, or if `sizes` gets what they take, their zlib streams, one after the other in `out`.

    No block is larger than `largest`. From row `first`, whose end is known, to that which is returned: the last,
    or `out` has less than `spare` bytes left, or the sample that is returned as well has a call that makes no
    sense (else -1). Seven bytes behind what is written are written over.
    """
    cdef Py_ssize_t v
    cdef int64_t at = 0, bad = -1, samples = genotypes.shape[1], before = ends[first]
    cdef int width = <int>genotypes.shape[2]
    cdef const uint8_t* phases = NULL
    cdef Block block
    cdef uint8_t* room = <uint8_t*>calloc(2 * FRONT + 2 * BEHIND + 10 + samples + largest // 8, 1)
    cdef Tokens* tokens = <Tokens*>malloc(sizeof(Tokens))
    if room == NULL or tokens == NULL:
        free(room)
        free(tokens)
        raise MemoryError
    block.bytes = room + FRONT
    block.ones = block.bytes + 10 + samples + BEHIND + FRONT
    v = first
    with nogil:
        while v < genotypes.shape[0] and at + spare <= out.shape[0]:
            if phased is not None:
                phases = &phased[v, 0]
            bad = put_row(&block, &genotypes[v, 0, 0], phases, samples, width, alleles[v])
            if bad >= 0:
                break
            if sizes is None:
                memcpy(&out[at], block.bytes, block.size)
                spread(block.ones, block.count, &out[at + block.size])
                at += block.size + block.count
            else:
                sizes[v] = block.size + block.count
                at += compress(tokens, &block, &out[at])
            v += 1
            ends[v] = before + at
        free(room)
        free(tokens)
    return v, bad


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
