// softmax over the last dimension; a row of only -inf gives zeros.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_softmax(const struct bv_node *node, struct bv_tensor *out,
                                struct bv_error *err)
{
    BV_TRY(bv_expect_floats(node, 1, err));
    if (node->in[0]->rank < 1)
        return bv_fail(err, BV_ERR_MODEL, "needs at least one dimension");
    return bv_shape_same(node->in[0], out);
}

void bv_reference_softmax(const struct bv_kernel_args *a)
{
    int64_t rows = bv_rows(a->node->out), C = bv_last_dim(a->node->out);
    double scale = a->node->params.softmax.scale;
    for (int64_t i = 0; i < rows; i++) {
        const float *x = (const float *)a->in[0] + i * C;
        float *out = (float *)a->out + i * C;
        double largest = -INFINITY, total = 0;
        for (int64_t c = 0; c < C; c++)
            largest = fmax(largest, scale * x[c]);
        for (int64_t c = 0; c < C; c++)
            total += largest == -INFINITY ? 1 : exp(scale * x[c] - largest);
        for (int64_t c = 0; c < C; c++)
            out[c] = largest == -INFINITY ? 0 : (float)(exp(scale * x[c] - largest) / total);
    }
}
