"""Numbers and genotypes as text; part of text.pyx."""

# 0 to 999 in up to three digits, and how many in the fourth byte.
cdef char[1000][4] SMALL
# -2 to 9999 with a comma behind, and how many characters in the eighth byte; none for -2.
cdef enum:
    SHORTS = 10002
cdef char[SHORTS][8] SHORT
# The text of a diploid call by its two bytes, then by phased: up to seven characters, how many in the eighth.
cdef char[131072][8] CALLS
cdef bint LITTLE_ENDIAN = False
cdef bint tables_filled = False


cdef Py_ssize_t small_text(char* out, int value) noexcept nogil:
    cdef Py_ssize_t length = 1 if value < 10 else 2 if value < 100 else 3
    cdef Py_ssize_t k
    for k in range(length - 1, -1, -1):
        out[k] = <char>(48 + value % 10)
        value //= 10
    return length


cdef void fill_tables() noexcept:
    """Once, at the first use: a millisecond that a command without text does not pay."""
    global LITTLE_ENDIAN, tables_filled
    cdef int value, pair, phased
    cdef int8_t first, second
    cdef Py_ssize_t length
    cdef uint16_t probe = 1
    LITTLE_ENDIAN = (<char*>&probe)[0] == 1
    for value in range(1000):
        SMALL[value][3] = <char>small_text(SMALL[value], value)
    memcpy(SHORT[1], b".,\0\0\0\0\0\2", 8)
    for value in range(10000):
        length = write_integer(SHORT[value + 2], value) - SHORT[value + 2]
        SHORT[value + 2][length] = 44
        SHORT[value + 2][7] = <char>(length + 1)
    for pair in range(65536):
        first, second = <int8_t>(pair & 255), <int8_t>(pair >> 8)
        for phased in range(2):
            length = allele_text(CALLS[pair + 65536 * phased], first)
            if first != -2 and second != -2:
                CALLS[pair + 65536 * phased][length] = 124 if phased else 47
                length += 1
                length += allele_text(CALLS[pair + 65536 * phased] + length, second)
            CALLS[pair + 65536 * phased][7] = <char>length
    tables_filled = True


cdef Py_ssize_t allele_text(char* out, int allele) noexcept nogil:
    if allele < 0:
        out[0] = 46
        return 1
    return small_text(out, allele)


# Numbers. The caller has reserved room: 21 bytes for an integer, 16 for a float.

cdef inline char* write_integer(char* out, int64_t value) noexcept nogil:
    cdef char[20] digits
    cdef int start = 20
    cdef uint64_t rest
    if 0 <= value < 1000:
        memcpy(out, SMALL[value], 4)
        return out + SMALL[value][3]
    rest = <uint64_t>value
    if value < 0:
        out[0] = 45
        out += 1
        rest = 0 - rest
    while rest >= 1000:
        start -= 3
        digits[start] = <char>(48 + rest % 1000 // 100)
        digits[start + 1] = <char>(48 + rest % 100 // 10)
        digits[start + 2] = <char>(48 + rest % 10)
        rest //= 1000
    memcpy(out, SMALL[rest], 4)
    out += SMALL[rest][3]
    memcpy(out, digits + start, 20 - start)
    return out + 20 - start


cdef inline char* write_scaled(char* out, uint32_t value, int decimals, uint32_t scale) noexcept nogil:
    """value / 10**decimals without trailing zeros; scale is 10**decimals, value at most seven digits."""
    cdef uint32_t fraction = value % scale
    cdef int k
    out = write_integer(out, value // scale)
    if fraction:
        out[0] = 46
        for k in range(decimals, 0, -1):
            out[k] = <char>(48 + fraction % 10)
            fraction //= 10
        out += decimals
        while out[0] == 48:
            out -= 1
        out += 1
    return out


cdef char* write_exponent(char* out, double value) noexcept nogil:
    """%g as C's locale "C" has it: whatever stands for the decimal point becomes a point."""
    cdef char[64] text
    cdef int length = snprintf(text, 64, b"%g", value)
    cdef int k
    cdef bint in_point = False
    for k in range(length):
        if text[k] in b"0123456789+-abcdefghijklmnopqrstuvwxyz":
            out[0] = text[k]
            in_point = False
        elif in_point:
            continue
        else:
            out[0] = 46
            in_point = True
        out += 1
    return out


cdef inline char* write_float(char* out, double value) noexcept nogil:
    """Six significant digits as bcftools 1.16 writes them: ties away from zero from 0.0001 to 999999
    (observed; the product below is exact for values that were float32), else C's %g."""
    cdef uint64_t scaled
    if value == 0:
        if signbit(value):
            out[0] = 45
            out += 1
        out[0] = 48
        return out + 1
    if value < 0:
        out[0] = 45
        out += 1
        value = -value
    if not 0.0001 <= value <= 999999:
        return write_exponent(out, value)
    scaled = <uint64_t>(value * 1e10)
    if value < 0.001:
        return write_scaled(out, <uint32_t>((scaled + 5) // 10), 9, 1000000000)
    if value < 0.01:
        return write_scaled(out, <uint32_t>((scaled + 50) // 100), 8, 100000000)
    if value < 0.1:
        return write_scaled(out, <uint32_t>((scaled + 500) // 1000), 7, 10000000)
    if value < 1:
        return write_scaled(out, <uint32_t>((scaled + 5000) // 10000), 6, 1000000)
    if value < 10:
        return write_scaled(out, <uint32_t>((scaled + 50000) // 100000), 5, 100000)
    if value < 100:
        return write_scaled(out, <uint32_t>((scaled + 500000) // 1000000), 4, 10000)
    if value < 1000:
        return write_scaled(out, <uint32_t>((scaled + 5000000) // 10000000), 3, 1000)
    if value < 10000:
        return write_scaled(out, <uint32_t>((scaled + 50000000) // 100000000), 2, 100)
    if value < 100000:
        return write_scaled(out, <uint32_t>((scaled + 500000000) // 1000000000), 1, 10)
    return write_integer(out, <int64_t>((scaled + 5000000000ULL) // 10000000000ULL))
