// scale: out = factor · x + offset.
#include "op/kernel.h"

enum bv_status bv_shape_scale(const struct bv_node *node, struct bv_tensor *out,
                              struct bv_error *err)
{
    BV_TRY(bv_expect_floats(node, 1, err));
    return bv_shape_same(node->in[0], out);
}

void bv_reference_scale(const struct bv_kernel_args *a)
{
    const struct bv_scale_params *p = &a->node->params.scale;
    const float *x = a->in[0];
    float *out = a->out;
    for (int64_t i = 0; i < bv_elements(a->node->out); i++)
        out[i] = (float)((double)p->factor * x[i] + p->offset);
}
