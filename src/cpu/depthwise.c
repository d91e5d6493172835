// Depthwise convolution: conv2d with one channel in each group. Each result is a weighted sum of
// the pixels of its window, channel by channel: memory limits it, not arithmetic, so the weights
// stay f32 in every precision.
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "cpu/kernels.h"

enum { most_taps = 128 };

bool bv_cpu_is_depthwise(const struct bv_node *n)
{
    if (n->op != BV_OP_conv2d)
        return false;
    const struct bv_tensor *W = n->in[1];
    return n->params.conv2d.groups == n->in[0]->dim[3] && W->dim[0] == n->in[0]->dim[3] &&
           W->dim[1] * W->dim[2] <= most_taps;
}

// [C,KH,KW,1] to [KH,KW,C].
static void order_by_taps(const float *w, int64_t C, int64_t taps, float *to)
{
    for (int64_t t = 0; t < taps; t++)
        for (int64_t c = 0; c < C; c++)
            to[t * C + c] = w[c * taps + t];
}

struct ordering {
    const float *w;
    int64_t C, taps;
};

static void order(void *arg, void *memory)
{
    const struct ordering *o = arg;
    order_by_taps(o->w, o->C, o->taps, memory);
}

enum bv_status bv_cpu_depthwise_prepare(const struct bv_node *node,
                                        const struct bv_cpu_pack_context *how,
                                        const void **prepared, struct bv_error *err)
{
    const struct bv_tensor *W = node->in[1];
    struct ordering o = {.C = W->dim[0], .taps = W->dim[1] * W->dim[2]};
    if (W->role != BV_ROLE_WEIGHT)
        return BV_OK;
    BV_TRY(bv_weights_f32(how->weights, W, &o.w, err));
    char key[1800];
    (void)snprintf(key, sizeof key, "by taps: %s", W->name);
    return bv_weights_derive(how->weights, key, (size_t)bv_elements(W) * sizeof(float), order, &o,
                             prepared, err);
}

// A pixel of zeros, and weights that the graph computes.
size_t bv_cpu_depthwise_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                int n_threads)
{
    (void)format;
    (void)n_threads;
    const struct bv_tensor *W = node->in[1];
    size_t weight = W->role == BV_ROLE_WEIGHT ? 0 : (size_t)bv_elements(W);
    return (size_t)W->dim[0] + weight;
}

static void results(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_node *n = a->node;
    const struct bv_tensor *X = n->in[0], *W = n->in[1], *out = n->out;
    int64_t C = X->dim[3], words = X->dtype == BV_BF16 ? C / 2 : C;
    const struct bv_cpu_windows windows = {.node = n,
                                           .image = a->in[0],
                                           .zeros = a->scratch,
                                           .height = X->dim[1],
                                           .width = X->dim[2],
                                           .channels = words,
                                           .taps_h = W->dim[1],
                                           .taps_w = W->dim[2]};
    const float *rows[most_taps * BV_CPU_DEPTHWISE_ROWS];
    struct bv_cpu_depthwise_tile tile = {
        .rows = rows,
        .taps = W->dim[1] * W->dim[2],
        .channels = C,
        .weight = a->prepared ? (const float *)a->prepared : a->scratch + C,
        .bias = a->in[2],
        .rows_bf16 = X->dtype == BV_BF16,
        .residual_bf16 = n->in[3] && n->in[3]->dtype == BV_BF16,
        .out_bf16 = out->dtype == BV_BF16,
        .activation = n->params.conv2d.activation,
    };
    int64_t total = bv_rows(out), end = last * BV_CPU_DEPTHWISE_ROWS;
    for (int64_t at = first * BV_CPU_DEPTHWISE_ROWS; at < end && at < total;) {
        int64_t m = total - at < BV_CPU_DEPTHWISE_ROWS ? total - at : BV_CPU_DEPTHWISE_ROWS;
        bv_cpu_point_pixels(&windows, at, m, rows);
        tile.out = (char *)a->out + (size_t)(at * C) * bv_dtype_size(out->dtype);
        if (a->in[3])
            tile.residual = (const char *)a->in[3] + at * C * (tile.residual_bf16 ? 2 : 4);
        bv_cpu_isa()->depthwise(&tile, (int)m);
        at += m;
    }
}

void bv_cpu_depthwise(const struct bv_kernel_args *a)
{
    const struct bv_tensor *W = a->node->in[1];
    int64_t C = W->dim[0], taps = W->dim[1] * W->dim[2];
    memset(a->scratch, 0, (size_t)C * sizeof(float));
    if (!a->prepared)
        order_by_taps(a->in[1], C, taps, a->scratch + C);
    int64_t strips = (bv_rows(a->node->out) + BV_CPU_DEPTHWISE_ROWS - 1) / BV_CPU_DEPTHWISE_ROWS;
    bv_pool_for_ranges(a->pool, strips, BV_CPU_DEPTHWISE_ROWS * C * taps, results, a);
}
