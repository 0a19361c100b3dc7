# zlib streams (RFC 1950, 1951) of the blocks of calls: bytes, and behind them such as are 0 or 255, given as bits.
#
# Samples mostly equal their neighbours. The only matches that are looked for are those one sample back, which are
# where a word of bits equals itself, shifted; what is between them are literals under a Huffman code of their own,
# up to eight at a time.

from libc.string cimport memcpy, memset

include "clones.pxi"
include "words.pxi"

cdef enum:
    TOKENS = 1 << 16  # of one deflate block
    ENDS = 256  # the symbol and the token that end a block
    NONE = 257  # a token of no bits
    SYMBOLS = 286  # literals, the end, and lengths
    LONGEST = 258
    GROUPS = 515  # the first token for bytes of 0 and 255
    KINDS = 1027  # tokens: a byte, 256 + the length of a match, or GROUPS + a group
    MODULUS = 65521  # of Adler-32
    LANES = 32  # bytes that are summed side by side
    PIECE = 4096  # bytes, so that no sum of theirs overflows
    WIDEST = 57  # bits that are put at once
    STORED = 100  # bytes that are stored as they are: a Huffman code takes half of them
    FRONT = 4096  # the longest period
    BEHIND = 80

cdef int[19] LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
cdef int[30] LENGTH_BASES = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
    258, 259
]
cdef int[29] LENGTH_EXTRAS = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0
]


cdef struct Bits:
    # What has been written: whole bytes before `p`, then the lowest `count` bits of `hold`, at most 7.
    uint8_t* p
    uint64_t hold
    int count


cdef inline void put(Bits* bits, uint64_t value, int count) noexcept nogil:
    # `count` bits, at most WIDEST, the lowest first. Writes over seven bytes behind them.
    bits.hold |= value << bits.count
    bits.count += count
    store(bits.p, bits.hold)
    bits.p += bits.count >> 3
    bits.hold >>= bits.count & 56
    bits.count &= 7


cdef cloned add_bytes(const uint8_t* data, int64_t lines, uint64_t* sums) noexcept nogil:
    # Add `lines` times LANES bytes, at most PIECE, to both sums of Adler-32.
    cdef uint32_t[LANES] plain
    cdef uint32_t[LANES] weighted
    cdef int64_t line
    cdef int lane
    memset(plain, 0, sizeof(plain))
    memset(weighted, 0, sizeof(weighted))
    for line in range(lines):
        for lane in range(LANES):
            weighted[lane] += plain[lane]
            plain[lane] += data[LANES * line + lane]
    sums[1] += LANES * lines * sums[0]
    for lane in range(LANES):
        sums[0] += plain[lane]
        sums[1] += LANES * <uint64_t>weighted[lane] + (LANES - lane) * <uint64_t>plain[lane]


cdef cloned add_ones(const uint8_t* ones, int64_t count, uint64_t* sums) noexcept nogil:
    # Add `count` bytes, at most PIECE, of which those are 255 whose bit is set, and the others 0.
    cdef uint64_t word, plain = 0, weighted = 0, places
    cdef int64_t i
    cdef int found
    for i in range(0, count, 64):
        word = load(ones + (i >> 3))
        found = ones_of(word)
        places = (
            ones_of(word & each(0xAA)) + 2 * ones_of(word & each(0xCC)) + 4 * ones_of(word & each(0xF0))
            + 8 * ones_of(word & <uint64_t>0xFF00FF00FF00FF00) + 16 * ones_of(word & <uint64_t>0xFFFF0000FFFF0000)
            + 32 * ones_of(word >> 32)
        )
        plain += found
        weighted += found * (count - i) - places
    sums[1] += count * sums[0] + 255 * weighted
    sums[0] += 255 * plain


cdef struct Block:
    # `size` bytes, then `count` of 0 and 255, a bit for each. FRONT bytes before and BEHIND bytes behind may be
    # read of both; no matches are looked for over a longer period.
    uint8_t* bytes
    int64_t size
    uint8_t* ones
    int64_t count
    int64_t period  # in bytes


cdef uint32_t adler32(const Block* block) noexcept nogil:
    cdef uint64_t[2] sums
    cdef int64_t i = 0, lines
    sums[0], sums[1] = 1, 0
    while i + LANES <= block.size:
        lines = min((block.size - i) // LANES, <int64_t>(PIECE // LANES))
        add_bytes(block.bytes + i, lines, sums)
        sums[0] %= MODULUS
        sums[1] %= MODULUS
        i += LANES * lines
    while i < block.size:
        sums[0] += block.bytes[i]
        sums[1] += sums[0]
        i += 1
    i = 0
    while i < block.count:
        add_ones(block.ones + (i >> 3), min(block.count - i, <int64_t>PIECE), sums)
        sums[0] %= MODULUS
        sums[1] %= MODULUS
        i += PIECE
    return <uint32_t>(sums[1] % MODULUS << 16 | sums[0] % MODULUS)


cdef struct Tokens:
    uint16_t[TOKENS] list
    int64_t count
    uint32_t[SYMBOLS] seen  # without what is in the two below
    uint32_t[LONGEST + 1] matches  # by length
    uint32_t[512] groups  # a bit for each byte that is 255, the first lowest, and a bit above the last


cdef void clear(Tokens* tokens) noexcept nogil:
    tokens.count = 0
    memset(tokens.seen, 0, sizeof(tokens.seen))
    memset(tokens.matches, 0, sizeof(tokens.matches))
    memset(tokens.groups, 0, sizeof(tokens.groups))


cdef inline uint64_t byte_changes(const Block* block, int64_t at) noexcept nogil:
    # A bit for each of 64 bytes that is not as one period before.
    cdef const uint8_t* word = block.bytes + at
    cdef uint64_t found = 0
    cdef int i
    for i in range(0, 64, 8):
        found |= load(word + i) ^ load(word + i - block.period)
    if found:
        found = 0
        for i in range(0, 64, 8):
            found |= nonzero(load(word + i) ^ load(word + i - block.period)) << i
    return found


cdef inline uint64_t one_changes(const Block* block, int64_t at) noexcept nogil:
    cdef const uint8_t* word = block.ones + (at >> 3)
    cdef const uint8_t* back = word - (block.period >> 6 << 3)
    cdef int shift = block.period & 63
    return load(word) ^ (load(back) << shift | load(back - 8) >> 1 >> (63 - shift))


cdef inline int64_t add_literals(
    Tokens* tokens, int64_t count, const Block* block, bint as_ones, int64_t at, int size
) noexcept nogil:
    # At most eight, behind `count` tokens: how many there are then.
    cdef int i, group
    if as_ones:
        group = <int>(load(block.ones + (at >> 3)) >> (at & 7)) & ((1 << size) - 1) | 1 << size
        tokens.list[count] = <uint16_t>(GROUPS + group)
        tokens.groups[group] += 1
        return count + 1
    for i in range(size):
        tokens.list[count + i] = block.bytes[at + i]
        tokens.seen[block.bytes[at + i]] += 1
    return count + size


cdef int64_t tokenise(Tokens* tokens, const Block* block, bint as_ones, int64_t start) noexcept nogil:
    # Add tokens of what is from `start`, as many as there is room for; where they end.
    cdef int64_t end = block.count if as_ones else block.size
    cdef int64_t at = start - (start & 63), run, count = tokens.count
    cdef uint64_t changes, skip = ~<uint64_t>0 << (start & 63)
    cdef int place, size, is_match
    while start < end:
        changes = one_changes(block, at) if as_ones else byte_changes(block, at)
        if at < block.period:
            changes |= ~<uint64_t>0 >> max(at + 64 - block.period, 0)
        if end - at < 64:
            # The end is a change, too, which ends the last run.
            changes |= ~<uint64_t>0 << (end - at)
        changes &= skip
        skip = ~<uint64_t>0
        while changes:
            place = lowest(changes)
            run = at + place - start
            while run > LONGEST and count < TOKENS:
                tokens.list[count] = 256 + LONGEST
                tokens.matches[LONGEST] += 1
                count += 1
                start += LONGEST
                run -= LONGEST
            if count > TOKENS - 16:
                tokens.count = count
                return start
            # No branches here: whether a run is long enough, nobody can predict.
            is_match = run >= 3
            tokens.list[count] = <uint16_t>(256 + run)
            tokens.matches[run] += is_match
            count += is_match
            start += run & -is_match
            # What of a short run is left, at most two, and up to the last change in the next six bytes.
            size = <int>(at + place - start) + width_of(changes >> place & 0x3F)
            changes &= ~(<uint64_t>0x3F << place)
            size = <int>min(end - start, <int64_t>size)
            count = add_literals(tokens, count, block, as_ones, start, size)
            start += size
            if start == end:
                break
        at += 64
    tokens.count = count
    return start


include "deflate_codes.pxi"


cdef void count_symbols(Tokens* tokens) noexcept nogil:
    # Complete `seen`.
    cdef int symbol, length, group, left
    tokens.seen[ENDS] = 1
    for symbol in range(29):
        for length in range(LENGTH_BASES[symbol], LENGTH_BASES[symbol + 1]):
            tokens.seen[257 + symbol] += tokens.matches[length]
    for group in range(2, 512):
        left = group if tokens.groups[group] else 1
        while left > 1:
            tokens.seen[255 * (left & 1)] += tokens.groups[group]
            left >>= 1


cdef void write_block(Bits* bits, Tokens* tokens, int64_t period, bint last) noexcept nogil:
    # Write the tokens as a deflate block of a Huffman code of its own.
    cdef Header header
    cdef Bits local  # which a compiler keeps in registers
    cdef uint8_t[SYMBOLS] lengths
    cdef uint16_t[SYMBOLS] codes
    cdef uint64_t[KINDS] values
    cdef uint8_t[KINDS] widths
    cdef int distance = 0, extra = 0, symbol, width, token, following, group, size
    cdef int64_t i, length, base = 1
    # The code of the distance: 1 to 4 have one each, then pairs share twice as many.
    while base + (<int64_t>1 << extra) <= period:
        base += <int64_t>1 << extra
        distance += 1
        extra = distance // 2 - 1 if distance >= 4 else 0
    count_symbols(tokens)
    code_lengths(tokens.seen, SYMBOLS, 15, lengths)
    plan_header(&header, lengths, distance)
    codes_of(lengths, SYMBOLS, codes)
    write_header(bits, &header, last)
    for i in range(ENDS + 1):
        values[i] = codes[i]
        widths[i] = lengths[i]
    values[NONE] = widths[NONE] = 0
    for symbol in range(29):
        width = lengths[257 + symbol]
        if width == 0:
            continue
        for length in range(LENGTH_BASES[symbol], LENGTH_BASES[symbol + 1]):
            values[256 + length] = codes[257 + symbol] | <uint64_t>(length - LENGTH_BASES[symbol]) << width
            # The distance's code is one bit, a zero.
            widths[256 + length] = width + LENGTH_EXTRAS[symbol] + 1
            values[256 + length] |= <uint64_t>(period - base) << widths[256 + length]
            widths[256 + length] += extra
    # A group is one shorter and a byte more.
    values[GROUPS + 1] = widths[GROUPS + 1] = 0
    for size in range(8):
        for group in range(2 << size, 4 << size):
            token = GROUPS + (group & ((1 << size) - 1) | 1 << size)
            symbol = 255 * (group >> size & 1)
            values[GROUPS + group] = values[token] | <uint64_t>codes[symbol] << (widths[token] & 63)
            widths[GROUPS + group] = widths[token] + lengths[symbol]
    local = bits[0]
    # Two at a time, as most fit together; behind the last is one of no bits.
    tokens.list[tokens.count] = ENDS
    tokens.list[tokens.count + 1] = NONE
    i = 0
    while i <= tokens.count:
        token = tokens.list[i]
        following = tokens.list[i + 1]
        width = widths[token] + widths[following]
        if width <= WIDEST:
            put(&local, values[token] | values[following] << widths[token], width)
            i += 2
            continue
        i += 1
        if widths[token] <= WIDEST:
            put(&local, values[token], widths[token])
            continue
        group = token - GROUPS
        while group > 1:
            symbol = 255 * (group & 1)
            put(&local, codes[symbol], lengths[symbol])
            group >>= 1
    bits[0] = local


cdef void spread(const uint8_t* ones, int64_t count, uint8_t* out) noexcept nogil:
    # Bytes of 0 and 255. Writes over seven bytes behind them.
    cdef int64_t i
    for i in range(0, count, 8):
        store(out + i, ones_to_bytes(ones[i >> 3]))


cdef int64_t compress(Tokens* tokens, const Block* block, uint8_t* out) noexcept nogil:
    # The bytes of the zlib stream. Writes over seven bytes behind them.
    cdef Bits bits
    cdef int64_t at, size = block.size + block.count
    cdef uint32_t sum = adler32(block)
    cdef int i
    bits.p, bits.hold, bits.count = out + 2, 0, 0
    out[0], out[1] = 0x78, 0x01
    if size <= STORED:
        put(&bits, 1 | <uint64_t>size << 8 | <uint64_t>(size ^ 0xFFFF) << 24, 40)
        memcpy(bits.p, block.bytes, block.size)
        spread(block.ones, block.count, bits.p + block.size)
        bits.p += size
    else:
        clear(tokens)
        for i in range(2):
            at = 0
            while True:
                at = tokenise(tokens, block, i, at)
                if at == (block.count if i else block.size):
                    break
                write_block(&bits, tokens, block.period, False)
                clear(tokens)
        write_block(&bits, tokens, block.period, True)
        put(&bits, 0, -bits.count & 7)
    for i in range(4):
        bits.p[i] = (sum >> (24 - 8 * i)) & 255
    return bits.p + 4 - out
