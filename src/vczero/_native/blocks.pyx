# cython: language_level=3, boundscheck=False, wraparound=False
"""Memory to write output into, for the modules that make text and BCF.

Output is a list of blocks, so that it grows without copying. A block's memory returns to a pool when its last
reader lets go: fresh memory costs the kernel more time than writing the text takes.
"""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef Py_ssize_t SIZE = 1 << 20
cdef enum:
    POOLED = 4096
cdef (char*)[POOLED] pool
cdef int pooled = 0


cdef class Block:
    """Bytes that one writer fills and everybody else reads, through the buffer protocol."""

    def __cinit__(self, Py_ssize_t capacity):
        global pooled
        self.capacity = capacity
        if capacity == SIZE and pooled:
            pooled -= 1
            self.data = pool[pooled]
        else:
            self.data = <char*>malloc(capacity)
        if self.data == NULL:
            raise MemoryError(f"no memory for {capacity} bytes of output")

    def __dealloc__(self):
        global pooled
        if self.capacity == SIZE and self.data != NULL and pooled < POOLED:
            pool[pooled] = self.data
            pooled += 1
        else:
            free(self.data)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.size, 1, flags)

    def __len__(self):
        return self.size

    def __bytes__(self):
        return self.data[:self.size]


def empty_pool():
    """Give the memory that no block uses back to the system."""
    global pooled
    while pooled:
        pooled -= 1
        free(pool[pooled])


cdef class Blocks:
    """The blocks of one output in the making; writers hold the position in the current one."""

    cdef char* start(self) except NULL:
        self.done = []
        self.before = 0
        return self.take(SIZE)

    cdef char* grow(self, char* pos, Py_ssize_t need) except NULL with gil:
        """The start of a new block with room for `need` bytes."""
        self.close(pos)
        return self.take(max(need, SIZE))

    cdef char* take(self, Py_ssize_t capacity) except NULL:
        self.current = Block(capacity)
        self.begin = self.current.data
        self.end = self.begin + capacity
        return self.begin

    cdef list finish(self, char* pos):
        """The blocks, complete; those without bytes are left out."""
        self.close(pos)
        self.current = None
        return self.done

    cdef int close(self, char* pos) except -1:
        self.current.size = pos - self.begin
        self.before += self.current.size
        if self.current.size:
            self.done.append(self.current)
        return 0


def join_rows(const uint8_t[:, :, :] parts, Py_ssize_t row_bytes):
    cdef Py_ssize_t rows = parts.shape[0], count = parts.shape[1], width = parts.shape[2], row, k
    cdef Blocks out = Blocks()
    cdef char* pos = out.start()
    if row_bytes < 0 or (count - 1) * width >= row_bytes or row_bytes > count * width:
        raise ValueError("the parts are not those of such rows")
    if parts.strides[2] != 1 and width > 1:
        raise ValueError("the bytes of a part must lie side by side")
    with nogil:
        for row in range(rows):
            pos = reserve(out, pos, row_bytes)
            for k in range(count):
                memcpy(pos + k * width, &parts[row, k, 0], min(width, row_bytes - k * width))
            pos += row_bytes
    return out.finish(pos)
