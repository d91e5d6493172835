// conv2d: cross-correlation of [N,H,W,C] with [O,KH,KW,C/groups], zero padding.
#include "op/kernel.h"

static int64_t out_size(int64_t in, int64_t kernel, int stride, int pads, int dilation)
{
    int64_t span = dilation * (kernel - 1) + 1;
    return in + pads < span ? 0 : (in + pads - span) / stride + 1;
}

enum bv_status bv_shape_conv2d(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *w = node->in[1], *residual = node->in[3];
    const struct bv_conv2d_params *p = &node->params.conv2d;
    BV_TRY(bv_expect_floats(node, 4, err));
    if (p->stride_h < 1 || p->stride_w < 1 || p->pad_h < 0 || p->pad_w < 0 || p->more_h < 0 ||
        p->more_w < 0 || p->dilation_h < 1 || p->dilation_w < 1 || p->groups < 1)
        return bv_fail(err, BV_ERR_MODEL, "impossible stride, padding, dilation or groups");
    if (!w || x->rank != 4 || w->rank != 4 || w->dim[3] * p->groups != x->dim[3] ||
        w->dim[0] % p->groups != 0)
        return bv_fail(err, BV_ERR_MODEL, "weight \"%s\" does not take %lld channels",
                       w ? w->name : "?", x->rank == 4 ? (long long)x->dim[3] : 0);
    BV_TRY(bv_expect_vector(node->in[2], w->dim[0], "bias", err));
    out->dtype = BV_F32;
    out->rank = 4;
    out->dim[0] = x->dim[0];
    out->dim[1] =
        out_size(x->dim[1], w->dim[1], p->stride_h, 2 * p->pad_h + p->more_h, p->dilation_h);
    out->dim[2] =
        out_size(x->dim[2], w->dim[2], p->stride_w, 2 * p->pad_w + p->more_w, p->dilation_w);
    out->dim[3] = w->dim[0];
    if (out->dim[1] < 1 || out->dim[2] < 1)
        return bv_fail(err, BV_ERR_MODEL, "the kernel is larger than the padded input");
    if (residual && bv_elements(residual) != bv_elements(out))
        return bv_fail(err, BV_ERR_MODEL, "the residual has another shape");
    return BV_OK;
}

// Σ over the kernel window at output position (n, y, x) for output channel o.
static double window_sum(const struct bv_kernel_args *a, int64_t n, int64_t y, int64_t x, int64_t o)
{
    const struct bv_tensor *X = a->node->in[0], *W = a->node->in[1];
    const struct bv_conv2d_params *p = &a->node->params.conv2d;
    const float *in = a->in[0], *w = a->in[1];
    int64_t C = W->dim[3], first = o / (W->dim[0] / p->groups) * C;
    double sum = 0;
    for (int64_t i = 0; i < W->dim[1]; i++)
        for (int64_t j = 0; j < W->dim[2]; j++) {
            int64_t row = y * p->stride_h - p->pad_h + i * p->dilation_h;
            int64_t column = x * p->stride_w - p->pad_w + j * p->dilation_w;
            if (row < 0 || row >= X->dim[1] || column < 0 || column >= X->dim[2])
                continue;
            const float *pixel = in + ((n * X->dim[1] + row) * X->dim[2] + column) * X->dim[3];
            for (int64_t c = 0; c < C; c++)
                sum += (double)pixel[first + c] * w[((o * W->dim[1] + i) * W->dim[2] + j) * C + c];
        }
    return sum;
}

void bv_reference_conv2d(const struct bv_kernel_args *a)
{
    const struct bv_tensor *out = a->node->out;
    const float *bias = a->in[2], *residual = a->in[3];
    float *result = a->out;
    for (int64_t n = 0; n < out->dim[0]; n++)
        for (int64_t y = 0; y < out->dim[1]; y++)
            for (int64_t x = 0; x < out->dim[2]; x++)
                for (int64_t o = 0; o < out->dim[3]; o++) {
                    int64_t at = ((n * out->dim[1] + y) * out->dim[2] + x) * out->dim[3] + o;
                    double sum = window_sum(a, n, y, x, o) + (bias ? bias[o] : 0) +
                                 (residual ? residual[at] : 0);
                    result[at] = (float)bv_activation_value(a->node->params.conv2d.activation, sum);
                }
}
