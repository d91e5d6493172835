// The micro-kernel of the gemm: MR rows × NR = 2 vectors of columns, summed in registers. For each
// k two vectors of the panel are loaded once, then each row's element is broadcast and multiplied
// into its two sums: 2·MR independent chains of multiply-adds, enough to hide their latency, for 2
// loads and MR broadcasts. With 32 registers MR is 12 (24 sums, 2 vectors of the panel, the rest
// for broadcasts), with 16 it is 6. The number of rows is a compile-time constant of each copy
// (ROWS below), so that the sums have fixed registers; strips are cut evenly instead of leaving a
// short one. Behind the sums: int8's scales, bias, residual, relu and the store, in the tensor's
// own type, so that a result passes through memory once. On one Zen 5 core: 210 to 230 of the 239
// GFLOP/s that fused multiply-adds alone reach.
#include "cpu/simd/gemm_kernel.h"

#include "cpu/simd/bf16.h"
#include "cpu/simd/simd.h"

// A row's elements of the result or the residual, on their way while the sum is made.
INLINE void bring_in(const void *p, bool bf16, int64_t at)
{
    const char *line = (const char *)p + at * (bf16 ? 2 : 4);
    __builtin_prefetch(line, 1, 3);
    if (!bf16)
        __builtin_prefetch(line + 64, 1, 3);
}

// sum + x·w, word by word: one, two or four channels.
INLINE vf accumulate(const enum bv_cpu_format format, vf x, vf w, vf sum)
{
#if defined(LOW_PRECISION)
    if (format == BV_CPU_BF16)
        return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
    if (format == BV_CPU_INT8) { // gcc 12 spills every sum around the intrinsic: twice the time
        __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
        return sum;
    }
#endif
    (void)format;
    return madd(x, w, sum);
}

INLINE vf from_integers(vf sum)
{
#if defined(LOW_PRECISION)
    return _mm512_cvtepi32_ps(_mm512_castps_si512(sum));
#else
    return sum;
#endif
}

// The first n ≤ LANES values of p, which may be NULL; the rest is 0.
INLINE vf load_given(const float *p, int64_t n)
{
    if (!p || n <= 0)
        return splat(0);
    return n == LANES ? load(p) : load_n(p, n);
}

// Scales, adds bias and residual, applies relu or relu6, stores. whole: all NR columns are wanted.
INLINE void finish(const struct bv_cpu_tile *tile, vf (*sum)[2], const int n_rows,
                   const enum bv_cpu_format format, const bool whole)
{
    const struct bv_cpu_tile t = *tile; // a copy, which stores cannot change: it stays in registers
    const float *after = t.panel + t.taps * t.depth * NR;
    int64_t n0 = whole || t.columns > LANES ? LANES : t.columns;
    int64_t n1 = whole ? LANES : t.columns - n0;
    vf bias0 = load_given(t.bias, n0), bias1 = load_given(t.bias ? t.bias + LANES : NULL, n1);
    vf scale0 = splat(1), scale1 = splat(1), zero = splat(0);
    if (format == BV_CPU_INT8) {
        scale0 = load(after);
        scale1 = load(after + LANES);
    }
#pragma GCC unroll 12
    for (int i = 0; i < n_rows; i++) {
        vf x = sum[i][0], y = sum[i][1];
        if (format == BV_CPU_INT8) {
            vf scale = splat(t.row_scale[i]);
            x = from_integers(x) * (scale * scale0);
            y = from_integers(y) * (scale * scale1);
        }
        x += bias0;
        y += bias1;
        if (t.residual) {
            x += load_as(t.residual, t.residual_bf16, i * t.ldr, n0);
            y += n1 > 0 ? load_as(t.residual, t.residual_bf16, i * t.ldr + LANES, n1) : zero;
        }
        if (t.activation != BV_ACT_NONE) { // keeps NaN
            x = vmax(zero, x);
            y = vmax(zero, y);
        }
        if (t.activation == BV_ACT_RELU6) {
            x = vmin(splat(6), x);
            y = vmin(splat(6), y);
        }
        store_as(t.out, t.out_bf16, i * t.ldo, x, n0);
        if (n1 > 0)
            store_as(t.out, t.out_bf16, i * t.ldo + LANES, y, n1);
    }
}

INLINE void run(const struct bv_cpu_tile *t, const int n_rows, const enum bv_cpu_format format)
{
    vf sum[MR][2];
    const float *after = t->panel + t->taps * t->depth * NR; // scales and corrections
#pragma GCC unroll 12
    for (int i = 0; i < n_rows; i++) {
        sum[i][0] = format == BV_CPU_INT8 ? load(after + NR) : splat(0);
        sum[i][1] = format == BV_CPU_INT8 ? load(after + NR + LANES) : splat(0);
    }
    for (int i = 0; i < n_rows; i++) {
        if (t->residual)
            bring_in(t->residual, t->residual_bf16, i * t->ldr);
        bring_in(t->out, t->out_bf16, i * t->ldo);
    }
    const float *w = t->panel, *next = t->next ? t->next : t->panel;
    const float *const *rows = t->rows;
    for (int64_t tap = 0; tap < t->taps; tap++, rows += n_rows) {
        const float *x[MR];
#pragma GCC unroll 12
        for (int i = 0; i < n_rows; i++)
            x[i] = rows[i];
        for (int64_t c = 0; c < t->depth; c++, w += NR, next += 16) {
            vf w0 = load(w), w1 = load(w + LANES);
            __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 12
            for (int i = 0; i < n_rows; i++) {
                vf broadcast = splat(x[i][c]);
                sum[i][0] = accumulate(format, broadcast, w0, sum[i][0]);
                sum[i][1] = accumulate(format, broadcast, w1, sum[i][1]);
            }
        }
    }
    if (t->columns == NR)
        finish(t, sum, n_rows, format, true);
    else
        finish(t, sum, n_rows, format, false);
}

#define ROWS(name, format, n)                                                                      \
    static void name##_##n(const struct bv_cpu_tile *t)                                            \
    {                                                                                              \
        run(t, n, format);                                                                         \
    }
#define SIX(name, format)                                                                          \
    ROWS(name, format, 1)                                                                          \
    ROWS(name, format, 2)                                                                          \
    ROWS(name, format, 3)                                                                          \
    ROWS(name, format, 4)                                                                          \
    ROWS(name, format, 5)                                                                          \
    ROWS(name, format, 6)
#if MR == 12
#define TILE(name, format)                                                                         \
    SIX(name##_rows, format)                                                                       \
    ROWS(name##_rows, format, 7)                                                                   \
    ROWS(name##_rows, format, 8)                                                                   \
    ROWS(name##_rows, format, 9)                                                                   \
    ROWS(name##_rows, format, 10)                                                                  \
    ROWS(name##_rows, format, 11)                                                                  \
    ROWS(name##_rows, format, 12)                                                                  \
    void ISA(name)(const struct bv_cpu_tile *t, int n_rows)                                        \
    {                                                                                              \
        static void (*const by_rows[])(const struct bv_cpu_tile *) = {                             \
            name##_rows_1, name##_rows_2,  name##_rows_3,  name##_rows_4,                          \
            name##_rows_5, name##_rows_6,  name##_rows_7,  name##_rows_8,                          \
            name##_rows_9, name##_rows_10, name##_rows_11, name##_rows_12};                        \
        by_rows[n_rows - 1](t);                                                                    \
    }
#else
#define TILE(name, format)                                                                         \
    SIX(name##_rows, format)                                                                       \
    void ISA(name)(const struct bv_cpu_tile *t, int n_rows)                                        \
    {                                                                                              \
        static void (*const by_rows[])(const struct bv_cpu_tile *) = {                             \
            name##_rows_1, name##_rows_2, name##_rows_3,                                           \
            name##_rows_4, name##_rows_5, name##_rows_6};                                          \
        by_rows[n_rows - 1](t);                                                                    \
    }
#endif

TILE(tile, BV_CPU_F32)
#if defined(LOW_PRECISION)
TILE(tile_bf16, BV_CPU_BF16)
TILE(tile_int8, BV_CPU_INT8)
#endif

void ISA(pack)(const float *const *row, int columns, int64_t depth, float *panel)
{
    int64_t c0 = 0;
#if defined(__AVX512F__)
    int whole = columns / 16 * 16;
    for (; whole > 0 && c0 + 16 <= depth; c0 += 16)
        for (int j = 0; j < whole; j += 16)
            transpose_block(row + j, c0, panel + c0 * NR + j, NR);
#else
    int whole = 0;
#endif
    for (int64_t first = 0; first < depth; first += 16) { // a cache line of each row at a time
        int64_t last = first + 16 < depth ? first + 16 : depth;
        for (int j = first < c0 ? whole : 0; j < columns; j++)
            for (int64_t c = first; c < last; c++)
                panel[c * NR + j] = row[j][c];
        for (int64_t c = first; c < last && columns < NR; c++)
            memset(panel + c * NR + columns, 0, (size_t)(NR - columns) * sizeof *panel);
    }
}
