#include "retrieval/vectors.h"

#include <math.h>
#include <stdbool.h>

#include "base/dtype.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdatomic.h>
#endif

static float add_lanes(const float lane[BV_SCAN_LANES])
{
    float sum[BV_SCAN_LANES];
    for (int j = 0; j < BV_SCAN_LANES; j++)
        sum[j] = lane[j];
    for (int half = BV_SCAN_LANES / 2; half > 0; half /= 2) {
        for (int j = 0; j < half; j++)
            sum[j] += sum[j + half];
    }
    return sum[0];
}

static void portable_f16(const uint16_t *rows, size_t n_rows, size_t stride, const float *queries,
                         size_t n_queries, float *scores)
{
    for (size_t q = 0; q < n_queries; q++) {
        const float *query = queries + q * stride;
        for (size_t r = 0; r < n_rows; r++) {
            float lane[BV_SCAN_LANES] = {0};
            for (size_t i = 0; i < stride; i += BV_SCAN_LANES) {
                float row[BV_SCAN_LANES];
                bv_f16_to_f32_array(rows + r * stride + i, row, BV_SCAN_LANES);
                for (int j = 0; j < BV_SCAN_LANES; j++)
                    lane[j] = fmaf(row[j], query[i + (size_t)j], lane[j]);
            }
            scores[q * n_rows + r] = add_lanes(lane);
        }
    }
}

static void portable_i8(const uint8_t *codes, size_t n_rows, size_t stride, const int8_t *query,
                        int32_t *dots)
{
    for (size_t r = 0; r < n_rows; r++) {
        const uint8_t *code = codes + r * stride;
        int32_t sum = 0;
        for (size_t i = 0; i < stride; i++)
            sum += ((int32_t)code[i] - 128) * query[i];
        dots[r] = sum;
    }
}

const struct bv_scan bv_scan_portable = {"portable", portable_f16, portable_i8};

#if defined(__x86_64__)
// Known once per process: in a virtual machine each cpuid is a call of the host.
static bool has_f16c(void)
{
    static atomic_int known; // 1 no, 2 yes
    int has = atomic_load_explicit(&known, memory_order_relaxed);
    if (has == 0) {
        unsigned a, b, c, d;
        has = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) ? 2 : 1;
        atomic_store_explicit(&known, has, memory_order_relaxed);
    }
    return has == 2;
}

static bool runs_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}

static bool runs_avx512(void)
{
    return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

const struct bv_scan *bv_scan_form(size_t i)
{
#if defined(__x86_64__)
    if (i == 1 && runs_avx2())
        return &bv_scan_avx2;
    if (i == 2 && runs_avx512())
        return &bv_scan_avx512;
#endif
    return i == 0 ? &bv_scan_portable : NULL;
}

const struct bv_scan *bv_scan_best(void)
{
    const struct bv_scan *best = &bv_scan_portable;
    for (size_t i = 0; bv_scan_form(i); i++)
        best = bv_scan_form(i);
    return best;
}
