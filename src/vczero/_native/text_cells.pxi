"""The values of a cell as text; part of text.pyx.

Every writer takes the position to write at and gives back the position after what it wrote.
"""

cdef inline char* put_integers(
    const char* p, Py_ssize_t stride, Py_ssize_t count, integer _type, char separator, char* pos
) noexcept nogil:
    """A cell's values, and a separator; 22 bytes of room for each value and 8 more are reserved."""
    cdef integer value
    cdef uint64_t index
    cdef Py_ssize_t k
    cdef char* start = pos
    for k in range(count):
        memcpy(&value, p, sizeof(integer))
        p += stride
        if value == -2:
            break
        index = <uint64_t>value + 2
        if index < SHORTS:
            memcpy(pos, SHORT[index], 8)
            pos += SHORT[index][7]
        else:
            pos = write_integer(pos, value)
            pos[0] = 44
            pos += 1
    if pos == start:
        pos[0] = 46
        pos += 2
    pos[-1] = separator
    return pos


cdef inline char* write_integers(const Column* c, const char* p, integer _type, char* pos, Blocks out) except NULL nogil:
    pos = reserve(out, pos, 22 * c.count + 8)
    return put_integers(p, c.value, c.count, _type, 44, pos) - 1


cdef inline char* write_floats(const Column* c, const char* p, char* pos, Blocks out) except NULL nogil:
    cdef Py_ssize_t k
    cdef char* start
    cdef bint missing, fill = False
    cdef float single
    cdef double value = 0
    pos = reserve(out, pos, 20 * c.count + 4)
    start = pos
    for k in range(c.count):
        if c.kind == F4:
            missing = float_missing(p, &fill)
            memcpy(&single, p, 4)
            value = single
        else:
            missing = double_missing(p, &fill)
            memcpy(&value, p, 8)
        p += c.value
        if fill:
            break
        if k:
            pos[0] = 44
            pos += 1
        if missing:
            pos[0] = 46
            pos += 1
        else:
            pos = write_float(pos, value)
    if pos == start:
        pos[0] = 46
        pos += 1
    return pos


cdef inline char* write_utf8(char* pos, uint32_t point) noexcept nogil:
    if point < 0x80:
        pos[0] = <char>point
        return pos + 1
    if point < 0x800:
        pos[0] = <char>(0xC0 | point >> 6)
        pos += 1
    else:
        if point < 0x10000:
            pos[0] = <char>(0xE0 | point >> 12)
            pos += 1
        else:
            pos[0] = <char>(0xF0 | (point >> 18 & 7))
            pos[1] = <char>(0x80 | (point >> 12 & 0x3F))
            pos += 2
        pos[0] = <char>(0x80 | (point >> 6 & 0x3F))
        pos += 1
    pos[0] = <char>(0x80 | (point & 0x3F))
    return pos + 1


cdef char* write_fixed_text(const Column* c, const char* p, char* pos, Blocks out) except NULL nogil:
    """UCS4 and BYTES values: padded with zeros; an empty one is fill."""
    cdef Py_ssize_t k, at
    cdef uint32_t point
    cdef char* start
    pos = reserve(out, pos, (4 * c.width + 1) * c.count + 1)
    start = pos
    for k in range(c.count):
        if code_point(c, p, 0) == 0:
            break
        if k:
            pos[0] = 44
            pos += 1
        for at in range(c.width):
            point = code_point(c, p, at)
            if point == 0:
                break
            if c.kind == UCS4:
                pos = write_utf8(pos, point)
            else:
                pos[0] = <char>point
                pos += 1
        p += c.value
    if pos == start:
        pos[0] = 46
        pos += 1
    return pos


cdef char* write_strings(const Column* c, Py_ssize_t index, char* pos, Blocks out) except NULL nogil:
    cdef Py_ssize_t k, written = 0
    cdef int64_t start, length
    for k in range(c.count):
        start = c.offsets[index]
        length = c.offsets[index + 1] - start
        index += c.value
        if length == 0:
            break
        pos = reserve(out, pos, length + 1)
        if written:
            pos[0] = 44
            pos += 1
        memcpy(pos, c.data + start, length)
        pos += length
        written += 1
    if not written:
        pos = reserve(out, pos, 1)
        pos[0] = 46
        pos += 1
    return pos


cdef inline char* write_cell(const Column* c, Py_ssize_t row, Py_ssize_t sample, char* pos, Blocks out) except NULL nogil:
    """The values joined by commas, up to the first fill; "." if there are none."""
    cdef Py_ssize_t at = row * c.row + sample * c.sample
    if c.kind == I1:
        return write_integers[int8_t](c, c.data + at, 0, pos, out)
    if c.kind == I2:
        return write_integers[int16_t](c, c.data + at, 0, pos, out)
    if c.kind == I4:
        return write_integers[int32_t](c, c.data + at, 0, pos, out)
    if c.kind == I8:
        return write_integers[int64_t](c, c.data + at, 0, pos, out)
    if c.kind == F4 or c.kind == F8:
        return write_floats(c, c.data + at, pos, out)
    if c.kind == STRINGS:
        return write_strings(c, at, pos, out)
    if c.kind == BOOL:
        return put_char(out, pos, 49 if c.data[at] else 46)
    return write_fixed_text(c, c.data + at, pos, out)
