// Depthwise convolution: a few neighbouring results, two vectors of channels at a time, so that a
// tap's weights are read once for all of them.
#include "cpu/simd/bf16.h"
#include "cpu/simd/math.h"
#include "cpu/simd/simd.h"

// Sums of n_rows results over `lanes` channels from c on; vectors: 1 or 2 of them.
INLINE void sum_taps(const struct bv_cpu_depthwise_tile *t, const int n_rows, const int vectors,
                     const bool bf16, int64_t c, int64_t lanes, vf (*sum)[2])
{
#pragma GCC unroll 4
    for (int i = 0; i < n_rows; i++)
        sum[i][0] = sum[i][1] = splat(0);
    const float *const *rows = t->rows;
    const float *w = t->weight + c;
    for (int64_t tap = 0; tap < t->taps; tap++, rows += n_rows, w += t->channels) {
        vf w0 = lanes == LANES ? load(w) : load_n(w, lanes);
        vf w1 = vectors == 2 ? load(w + LANES) : splat(0);
#pragma GCC unroll 4
        for (int i = 0; i < n_rows; i++) {
            sum[i][0] = madd(load_as(rows[i], bf16, c, lanes), w0, sum[i][0]);
            if (vectors == 2)
                sum[i][1] = madd(load_as(rows[i], bf16, c + LANES, LANES), w1, sum[i][1]);
        }
    }
}

// Of the activations, relu and relu6 follow such a convolution in published networks.
static __attribute__((noinline)) vf other_activation(enum bv_activation activation, vf x)
{
    WITH_ACTIVATION(activation, x = activation_vector(act, x));
    return x;
}

// Vector `half` of the sums, at channel c.
INLINE void finish(const struct bv_cpu_depthwise_tile *t, const int n_rows, int64_t c,
                   int64_t lanes, vf (*sum)[2], const int half)
{
    vf bias = splat(0);
    if (t->bias)
        bias = lanes == LANES ? load(t->bias + c) : load_n(t->bias + c, lanes);
#pragma GCC unroll 4
    for (int i = 0; i < n_rows; i++) {
        vf x = sum[i][half] + bias;
        int64_t at = i * t->channels + c;
        if (t->residual)
            x += load_as(t->residual, t->residual_bf16, at, lanes);
        if (t->activation == BV_ACT_RELU6)
            x = activation_vector(BV_ACT_RELU6, x);
        else if (t->activation == BV_ACT_RELU)
            x = activation_vector(BV_ACT_RELU, x);
        else if (t->activation != BV_ACT_NONE)
            x = other_activation(t->activation, x);
        store_as(t->out, t->out_bf16, at, x, lanes);
    }
}

INLINE void run(const struct bv_cpu_depthwise_tile *t, const int n_rows, const bool bf16)
{
    vf sum[BV_CPU_DEPTHWISE_ROWS][2];
    int64_t c = 0;
    for (; c + 2 * LANES <= t->channels; c += 2 * LANES) {
        sum_taps(t, n_rows, 2, bf16, c, LANES, sum);
        finish(t, n_rows, c, LANES, sum, 0);
        finish(t, n_rows, c + LANES, LANES, sum, 1);
    }
    for (int64_t lanes; c < t->channels; c += lanes) {
        lanes = t->channels - c < LANES ? t->channels - c : LANES;
        sum_taps(t, n_rows, 1, bf16, c, lanes, sum);
        finish(t, n_rows, c, lanes, sum, 0);
    }
}

#define ROWS(n)                                                                                    \
    static void rows_##n(const struct bv_cpu_depthwise_tile *t)                                    \
    {                                                                                              \
        run(t, n, false);                                                                          \
    }                                                                                              \
    static void rows_bf16_##n(const struct bv_cpu_depthwise_tile *t)                               \
    {                                                                                              \
        run(t, n, true);                                                                           \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

void ISA(depthwise)(const struct bv_cpu_depthwise_tile *t, int n_rows)
{
    static void (*const by_rows[2][BV_CPU_DEPTHWISE_ROWS])(const struct bv_cpu_depthwise_tile *) = {
        {rows_1, rows_2, rows_3, rows_4}, {rows_bf16_1, rows_bf16_2, rows_bf16_3, rows_bf16_4}};
    by_rows[t->rows_bf16][n_rows - 1](t);
}
