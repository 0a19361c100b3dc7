# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Lines of text from columns. The program of a line comes as tuples; kernels/text.py says what they mean."""

from libc.math cimport isnan, signbit
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from vczero._native.blocks cimport Blocks, reserve

include "columns.pxi"

cdef enum Code:
    TEXT, VALUES, LOOKUP, NAMES, GENOTYPES, INFO, SAMPLES, FORMAT, BASES, IUPAC

cdef struct Op:
    Code code
    const char* text
    Py_ssize_t length
    Column column
    Column other                    # LOOKUP, NAMES: names; GENOTYPES: phased; SAMPLES: mask; VALUES: see below
    Column alleles                  # BASES, IUPAC: the alleles' text
    Py_ssize_t children             # that many of the following operations belong to this one


cdef inline char* put(Blocks out, char* pos, const char* text, Py_ssize_t length) except NULL nogil:
    pos = reserve(out, pos, length)
    memcpy(pos, text, length)
    return pos + length


cdef inline char* put_char(Blocks out, char* pos, char character) except NULL nogil:
    pos = reserve(out, pos, 1)
    pos[0] = character
    return pos + 1


include "text_numbers.pxi"
include "text_cells.pxi"
include "text_calls.pxi"


cdef char* write_name(const Column* names, int64_t index, char* pos, Blocks out) except NULL nogil:
    if not 0 <= index < names.count:
        return put_char(out, pos, 46)
    return put(out, pos, names.data + names.offsets[index], names.offsets[index + 1] - names.offsets[index])


cdef char* write_names(const Op* op, Py_ssize_t row, char* pos, Blocks out) except NULL nogil:
    """The names whose flag is set, joined by ";"; "." if none is."""
    cdef const char* flags = op.column.data + row * op.column.row
    cdef bint any_set = False
    cdef Py_ssize_t k
    for k in range(op.column.count):
        if flags[k * op.column.value]:
            if any_set:
                pos = put_char(out, pos, 59)
            pos = write_name(&op.other, k, pos, out)
            any_set = True
    return pos if any_set else put_char(out, pos, 46)


cdef char* write_info(const Op* op, Py_ssize_t row, char* pos, Blocks out) except NULL nogil:
    """`key=values` of the children that have a value in this row, joined by ";"; "." if none has."""
    cdef bint any_present = False
    cdef const Op* child
    cdef Py_ssize_t k
    for k in range(op.children):
        child = op + 1 + k
        if cell_missing(&child.column, row, 0):
            continue
        if any_present:
            pos = put_char(out, pos, 59)
        any_present = True
        pos = put(out, pos, child.text, child.length)
        if child.column.kind != BOOL:
            pos = put_char(out, pos, 61)
            pos = write_cell(&child.column, row, 0, pos, out)
    return pos if any_present else put_char(out, pos, 46)


cdef bint is_present(const Op* op, Py_ssize_t row, Py_ssize_t samples) noexcept nogil:
    """Whether a FORMAT key is in this row: GT always, any other if a sample has a value."""
    cdef Py_ssize_t sample
    if op.code == GENOTYPES:
        return True
    for sample in range(samples):
        if not cell_missing(&op.column, row, sample):
            return True
    return False


cdef char* write_format(
    const Op* op, Py_ssize_t row, Py_ssize_t samples, const Op** present, char* pos, Blocks out
) except NULL nogil:
    """The keys that the row has, then each sample's values; tabs between, none in front."""
    cdef const Op* child
    cdef Py_ssize_t k, keys = 0
    for k in range(op.children):
        child = op + 1 + k
        if is_present(child, row, samples):
            if keys:
                pos = put_char(out, pos, 58)
            pos = put(out, pos, child.text, child.length)
            present[keys] = child
            keys += 1
    if keys == 0:
        pos = put_char(out, pos, 46)
    if keys == 1 and present[0].code == GENOTYPES and is_diploid(present[0]):
        return write_calls(present[0], row, samples, 9, pos, out)
    return write_cells(present, keys, row, samples, pos, out)


cdef char* write_cells(
    const Op** present, Py_ssize_t keys, Py_ssize_t row, Py_ssize_t samples, char* pos, Blocks out
) except NULL nogil:
    """A tab and the values of some keys, for each sample. Every cell gets a colon, the last one's is dropped."""
    cdef const Op* op
    cdef const char* p
    cdef const char* phased
    cdef Py_ssize_t sample, k, room = 16
    cdef Kind kind
    for k in range(keys):
        room += 22 * present[k].column.count + 16
    for sample in range(samples):
        pos = reserve(out, pos, room)
        pos[0] = 9
        pos += 1
        for k in range(keys):
            op = present[k]
            kind = op.column.kind
            p = op.column.data + row * op.column.row + sample * op.column.sample
            if op.code == GENOTYPES and is_diploid(op):
                phased = op.other.data
                pos = put_call(
                    p, phased != NULL and phased[row * op.other.row + sample * op.other.sample] != 0, pos
                )
            elif op.code == GENOTYPES:
                pos = write_genotype(op, row, sample, pos, out)
            elif kind == I1:
                pos = put_integers[int8_t](p, op.column.value, op.column.count, 0, 58, pos)
                continue
            elif kind == I2:
                pos = put_integers[int16_t](p, op.column.value, op.column.count, 0, 58, pos)
                continue
            elif kind == I4:
                pos = put_integers[int32_t](p, op.column.value, op.column.count, 0, 58, pos)
                continue
            else:
                pos = reserve(out, write_cell(&op.column, row, sample, pos, out), room)
            pos[0] = 58
            pos += 1
        if keys:
            pos -= 1
        else:
            pos[0] = 46
            pos += 1
    return pos


cdef char* write_value(const Op* op, Py_ssize_t row, Py_ssize_t sample, char* pos, Blocks out) except NULL nogil:
    """A cell; "." if it belongs to the row and has missing values only: then the row does not have the key.

    With another column, which has the first two values of the cell: if there is one only, that one.
    """
    cdef Column first
    if op.other.data != NULL and (
        op.other.count < 2 or is_fill(&op.other, row * op.other.row + op.other.value)
    ):
        first = op.other
        first.count = 1
        return write_cell(&first, row, 0, pos, out)
    if op.column.count > 1 and op.column.sample == 0 and cell_missing(&op.column, row, 0):
        return put_char(out, pos, 46)
    return write_cell(&op.column, row, sample, pos, out)


cdef char* write_samples(
    const Op* op, Py_ssize_t row, Py_ssize_t samples, const Op** scratch, char* pos, Blocks out
) except NULL nogil:
    """The children once per sample, where the mask (if there is one) is set."""
    cdef Py_ssize_t sample, k
    cdef const char* mask = op.other.data
    cdef const Op* child
    if (
        op.children == 2 and mask == NULL
        and op[1].code == TEXT and op[1].length == 1 and op[2].code == GENOTYPES and is_diploid(op + 2)
    ):
        return write_calls(op + 2, row, samples, op[1].text[0], pos, out)
    for k in range(op.children):
        child = op + 1 + k
        scratch[k] = child
        if child.code == VALUES and child.column.count > 1 and not is_present(child, row, samples):
            scratch[k] = NULL
    for sample in range(samples):
        if mask != NULL and not mask[row * op.other.row + sample * op.other.sample]:
            continue
        k = 0
        while k < op.children:
            if scratch[k] == NULL:
                pos = put_char(out, pos, 46)
            else:
                pos = write_op(scratch[k], row, sample, samples, scratch + op.children, pos, out)
            k += 1 + op[1 + k].children
    return pos


cdef char* write_op(
    const Op* op, Py_ssize_t row, Py_ssize_t sample, Py_ssize_t samples,
    const Op** scratch, char* pos, Blocks out
) except NULL nogil:
    if op.code == TEXT:
        return put(out, pos, op.text, op.length)
    if op.code == VALUES:
        return write_value(op, row, sample, pos, out)
    if op.code == LOOKUP:
        return write_name(&op.other, load_integer(&op.column, row * op.column.row), pos, out)
    if op.code == NAMES:
        return write_names(op, row, pos, out)
    if op.code == GENOTYPES:
        return write_genotype(op, row, sample, pos, out)
    if op.code == INFO:
        return write_info(op, row, pos, out)
    if op.code == BASES or op.code == IUPAC:
        return write_bases(op, row, sample, pos, out)
    if op.code == SAMPLES:
        return write_samples(op, row, samples, scratch, pos, out)
    return write_format(op, row, samples, scratch, pos, out)


def assemble(list program, Py_ssize_t rows, Py_ssize_t samples) -> list:
    """The lines of `rows` rows, as blocks: the program run once for each row.

    `program` holds tuples (code, text, column, other, alleles, children); a column is None or (kind, data, offsets,
    row stride, sample stride, value stride, values per cell, width). The caller answers for the extents.
    """
    cdef Py_ssize_t count = len(program), k, row
    cdef Buffers buffers = Buffers(6 * count)
    cdef Op* ops = <Op*>calloc(count + 1, sizeof(Op))
    cdef const Op** scratch = <const Op**>calloc(2 * count + 1, sizeof(Op*))
    cdef Blocks out = Blocks()
    cdef bytes text
    cdef char* pos
    if not tables_filled:
        fill_tables()
    try:
        if ops == NULL or scratch == NULL:
            raise MemoryError
        for k in range(count):
            code, text, column, other, alleles, children = program[k]
            ops[k].code = <Code><int>code
            ops[k].text = text
            ops[k].length = len(text)
            ops[k].children = children
            if column is not None:
                parse_column(column, &ops[k].column, buffers)
            if other is not None:
                parse_column(other, &ops[k].other, buffers)
            if alleles is not None:
                parse_column(alleles, &ops[k].alleles, buffers)
        pos = out.start()
        with nogil:
            for row in range(rows):
                k = 0
                while k < count:
                    pos = write_op(&ops[k], row, 0, samples, scratch, pos, out)
                    k += 1 + ops[k].children
        return out.finish(pos)
    finally:
        free(ops)
        free(scratch)
