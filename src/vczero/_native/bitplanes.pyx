# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Bytes as bit planes: made whole again, or counted as they are. See vczero/kernels/bitplanes.py.

A block of n bytes, n a multiple of 8, is stored as eight planes of n / 8 bytes, the lowest bit's first: bit
j % 8 of byte j // 8 of plane p is bit p of the block's byte j. Other blocks are stored as they are.
Loops are long, simple and over whole tiles, so that any compiler makes vector instructions of them.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

include "planes.pxi"

cdef enum:
    PIECE = 240  # bytes counted at a time: a byte can count them, and vectors of 16 divide them


cdef struct Rows:
    # Where output goes: rows of `width` bytes, `stride` bytes apart.
    uint8_t* data
    Py_ssize_t width
    Py_ssize_t stride


cdef inline Rows rows_of(uint8_t[:, :] out) noexcept nogil:
    cdef Rows rows
    rows.data = &out[0, 0] if out.shape[0] and out.shape[1] else NULL
    rows.width = out.shape[1]
    rows.stride = out.strides[0]
    if rows.stride == rows.width or out.shape[0] == 1:
        rows.width *= out.shape[0]
    return rows


cdef inline void put(Rows rows, Py_ssize_t at, const uint8_t* source, Py_ssize_t count) noexcept nogil:
    # `count` bytes of `source` (NULL: zeros) to place `at` in C order.
    cdef Py_ssize_t row, column, length
    while count > 0:
        row = at // rows.width
        column = at - row * rows.width
        length = min(rows.width - column, count)
        if source == NULL:
            memset(rows.data + row * rows.stride + column, 0, length)
        else:
            memcpy(rows.data + row * rows.stride + column, source, length)
            source += length
        at += length
        count -= length


cdef inline void exchange(
    uint64_t* low, uint64_t* high, Py_ssize_t number, int shift, uint64_t mask
) noexcept nogil:
    # The bits of `low` that are `shift` above `mask` change places with the bits of `high` under `mask`.
    cdef uint64_t moved
    cdef Py_ssize_t j
    for j in range(number):
        moved = ((low[j] >> shift) ^ high[j]) & mask
        high[j] ^= moved
        low[j] ^= moved << shift


cdef inline void spread(uint64_t (*words)[WORDS], Py_ssize_t number) noexcept nogil:
    # What `join_words` makes of plane 0 where the others are zero.
    cdef uint64_t bits
    cdef Py_ssize_t j
    for j in range(number):
        bits = words[0][j]
        words[0][j] = bits & 0x0101010101010101ULL
        words[1][j] = (bits >> 1) & 0x0101010101010101ULL
        words[2][j] = (bits >> 2) & 0x0101010101010101ULL
        words[3][j] = (bits >> 3) & 0x0101010101010101ULL
        words[4][j] = (bits >> 4) & 0x0101010101010101ULL
        words[5][j] = (bits >> 5) & 0x0101010101010101ULL
        words[6][j] = (bits >> 6) & 0x0101010101010101ULL
        words[7][j] = (bits >> 7) & 0x0101010101010101ULL


cdef inline void interleave(uint64_t (*words)[WORDS], Py_ssize_t count, uint8_t* out) noexcept nogil:
    # Byte i of the eight lines becomes bytes 8 i to 8 i + 7.
    cdef const uint8_t* line = <const uint8_t*> words
    cdef Py_ssize_t i
    for i in range(count):
        out[8 * i] = line[i]
        out[8 * i + 1] = line[TILE + i]
        out[8 * i + 2] = line[2 * TILE + i]
        out[8 * i + 3] = line[3 * TILE + i]
        out[8 * i + 4] = line[4 * TILE + i]
        out[8 * i + 5] = line[5 * TILE + i]
        out[8 * i + 6] = line[6 * TILE + i]
        out[8 * i + 7] = line[7 * TILE + i]


cdef cloned join_words(uint64_t (*words)[WORDS], Py_ssize_t number) noexcept nogil:
    # Transpose each 8 x 8 bits, halves first: byte i of line k becomes byte 8 i + k of the block.
    cdef Py_ssize_t k
    for k in range(4):
        exchange(words[k], words[k + 4], number, 4, 0x0F0F0F0F0F0F0F0FULL)
    for k in range(2):
        exchange(words[k], words[k + 2], number, 2, 0x3333333333333333ULL)
        exchange(words[k + 4], words[k + 6], number, 2, 0x3333333333333333ULL)
    for k in range(0, 8, 2):
        exchange(words[k], words[k + 1], number, 1, 0x5555555555555555ULL)


cdef cloned join_tile(
    const uint8_t* planes, Py_ssize_t pitch, Py_ssize_t count, uint8_t* tile, bint lowest_only
) noexcept nogil:
    # `count` bytes of each plane, at most TILE.
    cdef uint64_t words[8][WORDS]
    cdef Py_ssize_t number = load(words[0], planes, count), k
    if lowest_only:
        spread(words, number)
    else:
        for k in range(1, 8):
            load(words[k], planes + k * pitch, count)
        join_words(words, number)
    interleave(words, count, tile)


cdef cloned join_block(
    const uint8_t* planes, Py_ssize_t size, Py_ssize_t first, Py_ssize_t last, Rows rows, Py_ssize_t at
) noexcept nogil:
    # Bytes [first, last) of one block of `size` bytes to place `at`.
    cdef uint8_t tile[8 * TILE]
    cdef Py_ssize_t pitch = size // 8, end = (last + 7) // 8, i, count, start, stop
    cdef bint lowest_only
    if size % 8:
        put(rows, at, planes + first, last - first)
        return
    for i in range(first // 8, end, 1024):
        count = min(end - i, TILE)
        start = max(first, 8 * i)
        stop = min(last, 8 * (i + count))
        lowest_only = not upper_bits(planes + i, pitch, count)
        if lowest_only and not any_bits(planes + i, count):
            put(rows, at + start - first, NULL, stop - start)
        else:
            join_tile(planes + i, pitch, count, tile, lowest_only)
            put(rows, at + start - first, tile + (start - 8 * i), stop - start)


def unshuffle(
    const uint8_t[::1] planes,
    Py_ssize_t block_bytes,
    Py_ssize_t first,
    Py_ssize_t last,
    uint8_t[:, :] out,
    Py_ssize_t at,
):
    cdef Py_ssize_t total = planes.shape[0], start, stop, size
    cdef Rows rows
    check_rows(out, at, last - first)
    if block_bytes < 1 or first < 0 or last < first or last > total:
        raise ValueError("no such bytes in these planes")
    if first == last:
        return
    with nogil:
        rows = rows_of(out)
        start = first - first % block_bytes
        while start < last:
            size = min(block_bytes, total - start)
            stop = min(last, start + size)
            join_block(&planes[start], size, first - start, stop - start, rows, at)
            at += stop - first
            first = stop
            start += block_bytes


def unshuffle_blocks(
    const uint8_t[::1] planes,
    Py_ssize_t block_bytes,
    const int64_t[::1] blocks,
    const int64_t[:, ::1] spans,
    uint8_t[:, :] out,
):
    cdef Py_ssize_t total = planes.shape[0], wanted = 0, at = 0, number = 0, k, start, size, first, last
    cdef Py_ssize_t end = 0
    cdef Rows rows
    if block_bytes < 1 or spans.shape[1] != 2:
        raise ValueError("no such blocks or spans")
    if total > block_bytes * blocks.shape[0] or total <= block_bytes * (blocks.shape[0] - 1):
        raise ValueError("the planes are not those of so many blocks")
    for k in range(blocks.shape[0]):
        if blocks[k] < 0 or (k and blocks[k] <= blocks[k - 1]):
            raise ValueError("blocks must ascend")
    for k in range(spans.shape[0]):
        if spans[k, 0] < end or spans[k, 1] < spans[k, 0]:
            raise ValueError("spans must ascend")
        end = spans[k, 1]
        wanted += end - spans[k, 0]
    check_rows(out, 0, wanted)
    if not wanted:
        return
    with nogil:
        rows = rows_of(out)
        for k in range(blocks.shape[0]):
            start = blocks[k] * block_bytes
            size = min(block_bytes, total - k * block_bytes)
            while number < spans.shape[0] and spans[number, 0] < start + size:
                first = max(spans[number, 0], start)
                last = min(spans[number, 1], start + size)
                if first < last:
                    join_block(
                        &planes[k * block_bytes], size, first - start, last - start, rows,
                        at + first - spans[number, 0],
                    )
                if spans[number, 1] > start + size:
                    break
                at += spans[number, 1] - spans[number, 0]
                number += 1


def copy_rows(const uint8_t[::1] source, uint8_t[:, :] out, Py_ssize_t at):
    check_rows(out, at, source.shape[0])
    if source.shape[0]:
        with nogil:
            put(rows_of(out), at, &source[0], source.shape[0])


cdef check_rows(uint8_t[:, :] out, Py_ssize_t at, Py_ssize_t count):
    if out.shape[1] > 1 and out.strides[1] != 1:
        raise ValueError("the bytes of a row must lie side by side")
    if at < 0 or count < 0 or at + count > out.shape[0] * out.shape[1]:
        raise ValueError("the output is too small")


# Counting. A tally holds, by value, how many bytes of a row have it; 0 is left out, it follows from the rest.


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


cdef cloned tally_words(uint64_t (*words)[WORDS], Py_ssize_t number, int64_t* tally) noexcept nogil:
    # Values 1, 2, 3, 254 and 255 by logic on the planes; if there are others, byte by byte.
    cdef uint64_t two[WORDS]    # 2 or 3
    cdef uint64_t full[WORDS]   # 254 or 255
    cdef uint64_t both[WORDS]
    cdef uint8_t tile[8 * TILE]
    cdef uint64_t any_high, all_high, others = 0
    cdef Py_ssize_t j
    for j in range(number):
        any_high = words[2][j] | words[3][j] | words[4][j] | words[5][j] | words[6][j] | words[7][j]
        all_high = words[2][j] & words[3][j] & words[4][j] & words[5][j] & words[6][j] & words[7][j]
        full[j] = words[1][j] & all_high
        two[j] = words[1][j] & ~any_high
        others |= any_high & ~full[j]
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
    const uint8_t* planes, Py_ssize_t pitch, Py_ssize_t first, Py_ssize_t last, int64_t* tally
) noexcept nogil:
    # Bytes [first, last) of a block; bits of other bytes, at the ends, are masked away.
    cdef uint64_t words[8][WORDS]
    cdef uint8_t* line
    cdef Py_ssize_t begin = first // 8, end = (last + 7) // 8, i, p, count, number, lines
    for i in range(begin, end, 1024):
        count = min(end - i, TILE)
        lines = 8 if upper_bits(planes + i, pitch, count) else 1
        for p in range(lines):
            number = load(words[p], planes + p * pitch + i, count)
            line = <uint8_t*> words[p]
            if i == begin:
                line[0] &= <uint8_t> (0xFF << (first % 8))
            if i + count == end:
                line[count - 1] &= <uint8_t> (0xFF >> (7 - (last - 1) % 8))
        if lines == 8:
            tally_words(words, number, tally)
        else:
            tally[1] += population(words[0], number)


cdef inline int64_t equal_bytes(const uint8_t* data, Py_ssize_t count, uint8_t value) noexcept nogil:
    # At most 255 bytes, so that the sum, too, is a byte.
    cdef uint8_t total = 0
    cdef Py_ssize_t i
    for i in range(count):
        total += data[i] == value
    return total


cdef cloned tally_bytes(const uint8_t* data, Py_ssize_t count, int64_t* tally) noexcept nogil:
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
            if zero + one + two + fill + missing < size:
                for j in range(size):
                    tally[data[i + j]] += 1
                continue
            tally[2] += two
            tally[254] += fill
            tally[255] += missing
        tally[1] += one


cdef void settle(int64_t* tally, Py_ssize_t size, int32_t* counts, Py_ssize_t values) noexcept nogil:
    # Add the tally of `size` bytes to a row of counts: values 0 to `values` - 1, then 254 and 255.
    cdef int64_t others = 0
    cdef Py_ssize_t j
    for j in range(1, 256):
        others += tally[j]
    tally[0] = size - others
    for j in range(values):
        counts[j] += <int32_t> tally[j]
    counts[values] += <int32_t> tally[254]
    counts[values + 1] += <int32_t> tally[255]


cdef void count_row(
    const uint8_t* planes, Py_ssize_t total, Py_ssize_t block_bytes, Py_ssize_t first, Py_ssize_t last,
    int32_t* counts, Py_ssize_t values
) noexcept nogil:
    # Bytes [first, last) of a run of blocks, all of one row.
    cdef int64_t tally[256]
    cdef Py_ssize_t at = first, start, size, stop
    memset(tally, 0, sizeof(tally))
    while at < last:
        start = at - at % block_bytes
        size = min(block_bytes, total - start)
        stop = min(last, start + size)
        if size % 8:
            tally_bytes(planes + at, stop - at, tally)
        else:
            tally_planes(planes + start, size // 8, at - start, stop - start, tally)
        at = stop
    settle(tally, last - first, counts, values)


def count_planes(
    const uint8_t[::1] planes,
    Py_ssize_t block_bytes,
    Py_ssize_t at,
    Py_ssize_t row_bytes,
    Py_ssize_t used_bytes,
    int32_t[:, ::1] counts,
):
    cdef Py_ssize_t total = planes.shape[0], row, first, last
    if block_bytes < 1 or not 0 < used_bytes <= row_bytes or counts.shape[1] < 2 or counts.shape[1] > 256:
        raise ValueError("no such rows")
    with nogil:
        for row in range(max(at, 0) // row_bytes, counts.shape[0]):
            first = max(row * row_bytes - at, 0)
            last = min(row * row_bytes + used_bytes - at, total)
            if first >= total:
                break
            if first < last:
                count_row(&planes[0], total, block_bytes, first, last, &counts[row, 0], counts.shape[1] - 2)


def count_values(const uint8_t[:, :] rows, int32_t[:, ::1] counts):
    cdef Py_ssize_t total = rows.shape[0], width = rows.shape[1], row
    cdef int64_t tally[256]
    if width > 1 and rows.strides[1] != 1:
        raise ValueError("the bytes of a row must lie side by side")
    if counts.shape[0] != total or counts.shape[1] < 2 or counts.shape[1] > 256:
        raise ValueError("counts do not fit the rows")
    if not width:
        return
    with nogil:
        for row in range(total):
            memset(tally, 0, sizeof(tally))
            tally_bytes(&rows[row, 0], width, tally)
            settle(tally, width, &counts[row, 0], counts.shape[1] - 2)
