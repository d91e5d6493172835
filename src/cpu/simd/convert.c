// Values to words of fewer bits.
#include "cpu/simd/simd.h"

#include "cpu/simd/bf16.h"

#if defined(LOW_PRECISION)

void ISA(to_bf16)(const float *x, int64_t n, void *out)
{
    float *to = out;
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        int64_t left = n - i, high = left - LANES;
        vf a = left >= LANES ? load(x + i) : load_n(x + i, left);
        vf b = splat(0);
        if (high > 0)
            b = high >= LANES ? load(x + i + LANES) : load_n(x + i + LANES, high);
        vf words = (vf)_mm512_cvtne2ps_pbh(b, a);
        if (left >= 2 * LANES)
            store(to + i / 2, words);
        else
            store_n(to + i / 2, words, left / 2);
    }
}

void ISA(from_bf16)(const void *x, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t left = n - i < LANES ? n - i : LANES;
        store_as(out, false, i, load_as(x, true, i, left), left);
    }
}

void ISA(pair_bf16)(const void *x, const void *y, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t left = n - i < LANES ? n - i : LANES;
        __m512i low = _mm512_srli_epi32(_mm512_castps_si512(load_as(x, true, i, left)), 16);
        vf high = y ? load_as(y, true, i, left) : splat(0);
        vf words = _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_castps_si512(high)));
        store_as(out, false, i, words, left);
    }
}

void ISA(to_bytes)(const float *x, float scale, int64_t n, float *out)
{
    vf inverse = splat(scale > 0 ? 1 / scale : 0);
    char *to = (char *)out;
    for (int64_t i = 0; i < n; i += LANES) {
        int64_t left = n - i;
        vf v = (left >= LANES ? load(x + i) : load_n(x + i, left)) * inverse;
        __m512i bytes = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(128));
        __mmask16 lanes = left >= LANES ? (__mmask16)0xffff : first_lanes(left);
        _mm_mask_storeu_epi8(to + i, lanes, _mm512_cvtusepi32_epi8(bytes));
    }
}

float ISA(magnitude)(const float *x, int64_t n)
{
    vf largest = splat(0);
    for (int64_t i = 0; i < n; i += LANES)
        largest = vmax(vabs(n - i >= LANES ? load(x + i) : load_n(x + i, n - i)), largest);
    return max_lanes(largest);
}

#else
typedef int bv_cpu_no_low_precision; // a translation unit is not empty
#endif
