# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), eight bytes at a time from eight tables."""

from libc.stdint cimport uint8_t, uint32_t

cdef uint32_t TABLE[8][256]


cdef void fill_tables() noexcept:
    cdef uint32_t i, crc
    cdef int k
    for i in range(256):
        crc = i
        for k in range(8):
            crc = (crc >> 1) ^ (0x82F63B78U if crc & 1 else 0)
        TABLE[0][i] = crc
    for i in range(256):
        for k in range(1, 8):
            TABLE[k][i] = (TABLE[k - 1][i] >> 8) ^ TABLE[0][TABLE[k - 1][i] & 0xFF]


fill_tables()


def crc32c(const uint8_t[::1] data):
    """The CRC-32C of `data`."""
    cdef uint32_t crc = 0xFFFFFFFFU, low
    cdef Py_ssize_t i = 0, n = data.shape[0]
    with nogil:
        while n - i >= 8:
            low = crc ^ (
                data[i]
                | (<uint32_t> data[i + 1] << 8)
                | (<uint32_t> data[i + 2] << 16)
                | (<uint32_t> data[i + 3] << 24)
            )
            crc = (
                TABLE[7][low & 0xFF]
                ^ TABLE[6][(low >> 8) & 0xFF]
                ^ TABLE[5][(low >> 16) & 0xFF]
                ^ TABLE[4][low >> 24]
                ^ TABLE[3][data[i + 4]]
                ^ TABLE[2][data[i + 5]]
                ^ TABLE[1][data[i + 6]]
                ^ TABLE[0][data[i + 7]]
            )
            i += 8
        while i < n:
            crc = (crc >> 8) ^ TABLE[0][(crc ^ data[i]) & 0xFF]
            i += 1
    return crc ^ 0xFFFFFFFFU
