// gather: chosen rows of each sequence.
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_gather(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *index = node->in[1];
    BV_TRY(bv_expect_floats(node, 1, err));
    if (x->rank != 3 || !index || index->dtype != BV_I32 || index->rank != 2 ||
        index->dim[0] != x->dim[0])
        return bv_fail(err, BV_ERR_MODEL, "needs x [B,T,C] and i32 index [B,R]");
    out->dtype = BV_F32;
    out->rank = 3;
    out->dim[0] = x->dim[0];
    out->dim[1] = index->dim[1];
    out->dim[2] = x->dim[2];
    return BV_OK;
}

void bv_reference_gather(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    const int32_t *index = a->in[1];
    size_t C = (size_t)x->dim[2];
    for (int64_t b = 0; b < out->dim[0]; b++)
        for (int64_t r = 0; r < out->dim[1]; r++)
            memcpy((float *)a->out + (size_t)(b * out->dim[1] + r) * C,
                   (const float *)a->in[0] +
                       (size_t)(b * x->dim[1] + index[b * out->dim[1] + r]) * C,
                   C * sizeof(float));
}
