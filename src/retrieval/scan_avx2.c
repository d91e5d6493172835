// The scan with AVX2, FMA and F16C; the 16 lanes are two registers.
#if defined(__x86_64__)
#include "retrieval/vectors.h"

#include <immintrin.h>

struct lanes {
    __m256 low, high;
};

static inline struct lanes zero(void)
{
    return (struct lanes){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline struct lanes load_row(const uint16_t *p)
{
    const __m128i *v = (const __m128i *)(const void *)p;
    return (struct lanes){_mm256_cvtph_ps(_mm_loadu_si128(v)),
                          _mm256_cvtph_ps(_mm_loadu_si128(v + 1))};
}

static inline struct lanes load_query(const float *p)
{
    return (struct lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline struct lanes multiply_add(struct lanes a, struct lanes b, struct lanes sum)
{
    return (struct lanes){_mm256_fmadd_ps(a.low, b.low, sum.low),
                          _mm256_fmadd_ps(a.high, b.high, sum.high)};
}

static inline float add_lanes(struct lanes v)
{
    __m256 v8 = _mm256_add_ps(v.low, v.high);
    __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
    __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
    return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}

static void one_query(const uint16_t *rows, size_t n_rows, size_t stride, const float *query,
                      float *scores)
{
    size_t r = 0;
    for (; r + 4 <= n_rows; r += 4) {
        const uint16_t *p = rows + r * stride;
        struct lanes sum[4] = {zero(), zero(), zero(), zero()};
        for (size_t k = 0; k < stride; k += BV_SCAN_LANES) {
            struct lanes q = load_query(query + k);
            for (int i = 0; i < 4; i++)
                sum[i] = multiply_add(load_row(p + (size_t)i * stride + k), q, sum[i]);
        }
        for (int i = 0; i < 4; i++)
            scores[r + (size_t)i] = add_lanes(sum[i]);
    }
    for (; r < n_rows; r++) {
        struct lanes sum = zero();
        for (size_t k = 0; k < stride; k += BV_SCAN_LANES)
            sum = multiply_add(load_row(rows + r * stride + k), load_query(query + k), sum);
        scores[r] = add_lanes(sum);
    }
}

// Two rows × two queries: 8 sums, 4 rows and 2 queries' parts fill the 16 registers.
static inline void tile(const uint16_t *rows, size_t n_rows, size_t stride, const float *queries,
                        float *scores)
{
    struct lanes sum[2][2] = {{zero(), zero()}, {zero(), zero()}};
    for (size_t k = 0; k < stride; k += BV_SCAN_LANES) {
        struct lanes a = load_row(rows + k), b = load_row(rows + stride + k);
        for (int q = 0; q < 2; q++) {
            struct lanes v = load_query(queries + (size_t)q * stride + k);
            sum[q][0] = multiply_add(a, v, sum[q][0]);
            sum[q][1] = multiply_add(b, v, sum[q][1]);
        }
    }
    for (size_t q = 0; q < 2; q++) {
        scores[q * n_rows] = add_lanes(sum[q][0]);
        scores[q * n_rows + 1] = add_lanes(sum[q][1]);
    }
}

static void avx2_f16(const uint16_t *rows, size_t n_rows, size_t stride, const float *queries,
                     size_t n_queries, float *scores)
{
    size_t tiled_queries = n_queries & ~(size_t)1, tiled_rows = n_rows & ~(size_t)1;
    for (size_t r = 0; r < tiled_rows && tiled_queries > 0; r += 2) {
        for (size_t q = 0; q < tiled_queries; q += 2)
            tile(rows + r * stride, n_rows, stride, queries + q * stride, scores + q * n_rows + r);
    }
    for (size_t q = 0; q < tiled_queries; q++)
        one_query(rows + tiled_rows * stride, n_rows - tiled_rows, stride, queries + q * stride,
                  scores + q * n_rows + tiled_rows);
    for (size_t q = tiled_queries; q < n_queries; q++)
        one_query(rows, n_rows, stride, queries + q * stride, scores + q * n_rows);
}

static int32_t add_integers(__m256i v)
{
    __m128i v4 = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i v2 = _mm_add_epi32(v4, _mm_shuffle_epi32(v4, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(v2, _mm_shuffle_epi32(v2, 0xb1)));
}

static void avx2_i8(const uint8_t *codes, size_t n_rows, size_t stride, const int8_t *query,
                    int32_t *dots)
{
    const __m256i offset = _mm256_set1_epi16(128);
    for (size_t r = 0; r < n_rows; r++) {
        const uint8_t *code = codes + r * stride;
        __m256i sum = _mm256_setzero_si256();
        for (size_t k = 0; k < stride; k += 16) {
            // 16-bit products: vpmaddubsw would saturate.
            __m128i c8 = _mm_loadu_si128((const __m128i *)(const void *)(code + k));
            __m128i q8 = _mm_loadu_si128((const __m128i *)(const void *)(query + k));
            __m256i c16 = _mm256_sub_epi16(_mm256_cvtepu8_epi16(c8), offset);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(c16, _mm256_cvtepi8_epi16(q8)));
        }
        dots[r] = add_integers(sum);
    }
}

const struct bv_scan bv_scan_avx2 = {"avx2", avx2_f16, avx2_i8};
#else
typedef int bv_scan_avx2_is_for_x86;
#endif
