# Eight bytes, or 64 bits, at a time.

from libc.stdint cimport uint8_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #define VCZERO_EACH(k) (0x0101010101010101ULL * (k))
    /* Eight bytes, the first lowest. */
    #if defined(_WIN32) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    static inline uint64_t vczero_load(const uint8_t* p) { uint64_t x; memcpy(&x, p, 8); return x; }
    static inline void vczero_store(uint8_t* p, uint64_t x) { memcpy(p, &x, 8); }
    #else
    static inline uint64_t vczero_load(const uint8_t* p) {
        uint64_t x = 0;
        for (int i = 8; i--;) x = x << 8 | p[i];
        return x;
    }
    static inline void vczero_store(uint8_t* p, uint64_t x) {
        for (int i = 0; i < 8; i++) p[i] = (uint8_t)(x >> 8 * i);
    }
    #endif
    /* The lowest bits of eight bytes, the first lowest. */
    static inline uint64_t vczero_gather(uint64_t x) {
        return ((x & VCZERO_EACH(1)) * 0x0102040810204080ULL) >> 56;
    }
    /* A bit for each of eight bytes that is not 0. */
    static inline uint64_t vczero_nonzero(uint64_t x) {
        return vczero_gather((((x & VCZERO_EACH(0x7F)) + VCZERO_EACH(0x7F)) | x) >> 7);
    }
    /* A byte of 255 for each bit of x, the lowest first. */
    static inline uint64_t vczero_spread(uint8_t x) {
        uint64_t places = (x * VCZERO_EACH(1)) & 0x8040201008040201ULL;
        return ((places + (0x8080808080808080ULL - 0x8040201008040201ULL)) >> 7 & VCZERO_EACH(1)) * 255;
    }
    /* How many bits are set in x; and where it is not 0, the lowest, and the number of bits up to the highest. */
    #if defined(__GNUC__)
    static inline int vczero_ones(uint64_t x) { return __builtin_popcountll(x); }
    static inline int vczero_lowest(uint64_t x) { return __builtin_ctzll(x); }
    static inline int vczero_width(uint64_t x) { return 64 - __builtin_clzll(x); }
    #else
    static inline int vczero_ones(uint64_t x) {
        x -= (x >> 1) & VCZERO_EACH(0x55);
        x = (x & VCZERO_EACH(0x33)) + ((x >> 2) & VCZERO_EACH(0x33));
        return (int)((((x + (x >> 4)) & VCZERO_EACH(0x0F)) * VCZERO_EACH(1)) >> 56);
    }
    static inline int vczero_lowest(uint64_t x) { return vczero_ones((x & (0 - x)) - 1); }
    static inline int vczero_width(uint64_t x) { int n = 0; while (x) x >>= 1, n++; return n; }
    #endif
    #if defined(__SSE2__) || defined(_M_X64)
    #include <emmintrin.h>
    /* The lowest bits of 64 bytes; whether there are no others. */
    static inline int vczero_plain(const uint8_t* p, uint64_t* low) {
        __m128i x, any = _mm_setzero_si128();
        *low = 0;
        for (int i = 0; i < 64; i += 16) {
            x = _mm_loadu_si128((const __m128i*)(p + i));
            any = _mm_or_si128(any, x);
            *low |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(x, 7)) << i;
        }
        return _mm_movemask_epi8(_mm_cmpgt_epi8(_mm_set1_epi8(2), any)) == 0xFFFF
            && !_mm_movemask_epi8(any);
    }
    #else
    static inline int vczero_plain(const uint8_t* p, uint64_t* low) {
        uint64_t any = 0;
        *low = 0;
        for (int i = 0; i < 64; i += 8) {
            any |= vczero_load(p + i);
            *low |= vczero_gather(vczero_load(p + i)) << i;
        }
        return !(any & VCZERO_EACH(0xFE));
    }
    #endif
    """
    uint64_t load "vczero_load"(const uint8_t* p) noexcept nogil
    void store "vczero_store"(uint8_t* p, uint64_t x) noexcept nogil
    uint64_t gather "vczero_gather"(uint64_t x) noexcept nogil
    uint64_t nonzero "vczero_nonzero"(uint64_t x) noexcept nogil
    uint64_t ones_to_bytes "vczero_spread"(uint8_t x) noexcept nogil
    int ones_of "vczero_ones"(uint64_t x) noexcept nogil
    int lowest "vczero_lowest"(uint64_t x) noexcept nogil
    int width_of "vczero_width"(uint64_t x) noexcept nogil
    uint64_t each "VCZERO_EACH"(int k) noexcept nogil  # a word of bytes k
    bint plain_bits "vczero_plain"(const uint8_t* p, uint64_t* low) noexcept nogil
