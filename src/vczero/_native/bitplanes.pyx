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


include "tallies.pxi"


cdef bint fit_counts(int32_t[:, ::1] counts, int width):
    # Columns for at most 254 values, two more, and three for groups where these are asked for.
    return 0 <= width <= 2 and 2 <= counts.shape[1] - (3 if width else 0) <= 256


def count_planes(
    const uint8_t[::1] planes,
    Py_ssize_t block_bytes,
    Py_ssize_t at,
    Py_ssize_t row_bytes,
    Py_ssize_t used_bytes,
    int32_t[:, ::1] counts,
    int width,
):
    cdef Py_ssize_t total = planes.shape[0], row, first, last
    if block_bytes < 1 or not 0 < used_bytes <= row_bytes or not fit_counts(counts, width):
        raise ValueError("no such rows")
    if width == 2 and (block_bytes | at | row_bytes | used_bytes) % 2:
        raise ValueError("no such pairs: something odd")
    with nogil:
        for row in range(max(at, 0) // row_bytes, counts.shape[0]):
            first = max(row * row_bytes - at, 0)
            last = min(row * row_bytes + used_bytes - at, total)
            if first >= total:
                break
            if first < last:
                count_row(
                    &planes[0], total, block_bytes, first, last, width, &counts[row, 0], counts.shape[1]
                )


def count_values(const uint8_t[:, :] rows, int32_t[:, ::1] counts, int width):
    cdef Py_ssize_t total = rows.shape[0], row_bytes = rows.shape[1], row
    cdef int64_t tally[TALLY]
    if row_bytes > 1 and rows.strides[1] != 1:
        raise ValueError("the bytes of a row must lie side by side")
    if counts.shape[0] != total or not fit_counts(counts, width):
        raise ValueError("counts do not fit the rows")
    if width == 2 and row_bytes % 2:
        raise ValueError("no such pairs: something odd")
    if not row_bytes:
        return
    with nogil:
        for row in range(total):
            memset(tally, 0, sizeof(tally))
            tally_bytes(&rows[row, 0], row_bytes, width, tally)
            settle(tally, row_bytes, width, &counts[row, 0], counts.shape[1])
