"""The tables of Zstandard: how often what occurs, and the decoders made of that; part of stored.pyx."""

cdef enum:
    SLACK = 64           # bytes behind what is written to, which may be written to as well
    BLOCK = 131072       # the most that a block decodes to
    CODE_BITS = 11       # the longest Huffman code
    LENGTH_CODES = 36
    MATCH_CODES = 53
    OFFSET_CODES = 31
    FEW_BITS = 30        # so many extra bits of a sequence leave enough of a word for its next states


cdef struct Entry:
    # What a state of an FSE decoder stands for: a value, `base` and so many `extra` bits; and the state that
    # follows, `next` and so many `bits`.
    uint32_t base
    uint16_t next
    uint8_t bits
    uint8_t extra


cdef struct Decoder:
    # Kept between frames; zeros, to begin with. Tables are good for the frame that brought them. Of the memory
    # that frames are decoded into, only the first `dirty` bytes may be other than zero.
    Py_ssize_t dirty
    Entry lengths[512]
    Entry offsets[256]
    Entry matches[512]
    int length_log
    int offset_log
    int match_log
    uint16_t codes[2048]
    int code_log
    uint8_t literals[BLOCK + SLACK]


cdef uint32_t[LENGTH_CODES] LENGTH_BASES = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512,
    1024, 2048, 4096, 8192, 16384, 32768, 65536,
]
cdef uint8_t[LENGTH_CODES] LENGTH_EXTRAS = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16,
]
cdef int16_t[LENGTH_CODES] LENGTH_COUNTS = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
]
cdef uint32_t[MATCH_CODES] MATCH_BASES = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
]
cdef uint8_t[MATCH_CODES] MATCH_EXTRAS = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2,
    3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]
cdef int16_t[MATCH_CODES] MATCH_COUNTS = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
]
cdef int16_t[29] OFFSET_COUNTS = [
    1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
]
cdef uint32_t[OFFSET_CODES] OFFSET_BASES
cdef uint8_t[OFFSET_CODES] OFFSET_EXTRAS
for _code in range(OFFSET_CODES):
    OFFSET_BASES[_code] = 1 << _code
    OFFSET_EXTRAS[_code] = _code


cdef inline uint32_t little(const uint8_t* data, int count) noexcept nogil:
    # A number of up to four bytes, the lowest first.
    cdef uint32_t number = 0
    cdef int i
    for i in range(count):
        number |= <uint32_t> data[i] << (8 * i)
    return number


cdef inline Py_ssize_t last_bit(const uint8_t* data, Py_ssize_t size) noexcept nogil:
    # How many bits a stream has below the 1 that marks its end; -1: there is none.
    if size < 1 or not data[size - 1]:
        return -1
    return 8 * (size - 1) + width_of(data[size - 1]) - 1


cdef inline uint64_t word_before(const uint8_t* data, Py_ssize_t at) noexcept nogil:
    # The bits below bit `at`, the next one highest; at least 57 of them.
    cdef Py_ssize_t stop = (at + 7) >> 3
    return load(data + stop - 8) << (8 * stop - at)


cdef inline uint64_t highest(uint64_t word, int count) noexcept nogil:
    # The highest bits of a word, up to 63 of them.
    return (word >> 1) >> (63 - count)


cdef inline uint64_t bits_from(const uint8_t* data, Py_ssize_t size, Py_ssize_t at) noexcept nogil:
    # At least 32 bits from bit `at` on, the first lowest; zeros behind the end.
    cdef uint64_t word = 0
    cdef Py_ssize_t first = at >> 3, i
    for i in range(5):
        if first + i < size:
            word |= <uint64_t> data[first + i] << (8 * i)
    return word >> (at & 7)


cdef Py_ssize_t read_counts(
    const uint8_t* data, Py_ssize_t size, int most_log, int most_codes, int16_t* counts, int* codes, int* log
) noexcept nogil:
    # How many states each code has (-1: one, of the rare ones); the number of bytes read, or -1.
    cdef int remaining, threshold, width, limit, value, code = 0, repeat
    cdef Py_ssize_t at = 4
    cdef uint64_t word
    log[0] = <int> (bits_from(data, size, 0) & 15) + 5
    if log[0] > most_log:
        return -1
    threshold = 1 << log[0]
    remaining = threshold + 1
    width = log[0] + 1
    while remaining > 1:
        if code >= most_codes or at > 8 * size:
            return -1
        word = bits_from(data, size, at)
        limit = 2 * threshold - 1 - remaining
        value = <int> (word & (threshold - 1))
        if value < limit:
            at += width - 1
        else:
            value = <int> (word & (2 * threshold - 1))
            if value >= threshold:
                value -= limit
            at += width
        value -= 1
        counts[code] = value
        code += 1
        remaining -= value if value >= 0 else 1
        while remaining < threshold:
            width -= 1
            threshold >>= 1
        if value == 0:
            repeat = 3
            while repeat == 3:
                repeat = <int> (bits_from(data, size, at) & 3)
                at += 2
                if code + repeat > most_codes or at > 8 * size:
                    return -1
                memset(counts + code, 0, repeat * sizeof(int16_t))
                code += repeat
    codes[0] = code
    if remaining != 1 or at > 8 * size:
        return -1
    return (at + 7) >> 3


cdef bint build(
    Entry* table, const int16_t* counts, int codes, int log, const uint32_t* bases, const uint8_t* extras
) noexcept nogil:
    # The states of a decoder; whether the counts make any.
    cdef uint8_t symbols[512]
    cdef uint16_t following[256]
    cdef int size = 1 << log, high = size - 1, step = (size >> 1) + (size >> 3) + 3, place = 0, code, i, width
    for code in range(codes):
        following[code] = counts[code]
        if counts[code] < 0:
            symbols[high] = code
            high -= 1
            following[code] = 1
    for code in range(codes):
        for i in range(counts[code]):
            symbols[place] = code
            place = (place + step) & (size - 1)
            while place > high:
                place = (place + step) & (size - 1)
    if place:
        return False
    for i in range(size):
        code = symbols[i]
        width = log + 1 - width_of(following[code])
        table[i].bits = width
        table[i].next = (following[code] << width) - size
        table[i].base = bases[code]
        table[i].extra = extras[code]
        following[code] += 1
    return True


cdef Py_ssize_t read_table(
    const uint8_t* data, Py_ssize_t size, int mode, Entry* table, int* log, int most_log, int most_codes,
    const uint32_t* bases, const uint8_t* extras, const int16_t* usual, int usual_codes, int usual_log
) noexcept nogil:
    # The decoder of one of the three parts of sequences; the number of bytes read, or -1.
    cdef int16_t counts[64]
    cdef int codes = 0
    cdef Py_ssize_t read
    if mode == 0:
        log[0] = usual_log
        build(table, usual, usual_codes, usual_log, bases, extras)
        return 0
    if mode == 1:
        if size < 1 or data[0] >= most_codes:
            return -1
        log[0] = 0
        table[0].bits = table[0].next = 0
        table[0].base = bases[data[0]]
        table[0].extra = extras[data[0]]
        return 1
    if mode == 3:
        return 0 if log[0] >= 0 else -1
    log[0] = -1
    read = read_counts(data, size, most_log, most_codes, counts, &codes, log)
    if read < 0 or not build(table, counts, codes, log[0], bases, extras):
        log[0] = -1
        return -1
    return read


cdef int read_weights(const uint8_t* data, Py_ssize_t size, uint8_t* weights) noexcept nogil:
    # The weights of a Huffman code, themselves coded by two decoders in turn; their number, or -1.
    cdef Entry table[64]
    cdef int16_t counts[16]
    cdef uint32_t bases[16]
    cdef uint8_t extras[16]
    cdef int codes = 0, log = 0, number = 0, i
    cdef Py_ssize_t at, read = read_counts(data, size, 6, 13, counts, &codes, &log)
    cdef uint32_t states[2]
    cdef Entry* entry
    for i in range(16):
        bases[i] = i
        extras[i] = 0
    if read < 0 or not build(table, counts, codes, log, bases, extras):
        return -1
    data += read
    at = last_bit(data, size - read)
    for i in range(2):
        if at < log:
            return -1
        states[i] = <uint32_t> highest(word_before(data, at), log)
        at -= log
    i = 0
    while number < 254:
        entry = &table[states[i]]
        weights[number] = entry.base
        number += 1
        i = 1 - i
        if at < entry.bits:
            weights[number] = table[states[i]].base
            return number + 1
        states[1 - i] = entry.next + <uint32_t> highest(word_before(data, at), entry.bits)
        at -= entry.bits
    return -1


cdef Py_ssize_t read_codes(Decoder* decoder, const uint8_t* data, Py_ssize_t size) noexcept nogil:
    # The Huffman code that a block brings along; the number of bytes read, or -1.
    cdef uint8_t weights[256]
    cdef uint32_t total = 0, rest
    cdef int places[CODE_BITS + 2]  # where the codes of each weight begin
    cdef int number, i, k, log, weight
    cdef Py_ssize_t read
    decoder.code_log = 0
    if size < 1:
        return -1
    if data[0] < 128:
        read = 1 + data[0]
        number = read_weights(data + 1, data[0], weights) if read <= size else -1
    else:
        number = data[0] - 127
        read = 1 + (number + 1) // 2
        if read > size:
            return -1
        for i in range(number):
            weights[i] = data[1 + i // 2] & 15 if i % 2 else data[1 + i // 2] >> 4
    for i in range(number):
        if weights[i] > CODE_BITS:
            return -1
        total += (1 << weights[i]) >> 1
    log = width_of(total) if number > 0 and total else CODE_BITS + 1
    if log > CODE_BITS:
        return -1
    rest = (1 << log) - total  # that of the last one, which is not given
    if rest & (rest - 1):
        return -1
    weights[number] = width_of(rest)
    number += 1
    memset(places, 0, sizeof(places))
    for i in range(number):
        places[weights[i] + 1] += (1 << weights[i]) >> 1
    for weight in range(1, log + 1):
        places[weight] += places[weight - 1]
    for i in range(number):
        weight = weights[i]
        for k in range((1 << weight) >> 1):
            decoder.codes[places[weight] + k] = i | (log + 1 - weight) << 8
        places[weight] += (1 << weight) >> 1
    decoder.code_log = log
    return read
