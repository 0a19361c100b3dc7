"""Numbers and text of INFO and FORMAT fields in BCF; part of bcf.pyx.

A field's values take the smallest type and the fewest places that hold all of them. A cell ends at its first fill; one
that has no value at all is a single missing one.
"""

cdef struct Extent:
    int64_t smallest, largest   # of the values; missing and fill, -1 and -2, are among them
    bint filled                 # whether there may be fill
    bint large                  # whether there are values that are too large; the others' extent is above


cdef inline bint is_flat(const Column* c, Py_ssize_t samples, Py_ssize_t size) noexcept nogil:
    """Whether the cells of a row lie one behind the other."""
    return (c.count == 1 or c.value == size) and (samples == 1 or c.sample == c.count * size)


cdef void measure(const integer* values, Py_ssize_t count, Extent* extent) noexcept nogil:
    """Widen the extent to `count` adjacent values."""
    cdef integer smallest = -1, largest = -1, value
    cdef Py_ssize_t k
    for k in range(count):
        value = values[k]
        smallest = value if value < smallest else smallest
        largest = value if value > largest else largest
    extent.smallest = min(extent.smallest, smallest)
    extent.largest = max(extent.largest, largest)


cdef Py_ssize_t width_of(const integer* values, const Column* c, Py_ssize_t samples, integer fill) noexcept nogil:
    """Places that the longest cell needs, at least one."""
    cdef Py_ssize_t width = 1, sample, k
    cdef const char* cell = <const char*>values
    for sample in range(samples):
        while width < c.count and (<const integer*>(cell + width * c.value))[0] != fill:
            for k in range(width):
                if (<const integer*>(cell + k * c.value))[0] == fill:
                    break
            else:
                width += 1
                continue
            break
        cell += c.sample
    return width


cdef void convert(const integer* values, Py_ssize_t count, bint single, target* out) noexcept nogil:
    """`count` adjacent values, at most TILE, with BCF's missing and end of vector; all fit the type."""
    cdef target missing = <target>(-(<int64_t>1 << (8 * sizeof(target) - 1)))
    cdef target end = missing if single else missing + 1
    cdef Py_ssize_t k
    cdef integer value
    for k in range(count):
        value = values[k]
        out[k] = end if value == -2 else missing if value == -1 else <target>value


cdef inline bint is_large(int64_t value) noexcept nogil:
    """Whether no type of BCF holds it: such values are missing, as bcftools 1.16 has it (observed)."""
    return value > INT32_MAX or value < -<int64_t>INT32_MAX - 1 + RESERVED


cdef void convert_large(const integer* values, Py_ssize_t count, bint single, target* out) noexcept nogil:
    """The same where some values are too large."""
    cdef target missing = <target>(-(<int64_t>1 << (8 * sizeof(target) - 1)))
    cdef Py_ssize_t k
    for k in range(count):
        if is_large(values[k]):
            out[k] = missing
        else:
            convert(values + k, 1, single, out + k)


cdef void end_cells(target* out, Py_ssize_t cells, Py_ssize_t width) noexcept nogil:
    """Fill from the first end of vector of each cell on; a cell that begins with it is a missing value."""
    cdef target missing = <target>(-(<int64_t>1 << (8 * sizeof(target) - 1)))
    cdef target end = missing + 1
    cdef Py_ssize_t cell, k
    cdef bint any_end = False
    for k in range(cells * width):
        any_end |= out[k] == end
    if not any_end:
        return
    for cell in range(cells):
        for k in range(width):
            if out[k] == end:
                if k == 0:
                    out[0] = missing
                    k = 1
                while k < width:
                    out[k] = end
                    k += 1
                break
        out += width


cdef void gather(
    const char* p, const Column* c, Py_ssize_t cells, Py_ssize_t width, integer* out
) noexcept nogil:
    """The first `width` values of each cell, side by side."""
    cdef Py_ssize_t cell, k
    if width == 1:
        for cell in range(cells):
            out[cell] = (<const integer*>(p + cell * c.sample))[0]
    elif c.value == sizeof(integer):
        for cell in range(cells):
            for k in range(width):
                out[k] = (<const integer*>p)[k]
            p += c.sample
            out += width
    else:
        for cell in range(cells):
            for k in range(width):
                out[k] = (<const integer*>(p + k * c.value))[0]
            p += c.sample
            out += width


cdef char* put_converted(
    const integer* values, const Column* c, Py_ssize_t samples, Py_ssize_t width, Extent extent, target _type, char* pos
) noexcept nogil:
    """All cells, `width` places each; their room is reserved."""
    cdef target[TILE] tile
    cdef integer[TILE] gathered
    cdef const integer* source
    cdef bint flat = is_flat(c, samples, sizeof(integer)) and width == c.count
    cdef Py_ssize_t at = 0, cells, per_tile = TILE // width
    while at < samples:
        cells = min(per_tile, samples - at)
        if flat:
            source = values + at * width
        else:
            gather(<const char*>values + at * c.sample, c, cells, width, gathered)
            source = gathered
        if extent.large:
            convert_large(source, cells * width, width == 1, tile)
        else:
            convert(source, cells * width, width == 1, tile)
        if width > 1 and extent.filled:
            end_cells(tile, cells, width)
        memcpy(pos, tile, cells * width * sizeof(target))
        pos += cells * width * sizeof(target)
        at += cells
    return pos


cdef char* put_integers(
    const integer* values, const Field* field, Py_ssize_t samples, char* pos, Blocks out
) except NULL nogil:
    """A field of integers; nothing where all are missing."""
    cdef const Column* c = &field.column
    cdef Extent extent
    cdef Py_ssize_t width = 1, sample, k, size
    cdef const integer* value
    extent.smallest = extent.largest = -1
    if is_flat(c, samples, sizeof(integer)):
        measure(values, samples * c.count, &extent)
    else:
        for sample in range(samples):
            for k in range(c.count):
                measure(<const integer*>(<const char*>values + sample * c.sample + k * c.value), 1, &extent)
    if extent.largest < 0 and extent.smallest >= -2:
        return pos
    extent.filled = extent.smallest <= -2
    extent.large = is_large(extent.smallest) or is_large(extent.largest)
    if extent.large:
        extent.smallest = extent.largest = -1
        for sample in range(samples):
            for k in range(c.count):
                value = <const integer*>(<const char*>values + sample * c.sample + k * c.value)
                if not is_large(value[0]):
                    measure(value, 1, &extent)
    if c.count > 1:
        width = width_of(values, c, samples, <integer>-2) if extent.filled else c.count
    if extent.smallest >= -128 + RESERVED and extent.largest <= 127:
        size = 1
        pos = put_key(out, pos, field.key, width, T_INT8)
    elif extent.smallest >= -32768 + RESERVED and extent.largest <= 32767:
        size = 2
        pos = put_key(out, pos, field.key, width, T_INT16)
    else:
        size = 4
        pos = put_key(out, pos, field.key, width, T_INT32)
    pos = reserve(out, pos, samples * width * size)
    if width > TILE:
        return put_wide(values, c, samples, width, size, pos)
    if size == 1:
        return put_converted(values, c, samples, width, extent, <int8_t>0, pos)
    if size == 2:
        return put_converted(values, c, samples, width, extent, <int16_t>0, pos)
    return put_converted(values, c, samples, width, extent, <int32_t>0, pos)


cdef char* put_wide(
    const integer* values, const Column* c, Py_ssize_t samples, Py_ssize_t width, Py_ssize_t size, char* pos
) noexcept nogil:
    """Cells of more than TILE places, value by value."""
    cdef Py_ssize_t sample, k
    cdef int64_t value, missing = -(<int64_t>1 << (8 * size - 1))
    cdef bint ended
    for sample in range(samples):
        ended = False
        for k in range(width):
            value = (<const integer*>(<const char*>values + sample * c.sample + k * c.value))[0]
            ended = ended or value == -2
            if ended and k:
                value = missing + 1
            elif value == -1 or value == -2 or is_large(value):
                value = missing
            # Little-endian: the first bytes are the low ones.
            memcpy(pos, &value, size)
            pos += size
    return pos


cdef inline uint32_t load_float(const Column* c, const char* p) noexcept nogil:
    """The bits of a float32; of a double, of what it rounds to."""
    cdef uint32_t bits
    cdef double value
    cdef float single
    cdef bint fill = False
    if c.kind == F4:
        memcpy(&bits, p, 4)
        return bits
    if double_missing(p, &fill):
        return MISSING
    if fill:
        return END
    memcpy(&value, p, 8)
    single = <float>value
    memcpy(&bits, &single, 4)
    return bits


cdef char* put_floats(
    const char* p, const Field* field, Py_ssize_t samples, char* pos, Blocks out
) except NULL nogil:
    """A field of floats; nothing where all are missing."""
    cdef const Column* c = &field.column
    cdef Py_ssize_t width = 1, sample, k
    cdef bint present = False, filled = False, ended
    cdef uint32_t bits
    cdef const char* cell = p
    cdef const uint32_t* words = <const uint32_t*>p
    cdef bint flat = c.kind == F4 and is_flat(c, samples, 4)
    if flat:
        for k in range(samples * c.count):
            present |= (words[k] != MISSING) & (words[k] != END)
            filled |= words[k] == END
    else:
        for sample in range(samples):
            for k in range(c.count):
                bits = load_float(c, p + sample * c.sample + k * c.value)
                present |= (bits != MISSING) & (bits != END)
                filled |= bits == END
    if not present:
        return pos
    if not filled:
        width = c.count
    else:
        for sample in range(samples):
            while width < c.count and load_float(c, cell + width * c.value) != END:
                for k in range(width):
                    if load_float(c, cell + k * c.value) == END:
                        break
                else:
                    width += 1
                    continue
                break
            cell += c.sample
    pos = put_key(out, pos, field.key, width, T_FLOAT)
    pos = reserve(out, pos, 4 * samples * width)
    if flat and not filled:
        memcpy(pos, p, 4 * samples * width)
        return pos + 4 * samples * width
    for sample in range(samples):
        ended = False
        for k in range(width):
            bits = END if ended else load_float(c, p + sample * c.sample + k * c.value)
            ended = bits == END
            if ended and k == 0:
                bits = MISSING
            memcpy(pos, &bits, 4)
            pos += 4
    return pos


cdef Py_ssize_t text_length(const Column* c, Py_ssize_t at) noexcept nogil:
    """Bytes of a cell's texts, joined by commas, up to the first that is empty; at least one."""
    cdef Py_ssize_t k, length = 0
    cdef int64_t size
    for k in range(c.count):
        size = c.offsets[at + 1] - c.offsets[at]
        if size == 0:
            break
        length += size + (k > 0)
        at += c.value
    return max(length, 1)


cdef char* write_text(const Column* c, Py_ssize_t at, char* pos) noexcept nogil:
    """The cell's texts; "." if there are none. Their room is reserved."""
    cdef char* start = pos
    cdef Py_ssize_t k
    cdef int64_t size
    for k in range(c.count):
        size = c.offsets[at + 1] - c.offsets[at]
        if size == 0:
            break
        if k:
            pos[0] = 44
            pos += 1
        memcpy(pos, c.data + c.offsets[at], size)
        pos += size
        at += c.value
    if pos == start:
        pos[0] = 46
        pos += 1
    return pos


cdef char* put_texts(
    const Field* field, Py_ssize_t row, Py_ssize_t samples, char* pos, Blocks out
) except NULL nogil:
    """A field of text, every cell padded to the longest with NULs; nothing where all are missing."""
    cdef const Column* c = &field.column
    cdef Py_ssize_t sample, width = 1
    cdef bint present = False
    cdef char* end
    for sample in range(samples):
        present = present or not cell_missing(c, row, sample)
        width = max(width, text_length(c, row * c.row + sample * c.sample))
    if not present:
        return pos
    pos = put_key(out, pos, field.key, width, T_CHAR)
    pos = reserve(out, pos, samples * width)
    for sample in range(samples):
        end = write_text(c, row * c.row + sample * c.sample, pos)
        memset(end, 0, pos + width - end)
        pos += width
    return pos
