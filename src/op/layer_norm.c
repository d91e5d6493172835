// layer_norm: normalisation over the last dimension, of x or of x + residual.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_layer_norm(const struct bv_node *node, struct bv_tensor *out,
                                   struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    BV_TRY(bv_expect_floats(node, 4, err));
    if (x->rank < 1 || !node->in[1] || !node->in[2])
        return bv_fail(err, BV_ERR_MODEL, "needs x, gamma and beta");
    BV_TRY(bv_expect_vector(node->in[1], bv_last_dim(x), "gamma", err));
    BV_TRY(bv_expect_vector(node->in[2], bv_last_dim(x), "beta", err));
    if (node->in[3] && bv_elements(node->in[3]) != bv_elements(x))
        return bv_fail(err, BV_ERR_MODEL, "the residual has another shape");
    return bv_shape_same(x, out);
}

void bv_reference_layer_norm(const struct bv_kernel_args *a)
{
    const float *gamma = a->in[1], *beta = a->in[2];
    int64_t rows = bv_rows(a->node->out), C = bv_last_dim(a->node->out);
    for (int64_t i = 0; i < rows; i++) {
        const float *x = (const float *)a->in[0] + i * C;
        const float *residual = a->in[3] ? (const float *)a->in[3] + i * C : NULL;
        float *out = (float *)a->out + i * C;
        double mean = 0, variance = 0;
        for (int64_t c = 0; c < C; c++)
            mean += (double)x[c] + (residual ? residual[c] : 0);
        mean /= (double)C;
        for (int64_t c = 0; c < C; c++) {
            double d = (double)x[c] + (residual ? residual[c] : 0) - mean;
            variance += d * d;
        }
        double factor = 1 / sqrt(variance / (double)C + a->node->params.layer_norm.eps);
        for (int64_t c = 0; c < C; c++) {
            double y = (double)x[c] + (residual ? residual[c] : 0);
            out[c] = (float)((y - mean) * factor * gamma[c] + beta[c]);
        }
    }
}
