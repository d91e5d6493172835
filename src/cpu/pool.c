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

static void take_in(bool max, const float *x, float *out, int64_t n)
{
    if (max)
        bv_cpu_isa()->max(x, out, out, n);
    else
        bv_cpu_isa()->add(BV_ACT_NONE, out, x, false, out, n);
}

// One output position: [C] from the window's pixels in order.
static void pool_pixel(const struct bv_kernel_args *a, int64_t at)
{
    const struct bv_tensor *X = a->node->in[0], *out = a->node->out;
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    int64_t C = out->dim[3], x = at % out->dim[2], y = at / out->dim[2] % out->dim[1];
    const float *image =
        (const float *)a->in[0] + at / (out->dim[1] * out->dim[2]) * X->dim[1] * X->dim[2] * C;
    float *result = (float *)a->out + at * C;
    bool max = p->kind == BV_POOL_MAX;
    fill(result, max ? -INFINITY : 0, C);
    for (int i = 0; i < p->kernel_h; i++)
        for (int j = 0; j < p->kernel_w; j++) {
            int64_t row = y * p->stride_h - p->pad_h + i, column = x * p->stride_w - p->pad_w + j;
            if (row >= 0 && row < X->dim[1] && column >= 0 && column < X->dim[2])
                take_in(max, image + (row * X->dim[2] + column) * C, result, C);
        }
    float factor = 1 / ((float)p->kernel_h * (float)p->kernel_w);
    if (!max)
        bv_cpu_isa()->mul(result, &factor, true, result, C);
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
        int64_t n = lengths ? lengths[b] : T;
        float *out = (float *)a->out + b * C;
        fill(out, max ? -INFINITY : 0, C);
        for (int64_t t = 0; t < n; t++)
            take_in(max, (const float *)a->in[0] + (b * T + t) * C, out, C);
        float factor = 1 / (float)n;
        if (kind == BV_REDUCE_MEAN)
            bv_cpu_isa()->mul(out, &factor, true, out, C);
    }
}

void bv_cpu_reduce(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0];
    bv_cpu_in_pieces(a, x->dim[0], x->dim[1] * x->dim[2], reduce_items);
}
