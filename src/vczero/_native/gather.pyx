# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Some bytes of each row of Blosc blocks, shuffled or not. See vczero/kernels/gather.py."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from vczero._native.stored cimport Plain, Stored

include "planes.pxi"
include "join.pxi"

cdef enum:
    PLAIN = 0
    BYTES = 1
    BITS = 2


cdef struct Block:
    # `size` bytes at `data`, of which the first `elements` elements of `typesize` bytes are shuffled as `layout`
    # says; what follows them is as it was.
    const uint8_t* data
    Py_ssize_t elements
    Py_ssize_t typesize
    int layout


cdef inline uint64_t loaded(const uint8_t* planes, Py_ssize_t pitch) noexcept nogil:
    # Eight bytes, `pitch` apart.
    cdef uint64_t word = planes[0]
    word |= <uint64_t> planes[pitch] << 8
    word |= <uint64_t> planes[2 * pitch] << 16
    word |= <uint64_t> planes[3 * pitch] << 24
    word |= <uint64_t> planes[4 * pitch] << 32
    word |= <uint64_t> planes[5 * pitch] << 40
    word |= <uint64_t> planes[6 * pitch] << 48
    word |= <uint64_t> planes[7 * pitch] << 56
    return word


cdef inline uint8_t gathered(uint64_t word, int bit) noexcept nogil:
    # The byte whose bits are bit `bit` of the eight bytes of a word.
    word = (word >> bit) & 0x0101010101010101ULL
    return <uint8_t> ((word * 0x0102040810204080ULL) >> 56)


cdef void fetch(const Block* block, Py_ssize_t within, Py_ssize_t count, uint8_t* out) noexcept nogil:
    # `count` bytes from byte `within` of the block on.
    cdef Py_ssize_t element = <uint32_t> within // <uint32_t> block.typesize
    cdef Py_ssize_t byte = within - element * block.typesize, i
    cdef Py_ssize_t pitch = block.elements // 8
    cdef uint64_t word = 0
    for i in range(count):
        if block.layout == PLAIN or element >= block.elements:
            memcpy(out + i, block.data + within + i, count - i)
            return
        if block.layout == BITS:
            if i == 0 or block.typesize > 1 or element % 8 == 0:
                word = loaded(block.data + 8 * byte * pitch + element // 8, pitch)
            out[i] = gathered(word, element % 8)
        else:
            out[i] = block.data[byte * block.elements + element]
        byte += 1
        if byte == block.typesize:
            byte = 0
            element += 1


cdef inline void copy(const uint8_t* source, Py_ssize_t count, uint8_t* out) noexcept nogil:
    if count == 2:
        memcpy(out, source, 2)
    elif count == 1:
        out[0] = source[0]
    elif count == 4:
        memcpy(out, source, 4)
    else:
        memcpy(out, source, count)


cdef inline void take_row(
    const Block* block, Py_ssize_t size, Py_ssize_t base, const int64_t[::1] starts, Py_ssize_t width, uint8_t* line
) noexcept nogil:
    # What a block holds of one row, which begins at byte `base` of it, perhaps before it.
    cdef Py_ssize_t place, first, stop, skipped
    for place in range(starts.shape[0]):
        first = base + starts[place]
        stop = min(first + width, size)
        skipped = max(-first, 0)
        first += skipped
        if stop <= first:
            continue
        if block.layout == PLAIN:
            copy(block.data + first, stop - first, line + place * width + skipped)
        else:
            fetch(block, first, stop - first, line + place * width + skipped)


def take(
    Stored stored not None,
    Py_ssize_t typesize,
    int layout,
    bint whole,
    const int64_t[::1] rows,
    Py_ssize_t row_bytes,
    const int64_t[::1] starts,
    Py_ssize_t width,
    uint8_t[:, :] out,
):
    cdef Py_ssize_t row, begin = 0, place, count = stored.numbers.shape[0], done = 0
    cdef Block block
    cdef Plain plain
    check_ascending(rows)
    if not 1 <= typesize <= 0x7FFFFFFF or not PLAIN <= layout <= BITS:
        raise ValueError("no such elements")
    if layout and stored.block_bytes > 0x7FFFFFFF:
        raise ValueError("no such blocks")
    if whole and (layout != BITS or typesize != 1 or stored.ordered() == NULL):
        raise ValueError("no such blocks can be put in order")
    if width < 1 or row_bytes < width or out.shape[0] != rows.shape[0]:
        raise ValueError("the output does not fit")
    if out.shape[1] != width * starts.shape[0] or (out.shape[1] > 1 and out.strides[1] != 1):
        raise ValueError("the output does not fit")
    for place in range(starts.shape[0]):
        if not 0 <= starts[place] <= row_bytes - width:
            raise ValueError("no such bytes in a row")
    if not (out.shape[0] and out.shape[1]):
        return count
    with nogil:
        block.typesize = typesize
        while done < count and stored.enter(done, &plain):
            block.data = plain.data
            block.elements = plain.size // typesize
            block.layout = PLAIN if layout == BITS and block.elements % 8 else layout
            if whole and block.layout == BITS:
                put_in_order(&plain, stored.ordered())
                block.data = stored.ordered()
                block.layout = PLAIN
            begin = first_row(rows, begin, row_bytes, &plain)
            for row in range(begin, rows.shape[0]):
                if rows[row] >= plain.start + plain.size:
                    break
                take_row(&block, plain.size, rows[row] - plain.start, starts, width, &out[row, 0])
            done += 1
    return done


cdef void put_in_order(const Plain* block, uint8_t* out) noexcept nogil:
    # A block of bit planes.
    cdef Rows rows
    rows.data = out
    rows.width = rows.stride = block.size
    join_block(block.data, block.size, lines_of(block), 0, block.size, rows, 0)


cdef cloned weave(const uint8_t* source, Py_ssize_t count, Py_ssize_t typesize, uint8_t* out) noexcept nogil:
    # Byte i of line k, of `count` bytes, becomes byte k of element i.
    cdef Py_ssize_t i, k
    if typesize == 2:
        for i in range(count):
            out[2 * i] = source[i]
            out[2 * i + 1] = source[count + i]
    elif typesize == 4:
        for i in range(count):
            out[4 * i] = source[i]
            out[4 * i + 1] = source[count + i]
            out[4 * i + 2] = source[2 * count + i]
            out[4 * i + 3] = source[3 * count + i]
    else:
        for k in range(typesize):
            for i in range(count):
                out[typesize * i + k] = source[k * count + i]


def in_order(const uint8_t[::1] block, Py_ssize_t typesize, uint8_t[::1] out):
    cdef Py_ssize_t total = block.shape[0], count
    if typesize < 1 or out.shape[0] != total:
        raise ValueError("the output does not fit")
    if not total:
        return
    count = total // typesize
    with nogil:
        weave(&block[0], count, typesize, &out[0])
        memcpy(&out[0] + count * typesize, &block[0] + count * typesize, total - count * typesize)
