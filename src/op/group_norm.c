// group_norm: normalisation over the positions and the channels of a group.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_group_norm(const struct bv_node *node, struct bv_tensor *out,
                                   struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *offset = node->in[3];
    int groups = node->params.group_norm.groups;
    BV_TRY(bv_expect_floats(node, 4, err));
    if (x->rank != 4 || !node->in[1] || !node->in[2])
        return bv_fail(err, BV_ERR_MODEL, "needs x [N,H,W,C], gamma and beta");
    int64_t C = bv_last_dim(x);
    if (groups < 1 || C % groups != 0)
        return bv_fail(err, BV_ERR_MODEL, "%lld channels in %d groups", (long long)C, groups);
    BV_TRY(bv_expect_vector(node->in[1], C, "gamma", err));
    BV_TRY(bv_expect_vector(node->in[2], C, "beta", err));
    if (offset && (offset->rank != 2 || offset->dim[0] != x->dim[0] || offset->dim[1] != C))
        return bv_fail(err, BV_ERR_MODEL, "the offset is not [N,C]");
    return bv_shape_same(x, out);
}

// One group of one image: x points at its first channel, channels lie C apart from row to row.
struct group {
    const float *x, *offset;
    int64_t rows, C, size;
};

static double value(const struct group *g, int64_t row, int64_t c)
{
    return (double)g->x[row * g->C + c] + (double)(g->offset ? g->offset[c] : 0);
}

static void moments(const struct group *g, double *mean, double *variance)
{
    double n = (double)(g->rows * g->size);
    *mean = *variance = 0;
    for (int64_t i = 0; i < g->rows; i++)
        for (int64_t c = 0; c < g->size; c++)
            *mean += value(g, i, c) / n;
    for (int64_t i = 0; i < g->rows; i++)
        for (int64_t c = 0; c < g->size; c++) {
            double d = value(g, i, c) - *mean;
            *variance += d * d / n;
        }
}

void bv_reference_group_norm(const struct bv_kernel_args *a)
{
    const struct bv_group_norm_params *p = &a->node->params.group_norm;
    const struct bv_tensor *out = a->node->out;
    const float *gamma = a->in[1], *beta = a->in[2], *offset = a->in[3];
    int64_t C = out->dim[3], rows = out->dim[1] * out->dim[2], size = C / p->groups;
    for (int64_t n = 0; n < out->dim[0]; n++)
        for (int64_t first = 0; first < C; first += size) {
            struct group g = {(const float *)a->in[0] + n * rows * C + first,
                              offset ? offset + n * C + first : NULL, rows, C, size};
            double mean, variance;
            moments(&g, &mean, &variance);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t c = 0; c < size; c++) {
                    double y = (value(&g, i, c) - mean) / sqrt(variance + (double)p->eps);
                    y = y * (double)gamma[first + c] + (double)beta[first + c];
                    ((float *)a->out)[(n * rows + i) * C + first + c] =
                        (float)bv_activation_value(p->activation, y);
                }
        }
}
