"""Bit planes made whole again; part of bitplanes.pyx and gather.pyx."""

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
    const uint8_t* planes, Py_ssize_t size, Py_ssize_t lines, Py_ssize_t first, Py_ssize_t last, Rows rows,
    Py_ssize_t at
) noexcept nogil:
    # Bytes [first, last) of one block of `size` bytes, of which planes from `lines` on are zero, to place `at`.
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
        lowest_only = not upper_bits(planes + i, pitch, lines, count)
        if lowest_only and not any_bits(planes + i, count):
            put(rows, at + start - first, NULL, stop - start)
        else:
            join_tile(planes + i, pitch, count, tile, lowest_only)
            put(rows, at + start - first, tile + (start - 8 * i), stop - start)
