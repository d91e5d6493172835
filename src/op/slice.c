// slice: count elements of one axis, from start, every step-th.
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_slice(const struct bv_node *node, struct bv_tensor *out,
                              struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    const struct bv_slice_params *p = &node->params.slice;
    BV_TRY(bv_expect_floats(node, 1, err));
    if (p->axis < 0 || p->axis >= x->rank || p->start < 0 || p->count < 1 || p->step < 1 ||
        p->start >= x->dim[p->axis] || p->count - 1 > (x->dim[p->axis] - 1 - p->start) / p->step)
        return bv_fail(err, BV_ERR_MODEL, "slice %lld:%lld of axis %d is outside the tensor",
                       (long long)p->start, (long long)p->count, p->axis);
    BV_TRY(bv_shape_same(x, out));
    out->dim[p->axis] = p->count;
    return BV_OK;
}

void bv_reference_slice(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0];
    const struct bv_slice_params *p = &a->node->params.slice;
    int64_t outer = 1, inner = 1;
    for (int d = 0; d < p->axis; d++)
        outer *= x->dim[d];
    for (int d = p->axis + 1; d < x->rank; d++)
        inner *= x->dim[d];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < p->count; i++)
            memcpy((float *)a->out + (o * p->count + i) * inner,
                   (const float *)a->in[0] + (o * x->dim[p->axis] + p->start + i * p->step) * inner,
                   (size_t)inner * sizeof(float));
}
