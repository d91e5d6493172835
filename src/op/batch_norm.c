// batch_norm: per-channel scale and shift from running statistics.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_batch_norm(const struct bv_node *node, struct bv_tensor *out,
                                   struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    BV_TRY(bv_expect_floats(node, 5, err));
    if (x->rank < 1 || !node->in[1] || !node->in[2])
        return bv_fail(err, BV_ERR_MODEL, "needs x, mean and variance");
    static const char *const what[] = {NULL, "mean", "variance", "gamma", "beta"};
    for (int i = 1; i < 5; i++)
        BV_TRY(bv_expect_vector(node->in[i], bv_last_dim(x), what[i], err));
    return bv_shape_same(x, out);
}

void bv_reference_batch_norm(const struct bv_kernel_args *a)
{
    const struct bv_batch_norm_params *p = &a->node->params.batch_norm;
    const float *x = a->in[0], *mean = a->in[1], *variance = a->in[2], *gamma = a->in[3],
                *beta = a->in[4];
    float *out = a->out;
    int64_t C = bv_last_dim(a->node->out);
    for (int64_t i = 0; i < bv_elements(a->node->out); i++) {
        int64_t c = i % C;
        double y = ((double)x[i] - mean[c]) / sqrt((double)variance[c] + p->eps);
        y = y * (gamma ? gamma[c] : 1) + (beta ? beta[c] : 0);
        out[i] = (float)bv_activation_value(p->activation, y);
    }
}
