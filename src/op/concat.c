// concat: parts side by side along one axis.
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_concat(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *first = node->in[0];
    int axis = node->params.concat.axis;
    BV_TRY(bv_expect_floats(node, BV_MAX_INPUTS, err));
    if (axis < 0 || axis >= first->rank)
        return bv_fail(err, BV_ERR_MODEL, "axis %d of a rank %d tensor", axis, first->rank);
    BV_TRY(bv_shape_same(first, out));
    for (int i = 1; i < BV_MAX_INPUTS && node->in[i]; i++) {
        for (int d = 0; d < first->rank; d++)
            if (node->in[i]->rank != first->rank ||
                (d != axis && node->in[i]->dim[d] != first->dim[d]))
                return bv_fail(err, BV_ERR_MODEL, "part %d has another shape", i);
        out->dim[axis] += node->in[i]->dim[axis];
    }
    return BV_OK;
}

void bv_reference_concat(const struct bv_kernel_args *a)
{
    const struct bv_tensor *out = a->node->out;
    int axis = a->node->params.concat.axis;
    int64_t outer = 1, inner = 1, at = 0;
    for (int d = 0; d < axis; d++)
        outer *= out->dim[d];
    for (int d = axis + 1; d < out->rank; d++)
        inner *= out->dim[d];
    for (int i = 0; i < BV_MAX_INPUTS && a->node->in[i]; i++) {
        int64_t run = a->node->in[i]->dim[axis] * inner;
        for (int64_t o = 0; o < outer; o++)
            memcpy((float *)a->out + o * out->dim[axis] * inner + at,
                   (const float *)a->in[i] + o * run, (size_t)run * sizeof(float));
        at += run;
    }
}
