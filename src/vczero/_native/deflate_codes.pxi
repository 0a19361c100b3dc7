# Huffman codes: their lengths from counts, and canonical codes from lengths (RFC 1951, section 3.2.2).


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
