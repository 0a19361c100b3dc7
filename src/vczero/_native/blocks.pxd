cdef class Block:
    cdef char* data
    cdef readonly Py_ssize_t size
    cdef Py_ssize_t capacity


cdef class Blocks:
    cdef char* begin        # of the current block
    cdef char* end          # of the room in it
    cdef Py_ssize_t before  # bytes in the blocks before it
    cdef Block current
    cdef list done

    cdef char* start(self) except NULL
    cdef char* grow(self, char* pos, Py_ssize_t need) except NULL with gil
    cdef char* take(self, Py_ssize_t capacity) except NULL
    cdef list finish(self, char* pos)
    cdef int close(self, char* pos) except -1


cdef inline char* reserve(Blocks out, char* pos, Py_ssize_t need) except NULL nogil:
    """A position with room for `need` bytes: the one given, or the start of a new block."""
    if out.end - pos < need:
        return out.grow(pos, need)
    return pos
