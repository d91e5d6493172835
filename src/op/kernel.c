#include "op/kernel.h"

#include <string.h>

bv_kernel *bv_reference(enum bv_op op)
{
    static bv_kernel *const kernels[BV_OP_COUNT] = {
#define BV_OP(name, inputs) [BV_OP_##name] = bv_reference_##name,
#include "graph/oplist.h"
#undef BV_OP
    };
    return kernels[op];
}

enum bv_status bv_shape_same(const struct bv_tensor *x, struct bv_tensor *out)
{
    out->dtype = BV_F32;
    out->rank = x->rank;
    memcpy(out->dim, x->dim, sizeof out->dim);
    return BV_OK;
}

enum bv_status bv_expect_vector(const struct bv_tensor *t, int64_t n, const char *what,
                                struct bv_error *err)
{
    if (t && (t->rank != 1 || t->dim[0] != n))
        return bv_fail(err, BV_ERR_MODEL, "%s \"%s\" must have %lld elements", what,
                       t->name ? t->name : "?", (long long)n);
    return BV_OK;
}

enum bv_status bv_expect_floats(const struct bv_node *node, int n_inputs, struct bv_error *err)
{
    for (int i = 0; i < n_inputs; i++) {
        const struct bv_tensor *t = node->in[i];
        if (t && t->dtype != BV_F32 && t->dtype != BV_F16 && t->dtype != BV_BF16)
            return bv_fail(err, BV_ERR_MODEL, "\"%s\" is %s, not a float type",
                           t->name ? t->name : "?", bv_dtype_name(t->dtype));
    }
    return BV_OK;
}

int64_t bv_broadcast_offset(const struct bv_tensor *a, const struct bv_tensor *b, int64_t at)
{
    int64_t offset = 0, stride = 1;
    for (int i = a->rank - 1, k = b->rank - 1; k >= 0; i--, k--) {
        int64_t position = at % a->dim[i];
        at /= a->dim[i];
        if (b->dim[k] != 1)
            offset += position * stride;
        stride *= b->dim[k];
    }
    return offset;
}

enum bv_status bv_shape_broadcast(const struct bv_node *node, struct bv_tensor *out,
                                  struct bv_error *err)
{
    const struct bv_tensor *a = node->in[0], *b = node->in[1];
    BV_TRY(bv_expect_floats(node, 2, err));
    bool fits = b->rank <= a->rank;
    for (int i = a->rank - 1, k = b->rank - 1; fits && k >= 0; i--, k--)
        fits = b->dim[k] == 1 || b->dim[k] == a->dim[i];
    if (!fits)
        return bv_fail(err, BV_ERR_MODEL, "the second operand does not broadcast to the first");
    return bv_shape_same(a, out);
}
