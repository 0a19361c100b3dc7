# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Bytes as bit planes: made whole again, or counted as they are. See vczero/kernels/bitplanes.py.

A block of n bytes, n a multiple of 8, is stored as eight planes of n / 8 bytes, the lowest bit's first: bit
j % 8 of byte j // 8 of plane p is bit p of the block's byte j. Other blocks are stored as they are.
Loops are long, simple and over whole tiles, so that any compiler makes vector instructions of them.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from vczero._native.stored cimport Plain, Stored

include "planes.pxi"
include "join.pxi"


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
            join_block(&planes[start], size, 8, first - start, stop - start, rows, at)
            at += stop - first
            first = stop
            start += block_bytes


def unshuffle_blocks(Stored stored not None, const int64_t[:, ::1] spans, uint8_t[:, :] out):
    return copy_spans(stored, spans, out, True)


def copy_blocks(Stored stored not None, const int64_t[:, ::1] spans, uint8_t[:, :] out):
    return copy_spans(stored, spans, out, False)


cdef Py_ssize_t copy_spans(
    Stored stored, const int64_t[:, ::1] spans, uint8_t[:, :] out, bint has_planes
) except -1:
    cdef Py_ssize_t wanted = 0, at = 0, number = 0, first, last, stop, end = 0, k
    cdef Py_ssize_t count = stored.numbers.shape[0], done = 0
    cdef Plain block
    cdef Rows rows
    if spans.shape[1] != 2:
        raise ValueError("no such spans")
    for k in range(spans.shape[0]):
        if spans[k, 0] < end or spans[k, 1] < spans[k, 0]:
            raise ValueError("spans must ascend")
        end = spans[k, 1]
        wanted += end - spans[k, 0]
    check_rows(out, 0, wanted)
    if not wanted:
        return count
    with nogil:
        rows = rows_of(out)
        while done < count and stored.enter(done, &block):
            stop = block.start + block.size
            while number < spans.shape[0] and spans[number, 0] < stop:
                first = max(spans[number, 0], block.start)
                last = min(spans[number, 1], stop)
                if first < last and not has_planes:
                    put(rows, at + first - spans[number, 0], block.data + first - block.start, last - first)
                elif first < last:
                    join_block(
                        block.data, block.size, lines_of(&block), first - block.start, last - block.start, rows,
                        at + first - spans[number, 0],
                    )
                if spans[number, 1] > stop:
                    break
                at += spans[number, 1] - spans[number, 0]
                number += 1
            done += 1
    return done


cdef check_rows(uint8_t[:, :] out, Py_ssize_t at, Py_ssize_t count):
    if out.shape[1] > 1 and out.strides[1] != 1:
        raise ValueError("the bytes of a row must lie side by side")
    if at < 0 or count < 0 or at + count > out.shape[0] * out.shape[1]:
        raise ValueError("the output is too small")


include "tallies.pxi"


cdef bint fit_counts(int32_t[:, ::1] counts, int width):
    # Columns for at most 254 values, two more, and three for groups where these are asked for.
    return 0 <= width <= 2 and 2 <= counts.shape[1] - (3 if width else 0) <= 256


def count_blocks(
    Stored stored not None,
    const int64_t[::1] rows,
    Py_ssize_t used_bytes,
    int32_t[:, ::1] counts,
    int width,
):
    cdef Py_ssize_t row, begin = 0, first, last, count = stored.numbers.shape[0], done = 0
    cdef Plain block
    check_ascending(rows)
    if used_bytes < 1 or counts.shape[0] != rows.shape[0] or not fit_counts(counts, width):
        raise ValueError("no such rows")
    if width == 2:
        if (stored.block_bytes | stored.nbytes | used_bytes) % 2:
            raise ValueError("no such pairs: something odd")
        for row in range(rows.shape[0]):
            if rows[row] % 2:
                raise ValueError("no such pairs: something odd")
    with nogil:
        while done < count and stored.enter(done, &block):
            begin = first_row(rows, begin, used_bytes, &block)
            for row in range(begin, rows.shape[0]):
                first = max(rows[row] - block.start, 0)
                last = min(rows[row] + used_bytes - block.start, block.size)
                if first >= block.size:
                    break
                count_row(&block, first, last, width, &counts[row, 0], counts.shape[1])
            done += 1
    return done


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
