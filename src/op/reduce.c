// reduce: [B,T,C] to [B,C] over T, or over the first lengths[b] rows.
#include <math.h>

#include "op/kernel.h"

enum bv_status bv_shape_reduce(const struct bv_node *node, struct bv_tensor *out,
                               struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0], *lengths = node->in[1];
    BV_TRY(bv_expect_floats(node, 1, err));
    if (x->rank != 3)
        return bv_fail(err, BV_ERR_MODEL, "needs [B,T,C]");
    if (lengths && (lengths->dtype != BV_I32 || lengths->rank != 1 || lengths->dim[0] != x->dim[0]))
        return bv_fail(err, BV_ERR_MODEL, "lengths must be one i32 per sequence");
    out->dtype = BV_F32;
    out->rank = 2;
    out->dim[0] = x->dim[0];
    out->dim[1] = x->dim[2];
    return BV_OK;
}

void bv_reference_reduce(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0];
    enum bv_reduce_kind kind = a->node->params.reduce.kind;
    const int32_t *lengths = a->in[1];
    int64_t T = x->dim[1], C = x->dim[2];
    for (int64_t b = 0; b < x->dim[0]; b++) {
        int64_t n = lengths ? lengths[b] : T;
        for (int64_t c = 0; c < C; c++) {
            double sum = 0, largest = -INFINITY;
            for (int64_t t = 0; t < n; t++) {
                double value = ((const float *)a->in[0])[(b * T + t) * C + c];
                sum += value;
                largest = fmax(largest, value);
            }
            double value = kind == BV_REDUCE_MAX    ? largest
                           : kind == BV_REDUCE_MEAN ? sum / (double)n
                                                    : sum;
            ((float *)a->out)[b * C + c] = (float)value;
        }
    }
}
