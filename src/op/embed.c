// embed: rows of a table by id; the table keeps its own float type.
#include <string.h>

#include "op/kernel.h"

enum bv_status bv_shape_embed(const struct bv_node *node, struct bv_tensor *out,
                              struct bv_error *err)
{
    const struct bv_tensor *ids = node->in[0], *table = node->in[1];
    if (ids->dtype != BV_I32 || ids->rank >= BV_MAX_RANK || !table || table->rank != 2)
        return bv_fail(err, BV_ERR_MODEL, "needs i32 ids and a [V,C] table");
    out->dtype = BV_F32;
    out->rank = ids->rank + 1;
    memcpy(out->dim, ids->dim, sizeof out->dim);
    out->dim[ids->rank] = table->dim[1];
    return BV_OK;
}

void bv_reference_embed(const struct bv_kernel_args *a)
{
    const struct bv_tensor *table = a->node->in[1];
    const int32_t *ids = a->in[0];
    size_t C = (size_t)table->dim[1], row_bytes = C * bv_dtype_size(table->dtype);
    for (int64_t i = 0; i < bv_elements(a->node->in[0]); i++)
        bv_dtype_to_f32(table->dtype, (const char *)a->in[1] + (size_t)ids[i] * row_bytes,
                        (float *)a->out + (size_t)i * C, C);
}
