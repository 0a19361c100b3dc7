# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True
"""Deflate for bytes that repeat with a period that is known: zlib streams (RFC 1950, 1951).

The only matches that are looked for are those one period back, so that a run is found by comparing words and
its part of the checksum follows from a formula. What is between runs are literals under a Huffman code of
their own. See vczero/kernels/deflate.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* How many of the eight bytes at a and b are equal before the first that is not. */
    static int vczero_equal_bytes(const uint8_t* a, const uint8_t* b) {
    #if defined(__GNUC__) && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        x ^= y;
        return x ? __builtin_ctzll(x) >> 3 : 8;
    #else
        int n = 0;
        while (n < 8 && a[n] == b[n]) n++;
        return n;
    #endif
    }

    /* A bit for each of eight bytes that are 0 or 255, the first lowest; -1 if one is neither. */
    static int vczero_mask(const uint8_t* p) {
    #if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        uint64_t x, ones;
        memcpy(&x, p, 8);
        ones = x & 0x0101010101010101u;
        return ones * 255 == x ? (int)((ones * 0x0102040810204080u) >> 56) : -1;
    #else
        int i, mask = 0;
        for (i = 0; i < 8; i++) {
            if (p[i] != 0 && p[i] != 255) return -1;
            mask |= (p[i] & 1) << i;
        }
        return mask;
    #endif
    }
    """
    int equal_bytes "vczero_equal_bytes"(const uint8_t* a, const uint8_t* b) noexcept nogil
    int mask_of "vczero_mask"(const uint8_t* p) noexcept nogil

cdef enum:
    TOKENS = 1 << 16  # of one deflate block
    ENDS = 256  # the symbol that ends a block
    SYMBOLS = 286  # literals, the end, and lengths
    LONGEST = 258
    GROUPS = 515  # the first token for eight bytes of 0 and 255
    KINDS = 771  # tokens: a byte, 256 + the length of a match, or GROUPS + a mask
    MODULUS = 65521  # of Adler-32
    PIECE = 1 << 20  # bytes of a run taken at a time, so that no product overflows
    STORED = 65535  # bytes of a stored block

cdef int[19] LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
cdef int[29] LENGTH_BASES = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258
]
cdef int[29] LENGTH_EXTRAS = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0
]
cdef uint8_t[259] LENGTH_SYMBOLS  # of a match's length, less 257
cdef uint32_t[256] MASK_BITS  # of a mask: how many are set
cdef uint32_t[256] MASK_SUMS  # what a mask adds to the second sum of Adler-32, but for the first


cdef void fill_tables() noexcept nogil:
    cdef int symbol, mask, bit, length = 3
    for mask in range(256):
        MASK_BITS[mask] = MASK_SUMS[mask] = 0
        for bit in range(8):
            if mask >> bit & 1:
                MASK_BITS[mask] += 1
                MASK_SUMS[mask] += 255 * (8 - bit)
    for symbol in range(29):
        while length < 259 and (symbol == 28 or length < LENGTH_BASES[symbol + 1]):
            LENGTH_SYMBOLS[length] = symbol
            length += 1


fill_tables()


cdef struct Bits:
    # What has been written: whole bytes before `p`, then the lowest `count` bits of `hold`.
    uint8_t* p
    uint64_t hold
    int count


cdef inline void put(Bits* bits, uint64_t value, int count) noexcept nogil:
    # `count` bits, at most 32, the lowest first.
    cdef uint32_t word
    bits.hold |= value << bits.count
    bits.count += count
    if bits.count >= 32:
        word = <uint32_t>bits.hold
        bits.p[0] = word & 255
        bits.p[1] = (word >> 8) & 255
        bits.p[2] = (word >> 16) & 255
        bits.p[3] = word >> 24
        bits.p += 4
        bits.hold >>= 32
        bits.count -= 32


cdef inline void align(Bits* bits) noexcept nogil:
    # To the next whole byte.
    while bits.count > 0:
        bits.p[0] = bits.hold & 255
        bits.p += 1
        bits.hold >>= 8
        bits.count -= 8
    bits.hold = 0
    bits.count = 0


cdef struct Checksum:
    uint64_t a
    uint64_t b


cdef inline void add_byte(Checksum* sum, uint8_t byte) noexcept nogil:
    sum.a += byte
    sum.b += sum.a


cdef inline void reduce(Checksum* sum) noexcept nogil:
    sum.a %= MODULUS
    sum.b %= MODULUS


cdef void add_run(Checksum* sum, const uint8_t* data, int64_t count, int64_t period) noexcept nogil:
    # `count` bytes, at most PIECE, that repeat the first `period`.
    cdef int64_t k, times = count // period
    cdef uint64_t plain = 0, weighted = 0
    if times > 1:
        reduce(sum)
        for k in range(period):
            plain += data[k]
            weighted += <uint64_t>(period - k) * data[k]
        sum.b += <uint64_t>(times * period) * sum.a + <uint64_t>times * weighted
        sum.b += plain * <uint64_t>period % MODULUS * (<uint64_t>times * <uint64_t>(times - 1) // 2 % MODULUS)
        sum.a += <uint64_t>times * plain
        reduce(sum)
        count -= times * period
    for k in range(count):
        add_byte(sum, data[k])
    reduce(sum)


cdef struct Tokens:
    uint16_t* list
    int64_t count
    uint32_t[SYMBOLS] seen
    uint32_t[256] groups  # masks


cdef inline void literal(Tokens* tokens, uint8_t byte) noexcept nogil:
    tokens.list[tokens.count] = byte
    tokens.count += 1
    tokens.seen[byte] += 1


cdef inline void match(Tokens* tokens, int64_t length) noexcept nogil:
    tokens.list[tokens.count] = <uint16_t>(256 + length)
    tokens.count += 1
    tokens.seen[257 + LENGTH_SYMBOLS[length]] += 1


cdef int64_t tokenise(
    Tokens* tokens, Checksum* sum, const uint8_t* data, int64_t i, int64_t n, int64_t period
) noexcept nogil:
    # Tokens of data[i:n], as many as a block holds; where they end.
    cdef int64_t j, k
    cdef int mask
    cdef int64_t since = 0  # bytes since the last run
    tokens.count = 0
    memset(tokens.seen, 0, sizeof(tokens.seen))
    memset(tokens.groups, 0, sizeof(tokens.groups))
    while i < n and tokens.count < TOKENS - 16:
        if i < period or i + 8 > n:
            literal(tokens, data[i])
            add_byte(sum, data[i])
            i += 1
            continue
        k = equal_bytes(data + i, data + i - period)
        if k < 8:
            if sum.a >> 24:
                reduce(sum)
            # A sample that differs from its neighbours breaks a run twice; where there is more, none is near.
            mask = mask_of(data + i) if since > 2 * period else -1
            if mask >= 0:
                tokens.list[tokens.count] = <uint16_t>(GROUPS + mask)
                tokens.count += 1
                tokens.groups[mask] += 1
                sum.b += 8 * sum.a + MASK_SUMS[mask]
                sum.a += 255 * MASK_BITS[mask]
                i += 8
                continue
            for j in range(i, i + k + 1):
                literal(tokens, data[j])
                add_byte(sum, data[j])
            i += k + 1
            since += k + 1
            continue
        since = 0
        j = i + 8
        while j + 8 <= n and j - i < PIECE - 16:
            k = equal_bytes(data + j, data + j - period)
            j += k
            if k < 8:
                break
        k = i
        while j - i >= LONGEST and tokens.count < TOKENS - 16:
            match(tokens, LONGEST)
            i += LONGEST
        if j - i >= 3 and j - i < LONGEST:
            match(tokens, j - i)
            i = j
        add_run(sum, data + k, i - k, period)
    for mask in range(256):
        tokens.seen[255] += tokens.groups[mask] * MASK_BITS[mask]
        tokens.seen[0] += tokens.groups[mask] * (8 - MASK_BITS[mask])
    return i


include "deflate_codes.pxi"


cdef struct Header:
    # How the lengths of a dynamic block's codes are written.
    uint8_t[SYMBOLS + 32] list  # symbols of the code of code lengths
    uint8_t[SYMBOLS + 32] extra
    int count
    int literals
    int distances
    int orders
    uint8_t[19] lengths


cdef int64_t plan_header(Header* header, const uint8_t* lengths, int distance) noexcept nogil:
    # The bits that the header of a dynamic block takes.
    cdef uint8_t[SYMBOLS + 32] whole
    cdef uint32_t[19] seen
    cdef int i = 0, run, total
    cdef int64_t bits = 17
    header.literals = SYMBOLS
    while header.literals > 257 and lengths[header.literals - 1] == 0:
        header.literals -= 1
    header.distances = distance + 1
    memcpy(whole, lengths, header.literals)
    memset(whole + header.literals, 0, distance)
    total = header.literals + distance + 1
    whole[total - 1] = 1
    memset(seen, 0, sizeof(seen))
    header.count = 0
    while i < total:
        run = 1
        if whole[i] == 0:
            while i + run < total and run < 138 and whole[i + run] == 0:
                run += 1
        if run >= 3:
            header.list[header.count] = 18 if run > 10 else 17
            header.extra[header.count] = run - 11 if run > 10 else run - 3
        else:
            run = 1
            header.list[header.count] = whole[i]
        seen[header.list[header.count]] += 1
        header.count += 1
        i += run
    code_lengths(seen, 19, 7, header.lengths)
    header.orders = 19
    while header.orders > 4 and header.lengths[LENGTH_ORDER[header.orders - 1]] == 0:
        header.orders -= 1
    bits += 3 * header.orders + 3 * <int64_t>seen[17] + 7 * <int64_t>seen[18]
    for i in range(19):
        bits += <int64_t>seen[i] * header.lengths[i]
    return bits


cdef void write_header(Bits* bits, const Header* header, bint last) noexcept nogil:
    cdef uint16_t[19] codes
    cdef int i, symbol
    codes_of(header.lengths, 19, codes)
    put(bits, (1 if last else 0) | 4, 3)
    put(bits, header.literals - 257, 5)
    put(bits, header.distances - 1, 5)
    put(bits, header.orders - 4, 4)
    for i in range(header.orders):
        put(bits, header.lengths[LENGTH_ORDER[i]], 3)
    for i in range(header.count):
        symbol = header.list[i]
        put(bits, codes[symbol], header.lengths[symbol])
        if symbol >= 17:
            put(bits, header.extra[i], 7 if symbol == 18 else 3)


cdef void write_stored(Bits* bits, const uint8_t* data, int64_t count, bint last) noexcept nogil:
    cdef int64_t piece
    while True:
        piece = min(count, STORED)
        count -= piece
        put(bits, 1 if last and count == 0 else 0, 3)
        align(bits)
        bits.p[0] = piece & 255
        bits.p[1] = piece >> 8
        bits.p[2] = bits.p[0] ^ 255
        bits.p[3] = bits.p[1] ^ 255
        memcpy(bits.p + 4, data, piece)
        bits.p += 4 + piece
        data += piece
        if count == 0:
            return


cdef void write_block(
    Bits* bits, Tokens* tokens, const uint8_t* data, int64_t count, int64_t period, bint last
) noexcept nogil:
    # The tokens of `count` bytes as a block, or the bytes as they are where that is shorter.
    cdef Header header
    cdef uint8_t[SYMBOLS] lengths
    cdef uint16_t[SYMBOLS] codes
    cdef uint32_t[KINDS] values
    cdef uint8_t[KINDS] widths
    cdef int distance = 0, extra = 0, symbol, length, width, mask, token
    cdef int64_t i, cost, base = 1, part
    # The code of the distance: 1 to 4 have one each, then pairs share twice as many.
    while base + (<int64_t>1 << extra) <= period:
        base += <int64_t>1 << extra
        distance += 1
        extra = distance // 2 - 1 if distance >= 4 else 0
    tokens.seen[ENDS] = 1
    code_lengths(tokens.seen, SYMBOLS, 15, lengths)
    cost = plan_header(&header, lengths, distance)
    for symbol in range(SYMBOLS):
        width = lengths[symbol]
        if symbol > ENDS:
            width += LENGTH_EXTRAS[symbol - 257] + 1 + extra
        cost += tokens.seen[symbol] * <int64_t>width
    if cost >= 8 * (count + 5 * (count // STORED)) + 32:
        write_stored(bits, data, count, last)
        return
    codes_of(lengths, SYMBOLS, codes)
    write_header(bits, &header, last)
    for i in range(256):
        values[i] = codes[i]
        widths[i] = lengths[i]
    part = period - base
    for length in range(3, LONGEST + 1):
        symbol = LENGTH_SYMBOLS[length]
        width = lengths[257 + symbol]
        values[256 + length] = codes[257 + symbol]
        values[256 + length] |= <uint32_t>(length - LENGTH_BASES[symbol]) << width
        width += LENGTH_EXTRAS[symbol] + 1  # the distance's code is one bit, a zero
        values[256 + length] |= <uint32_t>part << width
        widths[256 + length] = width + extra
    for mask in range(256):
        values[GROUPS + mask] = widths[GROUPS + mask] = 0
        if tokens.groups[mask] and lengths[0] <= 4 and lengths[255] <= 4:
            for i in range(8):
                symbol = 255 if mask >> i & 1 else 0
                values[GROUPS + mask] |= <uint32_t>codes[symbol] << widths[GROUPS + mask]
                widths[GROUPS + mask] += lengths[symbol]
    for i in range(tokens.count):
        token = tokens.list[i]
        if token < GROUPS or widths[token]:
            put(bits, values[token], widths[token])
            continue
        for mask in range(8):
            symbol = 255 if (token - GROUPS) >> mask & 1 else 0
            put(bits, codes[symbol], lengths[symbol])
    put(bits, codes[ENDS], lengths[ENDS])


cdef int64_t compress(
    Tokens* tokens, const uint8_t* data, int64_t n, int64_t period, uint8_t* out
) noexcept nogil:
    # The bytes of the zlib stream of data[:n].
    cdef Bits bits
    cdef Checksum sum
    cdef int64_t i = 0, end
    cdef uint32_t adler
    sum.a, sum.b = 1, 0
    bits.p, bits.hold, bits.count = out + 2, 0, 0
    out[0], out[1] = 0x78, 0x01
    while True:
        end = tokenise(tokens, &sum, data, i, n, period)
        write_block(&bits, tokens, data + i, end - i, period, end == n)
        i = end
        if i == n:
            break
    align(&bits)
    reduce(&sum)
    adler = <uint32_t>(sum.b << 16 | sum.a)
    for i in range(4):
        bits.p[i] = (adler >> (24 - 8 * i)) & 255
    return bits.p + 4 - out


def deflate_runs(
    const uint8_t[::1] data,
    const int64_t[::1] offsets,
    const int32_t[::1] periods,
    uint8_t[::1] out,
    int64_t[::1] ends,
):
    """The zlib stream of each value, one after the other in `out`; `ends[i + 1]` is where value i's ends."""
    cdef Tokens* tokens = <Tokens*>malloc(sizeof(Tokens))
    cdef uint16_t* room = <uint16_t*>malloc(TOKENS * sizeof(uint16_t))
    cdef Py_ssize_t i
    cdef int64_t at = 0
    cdef const uint8_t* start = &data[0] if data.shape[0] else NULL
    if tokens == NULL or room == NULL:
        free(tokens)
        free(room)
        raise MemoryError
    with nogil:
        tokens.list = room
        ends[0] = 0
        for i in range(periods.shape[0]):
            at += compress(tokens, start + offsets[i], offsets[i + 1] - offsets[i], periods[i], &out[at])
            ends[i + 1] = at
        free(room)
        free(tokens)
