"""`cloned`: the type of functions that are compiled for AVX2 as well, where the compiler can."""

cdef extern from *:
    """
    #if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
    #define VCZERO_CLONES __attribute__((target_clones("avx2", "default")))
    #else
    #define VCZERO_CLONES
    #endif
    """
    # What such a function does is compiled twice, and chosen by the processor when the module is loaded.
    ctypedef void cloned "VCZERO_CLONES void"
