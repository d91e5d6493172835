// expand: dimensions of size 1 repeated.
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_expand(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    const int64_t *dim = node->params.expand.dim;
    BV_TRY(bv_expect_floats(node, 1, err));
    for (int d = 0; d < x->rank; d++)
        if (x->dim[d] != dim[d] && x->dim[d] != 1)
            return bv_fail(err, BV_ERR_MODEL, "dimension %d is %lld, not 1", d,
                           (long long)x->dim[d]);
    out->dtype = BV_F32;
    out->rank = x->rank;
    memcpy(out->dim, dim, sizeof out->dim);
    return BV_OK;
}

void bv_reference_expand(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    for (int64_t i = 0; i < bv_elements(out); i++)
        ((float *)a->out)[i] = ((const float *)a->in[0])[bv_broadcast_offset(out, x, i)];
}
