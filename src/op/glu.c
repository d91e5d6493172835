// glu: one half of the channels, activated, gates the other.
#include "op/kernel.h"

enum bv_status bv_shape_glu(const struct bv_node *node, struct bv_tensor *out, struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    BV_TRY(bv_expect_floats(node, 1, err));
    if (x->rank < 1 || bv_last_dim(x) % 2 != 0)
        return bv_fail(err, BV_ERR_MODEL, "needs an even number of channels");
    BV_TRY(bv_shape_same(x, out));
    out->dim[out->rank - 1] /= 2;
    return BV_OK;
}

void bv_reference_glu(const struct bv_kernel_args *a)
{
    const struct bv_glu_params *p = &a->node->params.glu;
    int64_t rows = bv_rows(a->node->out), C = bv_last_dim(a->node->out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < C; c++) {
            const float *x = (const float *)a->in[0] + 2 * i * C + c;
            double gate = (double)x[p->gate_last ? C : 0], y = (double)x[p->gate_last ? 0 : C];
            ((float *)a->out)[i * C + c] = (float)(bv_activation_value(p->activation, gate) * y);
        }
}
