// interpolate: [N,H,W,C] to another grid, as torch.nn.functional.interpolate without antialiasing.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_interpolate(const struct bv_node *node, struct bv_tensor *out,
                                    struct bv_error *err)
{
    const struct bv_interpolate_params *p = &node->params.interpolate;
    BV_TRY(bv_expect_floats(node, 1, err));
    if (node->in[0]->rank != 4 || p->out_h < 1 || p->out_w < 1)
        return bv_fail(err, BV_ERR_MODEL, "needs [N,H,W,C] and a positive size");
    BV_TRY(bv_shape_same(node->in[0], out));
    out->dim[1] = p->out_h;
    out->dim[2] = p->out_w;
    return BV_OK;
}

// PyTorch's source coordinate of output position i, in f32 as PyTorch computes it.
static float source(const struct bv_interpolate_params *p, int64_t i, int64_t in, int64_t out)
{
    if (p->align_corners)
        return out > 1 ? (float)(in - 1) / (float)(out - 1) * (float)i : 0;
    float scale = (float)in / (float)out;
    if (p->mode == BV_INTERPOLATE_NEAREST)
        return scale * (float)i;
    float at = scale * ((float)i + 0.5f) - 0.5f;
    return p->mode == BV_INTERPOLATE_BILINEAR && at < 0 ? 0 : at;
}

// Cubic convolution with a = -0.75 (Keys 1981) for the taps at -1, 0, 1, 2 around fraction t.
static void cubic(double t, double weight[4])
{
    const double A = -0.75;
    for (int k = 0; k < 4; k++) {
        double d = fabs(t - (k - 1));
        weight[k] = d <= 1 ? ((A + 2) * d - (A + 3)) * d * d + 1
                           : ((A * d - 5 * A) * d + 8 * A) * d - 4 * A;
    }
}

int64_t bv_interpolate_nearest(const struct bv_interpolate_params *p, int64_t i, int64_t in,
                               int64_t out)
{
    int64_t base = (int64_t)floorf(source(p, i, in, out));
    return base < in ? base : in - 1;
}

// Up to four taps and their weights along one axis; returns their number.
static int taps(const struct bv_interpolate_params *p, int64_t i, int64_t in, int64_t out,
                int64_t at[4], double weight[4])
{
    if (p->mode == BV_INTERPOLATE_NEAREST) {
        at[0] = bv_interpolate_nearest(p, i, in, out);
        weight[0] = 1;
        return 1;
    }
    float where = source(p, i, in, out);
    int64_t base = (int64_t)floorf(where);
    double t = where - (float)base;
    if (p->mode == BV_INTERPOLATE_BILINEAR) {
        at[0] = base;
        at[1] = base + 1 < in ? base + 1 : in - 1;
        weight[0] = 1 - t;
        weight[1] = t;
        return 2;
    }
    cubic(t, weight);
    for (int k = 0; k < 4; k++) {
        int64_t tap = base - 1 + k;
        at[k] = tap < 0 ? 0 : tap >= in ? in - 1 : tap;
    }
    return 4;
}

void bv_reference_interpolate(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    const struct bv_interpolate_params *p = &a->node->params.interpolate;
    int64_t H = x->dim[1], W = x->dim[2], C = x->dim[3];
    float *result = a->out;
    for (int64_t n = 0; n < out->dim[0]; n++)
        for (int64_t y = 0; y < out->dim[1]; y++)
            for (int64_t z = 0; z < out->dim[2]; z++) {
                int64_t rows[4], columns[4];
                double row_weight[4], column_weight[4];
                int n_rows = taps(p, y, H, out->dim[1], rows, row_weight);
                int n_columns = taps(p, z, W, out->dim[2], columns, column_weight);
                for (int64_t c = 0; c < C; c++) {
                    double sum = 0;
                    for (int i = 0; i < n_rows; i++)
                        for (int j = 0; j < n_columns; j++)
                            sum += row_weight[i] * column_weight[j] *
                                   ((const float *)
                                        a->in[0])[((n * H + rows[i]) * W + columns[j]) * C + c];
                    *result++ = (float)sum;
                }
            }
}
