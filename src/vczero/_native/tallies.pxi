"""How often each value occurs in bytes, whole or as bit planes; part of bitplanes.pyx.

A tally holds, by value, how many bytes of a row have it; 0 is left out, it follows from the rest. With a `width`
of 1 or 2 it also holds how many groups of so many bytes lack a value, or have none.
"""

cdef enum:
    PIECE = 240  # bytes counted at a time: a byte can count them, and vectors of 16 divide them
    LACKING = 256  # places of a tally behind those of values: groups that lack a value, and
    EMPTY = 257    # those that have none
    TALLY = 258


cdef inline int64_t population(const uint64_t* words, Py_ssize_t number) noexcept nogil:
    # Bits set in at most WORDS words; the sums are kept in four fields of 16 bits until the end.
    cdef uint64_t x, total = 0
    cdef Py_ssize_t j
    for j in range(number):
        x = words[j]
        x = x - ((x >> 1) & 0x5555555555555555ULL)
        x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL)
        x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0FULL
        total += (x + (x >> 8)) & 0x00FF00FF00FF00FFULL
    return <int64_t> ((total * 0x0001000100010001ULL) >> 48)


cdef inline uint64_t split(
    uint64_t* words, uint64_t* other, uint64_t* both, Py_ssize_t number
) noexcept nogil:
    # Bits that are in `words` and `other` move to `both`; not zero if there were any bits in `words`.
    cdef uint64_t seen = 0
    cdef Py_ssize_t j
    for j in range(number):
        seen |= words[j]
        both[j] = words[j] & other[j]
        words[j] ^= both[j]
        other[j] ^= both[j]
    return seen


cdef inline void tally_groups(
    const uint64_t* lowest, const uint64_t* highest, const uint64_t* full, Py_ssize_t number, int width,
    int64_t* tally
) noexcept nogil:
    # A pair lacks a value if its first byte is negative or its second is -1; a pair of negatives has none.
    # `full`: which are -2 or -1.
    cdef uint64_t lacking[WORDS]
    cdef uint64_t empty[WORDS]
    cdef Py_ssize_t j
    if width == 1:
        tally[LACKING] += population(highest, number)
        tally[EMPTY] = tally[LACKING]
        return
    for j in range(number):
        lacking[j] = (highest[j] | ((full[j] & lowest[j]) >> 1)) & 0x5555555555555555ULL
        empty[j] = highest[j] & (highest[j] >> 1) & 0x5555555555555555ULL
    tally[LACKING] += population(lacking, number)
    tally[EMPTY] += population(empty, number)


cdef cloned tally_words(
    uint64_t (*words)[WORDS], Py_ssize_t number, int width, int64_t* tally
) noexcept nogil:
    # Values 1, 2, 3, 254 and 255 by logic on the planes; if there are others, byte by byte.
    cdef uint64_t two[WORDS]    # 2 or 3
    cdef uint64_t full[WORDS]   # 254 or 255
    cdef uint64_t both[WORDS]
    cdef uint8_t tile[8 * TILE]
    cdef uint64_t any_high, all_high, others = 0, negative = 0
    cdef Py_ssize_t j
    for j in range(number):
        any_high = words[2][j] | words[3][j] | words[4][j] | words[5][j] | words[6][j] | words[7][j]
        all_high = words[2][j] & words[3][j] & words[4][j] & words[5][j] & words[6][j] & words[7][j]
        full[j] = words[1][j] & all_high
        two[j] = words[1][j] & ~any_high
        others |= any_high & ~full[j]
        negative |= words[7][j]
    if width and negative:
        tally_groups(words[0], words[7], full, number, width, tally)
    if others:
        join_words(words, number)
        interleave(words, 8 * number, tile)
        for j in range(64 * number):
            tally[tile[j]] += 1
        return
    if split(full, words[0], both, number):
        tally[254] += population(full, number)
        tally[255] += population(both, number)
    if split(two, words[0], both, number):
        tally[2] += population(two, number)
        tally[3] += population(both, number)
    tally[1] += population(words[0], number)


cdef cloned tally_planes(
    const uint8_t* planes, Py_ssize_t pitch, Py_ssize_t most, Py_ssize_t first, Py_ssize_t last, int width,
    int64_t* tally
) noexcept nogil:
    # Bytes [first, last) of a block of at most so many planes; bits of other bytes, at the ends, are masked away.
    cdef uint64_t words[8][WORDS]
    cdef uint8_t* line
    cdef Py_ssize_t begin = first // 8, end = (last + 7) // 8, i, p, count, number, lines
    for i in range(begin, end, 1024):
        count = min(end - i, TILE)
        lines = 8 if upper_bits(planes + i, pitch, most, count) else 1
        for p in range(lines):
            number = load(words[p], planes + p * pitch + i, count)
            line = <uint8_t*> words[p]
            if i == begin:
                line[0] &= <uint8_t> (0xFF << (first % 8))
            if i + count == end:
                line[count - 1] &= <uint8_t> (0xFF >> (7 - (last - 1) % 8))
        if lines == 8:
            tally_words(words, number, width, tally)
        else:
            tally[1] += population(words[0], number)


cdef inline int64_t equal_bytes(const uint8_t* data, Py_ssize_t count, uint8_t value) noexcept nogil:
    # At most 255 bytes, so that the sum, too, is a byte.
    cdef uint8_t total = 0
    cdef Py_ssize_t i
    for i in range(count):
        total += data[i] == value
    return total


cdef void tally_byte_groups(const uint8_t* data, Py_ssize_t count, int width, int64_t* tally) noexcept nogil:
    cdef Py_ssize_t i
    cdef int32_t lacking = 0, empty = 0
    if width == 1:
        for i in range(count):
            lacking += data[i] >> 7
        empty = lacking
    else:
        for i in range(0, count - 1, 2):
            lacking += (data[i] >> 7) | (data[i + 1] == 255)
            empty += (data[i] & data[i + 1]) >> 7
    tally[LACKING] += lacking
    tally[EMPTY] += empty


cdef cloned tally_bytes(const uint8_t* data, Py_ssize_t count, int width, int64_t* tally) noexcept nogil:
    cdef Py_ssize_t i, j, size
    cdef int64_t zero, one, two, missing, fill
    for i in range(0, count, 240):
        size = min(PIECE, count - i)
        zero = equal_bytes(data + i, size, 0)
        one = equal_bytes(data + i, size, 1)
        if zero + one < size:
            two = equal_bytes(data + i, size, 2)
            fill = equal_bytes(data + i, size, 254)
            missing = equal_bytes(data + i, size, 255)
            if width and zero + one + two < size:
                tally_byte_groups(data + i, size, width, tally)
            if zero + one + two + fill + missing < size:
                for j in range(size):
                    tally[data[i + j]] += 1
                continue
            tally[2] += two
            tally[254] += fill
            tally[255] += missing
        tally[1] += one


cdef void settle(
    int64_t* tally, Py_ssize_t size, int width, int32_t* counts, Py_ssize_t columns
) noexcept nogil:
    # Add the tally of `size` bytes to a row of counts: values from 0 on, then 254 and 255, then groups.
    cdef Py_ssize_t values = columns - (5 if width else 2)
    cdef int64_t others = 0
    cdef Py_ssize_t j
    for j in range(1, 256):
        others += tally[j]
    tally[0] = size - others
    for j in range(values):
        counts[j] += <int32_t> tally[j]
    counts[values] += <int32_t> tally[254]
    counts[values + 1] += <int32_t> tally[255]
    if width:
        counts[values + 2] += <int32_t> tally[LACKING]
        counts[values + 3] += <int32_t> tally[EMPTY]
        counts[values + 4] += <int32_t> (size // width)


cdef void count_row(
    const Plain* block, Py_ssize_t first, Py_ssize_t last, int width, int32_t* counts, Py_ssize_t columns
) noexcept nogil:
    # Bytes [first, last) of a block, all of one row.
    cdef int64_t tally[TALLY]
    memset(tally, 0, sizeof(tally))
    if block.size % 8:
        tally_bytes(block.data + first, last - first, width, tally)
    else:
        tally_planes(block.data, block.size // 8, lines_of(block), first, last, width, tally)
    settle(tally, last - first, width, counts, columns)
