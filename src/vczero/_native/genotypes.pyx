# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What the genotypes of a variant come to: alleles by the kind of genotype they are in, and the exact test of
Hardy-Weinberg equilibrium.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t
from libc.string cimport memset

ctypedef fused genotype_t:
    int8_t
    int16_t
    int32_t

cdef enum:
    MISSING = -1
    # Alleles, missing and fill among them, up to which diploid genotypes are counted in a table of pairs.
    TABLE_SIDE = 32


cdef inline void tally_one(
    const genotype_t* call, int64_t ploidy, int64_t alleles, int32_t* kinds, int32_t* called_samples
) noexcept nogil:
    """Count one genotype."""
    cdef int64_t j, k, called = 0, distinct = 0, allele
    cdef int kind
    cdef bint lacks = False
    for j in range(ploidy):
        allele = call[j]
        lacks = lacks or allele == MISSING
        if not 0 <= allele < alleles:
            continue
        called += 1
        for k in range(j):
            if call[k] == allele:
                break
        else:
            distinct += 1
    if not called:
        return
    called_samples[0] += 1
    kind = 1 if distinct > 1 else (2 if called == 1 or lacks else 0)
    for j in range(ploidy):
        allele = call[j]
        if not 0 <= allele < alleles:
            continue
        for k in range(j):
            if call[k] == allele:
                break
        else:
            kinds[3 * allele + kind] += 2 if kind == 0 else 1


cdef void tally_pairs(
    const genotype_t* calls, int64_t num_samples, int64_t alleles, int32_t* kinds, int32_t* called_samples
) noexcept nogil:
    """Count diploid genotypes by way of a table of all pairs: no branch depends on the data."""
    cdef int32_t[TABLE_SIDE * TABLE_SIDE] table
    cdef int64_t side = alleles + 2, i, a, b
    memset(table, 0, side * side * sizeof(int32_t))
    for i in range(num_samples):
        a = calls[2 * i] + 2
        b = calls[2 * i + 1] + 2
        if a < 0 or a >= side:
            a = 0
        if b < 0 or b >= side:
            b = 0
        table[a * side + b] += 1
    cdef int32_t count
    cdef int kind
    for a in range(side):
        for b in range(side):
            count = table[a * side + b]
            if not count:
                continue
            if a < 2 and b < 2:
                continue
            called_samples[0] += count
            if a >= 2 and a == b:
                kinds[3 * (a - 2)] += 2 * count
                continue
            kind = 1 if a >= 2 and b >= 2 else 2
            if a >= 2:
                kinds[3 * (a - 2) + kind] += count
            if b >= 2:
                kinds[3 * (b - 2) + kind] += count


def tally(const genotype_t[:, :, ::1] calls, int32_t[:, :, ::1] kinds, int32_t[::1] called_samples):
    """Add each variant's genotypes up; see `kernels.genotypes.tally`."""
    cdef int64_t v, s, alleles = kinds.shape[1], ploidy = calls.shape[2], num_samples = calls.shape[1]
    if not alleles or not num_samples or not ploidy:
        return
    with nogil:
        for v in range(calls.shape[0]):
            if ploidy == 2 and alleles + 2 <= TABLE_SIDE:
                tally_pairs(&calls[v, 0, 0], num_samples, alleles, &kinds[v, 0, 0], &called_samples[v])
            else:
                for s in range(num_samples):
                    tally_one(&calls[v, s, 0], ploidy, alleles, &kinds[v, 0, 0], &called_samples[v])


cdef inline double lower(double p, double hets, double rare, double common) noexcept nogil:
    """The probability of two heterozygotes fewer."""
    return p * hets * (hets - 1) / (4 * ((rare - hets) / 2 + 1) * ((common - hets) / 2 + 1))


cdef inline double higher(double p, double hets, double rare, double common) noexcept nogil:
    """The probability of two heterozygotes more."""
    return p * 4 * ((rare - hets) / 2) * ((common - hets) / 2) / ((hets + 2) * (hets + 1))


cdef void exact_test(int64_t rare, int64_t common, int64_t hets, double* p_hwe, double* p_excess) noexcept nogil:
    """Both p-values of one variant: the probabilities of all numbers of heterozygotes relative to a likely one."""
    cdef int64_t middle = <int64_t>(<double>rare * <double>common / <double>(rare + common))
    cdef int64_t h
    cdef double p, observed = 1, total = 0, as_rare = 0, at_least = 0
    # Below this share of the likeliest, no sum of what follows can be seen in a float32.
    cdef double least = 1e-70
    if (middle ^ rare) & 1:
        middle += 1
    p = 1
    h = middle
    while h < hets:
        p = higher(p, h, rare, common)
        h += 2
    while h > hets:
        p = lower(p, h, rare, common)
        h -= 2
    observed = p
    p = 1
    h = middle
    while True:
        total += p
        as_rare += p if p <= observed else 0
        at_least += p if h >= hets else 0
        if h < 2 or p < least:
            break
        p = lower(p, h, rare, common)
        h -= 2
    p = 1
    h = middle
    while h + 2 <= rare and p >= least:
        p = higher(p, h, rare, common)
        h += 2
        total += p
        as_rare += p if p <= observed else 0
        at_least += p if h >= hets else 0
    p_hwe[0] = as_rare / total if as_rare < total else 1
    p_excess[0] = at_least / total


def hardy_weinberg(
    const int64_t[::1] reference, const int64_t[::1] alternate, const int64_t[::1] hets,
    double[::1] equilibrium, double[::1] excess,
):
    """The exact test of each; see `kernels.genotypes.hardy_weinberg`."""
    cdef int64_t i, rare, common
    with nogil:
        for i in range(reference.shape[0]):
            rare = min(reference[i], alternate[i])
            common = max(reference[i], alternate[i])
            if rare <= 0:
                equilibrium[i] = 1
                excess[i] = 1
            else:
                exact_test(rare, common, hets[i], &equilibrium[i], &excess[i])
