// The scan with AVX-512 and VNNI. Memory feeds one query; many queries are bound by arithmetic, so
// a tile of 4 rows × 6 queries keeps 24 sums in registers.
#if defined(__x86_64__)
#include "retrieval/vectors.h"

#include <immintrin.h>

enum { ROWS = 4, QUERIES = 6, SINGLE = 8 };

static inline __m512 load_row(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline float add_lanes(__m512 v)
{
    __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
    __m256 v8 = _mm256_add_ps(_mm512_castps512_ps256(v), high);
    __m128 v4 = _mm_add_ps(_mm256_castps256_ps128(v8), _mm256_extractf128_ps(v8, 1));
    __m128 v2 = _mm_add_ps(v4, _mm_movehl_ps(v4, v4));
    return _mm_cvtss_f32(_mm_add_ss(v2, _mm_movehdup_ps(v2)));
}

static void one_query(const uint16_t *rows, size_t n_rows, size_t stride, const float *query,
                      float *scores)
{
    size_t r = 0;
    for (; r + SINGLE <= n_rows; r += SINGLE) {
        const uint16_t *p = rows + r * stride;
        __m512 sum[SINGLE];
        for (int i = 0; i < SINGLE; i++)
            sum[i] = _mm512_setzero_ps();
        for (size_t k = 0; k < stride; k += BV_SCAN_LANES) {
            __m512 q = _mm512_loadu_ps(query + k);
            for (int i = 0; i < SINGLE; i++)
                sum[i] = _mm512_fmadd_ps(load_row(p + (size_t)i * stride + k), q, sum[i]);
        }
        for (int i = 0; i < SINGLE; i++)
            scores[r + (size_t)i] = add_lanes(sum[i]);
    }
    for (; r < n_rows; r++) {
        __m512 sum = _mm512_setzero_ps();
        for (size_t k = 0; k < stride; k += BV_SCAN_LANES)
            sum = _mm512_fmadd_ps(load_row(rows + r * stride + k), _mm512_loadu_ps(query + k), sum);
        scores[r] = add_lanes(sum);
    }
}

// ROWS rows × QUERIES queries; scores are n_rows apart from query to query.
static inline void tile(const uint16_t *rows, size_t n_rows, size_t stride, const float *queries,
                        float *scores)
{
    __m512 sum[QUERIES][ROWS];
    for (int q = 0; q < QUERIES; q++) {
        for (int i = 0; i < ROWS; i++)
            sum[q][i] = _mm512_setzero_ps();
    }
    for (size_t k = 0; k < stride; k += BV_SCAN_LANES) {
        __m512 row[ROWS];
        for (int i = 0; i < ROWS; i++)
            row[i] = load_row(rows + (size_t)i * stride + k);
        for (int q = 0; q < QUERIES; q++) {
            __m512 v = _mm512_loadu_ps(queries + (size_t)q * stride + k);
            for (int i = 0; i < ROWS; i++)
                sum[q][i] = _mm512_fmadd_ps(row[i], v, sum[q][i]);
        }
    }
    for (int q = 0; q < QUERIES; q++) {
        for (int i = 0; i < ROWS; i++)
            scores[(size_t)q * n_rows + (size_t)i] = add_lanes(sum[q][i]);
    }
}

static void avx512_f16(const uint16_t *rows, size_t n_rows, size_t stride, const float *queries,
                       size_t n_queries, float *scores)
{
    size_t tiled_queries = n_queries - n_queries % QUERIES, tiled_rows = n_rows - n_rows % ROWS;
    for (size_t r = 0; r < tiled_rows && tiled_queries > 0; r += ROWS) {
        for (size_t q = 0; q < tiled_queries; q += QUERIES)
            tile(rows + r * stride, n_rows, stride, queries + q * stride, scores + q * n_rows + r);
    }
    for (size_t q = 0; q < tiled_queries; q++)
        one_query(rows + tiled_rows * stride, n_rows - tiled_rows, stride, queries + q * stride,
                  scores + q * n_rows + tiled_rows);
    for (size_t q = tiled_queries; q < n_queries; q++)
        one_query(rows, n_rows, stride, queries + q * stride, scores + q * n_rows);
}

static void avx512_i8(const uint8_t *codes, size_t n_rows, size_t stride, const int8_t *query,
                      int32_t *dots)
{
    int32_t offset = 0; // 128 × the sum of the query: what the codes' offset adds
    for (size_t i = 0; i < stride; i++)
        offset += 128 * (int32_t)query[i];
    size_t r = 0;
    for (; r + ROWS <= n_rows; r += ROWS) {
        const uint8_t *p = codes + r * stride;
        __m512i sum[ROWS];
        for (int i = 0; i < ROWS; i++)
            sum[i] = _mm512_setzero_si512();
        for (size_t k = 0; k < stride; k += BV_SCAN_BYTES) {
            __m512i q = _mm512_loadu_si512(query + k);
            for (int i = 0; i < ROWS; i++)
                sum[i] =
                    _mm512_dpbusd_epi32(sum[i], _mm512_loadu_si512(p + (size_t)i * stride + k), q);
        }
        for (int i = 0; i < ROWS; i++)
            dots[r + (size_t)i] = _mm512_reduce_add_epi32(sum[i]) - offset;
    }
    if (r < n_rows)
        bv_scan_portable.i8(codes + r * stride, n_rows - r, stride, query, dots + r);
}

const struct bv_scan bv_scan_avx512 = {"avx512", avx512_f16, avx512_i8};
#else
typedef int bv_scan_avx512_is_for_x86;
#endif
