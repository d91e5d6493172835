// vector.h: one vector of floats of whatever width this file is compiled for. The files of this
// folder are built once per instruction set (see CMakeLists.txt); nothing here is seen outside.
//
//     vf      LANES floats           load, store at any address
//     vi      LANES int32            load_n, store_n: the first n < LANES only; the rest reads 0
#ifndef BV_CPU_SIMD_VECTOR_H
#define BV_CPU_SIMD_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline, unused))

#if defined(__AVX512F__)

#define LANES 16
typedef __m512 vf;
typedef __m512i vi;

INLINE vf load(const float *p)
{
    return _mm512_loadu_ps(p);
}
INLINE void store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}
INLINE __mmask16 first_lanes(int64_t n)
{
    return (__mmask16)((1u << n) - 1);
}
INLINE vf load_n(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
INLINE void store_n(float *p, vf x, int64_t n)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), x);
}
INLINE vf splat(float x)
{
    return _mm512_set1_ps(x);
}
INLINE vf madd(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
// The second operand where one is NaN, as x86 has it.
INLINE vf vmax(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
INLINE vf vmin(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
INLINE vf vsqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
INLINE vf vabs(vf a)
{
    return _mm512_abs_ps(a);
}
// a > b ? x : y
INLINE vf select_greater(vf a, vf b, vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
INLINE vf copy_sign(vf magnitude, vf sign)
{
    const __m512i bit = _mm512_set1_epi32(INT32_MIN);
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(bit, _mm512_castps_si512(sign),
                                                         _mm512_castps_si512(magnitude), 0xca));
}
INLINE vf round_even(vf x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x · 2^n for integral n in [-126, 127]
INLINE vf scale_by_power(vf x, vf n)
{
    __m512i bits =
        _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
    return _mm512_mul_ps(x, _mm512_castsi512_ps(bits));
}

#elif defined(__AVX2__)

#define LANES 8
typedef __m256 vf;
typedef __m256i vi;

INLINE vf load(const float *p)
{
    return _mm256_loadu_ps(p);
}
INLINE void store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}
INLINE __m256i first_lanes(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vf load_n(const float *p, int64_t n)
{
    return _mm256_maskload_ps(p, first_lanes(n));
}
INLINE void store_n(float *p, vf x, int64_t n)
{
    _mm256_maskstore_ps(p, first_lanes(n), x);
}
INLINE vf splat(float x)
{
    return _mm256_set1_ps(x);
}
INLINE vf madd(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vf vmax(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
INLINE vf vmin(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
INLINE vf vsqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}
INLINE vf vabs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
INLINE vf select_greater(vf a, vf b, vf x, vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
INLINE vf copy_sign(vf magnitude, vf sign)
{
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_and_ps(bit, sign), _mm256_andnot_ps(bit, magnitude));
}
INLINE vf round_even(vf x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE vf scale_by_power(vf x, vf n)
{
    __m256i bits =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(bits));
}

#else // the compiler's own vectors, on any processor

#define LANES 4
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

INLINE vf load(const float *p)
{
    vf x;
    memcpy(&x, p, sizeof x);
    return x;
}
INLINE void store(float *p, vf x)
{
    memcpy(p, &x, sizeof x);
}
INLINE vf load_n(const float *p, int64_t n)
{
    vf x = {0};
    memcpy(&x, p, (size_t)n * sizeof *p);
    return x;
}
INLINE void store_n(float *p, vf x, int64_t n)
{
    memcpy(p, &x, (size_t)n * sizeof *p);
}
INLINE vf splat(float x)
{
    return (vf){x, x, x, x};
}
INLINE vf madd(vf a, vf b, vf c)
{
    return a * b + c;
}
INLINE vf select_bits(vi mask, vf x, vf y)
{
    return (vf)((mask & (vi)x) | (~mask & (vi)y));
}
INLINE vf vmax(vf a, vf b)
{
    return select_bits((vi)(a > b), a, b);
}
INLINE vf vmin(vf a, vf b)
{
    return select_bits((vi)(a < b), a, b);
}
INLINE vf vsqrt(vf a)
{
    for (int i = 0; i < LANES; i++)
        a[i] = __builtin_sqrtf(a[i]);
    return a;
}
INLINE vf vabs(vf a)
{
    return (vf)((vi)a & INT32_MAX);
}
INLINE vf select_greater(vf a, vf b, vf x, vf y)
{
    return select_bits((vi)(a > b), x, y);
}
INLINE vf copy_sign(vf magnitude, vf sign)
{
    return select_bits((vi){INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN}, sign, magnitude);
}
// |x| < 2^22
INLINE vf round_even(vf x)
{
    const vf magic = splat(0x1.8p23f);
    vf y = x + magic;
    return y - magic;
}
INLINE vf scale_by_power(vf x, vf n)
{
    vi bits = __builtin_convertvector(n, vi);
    return x * (vf)((bits + 127) << 23);
}

#endif

// All lanes in a fixed order: the same on every path, ((0+1)+(2+3))+… by halves.
INLINE float sum_lanes(vf x)
{
    float part[LANES];
    store(part, x);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            part[i] += part[i + n];
    return part[0];
}

INLINE float max_lanes(vf x)
{
    float part[LANES];
    store(part, x);
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            part[i] = part[i] > part[i + n] ? part[i] : part[i + n];
    return part[0];
}

#endif
