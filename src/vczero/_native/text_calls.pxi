"""Genotypes as text; part of text.pyx."""

include "clones.pxi"


cdef inline bint is_diploid(const Op* op) noexcept nogil:
    """Whether CALLS has the calls' text: two one-byte alleles, side by side."""
    return op.column.kind == I1 and op.column.count == 2 and op.column.value == 1


cdef inline char* put_call(const char* alleles, bint phased, char* pos) noexcept nogil:
    """A diploid call; eight bytes of room are reserved."""
    cdef uint32_t index = <uint8_t>alleles[0] | <uint32_t>(<uint8_t>alleles[1]) << 8 | <uint32_t>phased << 16
    memcpy(pos, CALLS[index], 8)
    return pos + CALLS[index][7]


cdef inline bint sixteen_calls(const char* alleles, const char* phased, uint32_t separator, char* out) noexcept nogil:
    """Sixteen diploid calls, four bytes each with the separator in front, by arithmetic that compilers turn into
    vector instructions; False, and nothing useful written, if a call has an allele above 9 or fill."""
    cdef uint16_t[16] pairs
    cdef uint8_t[16] bars
    cdef uint32_t[16] words
    cdef uint32_t first, second, wide = 0
    cdef int k
    memcpy(pairs, alleles, 32)
    if phased == NULL:
        memset(bars, 0, 16)
    else:
        memcpy(bars, phased, 16)
    for k in range(16):
        # An allele plus one: 0 is missing, written as "."; 1 to 10 are "0" to "9".
        first = (pairs[k] + 1) & 255
        second = ((pairs[k] >> 8) + 1) & 255
        wide |= (first > 10) | (second > 10)
        words[k] = (
            separator
            | (46 + first + (first > 0)) << 8
            | (47 + 77 * <uint32_t>(bars[k] != 0)) << 16
            | (46 + second + (second > 0)) << 24
        )
    memcpy(out, words, 64)
    return not wide


cdef cloned many_calls(
    const char* alleles, const char* phased, uint32_t separator, Py_ssize_t calls, char* out, Py_ssize_t* done
) noexcept nogil:
    """Calls from the first on, sixteen at a time, as long as they are such as `sixteen_calls` writes."""
    cdef Py_ssize_t at = 0
    while at + 16 <= calls and sixteen_calls(
        alleles + 2 * at, phased + at if phased != NULL else NULL, separator, out + 4 * at
    ):
        at += 16
    done[0] = at


cdef char* write_calls(
    const Op* op, Py_ssize_t row, Py_ssize_t samples, char separator, char* pos, Blocks out
) except NULL nogil:
    """All diploid calls of a row, each with the separator in front."""
    cdef const char* alleles = op.column.data + row * op.column.row
    cdef const char* phased = op.other.data
    cdef bint even = LITTLE_ENDIAN and op.column.sample == 2
    cdef Py_ssize_t at = 0, stop, done
    if phased != NULL:
        phased += row * op.other.row
        even = even and op.other.sample == 1
    while at < samples:
        if even:
            # As many as are sure to find room: a row is not reserved whole, since blocks have one size.
            stop = min(samples - at, 4096)
            pos = reserve(out, pos, 4 * stop)
            many_calls(
                alleles + 2 * at, phased + at if phased != NULL else NULL, <uint8_t>separator, stop, pos, &done
            )
            pos += 4 * done
            at += done
        stop = min(at + 16, samples)
        pos = reserve(out, pos, 16 * 8 + 8)
        while at < stop:
            pos[0] = separator
            pos = put_call(
                alleles + at * op.column.sample,
                phased != NULL and phased[at * op.other.sample] != 0,
                pos + 1,
            )
            at += 1
    return pos


cdef char* write_genotype(const Op* op, Py_ssize_t row, Py_ssize_t sample, char* pos, Blocks out) except NULL nogil:
    cdef Py_ssize_t at = row * op.column.row + sample * op.column.sample
    cdef bint phased = (
        op.other.data != NULL and op.other.data[row * op.other.row + sample * op.other.sample] != 0
    )
    cdef Py_ssize_t k
    cdef int64_t allele
    cdef char* start
    pos = reserve(out, pos, 22 * op.column.count + 8)
    if is_diploid(op):
        return put_call(op.column.data + at, phased, pos)
    start = pos
    for k in range(op.column.count):
        allele = load_integer(&op.column, at)
        if allele == -2:
            break
        if k:
            pos[0] = 124 if phased else 47
            pos += 1
        if allele < 0:
            pos[0] = 46
            pos += 1
        else:
            pos = write_integer(pos, allele)
        at += op.column.value
    if pos == start:
        pos[0] = 46
        pos += 1
    return pos


cdef char iupac_code(const Column* alleles, Py_ssize_t at, int64_t first, int64_t second) noexcept nogil:
    """The code of two alleles that are one of A, C, G, T each, in either case; 0 for others."""
    cdef int bits = base_bit(alleles, at, first), other = base_bit(alleles, at, second)
    if bits == 0 or other == 0:
        return 0
    # By the set of bases: A 1, C 2, G 4, T 8.
    return b"\0ACMGRSVTWYHKDBN"[bits | other]


cdef int base_bit(const Column* alleles, Py_ssize_t at, int64_t allele) noexcept nogil:
    cdef int64_t start
    cdef char base
    if not 0 <= allele < alleles.count:
        return 0
    start = alleles.offsets[at + allele]
    if alleles.offsets[at + allele + 1] - start != 1:
        return 0
    base = alleles.data[start] & ~32
    return 1 if base == 65 else 2 if base == 67 else 4 if base == 71 else 8 if base == 84 else 0


cdef char* write_bases(const Op* op, Py_ssize_t row, Py_ssize_t sample, char* pos, Blocks out) except NULL nogil:
    """A call with the alleles' text in place of their numbers; of IUPAC, a code where there is one."""
    cdef Py_ssize_t at = row * op.column.row + sample * op.column.sample
    cdef Py_ssize_t texts = row * op.alleles.row
    cdef bint phased = (
        op.other.data != NULL and op.other.data[row * op.other.row + sample * op.other.sample] != 0
    )
    cdef Py_ssize_t k
    cdef int64_t allele, start, length
    cdef char code
    if op.code == IUPAC and op.column.count > 1 and (
        op.column.count == 2 or load_integer(&op.column, at + 2 * op.column.value) == -2
    ):
        allele = load_integer(&op.column, at)
        code = iupac_code(&op.alleles, texts, allele, load_integer(&op.column, at + op.column.value))
        if code:
            return put_char(out, pos, code)
    for k in range(op.column.count):
        allele = load_integer(&op.column, at)
        if allele == -2:
            return pos if k else put_char(out, pos, 46)
        if k:
            pos = put_char(out, pos, 124 if phased else 47)
        length = 0
        if 0 <= allele < op.alleles.count:
            start = op.alleles.offsets[texts + allele]
            length = op.alleles.offsets[texts + allele + 1] - start
        if length:
            pos = put(out, pos, op.alleles.data + start, length)
        else:
            pos = put_char(out, pos, 46)
        at += op.column.value
    return pos
