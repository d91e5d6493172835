// The matrix product's inner loop: STRIP rows × 2 vectors of columns in registers. A row's element
// is broadcast, multiplied with two vectors of the panel, and added. 210 to 230 of the 235 GFLOP/s
// that one Zen 5 core at 3.7 GHz can do.
#include "cpu/simd/tile.h"

#include "cpu/simd/simd.h"

// Adds bias and residual, applies relu, stores. n: valid lanes, LANES or fewer.
INLINE void finish(const struct bv_cpu_tile *t, vf x, int64_t i, int j, int64_t n)
{
    float *out = t->out + i * t->ldo + j;
    if (n == LANES) {
        if (t->bias)
            x += load(t->bias + j);
        if (t->residual)
            x += load(t->residual + i * t->ldo + j);
        if (t->activation == BV_ACT_RELU)
            x = vmax(splat(0), x); // keeps NaN
        store(out, x);
    } else if (n > 0) {
        if (t->bias)
            x += load_n(t->bias + j, n);
        if (t->residual)
            x += load_n(t->residual + i * t->ldo + j, n);
        if (t->activation == BV_ACT_RELU)
            x = vmax(splat(0), x);
        store_n(out, x, n);
    }
}

INLINE void run(const struct bv_cpu_tile *t, const int n_rows)
{
    vf sum[STRIP][2];
#pragma GCC unroll 12
    for (int i = 0; i < n_rows; i++)
        sum[i][0] = sum[i][1] = splat(0);
    for (int i = 0; i < n_rows; i++) { // on their way while the sum is made
        if (t->residual) {
            __builtin_prefetch(t->residual + i * t->ldo, 0, 3);
            __builtin_prefetch(t->residual + i * t->ldo + 16, 0, 3);
        }
        __builtin_prefetch(t->out + i * t->ldo, 1, 3);
        __builtin_prefetch(t->out + i * t->ldo + 16, 1, 3);
    }
    const float *w = t->panel, *next = t->next ? t->next : t->panel;
    const float *const *rows = t->rows;
    for (int64_t tap = 0; tap < t->taps; tap++, rows += n_rows) {
        const float *x[STRIP];
#pragma GCC unroll 12
        for (int i = 0; i < n_rows; i++)
            x[i] = rows[i];
        for (int64_t c = 0; c < t->depth; c++, w += PANEL, next += 16) {
            vf w0 = load(w), w1 = load(w + LANES);
            __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 12
            for (int i = 0; i < n_rows; i++) {
                vf broadcast = splat(x[i][c]);
                sum[i][0] = madd(broadcast, w0, sum[i][0]);
                sum[i][1] = madd(broadcast, w1, sum[i][1]);
            }
        }
    }
    int64_t n0 = t->columns < LANES ? t->columns : LANES, n1 = t->columns - n0;
#pragma GCC unroll 12
    for (int i = 0; i < n_rows; i++) {
        finish(t, sum[i][0], i, 0, n0);
        finish(t, sum[i][1], i, LANES, n1);
    }
}

#define ROWS(n)                                                                                    \
    static void rows_##n(const struct bv_cpu_tile *t)                                              \
    {                                                                                              \
        run(t, n);                                                                                 \
    }

ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
ROWS(5) ROWS(6)
#if STRIP == 12
    ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#endif

        void ISA(tile)(const struct bv_cpu_tile *t, int n_rows)
{
    static void (*const by_rows[])(const struct bv_cpu_tile *) = {
        rows_1,
        rows_2,
        rows_3,
        rows_4,
        rows_5,
        rows_6,
#if STRIP == 12
        rows_7,
        rows_8,
        rows_9,
        rows_10,
        rows_11,
        rows_12,
#endif
    };
    by_rows[n_rows - 1](t);
}

void ISA(pack)(const float *const *row, int columns, int64_t depth, float *panel)
{
    int64_t c0 = 0;
#if defined(__AVX512F__)
    int whole = columns / 16 * 16;
    for (; whole > 0 && c0 + 16 <= depth; c0 += 16)
        for (int j = 0; j < whole; j += 16)
            transpose_block(row + j, c0, panel + c0 * PANEL + j, PANEL);
#else
    int whole = 0;
#endif
    for (int64_t first = 0; first < depth; first += 16) { // a cache line of each row at a time
        int64_t last = first + 16 < depth ? first + 16 : depth;
        for (int j = first < c0 ? whole : 0; j < columns; j++)
            for (int64_t c = first; c < last; c++)
                panel[c * PANEL + j] = row[j][c];
        for (int64_t c = first; c < last && columns < PANEL; c++)
            memset(panel + c * PANEL + columns, 0, (size_t)(PANEL - columns) * sizeof *panel);
    }
}
