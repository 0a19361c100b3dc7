# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Some bytes of each row of a run of Blosc blocks, shuffled or not. See vczero/kernels/gather.py."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

include "clones.pxi"

cdef enum:
    PLAIN = 0
    BYTES = 1
    BITS = 2


cdef struct Block:
    # `size` bytes at `data`, which stand for bytes [start, start + size) of the run. Its first `elements`
    # elements of `typesize` bytes are shuffled as `layout` says; what follows them is as it was.
    const uint8_t* data
    Py_ssize_t start
    Py_ssize_t size
    Py_ssize_t elements
    Py_ssize_t typesize
    int layout


cdef inline void enter(
    Block* block, const uint8_t* run, Py_ssize_t total, Py_ssize_t block_bytes, Py_ssize_t at, int layout
) noexcept nogil:
    # The block that holds byte `at` of the run.
    block.start = at - at % block_bytes
    block.data = run + block.start
    block.size = min(block_bytes, total - block.start)
    block.elements = block.size // block.typesize
    block.layout = layout
    if layout == BITS and block.elements % 8:
        block.layout = PLAIN


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


def take(
    const uint8_t[::1] run,
    Py_ssize_t block_bytes,
    Py_ssize_t typesize,
    int layout,
    Py_ssize_t at,
    Py_ssize_t row_bytes,
    const int64_t[::1] rows,
    const int64_t[::1] starts,
    Py_ssize_t width,
    uint8_t[:, :] out,
):
    cdef Py_ssize_t total = run.shape[0], number, place, first, stop, count, base
    cdef uint8_t* line
    cdef Block block
    if block_bytes < 1 or (layout and block_bytes > 0x7FFFFFFF) or typesize < 1 or not PLAIN <= layout <= BITS:
        raise ValueError("no such blocks")
    if width < 1 or row_bytes < width or out.shape[0] != rows.shape[0]:
        raise ValueError("the output does not fit")
    if out.shape[1] != width * starts.shape[0] or (out.shape[1] > 1 and out.strides[1] != 1):
        raise ValueError("the output does not fit")
    for place in range(starts.shape[0]):
        if not 0 <= starts[place] <= row_bytes - width:
            raise ValueError("no such bytes in a row")
    if not (total and out.shape[0] and out.shape[1]):
        return
    with nogil:
        block.typesize = typesize
        enter(&block, &run[0], total, block_bytes, 0, layout)
        for number in range(rows.shape[0]):
            base = rows[number] * row_bytes - at
            if base + row_bytes <= 0 or base >= total:
                continue
            line = &out[number, 0]
            for place in range(starts.shape[0]):
                first = base + starts[place]
                stop = min(first + width, total)
                if stop <= max(first, 0):
                    continue
                if first >= block.start and stop <= block.start + block.size and block.layout == PLAIN:
                    copy(block.data + first - block.start, stop - first, line + place * width)
                    continue
                first = max(first, 0)
                while first < stop:
                    if not block.start <= first < block.start + block.size:
                        enter(&block, &run[0], total, block_bytes, first, layout)
                    count = min(stop, block.start + block.size) - first
                    fetch(
                        &block, first - block.start, count,
                        line + place * width + (first - base - starts[place]),
                    )
                    first += count


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
