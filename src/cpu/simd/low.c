// Values to words of fewer bits.
#include "cpu/simd/simd.h"

#include "cpu/simd/tile.h"

#if defined(LOW_PRECISION)

void ISA(to_bf16)(const float *x, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        int64_t left = n - i, high = left - LANES;
        vf a = left >= LANES ? load(x + i) : load_n(x + i, left);
        vf b = splat(0);
        if (high > 0)
            b = high >= LANES ? load(x + i + LANES) : load_n(x + i + LANES, high);
        vf words = (vf)_mm512_cvtne2ps_pbh(b, a);
        if (left >= 2 * LANES)
            store(out + i / 2, words);
        else
            store_n(out + i / 2, words, left / 2);
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
