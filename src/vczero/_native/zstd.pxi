"""Zstandard frames (RFC 8878), as the blocks of a Blosc chunk are; part of stored.pyx.

What is read and written is bounded whatever the bytes say; a frame that is damaged, or has what no compressor
puts into such blocks (a checksum, a dictionary), is refused, and left to the library.

Bits are read backwards from the end of a stream, as the format wants it: `at` is how many of its bits have not
been read. Eight bytes are loaded that end with the next bit, which may begin before the stream, but not before
the frame: at least twelve bytes of headers come before any stream.
"""

include "zstd_tables.pxi"


cdef inline int decode_five(
    const uint16_t* codes, int shift, const uint8_t* data, Py_ssize_t at, uint8_t* out
) noexcept nogil:
    # Five literals; how many bits they took, at most 55.
    cdef uint64_t word = word_before(data, at)
    cdef int bits = 0, k
    cdef uint16_t code
    for k in range(5):
        code = codes[word >> shift]
        out[k] = <uint8_t> code
        word <<= code >> 8
        bits += code >> 8
    return bits


cdef bint decode_literals(
    Decoder* decoder, const uint8_t* data, Py_ssize_t size, uint8_t* out, Py_ssize_t count, int streams
) noexcept nogil:
    # Literals of one stream, or of four; whether these hold so many.
    cdef const uint8_t* from_[4]
    cdef Py_ssize_t at[4]
    cdef Py_ssize_t room[4]
    cdef uint8_t* to[4]
    cdef Py_ssize_t length, each
    cdef const uint16_t* codes = decoder.codes
    cdef int shift = 64 - decoder.code_log, s
    cdef uint16_t code
    if not decoder.code_log:
        return False
    from_[0] = data
    to[0] = out
    room[0] = count
    if streams == 1:
        at[0] = last_bit(data, size)
    else:
        each = (count + 3) // 4
        if size < 6 or count < 3 * each:
            return False
        from_[0] += 6
        size -= 6
        for s in range(4):
            length = size if s == 3 else <Py_ssize_t> little(data + 2 * s, 2)
            if length > size:
                return False
            at[s] = last_bit(from_[s], length)
            room[s] = count - 3 * each if s == 3 else each
            size -= length
            if s < 3:
                from_[s + 1] = from_[s] + length
                to[s + 1] = to[s] + each
        # The last has no more to hold than the others.
        while room[3] >= 5 and at[0] >= 55 and at[1] >= 55 and at[2] >= 55 and at[3] >= 55:
            for s in range(4):
                at[s] -= decode_five(codes, shift, from_[s], at[s], to[s])
                to[s] += 5
                room[s] -= 5
    for s in range(streams):
        while room[s] >= 5 and at[s] >= 55:
            at[s] -= decode_five(codes, shift, from_[s], at[s], to[s])
            to[s] += 5
            room[s] -= 5
        while room[s] > 0 and at[s] >= 0:
            code = codes[word_before(from_[s], at[s]) >> shift]
            to[s][0] = <uint8_t> code
            to[s] += 1
            room[s] -= 1
            at[s] -= code >> 8
        if at[s]:
            return False
    return True


cdef Py_ssize_t read_literals(
    Decoder* decoder, const uint8_t* data, Py_ssize_t size, Py_ssize_t* count
) noexcept nogil:
    # The literals of a block; the number of bytes read, or -1.
    cdef int kind = data[0] & 3, form = (data[0] >> 2) & 3, bits, head
    cdef Py_ssize_t stored, read
    cdef uint64_t word
    if kind < 2:
        head = 1 if form % 2 == 0 else 2 if form == 1 else 3
        if head > size:
            return -1
        count[0] = little(data, head) >> (3 if head == 1 else 4)
        stored = 1 if kind else count[0]
    else:
        head = 3 if form < 2 else form + 2
        if head > size:
            return -1
        bits = 10 if form < 2 else 14 if form == 2 else 18
        word = bits_from(data, head, 4)
        count[0] = <Py_ssize_t> (word & ((1 << bits) - 1))
        stored = <Py_ssize_t> ((word >> bits) & ((1 << bits) - 1))
    if count[0] > BLOCK or stored > size - head:
        return -1
    data += head
    if kind == 0:
        memcpy(decoder.literals, data, count[0])
    elif kind == 1:
        memset(decoder.literals, data[0], count[0])
    else:
        read = read_codes(decoder, data, stored) if kind == 2 else 0
        if read < 0 or not decode_literals(
            decoder, data + read, stored - read, decoder.literals, count[0], 4 if form else 1
        ):
            return -1
    return head + stored


cdef inline void copy_match(uint8_t* out, Py_ssize_t offset, Py_ssize_t count) noexcept nogil:
    # `count` bytes from `offset` bytes before; up to 31 more may be written.
    cdef const uint8_t* source = out - offset
    cdef Py_ssize_t i = 0
    if offset == 1:
        memset(out, source[0], count)
        return
    if offset < 16:
        for i in range(16):
            out[i] = source[i]
        i = 16
        source -= offset * (15 // offset)  # the same bytes, at least 16 before where they go
        if count <= 16:
            return
    memcpy(out + i, source + i, 16)
    memcpy(out + i + 16, source + i + 16, 16)
    i += 32
    while i < count:
        memcpy(out + i, source + i, 16)
        memcpy(out + i + 16, source + i + 16, 16)
        i += 32


cdef Py_ssize_t decode_sequences(
    Decoder* decoder, const uint8_t* data, Py_ssize_t size, Py_ssize_t count, uint32_t number,
    uint8_t* out, Py_ssize_t at, Py_ssize_t stop, uint64_t* repeats
) noexcept nogil:
    # What a block's sequences make of its `count` literals, from place `at` of `out` on; the place behind it,
    # or -1.
    cdef Entry* length
    cdef Entry* offset
    cdef Entry* match
    cdef Py_ssize_t left = last_bit(data, size), i
    cdef uint64_t word, value, literals, matched, used = 0, total = count
    cdef uint64_t first = repeats[0], second = repeats[1], third = repeats[2], far
    cdef uint32_t length_state, offset_state, match_state, turn
    cdef const uint8_t* source = decoder.literals
    cdef int bits, matched_at, literals_at, match_at, offset_at
    if left < decoder.length_log + decoder.offset_log + decoder.match_log:
        return -1
    word = word_before(data, left)
    length_state = <uint32_t> highest(word, decoder.length_log)
    word <<= decoder.length_log
    offset_state = <uint32_t> highest(word, decoder.offset_log)
    word <<= decoder.offset_log
    match_state = <uint32_t> highest(word, decoder.match_log)
    left -= decoder.length_log + decoder.offset_log + decoder.match_log
    for turn in range(number):
        length = &decoder.lengths[length_state]
        offset = &decoder.offsets[offset_state]
        match = &decoder.matches[match_state]
        word = word_before(data, left)
        matched_at = offset.extra
        literals_at = matched_at + match.extra
        bits = literals_at + length.extra
        value = offset.base + highest(word, offset.extra)
        matched = match.base + highest(word << matched_at, match.extra)
        if bits > FEW_BITS:
            left -= literals_at
            if left < 0:
                return -1
            word = word_before(data, left)
            bits = length.extra
            literals_at = 0
        literals = length.base + highest(word << literals_at, length.extra)
        if turn + 1 < number:
            match_at = bits + length.bits
            offset_at = match_at + match.bits
            length_state = length.next + <uint32_t> highest(word << bits, length.bits)
            match_state = match.next + <uint32_t> highest(word << match_at, match.bits)
            bits = offset_at + offset.bits
            offset_state = offset.next + <uint32_t> highest(word << offset_at, offset.bits)
        left -= bits
        if left < 0:
            return -1
        if value > 3:
            far = value - 3
            third = second
            second = first
            first = far
        else:
            value -= literals != 0
            if value == 0:
                far = first
            else:
                far = second if value == 1 else third if value == 2 else first - 1
                if value > 1:
                    third = second
                second = first
                first = far
        if literals > total - used or literals + matched > <uint64_t> (stop - at):
            return -1
        if far - 1 >= <uint64_t> at + literals:
            return -1
        memcpy(out + at, source, 16)
        memcpy(out + at + 16, source + 16, 16)
        for i in range(32, <Py_ssize_t> literals, 16):
            memcpy(out + at + i, source + i, 16)
        used += literals
        source += literals
        at += literals
        copy_match(out + at, far, matched)
        at += matched
    if left:
        return -1
    repeats[0] = first
    repeats[1] = second
    repeats[2] = third
    if <uint64_t> (stop - at) < total - used:
        return -1
    memcpy(out + at, source, total - used)
    return at + (total - used)


cdef Py_ssize_t decode_block(
    Decoder* decoder, const uint8_t* data, Py_ssize_t size, uint8_t* out, Py_ssize_t at, Py_ssize_t stop,
    uint64_t* repeats
) noexcept nogil:
    # A compressed block, to place `at` of `out`; the place behind it, or -1.
    cdef Py_ssize_t count = 0, read
    cdef uint32_t number
    cdef int modes
    if size < 2:
        return -1
    read = read_literals(decoder, data, size, &count)
    if read < 0 or read >= size:
        return -1
    data += read
    size -= read
    read = 1 if data[0] < 128 else 2 if data[0] < 255 else 3
    if read > size:
        return -1
    number = data[0]
    if read == 2:
        number = ((number - 128) << 8) + data[1]
    elif read == 3:
        number = little(data + 1, 2) + 0x7F00
    data += read
    size -= read
    if not number:
        if size or count > stop - at:
            return -1
        memcpy(out + at, decoder.literals, count)
        return at + count
    if size < 1 or data[0] & 3:
        return -1
    modes = data[0]
    data += 1
    size -= 1
    read = read_table(
        data, size, modes >> 6, decoder.lengths, &decoder.length_log, 9, LENGTH_CODES, LENGTH_BASES,
        LENGTH_EXTRAS, LENGTH_COUNTS, LENGTH_CODES, 6,
    )
    if read < 0:
        return -1
    data += read
    size -= read
    read = read_table(
        data, size, (modes >> 4) & 3, decoder.offsets, &decoder.offset_log, 8, OFFSET_CODES, OFFSET_BASES,
        OFFSET_EXTRAS, OFFSET_COUNTS, 29, 5,
    )
    if read < 0:
        return -1
    data += read
    size -= read
    read = read_table(
        data, size, (modes >> 2) & 3, decoder.matches, &decoder.match_log, 9, MATCH_CODES, MATCH_BASES,
        MATCH_EXTRAS, MATCH_COUNTS, MATCH_CODES, 6,
    )
    if read < 0:
        return -1
    return decode_sequences(decoder, data + read, size - read, count, number, out, at, stop, repeats)


cdef Py_ssize_t decode_frame(
    Decoder* decoder, const uint8_t* data, Py_ssize_t stored, uint8_t* out, Py_ssize_t size
) noexcept nogil:
    # A frame of `size` bytes to `out`, which has zeros where it was not written to. The number of bytes from the
    # first on that may be other than zero, or -1.
    cdef uint64_t repeats[3]
    cdef Py_ssize_t at = 0, place, length, used = 0
    cdef int single, size_bytes, kind
    cdef bint last = False
    cdef uint32_t head
    if stored < 9 or little(data, 4) != <uint32_t> 0xFD2FB528:
        return -1
    single = (data[4] >> 5) & 1
    if data[4] & 0x0F:  # reserved, a checksum, a dictionary
        return -1
    place = 6 - single  # behind the size of the window: all that was decoded is there
    size_bytes = 1 << (data[4] >> 6) if data[4] >> 6 else single
    if place + size_bytes + 3 > stored:
        return -1
    if size_bytes:
        if size_bytes == 8 and little(data + place + 4, 4):
            return -1
        if little(data + place, min(size_bytes, 4)) + (256 if size_bytes == 2 else 0) != size:
            return -1
    place += size_bytes
    repeats[0] = 1
    repeats[1] = 4
    repeats[2] = 8
    decoder.length_log = decoder.offset_log = decoder.match_log = -1
    decoder.code_log = 0
    while not last:
        if place + 3 > stored:
            return -1
        head = little(data + place, 3)
        place += 3
        last = head & 1
        kind = (head >> 1) & 3
        length = head >> 3
        if kind < 2 and length > min(size - at, BLOCK):
            return -1
        if kind == 1 and place < stored and not data[place]:
            if at < decoder.dirty:
                memset(out + at, 0, min(decoder.dirty - at, length))
            at += length
            place += 1
            continue
        decoder.dirty = max(decoder.dirty, min(at + BLOCK, size) + SLACK)
        if kind == 0:
            if length > stored - place:
                return -1
            memcpy(out + at, data + place, length)
            at += length
            place += length
        elif kind == 1:
            if place >= stored:
                return -1
            memset(out + at, data[place], length)
            at += length
            place += 1
        else:
            if kind == 3 or length > stored - place:
                return -1
            at = decode_block(decoder, data + place, length, out, at, min(size, at + BLOCK), repeats)
            if at < 0:
                return -1
            place += length
        used = at
    if at != size or place != stored:
        return -1
    return used
