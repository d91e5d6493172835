// pool2d and reduce: rows of channels added or compared as vectors.
#include <math.h>

#include "cpu/isa.h"
#include "cpu/kernels.h"
#include "cpu/pieces.h"

static void fill(float *out, float x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = x;
}

enum { most_channels = 512 }; // at a time

static void take_in(bool max, const float *x, float *out, int64_t n)
{
    if (max)
        bv_cpu_isa()->max(x, out, out, n);
    else
        bv_cpu_isa()->add(BV_ACT_NONE, out, x, false, out, n);
}

// The same with n ≤ most_channels elements of x, from element `at` on.
static void take_in_any(bool max, const struct bv_tensor *type, const void *x, int64_t at,
                        float *out, int64_t n)
{
    float wide[most_channels];
    if (type->dtype == BV_BF16)
        bv_cpu_isa()->from_bf16((const uint16_t *)x + at, n, wide);
    take_in(max, type->dtype == BV_BF16 ? wide : (const float *)x + at, out, n);
}

// Channels c … c+n-1 of one output position, from the window's pixels in order.
static void pool_channels(const struct bv_kernel_args *a, int64_t at, int64_t c, int64_t n,
                          float *result)
{
    const struct bv_tensor *X = a->node->in[0], *out = a->node->out;
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    int64_t C = out->dim[3], x = at % out->dim[2], y = at / out->dim[2] % out->dim[1];
    int64_t image = at / (out->dim[1] * out->dim[2]) * X->dim[1] * X->dim[2];
    bool max = p->kind == BV_POOL_MAX;
    fill(result, max ? -INFINITY : 0, n);
    for (int i = 0; i < p->kernel_h; i++)
        for (int j = 0; j < p->kernel_w; j++) {
            int64_t row = y * p->stride_h - p->pad_h + i, column = x * p->stride_w - p->pad_w + j;
            if (row >= 0 && row < X->dim[1] && column >= 0 && column < X->dim[2])
                take_in_any(max, X, a->in[0], (image + row * X->dim[2] + column) * C + c, result,
                            n);
        }
    float factor = 1 / ((float)p->kernel_h * (float)p->kernel_w);
    if (!max)
        bv_cpu_isa()->mul(result, &factor, true, result, n);
}

static void pool_pixel(const struct bv_kernel_args *a, int64_t at)
{
    int64_t C = a->node->out->dim[3];
    bool bf16 = a->node->out->dtype == BV_BF16;
    float narrowed[most_channels];
    for (int64_t c = 0, n; c < C; c += n) {
        n = C - c < most_channels ? C - c : most_channels;
        pool_channels(a, at, c, n, bf16 ? narrowed : (float *)a->out + at * C + c);
        if (bf16)
            bv_cpu_isa()->to_bf16(narrowed, n, (uint16_t *)a->out + at * C + c);
    }
}

static void pool_pixels(const struct bv_kernel_args *a, int64_t first, int64_t last)
{
    for (int64_t i = first; i < last; i++)
        pool_pixel(a, i);
}

void bv_cpu_pool2d(const struct bv_kernel_args *a)
{
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    bv_cpu_in_pieces(a, bv_rows(a->node->out),
                     bv_last_dim(a->node->out) * p->kernel_h * p->kernel_w, pool_pixels);
}

static void reduce_items(const struct bv_kernel_args *a, int64_t first, int64_t last)
{
    const struct bv_tensor *x = a->node->in[0];
    enum bv_reduce_kind kind = a->node->params.reduce.kind;
    const int32_t *lengths = a->in[1];
    int64_t T = x->dim[1], C = x->dim[2];
    bool max = kind == BV_REDUCE_MAX;
    for (int64_t b = first; b < last; b++) {
        int64_t rows = lengths ? lengths[b] : T;
        float *out = (float *)a->out + b * C;
        fill(out, max ? -INFINITY : 0, C);
        for (int64_t t = 0; t < rows; t++)
            for (int64_t c = 0, n; c < C; c += n) {
                n = C - c < most_channels ? C - c : most_channels;
                take_in_any(max, x, a->in[0], (b * T + t) * C + c, out + c, n);
            }
        float factor = 1 / (float)rows;
        if (kind == BV_REDUCE_MEAN)
            bv_cpu_isa()->mul(out, &factor, true, out, C);
    }
}

void bv_cpu_reduce(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0];
    bv_cpu_in_pieces(a, x->dim[0], x->dim[1] * x->dim[2], reduce_items);
}
