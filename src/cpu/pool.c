// pool2d and reduce: rows of channels added or compared as vectors.
#include <math.h>

#include "base/thread.h"
#include "cpu/isa.h"
#include "cpu/kernels.h"

static void fill(float *out, float x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = x;
}

enum { most_channels = 512 }; // at a time
enum { most_taps = 256 };     // pixels of a window

bool bv_cpu_pool2d_too_many_taps(const struct bv_node *n)
{
    const struct bv_pool2d_params *p = &n->params.pool2d;
    return p->kernel_h > most_taps / p->kernel_w;
}

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

// The pixels of an output position's window, in order; returns how many lie in the image.
static int window(const struct bv_kernel_args *a, int64_t at, const void **pixels)
{
    const struct bv_tensor *X = a->node->in[0], *out = a->node->out;
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    int64_t x = at % out->dim[2], y = at / out->dim[2] % out->dim[1];
    int64_t image = at / (out->dim[1] * out->dim[2]) * X->dim[1] * X->dim[2];
    size_t pixel = (size_t)X->dim[3] * bv_dtype_size(X->dtype);
    int n = 0;
    for (int i = 0; i < p->kernel_h; i++)
        for (int j = 0; j < p->kernel_w; j++) {
            int64_t row = y * p->stride_h - p->pad_h + i, column = x * p->stride_w - p->pad_w + j;
            if (row >= 0 && row < X->dim[1] && column >= 0 && column < X->dim[2])
                pixels[n++] =
                    (const char *)a->in[0] + (size_t)(image + row * X->dim[2] + column) * pixel;
        }
    return n;
}

static void pool_pixels(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
    const struct bv_tensor *out = a->node->out;
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    const void *pixels[most_taps];
    float factor = 1 / ((float)p->kernel_h * (float)p->kernel_w);
    size_t row = (size_t)out->dim[3] * bv_dtype_size(out->dtype);
    bool in_bf16 = a->node->in[0]->dtype == BV_BF16, out_bf16 = out->dtype == BV_BF16;
    for (int64_t i = first; i < last; i++)
        bv_cpu_isa()->pool(p->kind == BV_POOL_MAX, pixels, window(a, i, pixels), in_bf16, factor,
                           (char *)a->out + (size_t)i * row, out_bf16, out->dim[3]);
}

void bv_cpu_pool2d(const struct bv_kernel_args *a)
{
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    if (bv_cpu_pool2d_too_many_taps(a->node)) {
        bv_reference_pool2d(a);
        return;
    }
    bv_pool_for_ranges(a->pool, bv_rows(a->node->out),
                       bv_last_dim(a->node->out) * p->kernel_h * p->kernel_w, pool_pixels, a);
}

static void reduce_items(const void *arg, int64_t first, int64_t last)
{
    const struct bv_kernel_args *a = arg;
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
    bv_pool_for_ranges(a->pool, x->dim[0], x->dim[1] * x->dim[2], reduce_items, a);
}
