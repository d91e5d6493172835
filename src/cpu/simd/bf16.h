// bf16.h: rows that are stored as f32 or, in builds that have it, as bf16.
#ifndef BV_CPU_SIMD_BF16_H
#define BV_CPU_SIMD_BF16_H

#include <stdbool.h>

#include "cpu/simd/gemm_kernel.h"

#if defined(LOW_PRECISION)
INLINE vf widen(__m256i x)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
#endif

// The first n ≤ LANES of a vector at element `at` of p; the rest reads 0.
INLINE vf load_as(const void *p, bool bf16, int64_t at, int64_t n)
{
#if defined(LOW_PRECISION)
    const uint16_t *narrow = (const uint16_t *)p + at;
    if (bf16)
        return widen(n == LANES ? _mm256_loadu_si256((const __m256i *)(const void *)narrow)
                                : _mm256_maskz_loadu_epi16(first_lanes(n), narrow));
#endif
    (void)bf16;
    return n == LANES ? load((const float *)p + at) : load_n((const float *)p + at, n);
}

INLINE void store_as(void *p, bool bf16, int64_t at, vf x, int64_t n)
{
#if defined(LOW_PRECISION)
    uint16_t *narrow = (uint16_t *)p + at;
    if (bf16) {
        __m256i bits = (__m256i)_mm512_cvtneps_pbh(x);
        if (n == LANES)
            _mm256_storeu_si256((__m256i *)(void *)narrow, bits);
        else
            _mm256_mask_storeu_epi16(narrow, first_lanes(n), bits);
        return;
    }
#endif
    (void)bf16;
    if (n == LANES)
        store((float *)p + at, x);
    else
        store_n((float *)p + at, x, n);
}

#endif
