// l2_normalize: rows of the last dimension to unit length.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_l2_normalize(const struct bv_node *node, struct bv_tensor *out,
                                     struct bv_error *err)
{
    BV_TRY(bv_expect_floats(node, 1, err));
    if (node->in[0]->rank < 1)
        return bv_fail(err, BV_ERR_MODEL, "needs at least one dimension");
    return bv_shape_same(node->in[0], out);
}

void bv_reference_l2_normalize(const struct bv_kernel_args *a)
{
    int64_t rows = bv_rows(a->node->out), C = bv_last_dim(a->node->out);
    for (int64_t i = 0; i < rows; i++) {
        const float *x = (const float *)a->in[0] + i * C;
        double sum = 0;
        for (int64_t c = 0; c < C; c++)
            sum += (double)x[c] * x[c];
        double norm = fmax(sqrt(sum), a->node->params.l2_normalize.eps);
        for (int64_t c = 0; c < C; c++)
            ((float *)a->out)[i * C + c] = (float)(x[c] / norm);
    }
}
