"""Columns of a batch as native code sees them, and what is missing in them; part of text.pyx and bcf.pyx."""

from cpython.buffer cimport PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer

ctypedef fused integer:
    int8_t
    int16_t
    int32_t
    int64_t

cdef enum Kind:
    BOOL, I1, I2, I4, I8, F4, F8, STRINGS, UCS4, BYTES

cdef struct Column:
    Kind kind
    const char* data
    const int64_t* offsets          # of STRINGS
    Py_ssize_t row, sample, value   # strides: of STRINGS in values, else in bytes; 0 on an axis it lacks
    Py_ssize_t count                # values in a cell
    Py_ssize_t width                # of UCS4 and BYTES: characters in a value


cdef inline bint float_missing(const char* p, bint* fill) noexcept nogil:
    cdef uint32_t bits
    memcpy(&bits, p, 4)
    fill[0] = bits == 0x7F800002
    return bits == 0x7F800001


cdef inline bint double_missing(const char* p, bint* fill) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, p, 8)
    fill[0] = bits == 0x7FF0000000000002ULL
    return bits == 0x7FF0000000000001ULL


cdef inline uint32_t code_point(const Column* c, const char* p, Py_ssize_t k) noexcept nogil:
    """Character k of a fixed-width value, 0 beyond its end."""
    cdef uint32_t point
    if k >= c.width:
        return 0
    if c.kind == BYTES:
        return <uint8_t>p[k]
    memcpy(&point, p + 4 * k, 4)
    return point


cdef inline int64_t load_integer(const Column* c, Py_ssize_t at) noexcept nogil:
    cdef int16_t i2
    cdef int32_t i4
    cdef int64_t i8
    if c.kind == I2:
        memcpy(&i2, c.data + at, 2)
        return i2
    if c.kind == I4:
        memcpy(&i4, c.data + at, 4)
        return i4
    if c.kind == I8:
        memcpy(&i8, c.data + at, 8)
        return i8
    return <int8_t>c.data[at]


cdef inline bint value_missing(const Column* c, Py_ssize_t at) noexcept nogil:
    """Whether a value is missing or fill; of a flag, whether it is false."""
    cdef bint fill = False
    cdef int64_t length
    cdef uint32_t point
    if c.kind == BOOL:
        return c.data[at] == 0
    if c.kind == F4:
        return float_missing(c.data + at, &fill) or fill
    if c.kind == F8:
        return double_missing(c.data + at, &fill) or fill
    if c.kind == STRINGS:
        length = c.offsets[at + 1] - c.offsets[at]
        return length == 0 or (length == 1 and c.data[c.offsets[at]] == 46)
    if c.kind == UCS4 or c.kind == BYTES:
        point = code_point(c, c.data + at, 0)
        return point == 0 or (point == 46 and code_point(c, c.data + at, 1) == 0)
    return -2 <= load_integer(c, at) < 0


cdef inline bint is_fill(const Column* c, Py_ssize_t at) noexcept nogil:
    """Whether a number is fill."""
    cdef bint fill = False
    if c.kind == F4:
        float_missing(c.data + at, &fill)
    elif c.kind == F8:
        double_missing(c.data + at, &fill)
    elif I1 <= c.kind <= I8:
        fill = load_integer(c, at) == -2
    return fill


cdef bint cell_missing(const Column* c, Py_ssize_t row, Py_ssize_t sample) noexcept nogil:
    cdef Py_ssize_t at = row * c.row + sample * c.sample
    cdef Py_ssize_t k
    for k in range(c.count):
        if not value_missing(c, at):
            return False
        at += c.value
    return True


cdef class Buffers:
    """The buffers of a program's arrays, held while it runs."""

    cdef Py_buffer* views
    cdef Py_ssize_t count

    def __cinit__(self, Py_ssize_t capacity):
        self.views = <Py_buffer*>calloc(capacity + 1, sizeof(Py_buffer))
        if self.views == NULL:
            raise MemoryError

    def __dealloc__(self):
        cdef Py_ssize_t k
        if self.views != NULL:
            for k in range(self.count):
                PyBuffer_Release(&self.views[k])
            free(self.views)

    cdef const void* hold(self, object array) except? NULL:
        cdef Py_buffer* view = &self.views[self.count]
        PyObject_GetBuffer(array, view, PyBUF_STRIDES)
        self.count += 1
        return view.buf


cdef int parse_column(tuple spec, Column* column, Buffers buffers) except -1:
    data, offsets = spec[1], spec[2]
    column.kind = <Kind><int>spec[0]
    column.data = <const char*>buffers.hold(data)
    if offsets is not None:
        column.offsets = <const int64_t*>buffers.hold(offsets)
    column.row, column.sample, column.value, column.count, column.width = spec[3:]
    return 0
