"""Calls in BCF: (allele + 1) << 1, plus 1 if the bar before the allele is "|"; part of bcf.pyx.

Missing alleles are 0 (with a bar "|", 1); a call ends at its first fill. The first allele has no bar before it. A call
without any allele is a missing one.
"""

cdef enum:
    LARGEST = 62                # the largest allele number that fits one byte


cdef bint two_alleles(const uint8_t* alleles, const uint8_t* phased, Py_ssize_t calls, uint8_t* out) noexcept nogil:
    """At most TILE diploid calls, side by side; False, and nothing useful written, if one has fill or a large allele."""
    cdef uint8_t seen = 0, next_allele
    cdef uint16_t[TILE] pairs
    cdef Py_ssize_t k
    for k in range(2 * calls):
        next_allele = alleles[k] + 1
        seen |= next_allele
        out[k] = next_allele << 1
    if seen > LARGEST + 1:
        return False
    if phased != NULL:
        memcpy(pairs, out, 2 * calls)
        for k in range(calls):
            pairs[k] |= <uint16_t>(phased[k] != 0) << 8
        memcpy(out, pairs, 2 * calls)
    return True


cdef int one_or_two(const uint8_t* alleles, const uint8_t* phased, Py_ssize_t calls, uint8_t* out) noexcept nogil:
    """The same where calls may end early: the most alleles in a call, at least one; 0 where one is large."""
    cdef uint16_t[TILE] pairs
    cdef uint8_t[TILE] bars
    cdef uint16_t first, second, large = 0, diploid = 0
    cdef Py_ssize_t k
    memcpy(pairs, alleles, 2 * calls)
    if phased == NULL:
        memset(bars, 0, calls)
    else:
        memcpy(bars, phased, calls)
    for k in range(calls):
        # An allele plus one: 0 is missing, 255 fill.
        first = (pairs[k] + 1) & 255
        second = ((pairs[k] >> 8) + 1) & 255
        large |= (first > LARGEST + 1) & (first != 255) | (second > LARGEST + 1) & (second != 255)
        diploid |= (first != 255) & (second != 255)
        second = 0x81 if (first == 255) | (second == 255) else second << 1 | (bars[k] != 0)
        first = 0 if first == 255 else first << 1
        pairs[k] = second << 8 | first
    memcpy(out, pairs, 2 * calls)
    return 0 if large else 1 + diploid


cdef inline int64_t allele_at(const Column* c, Py_ssize_t at) noexcept nogil:
    cdef int64_t allele = load_integer(c, at)
    return allele if allele >= -2 and allele < INT32_MAX // 2 - 1 else -1


cdef char* put_calls(
    const Field* field, Py_ssize_t row, Py_ssize_t samples, char* pos, Blocks out
) except NULL nogil:
    """A field of calls, which every record with samples has."""
    cdef const Column* c = &field.column
    cdef const char* alleles = c.data + row * c.row
    cdef const char* phased = field.phased.data
    cdef Py_ssize_t at = 0, calls, width
    cdef int64_t largest
    cdef int found, most
    cdef const uint8_t* source
    cdef const uint8_t* bars
    cdef char* start
    if phased != NULL:
        phased += row * field.phased.row
    if c.kind == I1 and c.count == 2 and is_flat(c, samples, 1) and (phased == NULL or field.phased.sample == 1):
        # Room for all at once: if this way fails, the other begins at the same place.
        pos = reserve(out, pos, 2 * samples + 16)
        start = put_key(out, pos, field.key, 2, T_INT8)
        most = 1
        while at < samples:
            calls = min(TILE, samples - at)
            source = <const uint8_t*>alleles + 2 * at
            bars = <const uint8_t*>phased + at if phased != NULL else NULL
            if two_alleles(source, bars, calls, <uint8_t*>start + 2 * at):
                most = 2
            else:
                found = one_or_two(source, bars, calls, <uint8_t*>start + 2 * at)
                if found == 0:
                    break
                most = max(most, found)
            at += calls
        if at == samples and most == 2:
            return start + 2 * samples
    width, largest = 1, 0
    for at in range(samples):
        measure_call(c, alleles - c.data + at * c.sample, &width, &largest)
    largest = 2 * largest + 3
    if largest <= 127:
        pos = put_key(out, pos, field.key, width, T_INT8)
        return write_calls(field, row, samples, width, <int8_t>0, reserve(out, pos, samples * width))
    if largest <= 32767:
        pos = put_key(out, pos, field.key, width, T_INT16)
        return write_calls(field, row, samples, width, <int16_t>0, reserve(out, pos, 2 * samples * width))
    pos = put_key(out, pos, field.key, width, T_INT32)
    return write_calls(field, row, samples, width, <int32_t>0, reserve(out, pos, 4 * samples * width))


cdef inline void measure_call(const Column* c, Py_ssize_t at, Py_ssize_t* width, int64_t* largest) noexcept nogil:
    cdef Py_ssize_t k
    cdef int64_t allele
    for k in range(c.count):
        allele = allele_at(c, at + k * c.value)
        if allele == -2:
            break
        width[0] = max(width[0], k + 1)
        largest[0] = max(largest[0], allele)


cdef char* write_calls(
    const Field* field, Py_ssize_t row, Py_ssize_t samples, Py_ssize_t width, target _type, char* pos
) noexcept nogil:
    """All calls, `width` places each; their room is reserved."""
    cdef const Column* c = &field.column
    cdef target end = <target>(1 - (<int64_t>1 << (8 * sizeof(target) - 1)))
    cdef target value
    cdef int64_t allele
    cdef Py_ssize_t sample, k, at
    cdef bint bar
    for sample in range(samples):
        at = row * c.row + sample * c.sample
        bar = field.phased.data != NULL and (
            field.phased.data[row * field.phased.row + sample * field.phased.sample] != 0
        )
        allele = -1
        for k in range(width):
            if allele != -2 or k == 0:
                allele = allele_at(c, at + k * c.value) if k < c.count else -2
            if allele != -2:
                value = <target>((allele + 1) << 1 | (bar and k > 0))
            elif k:
                value = end
            else:
                value = 0
            memcpy(pos, &value, sizeof(target))
            pos += sizeof(target)
    return pos
