// add: out = act(a + b), b broadcast to a.
#include "op/kernel.h"

enum bv_status bv_shape_add(const struct bv_node *node, struct bv_tensor *out, struct bv_error *err)
{
    return bv_shape_broadcast(node, out, err);
}

void bv_reference_add(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const float *x = a->in[0], *y = a->in[1];
    float *out = a->out;
    for (int64_t i = 0; i < bv_elements(n->out); i++) {
        double sum = (double)x[i] + y[bv_broadcast_offset(n->in[0], n->in[1], i)];
        out[i] = (float)bv_activation_value(n->params.add.activation, sum);
    }
}
