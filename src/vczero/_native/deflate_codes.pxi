# Huffman codes: their lengths from counts, canonical codes from lengths, and how a block begins with them (RFC
# 1951, sections 3.2.2 and 3.2.7).


cdef void code_lengths(const uint32_t* seen, int count, int limit, uint8_t* lengths) noexcept nogil:
    # Lengths of a Huffman code for symbols that occur `seen` times, none above `limit`; 0 for those unseen.
    cdef int[SYMBOLS] order
    cdef uint64_t[2 * SYMBOLS] weights
    cdef int[2 * SYMBOLS] parents
    cdef int[2 * SYMBOLS] depths
    cdef int used = 0, i, j, symbol, leaf, inner, made, node, longest, shift = 0
    memset(lengths, 0, count)
    for symbol in range(count):
        if seen[symbol]:
            j = used
            while j > 0 and seen[order[j - 1]] > seen[symbol]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = symbol
            used += 1
    if used == 0:
        return
    if used == 1:
        lengths[order[0]] = 1
        return
    while True:
        # Two queues: leaves by weight, and inner nodes, which are made by weight.
        for i in range(used):
            weights[i] = max(seen[order[i]] >> shift, 1)
        leaf, inner, made = 0, used, used
        while made < 2 * used - 1:
            weights[made] = 0
            for i in range(2):
                if leaf < used and (inner == made or weights[leaf] <= weights[inner]):
                    node = leaf
                    leaf += 1
                else:
                    node = inner
                    inner += 1
                parents[node] = made
                weights[made] += weights[node]
            made += 1
        depths[made - 1] = 0
        longest = 0
        for node in range(made - 2, -1, -1):
            depths[node] = depths[parents[node]] + 1
            longest = max(longest, depths[node])
        if longest <= limit:
            break
        shift += 1
    for i in range(used):
        lengths[order[i]] = depths[i]


cdef void codes_of(const uint8_t* lengths, int count, uint16_t* codes) noexcept nogil:
    # The canonical code of these lengths, bits reversed: deflate writes a code's highest bit first.
    cdef int[16] starts
    cdef int[16] numbers
    cdef int symbol, length, code = 0, reversed_code, i
    memset(numbers, 0, sizeof(numbers))
    for symbol in range(count):
        numbers[lengths[symbol]] += 1
    numbers[0] = 0
    for length in range(1, 16):
        code = (code + numbers[length - 1]) << 1
        starts[length] = code
    for symbol in range(count):
        length = lengths[symbol]
        if length:
            code = starts[length]
            starts[length] += 1
            reversed_code = 0
            for i in range(length):
                reversed_code = (reversed_code << 1) | ((code >> i) & 1)
            codes[symbol] = reversed_code


cdef struct Header:
    # How the lengths of a dynamic block's codes are written.
    uint8_t[SYMBOLS + 32] list  # symbols of the code of code lengths
    uint8_t[SYMBOLS + 32] extra
    int count
    int literals
    int distances
    int orders
    uint8_t[19] lengths


cdef void plan_header(Header* header, const uint8_t* lengths, int distance) noexcept nogil:
    # How to write the lengths of the codes of literals and lengths, and one of 1 for a distance.
    cdef uint8_t[SYMBOLS + 32] whole
    cdef uint32_t[19] seen
    cdef int i = 0, run, total
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
