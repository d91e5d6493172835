// permute: dimensions in another order.
#include "op/kernel.h"

enum bv_status bv_shape_permute(const struct bv_node *node, struct bv_tensor *out,
                                struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    const int *order = node->params.permute.order;
    BV_TRY(bv_expect_floats(node, 1, err));
    unsigned seen = 0;
    out->dtype = BV_F32;
    out->rank = x->rank;
    for (int i = 0; i < x->rank; i++) {
        if (order[i] < 0 || order[i] >= x->rank || (seen >> order[i] & 1u))
            return bv_fail(err, BV_ERR_MODEL, "not a permutation of %d dimensions", x->rank);
        seen |= 1u << order[i];
        out->dim[i] = x->dim[order[i]];
    }
    return BV_OK;
}

void bv_reference_permute(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    int64_t stride[BV_MAX_RANK] = {0}, step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        for (int i = 0; i < x->rank; i++)
            if (a->node->params.permute.order[i] == d)
                stride[i] = step;
        step *= x->dim[d];
    }
    for (int64_t i = 0; i < bv_elements(out); i++) {
        int64_t rest = i, at = 0;
        for (int d = out->rank - 1; d >= 0; d--) {
            at += rest % out->dim[d] * stride[d];
            rest /= out->dim[d];
        }
        ((float *)a->out)[i] = ((const float *)a->in[0])[at];
    }
}
