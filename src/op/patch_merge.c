// patch_merge: the four neighbours of each 2×2 block become channels, columns outermost.
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_patch_merge(const struct bv_node *node, struct bv_tensor *out,
                                    struct bv_error *err)
{
    const struct bv_tensor *x = node->in[0];
    BV_TRY(bv_expect_floats(node, 1, err));
    if (x->rank != 4 || x->dim[1] % 2 || x->dim[2] % 2)
        return bv_fail(err, BV_ERR_MODEL, "needs [N,H,W,C] with even H and W");
    BV_TRY(bv_shape_same(x, out));
    out->dim[1] /= 2;
    out->dim[2] /= 2;
    out->dim[3] *= 4;
    return BV_OK;
}

void bv_reference_patch_merge(const struct bv_kernel_args *a)
{
    const struct bv_tensor *x = a->node->in[0], *out = a->node->out;
    int64_t C = x->dim[3];
    float *to = a->out;
    for (int64_t n = 0; n < out->dim[0]; n++)
        for (int64_t row = 0; row < out->dim[1]; row++)
            for (int64_t column = 0; column < out->dim[2]; column++)
                for (int64_t k = 0; k < 4; k++, to += C) {
                    int64_t y = 2 * row + k % 2, z = 2 * column + k / 2;
                    memcpy(to, (const float *)a->in[0] + ((n * x->dim[1] + y) * x->dim[2] + z) * C,
                           (size_t)C * sizeof(float));
                }
}
