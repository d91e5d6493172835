// mul: out = a · b, b broadcast to a.
#include "op/kernel.h"

enum bv_status bv_shape_mul(const struct bv_node *node, struct bv_tensor *out, struct bv_error *err)
{
    return bv_shape_broadcast(node, out, err);
}

void bv_reference_mul(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const float *x = a->in[0], *y = a->in[1];
    float *out = a->out;
    for (int64_t i = 0; i < bv_elements(n->out); i++)
        out[i] = x[i] * y[bv_broadcast_offset(n->in[0], n->in[1], i)];
}
