// pool2d: maximum or mean over windows of [N,H,W,C].
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_pool2d(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    const struct bv_pool2d_params *p = &node->params.pool2d;
    BV_TRY(bv_expect_floats(node, 1, err));
    if (x->rank != 4 || p->kernel_h < 1 || p->kernel_w < 1 || p->stride_h < 1 || p->stride_w < 1 ||
        p->pad_h < 0 || p->pad_w < 0 || 2 * p->pad_h > p->kernel_h || 2 * p->pad_w > p->kernel_w ||
        x->dim[1] + 2 * p->pad_h < p->kernel_h || x->dim[2] + 2 * p->pad_w < p->kernel_w)
        return bv_fail(err, BV_ERR_MODEL, "the pooling window does not fit the input");
    BV_TRY(bv_shape_same(x, out));
    out->dim[1] = (x->dim[1] + 2 * p->pad_h - p->kernel_h) / p->stride_h + 1;
    out->dim[2] = (x->dim[2] + 2 * p->pad_w - p->kernel_w) / p->stride_w + 1;
    return BV_OK;
}

static double pooled(const struct bv_kernel_args *a, int64_t n, int64_t y, int64_t x, int64_t c)
{
    const struct bv_tensor *X = a->node->in[0];
    const struct bv_pool2d_params *p = &a->node->params.pool2d;
    const float *in = a->in[0];
    double sum = 0, largest = -INFINITY;
    for (int i = 0; i < p->kernel_h; i++)
        for (int j = 0; j < p->kernel_w; j++) {
            int64_t row = y * p->stride_h - p->pad_h + i, column = x * p->stride_w - p->pad_w + j;
            if (row < 0 || row >= X->dim[1] || column < 0 || column >= X->dim[2])
                continue;
            double value = in[((n * X->dim[1] + row) * X->dim[2] + column) * X->dim[3] + c];
            sum += value;
            largest = fmax(largest, value);
        }
    return p->kind == BV_POOL_MAX ? largest : sum / ((double)p->kernel_h * p->kernel_w);
}

void bv_reference_pool2d(const struct bv_kernel_args *a)
{
    const struct bv_tensor *out = a->node->out;
    float *result = a->out;
    for (int64_t n = 0; n < out->dim[0]; n++)
        for (int64_t y = 0; y < out->dim[1]; y++)
            for (int64_t x = 0; x < out->dim[2]; x++)
                for (int64_t c = 0; c < out->dim[3]; c++)
                    *result++ = (float)pooled(a, n, y, x, c);
}
