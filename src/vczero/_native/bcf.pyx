# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""BCF2 records from columns (VCF specification, section 6.3). kernels/bcf.py says what a record is made of.

All numbers are little-endian, which is taken for granted here; formats/bcf.py refuses other machines.
"""

from libc.stdint cimport INT32_MAX, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from vczero._native.blocks cimport Blocks, reserve

ctypedef fused target:
    int8_t
    int16_t
    int32_t

include "columns.pxi"

cdef enum Type:
    T_FLAG = 0
    T_INT8 = 1
    T_INT16 = 2
    T_INT32 = 3
    T_FLOAT = 5
    T_CHAR = 7

cdef enum:
    HEAD = 32               # bytes of a record's fixed part
    TILE = 2048             # values converted at a time
    MISSING = 0x7F800001
    END = 0x7F800002
    # Below the smallest value of a type are eight that are reserved (specification, section 6.3.3).
    RESERVED = 8

cdef struct Field:
    int32_t key             # in the dictionary of strings
    bint calls
    Column column
    Column phased           # of calls

cdef struct Fixed:
    const int32_t* contig
    const int32_t* position
    const int32_t* length
    const float* quality
    Column identifier
    Column alleles
    Column filters
    const int32_t* filter_keys


cdef char* put_size(Blocks out, char* pos, Py_ssize_t count, Type kind) except NULL nogil:
    """The descriptor of `count` values of a type."""
    pos = reserve(out, pos, 6)
    pos[0] = <char>(min(count, 15) << 4 | kind)
    if count < 15:
        return pos + 1
    return put_integer(pos + 1, <int32_t>count)


cdef inline char* put_integer(char* pos, int32_t value) noexcept nogil:
    """A single typed integer; six bytes of room are reserved."""
    cdef int16_t half
    if -128 + RESERVED <= value <= 127:
        pos[0] = 0x10 | T_INT8
        pos[1] = <char>value
        return pos + 2
    if -32768 + RESERVED <= value <= 32767:
        half = <int16_t>value
        pos[0] = 0x10 | T_INT16
        memcpy(pos + 1, &half, 2)
        return pos + 3
    pos[0] = 0x10 | T_INT32
    memcpy(pos + 1, &value, 4)
    return pos + 5


cdef char* put_key(Blocks out, char* pos, int32_t key, Py_ssize_t count, Type kind) except NULL nogil:
    return put_size(out, put_integer(reserve(out, pos, 6), key), count, kind)


include "bcf_values.pxi"
include "bcf_calls.pxi"


cdef char* put_field(
    const Field* field, Py_ssize_t row, Py_ssize_t samples, int* fields, char* pos, Blocks out
) except NULL nogil:
    """A field with its key, unless all of its values are missing; `fields` counts it."""
    cdef const Column* c = &field.column
    cdef const char* p = c.data + row * c.row
    cdef char* end
    if field.calls:
        end = put_calls(field, row, samples, pos, out)
    elif c.kind == I1:
        end = put_integers(<const int8_t*>p, field, samples, pos, out)
    elif c.kind == I2:
        end = put_integers(<const int16_t*>p, field, samples, pos, out)
    elif c.kind == I4:
        end = put_integers(<const int32_t*>p, field, samples, pos, out)
    elif c.kind == I8:
        end = put_integers(<const int64_t*>p, field, samples, pos, out)
    elif c.kind == F4 or c.kind == F8:
        end = put_floats(p, field, samples, pos, out)
    elif c.kind == STRINGS:
        end = put_texts(field, row, samples, pos, out)
    elif cell_missing(c, row, 0):
        return pos
    else:
        end = put_key(out, pos, field.key, 0, T_FLAG)
    fields[0] += end != pos
    return end


cdef char* put_alleles(const Column* c, Py_ssize_t row, int64_t* count, char* pos, Blocks out) except NULL nogil:
    """REF ("." where there is none) and the ALT alleles up to the first that is empty; a lone "." is no ALT."""
    cdef Py_ssize_t at = row * c.row, k
    cdef int64_t start, length
    for k in range(c.count):
        start = c.offsets[at + k * c.value]
        length = c.offsets[at + k * c.value + 1] - start
        if k and length == 0:
            break
        if k == 1 and length == 1 and c.data[start] == 46 and (
            c.count == 2 or c.offsets[at + 2 * c.value + 1] == c.offsets[at + 2 * c.value]
        ):
            break
        pos = put_size(out, pos, max(length, 1), T_CHAR)
        pos = reserve(out, pos, max(length, 1))
        pos[0] = 46
        memcpy(pos, c.data + start, length)
        pos += max(length, 1)
        count[0] += 1
    return pos


cdef char* put_filters(const Fixed* fixed, Py_ssize_t row, char* pos, Blocks out) except NULL nogil:
    """The keys of the filters whose flag is set."""
    cdef const Column* c = &fixed.filters
    cdef const char* flags = c.data + row * c.row
    cdef Py_ssize_t k, count = 0
    cdef int32_t largest = 0
    cdef Type kind
    for k in range(c.count):
        if flags[k * c.value]:
            count += 1
            largest = max(largest, fixed.filter_keys[k])
    if count == 0:
        return put_size(out, pos, 0, T_FLAG)
    kind = T_INT8 if largest <= 127 else T_INT16 if largest <= 32767 else T_INT32
    pos = put_size(out, pos, count, kind)
    pos = reserve(out, pos, 4 * count)
    for k in range(c.count):
        if flags[k * c.value]:
            # Little-endian: the first bytes are the low ones.
            memcpy(pos, &fixed.filter_keys[k], 1 << (kind - 1))
            pos += 1 << (kind - 1)
    return pos


cdef inline Py_ssize_t written(Blocks out, const char* pos) noexcept nogil:
    """Bytes of the output so far."""
    return out.before + (pos - out.begin)


cdef char* put_record(
    const Fixed* fixed, const Field* info, Py_ssize_t infos, const Field* formats, Py_ssize_t format_count,
    Py_ssize_t row, Py_ssize_t samples, char* pos, Blocks out
) except NULL nogil:
    cdef int64_t alleles = 0, shared, indiv
    cdef int present = 0, keys = 0
    cdef Py_ssize_t k
    cdef char* head = reserve(out, pos, HEAD)
    cdef Py_ssize_t start
    cdef uint32_t[8] words
    pos = head + HEAD
    start = written(out, pos)
    # The fixed part is filled in last: its block stays where it is when the record goes on in another.
    if fixed.identifier.data == NULL or cell_missing(&fixed.identifier, row, 0):
        pos = put_size(out, pos, 0, T_CHAR)
    else:
        k = text_length(&fixed.identifier, row * fixed.identifier.row)
        pos = reserve(out, put_size(out, pos, k, T_CHAR), k)
        pos = write_text(&fixed.identifier, row * fixed.identifier.row, pos)
    pos = put_alleles(&fixed.alleles, row, &alleles, pos, out)
    if fixed.filters.data == NULL:
        pos = put_size(out, pos, 0, T_FLAG)
    else:
        pos = put_filters(fixed, row, pos, out)
    for k in range(infos):
        pos = put_field(info + k, row, 1, &present, pos, out)
    shared = written(out, pos) - start + HEAD - 8
    start = written(out, pos)
    for k in range(format_count):
        pos = put_field(formats + k, row, samples, &keys, pos, out)
    indiv = written(out, pos) - start
    if alleles > 65535 or present > 65535 or keys > 255 or (shared | indiv) >> 32:
        raise_overflow(row, alleles, present, keys)
    words[0], words[1] = <uint32_t>shared, <uint32_t>indiv
    words[2], words[3] = <uint32_t>fixed.contig[row], <uint32_t>fixed.position[row]
    words[4] = <uint32_t>fixed.length[row]
    memcpy(&words[5], &fixed.quality[row], 4)
    words[6] = <uint32_t>alleles << 16 | <uint32_t>present
    words[7] = <uint32_t>keys << 24 | <uint32_t>samples
    memcpy(head, words, HEAD)
    return pos


cdef int raise_overflow(Py_ssize_t row, int64_t alleles, int present, int keys) except -1 with gil:
    raise OverflowError(
        row, f"{alleles} alleles, {present} INFO fields and {keys} FORMAT fields: more than a BCF record can hold"
    )


cdef int parse_fields(list specs, Field* fields, Buffers buffers) except -1:
    cdef Py_ssize_t k
    for k in range(len(specs)):
        key, calls, column, phased = specs[k]
        fields[k].key, fields[k].calls = key, calls
        parse_column(column, &fields[k].column, buffers)
        if phased is not None:
            parse_column(phased, &fields[k].phased, buffers)
    return 0


def assemble(tuple fixed, list info, list formats, Py_ssize_t rows, Py_ssize_t samples) -> list:
    """The records of `rows` rows, as blocks.

    `fixed` is (contig, position, length: int32; quality: float32; identifier, alleles, filters: described columns
    or None; filter keys: int32); `info` and `formats` hold (key, is calls, column, phased or None). The caller answers
    for extents and alignment. OverflowError(row, reason): a record with more than BCF can count.
    """
    cdef Buffers buffers = Buffers(4 * (len(info) + len(formats)) + 16)
    cdef Field* fields = <Field*>calloc(len(info) + len(formats) + 1, sizeof(Field))
    cdef Py_ssize_t infos = len(info), format_count = len(formats), row
    cdef Fixed table
    cdef Blocks out = Blocks()
    cdef char* pos
    memset(&table, 0, sizeof(Fixed))
    try:
        if fields == NULL:
            raise MemoryError
        contig, position, length, quality, identifier, alleles, filters, filter_keys = fixed
        table.contig = <const int32_t*>buffers.hold(contig)
        table.position = <const int32_t*>buffers.hold(position)
        table.length = <const int32_t*>buffers.hold(length)
        table.quality = <const float*>buffers.hold(quality)
        if identifier is not None:
            parse_column(identifier, &table.identifier, buffers)
        parse_column(alleles, &table.alleles, buffers)
        if filters is not None:
            parse_column(filters, &table.filters, buffers)
            table.filter_keys = <const int32_t*>buffers.hold(filter_keys)
        parse_fields(info, fields, buffers)
        parse_fields(formats, fields + infos, buffers)
        pos = out.start()
        with nogil:
            for row in range(rows):
                pos = put_record(&table, fields, infos, fields + infos, format_count, row, samples, pos, out)
        return out.finish(pos)
    finally:
        free(fields)
