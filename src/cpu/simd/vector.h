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

// A sanitizer checks each lane of a masked load or store apart: inlined, a tile took clang minutes.
#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#if SANITIZED
#define INLINE static __attribute__((noinline, unused))
#else
#define INLINE static inline __attribute__((always_inline, unused))
#endif

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
// The first n lanes of x, the others from rest.
INLINE vf keep_first(vf x, vf rest, int64_t n)
{
    return _mm512_mask_blend_ps(first_lanes(n), rest, x);
}
// Both halves of x, for reductions by halves.
INLINE __m256 lower(vf x)
{
    return _mm512_castps512_ps256(x);
}
INLINE __m256 upper(vf x)
{
    return _mm512_extractf32x8_ps(x, 1);
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
INLINE vf keep_first(vf x, vf rest, int64_t n)
{
    return _mm256_blendv_ps(rest, x, _mm256_castsi256_ps(first_lanes(n)));
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
INLINE vf keep_first(vf x, vf rest, int64_t n)
{
    for (int64_t i = n; i < LANES; i++)
        x[i] = rest[i];
    return x;
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

// All lanes, by halves: ((0 + n/2) + …) in an order that depends on the width alone.
#if defined(__AVX512F__) || defined(__AVX2__)
INLINE float sum_half(__m256 x)
{
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_shuffle_ps(y, y, 1)));
}
INLINE float max_half(__m256 x)
{
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_shuffle_ps(y, y, 1)));
}
#if defined(__AVX512F__)
INLINE float sum_lanes(vf x)
{
    return sum_half(_mm256_add_ps(lower(x), upper(x)));
}
INLINE float max_lanes(vf x)
{
    return max_half(_mm256_max_ps(lower(x), upper(x)));
}
#else
INLINE float sum_lanes(vf x)
{
    return sum_half(x);
}
INLINE float max_lanes(vf x)
{
    return max_half(x);
}
#endif
#else
INLINE float sum_lanes(vf x)
{
    return (x[0] + x[2]) + (x[1] + x[3]);
}
INLINE float max_lanes(vf x)
{
    float a = x[0] > x[2] ? x[0] : x[2], b = x[1] > x[3] ? x[1] : x[3];
    return a > b ? a : b;
}
#endif

#if defined(__AVX512F__)
// A 16×16 block: to[c·ld + j] = row[j][c].
INLINE void transpose_block(const float *const *row, int64_t c, float *to, int64_t ld)
{
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++)
        a[j] = _mm512_loadu_ps(row[j] + c);
#pragma GCC unroll 8
    for (int j = 0; j < 16; j += 2) { // pairs of rows, within 128-bit parts
        b[j] = _mm512_unpacklo_ps(a[j], a[j + 1]);
        b[j + 1] = _mm512_unpackhi_ps(a[j], a[j + 1]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 16; j += 4)
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) { // fours: a[j + 2k] and the next hold columns 2k, 2k + 1
            a[j + 2 * k] = _mm512_castpd_ps(
                _mm512_unpacklo_pd(_mm512_castps_pd(b[j + k]), _mm512_castps_pd(b[j + 2 + k])));
            a[j + 2 * k + 1] = _mm512_castpd_ps(
                _mm512_unpackhi_pd(_mm512_castps_pd(b[j + k]), _mm512_castps_pd(b[j + 2 + k])));
        }
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) { // the 128-bit parts of four fours, for columns k, 4+k, 8+k, 12+k
        __m512 x = _mm512_shuffle_f32x4(a[k], a[4 + k], 0x44);
        __m512 y = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0x44);
        __m512 z = _mm512_shuffle_f32x4(a[k], a[4 + k], 0xee);
        __m512 w = _mm512_shuffle_f32x4(a[8 + k], a[12 + k], 0xee);
        _mm512_storeu_ps(to + k * ld, _mm512_shuffle_f32x4(x, y, 0x88));
        _mm512_storeu_ps(to + (4 + k) * ld, _mm512_shuffle_f32x4(x, y, 0xdd));
        _mm512_storeu_ps(to + (8 + k) * ld, _mm512_shuffle_f32x4(z, w, 0x88));
        _mm512_storeu_ps(to + (12 + k) * ld, _mm512_shuffle_f32x4(z, w, 0xdd));
    }
}
#endif

#endif
