# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Two-bit codes of pairs of small integers, from bytes or from bit planes. See vczero/kernels/pairs.py.

Both ways look at pairs as bits of words: bit 2 k for the first value of pair k, bit 2 k + 1 for the second, of
which a code then takes the place. So a word of a bit plane becomes a word of codes by a dozen operations.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from vczero._native.stored cimport Plain, Stored

include "planes.pxi"

cdef extern from *:
    """
    #include <stdint.h>
    #define PAIR_FIRST 0x5555555555555555ULL
    #define PAIR_LOWEST 0x0101010101010101ULL
    #define PAIR_MIDDLE 0x7E7E7E7E7E7E7E7EULL
    #define PAIR_GATHER 0x0102040810204080ULL
    """
    uint64_t FIRST "PAIR_FIRST"    # the first value of each pair
    uint64_t LOWEST "PAIR_LOWEST"  # the lowest bit of each byte
    uint64_t MIDDLE "PAIR_MIDDLE"  # the bits between the lowest and the sign
    uint64_t GATHER "PAIR_GATHER"  # times bits at the bottom of bytes: all of them, at the top

cdef enum:
    HALF = 1 << 30
    OTHER = 1 << 31


cdef inline uint64_t plain_codes(uint64_t low) noexcept nogil:
    # Codes of pairs of 0 and 1, given as bits.
    cdef uint64_t a = low & FIRST, b = (low >> 1) & FIRST
    return ~((a | b) | ((a & b) << 1))


cdef inline uint64_t codes_of(uint64_t low, uint64_t negative, uint64_t* half) noexcept nogil:
    # Codes of pairs of -2, -1, 0 and 1 by their lowest bits and their signs; `half` gets pairs of one missing
    # value and one that is there.
    cdef uint64_t a = low & FIRST, b = (low >> 1) & FIRST
    cdef uint64_t no_a = negative & FIRST, no_b = (negative >> 1) & FIRST
    cdef uint64_t missing = no_a & no_b, alone = no_b & ~b & ~no_a
    half[0] = (no_a ^ no_b) & ~alone
    a &= ~no_a
    b = (b & ~no_b) | (alone & a)
    return (~(a | b) & FIRST) | ((~(a & b) & ~missing & FIRST) << 1)


cdef inline void report(
    uint32_t* bad, const uint8_t* half, const uint8_t* other, Py_ssize_t count, Py_ssize_t pair
) noexcept nogil:
    # Keep the first pair that has no code; bits 2 k and 2 k + 1 of `other` both stand for pair k.
    cdef Py_ssize_t i, k
    if bad[0]:
        return
    for i in range(count):
        if not (half[i] | other[i]):
            continue
        for k in range(4):
            if (other[i] >> (2 * k)) & 3:
                bad[0] = <uint32_t> OTHER | <uint32_t> (pair + 4 * i + k + 1)
                return
            if (half[i] >> (2 * k)) & 1:
                bad[0] = <uint32_t> HALF | <uint32_t> (pair + 4 * i + k + 1)
                return


cdef inline void mixed_words(
    uint64_t (*words)[WORDS], Py_ssize_t number, uint64_t* half, uint64_t* other
) noexcept nogil:
    # Words 0 become codes; words 1 to 6 must equal words 7, the signs.
    cdef Py_ssize_t j, p
    cdef uint64_t sign
    for j in range(number):
        other[j] = 0
    for p in range(1, 7):
        for j in range(number):
            other[j] |= words[p][j] ^ words[7][j]
    for j in range(number):
        sign = words[7][j]
        words[0][j] = codes_of(words[0][j], sign, &half[j])


cdef cloned code_planes(
    const uint8_t* planes, Py_ssize_t pitch, Py_ssize_t lines, Py_ssize_t first, Py_ssize_t last, uint8_t* out,
    Py_ssize_t pair, uint32_t* bad
) noexcept nogil:
    # Bytes [first, last) of a block of at most so many planes, both ends of pairs and the first of a byte of bits.
    cdef uint64_t words[8][WORDS]
    cdef uint64_t half[WORDS]
    cdef uint64_t other[WORDS]
    cdef uint8_t* line = <uint8_t*> words
    cdef uint8_t used = <uint8_t> (0xFF >> (7 - (last - 1) % 8))
    cdef Py_ssize_t begin = first // 8, end = (last + 7) // 8, i, j, p, count, number
    for i in range(begin, end, 1024):
        count = min(end - i, TILE)
        number = load(words[0], planes + i, count)
        if not upper_bits(planes + i, pitch, lines, count):
            for j in range(number):
                words[0][j] = plain_codes(words[0][j])
        else:
            for p in range(1, 8):
                load(words[p], planes + p * pitch + i, count)
            mixed_words(words, number, half, other)
            if i + count == end:
                (<uint8_t*> half)[count - 1] &= used
                (<uint8_t*> other)[count - 1] &= used
            report(bad, <const uint8_t*> half, <const uint8_t*> other, count, pair + 4 * (i - begin))
        if i + count == end:
            line[count - 1] &= used
        memcpy(out + i - begin, line, count)


def code_blocks(
    Stored stored not None, const int64_t[::1] rows, Py_ssize_t used_bytes, uint8_t[:, :] codes, uint32_t[::1] bad
):
    cdef Py_ssize_t width = codes.shape[1], row, begin = 0, first, last, column
    cdef Py_ssize_t count = stored.numbers.shape[0], done = 0
    cdef Plain block
    check_ascending(rows)
    if (stored.block_bytes | stored.nbytes) % 8:
        raise ValueError("blocks must be of whole words of eight values")
    for row in range(rows.shape[0]):
        if rows[row] % 8:
            raise ValueError("rows must be of whole words of eight values")
    if used_bytes < 1 or used_bytes % 2 or width != (used_bytes + 7) // 8 or codes.shape[0] != rows.shape[0]:
        raise ValueError("no such rows")
    if bad.shape[0] != rows.shape[0] or (width > 1 and codes.strides[1] != 1):
        raise ValueError("the output does not fit")
    with nogil:
        while done < count and stored.enter(done, &block):
            begin = first_row(rows, begin, used_bytes, &block)
            for row in range(begin, rows.shape[0]):
                first = max(rows[row] - block.start, 0)
                last = min(rows[row] + used_bytes - block.start, block.size)
                if first >= block.size:
                    break
                column = block.start + first - rows[row]
                code_planes(
                    block.data, block.size // 8, lines_of(&block), first, last, &codes[row, column // 8],
                    column // 2, &bad[row],
                )
            done += 1
    return done


cdef inline uint64_t word_at(const uint8_t* data) noexcept nogil:
    # Eight bytes, the first lowest: one load, where the processor has them so.
    return (
        <uint64_t> data[0] | (<uint64_t> data[1] << 8) | (<uint64_t> data[2] << 16)
        | (<uint64_t> data[3] << 24) | (<uint64_t> data[4] << 32) | (<uint64_t> data[5] << 40)
        | (<uint64_t> data[6] << 48) | (<uint64_t> data[7] << 56)
    )


cdef inline uint8_t code_eight(const uint8_t* data, uint32_t* bad, Py_ssize_t pair) noexcept nogil:
    # The codes of four pairs of bytes.
    cdef uint64_t x = word_at(data), negative, others, half
    cdef uint8_t low, sign, wrong, code, halves
    low = <uint8_t> (((x & LOWEST) * GATHER) >> 56)
    if not (x & ~LOWEST):
        return <uint8_t> plain_codes(low)
    negative = (x >> 7) & LOWEST
    sign = <uint8_t> ((negative * GATHER) >> 56)
    code = <uint8_t> codes_of(low, sign, &half)
    halves = <uint8_t> half
    # Without its sign a byte that has a code has no bits between; adding carries those that there are.
    others = ((((x ^ (negative * 255)) & MIDDLE) + MIDDLE) >> 7) & LOWEST
    wrong = <uint8_t> ((others * GATHER) >> 56)
    if halves | wrong:
        report(bad, &halves, &wrong, 1, pair)
    return code


cdef void code_row(
    const uint8_t* data, Py_ssize_t pairs, Py_ssize_t width, uint8_t* out, uint32_t* bad
) noexcept nogil:
    # `width`: values of a pair, 2 or 1 (the second is then absent).
    cdef uint8_t last[8]
    cdef Py_ssize_t i, j, whole = pairs // 4
    if width == 2:
        for i in range(whole):
            out[i] = code_eight(data + 8 * i, bad, 4 * i)
    else:
        for i in range(whole):
            for j in range(4):
                last[2 * j] = data[4 * i + j]
                last[2 * j + 1] = 0xFE
            out[i] = code_eight(last, bad, 4 * i)
    if pairs % 4:
        memset(last, 0, 8)
        for j in range(pairs - 4 * whole):
            last[2 * j] = data[(4 * whole + j) * width]
            last[2 * j + 1] = data[(4 * whole + j) * width + 1] if width == 2 else 0xFE
        out[whole] = code_eight(last, bad, 4 * whole) & ((1 << (2 * (pairs % 4))) - 1)


def code_rows(const int8_t[:, :, :] values, uint8_t[:, :] codes, uint32_t[::1] bad):
    cdef Py_ssize_t rows = values.shape[0], pairs = values.shape[1], width = values.shape[2], row
    if not 1 <= width <= 2 or codes.shape[0] != rows or codes.shape[1] != (pairs + 3) // 4:
        raise ValueError("the codes do not fit the pairs")
    if bad.shape[0] != rows or (codes.shape[1] > 1 and codes.strides[1] != 1):
        raise ValueError("the output does not fit")
    if (width > 1 and values.strides[2] != 1) or (pairs > 1 and values.strides[1] != width):
        raise ValueError("the values of a row must lie side by side")
    if not pairs:
        return
    with nogil:
        for row in range(rows):
            code_row(<const uint8_t*> &values[row, 0, 0], pairs, width, &codes[row, 0], &bad[row])
