#include "fusion/blocks.h"

#include <stdio.h>

struct bv_tensor *bv_token_at(struct bv_graph *g, struct bv_tensor *x, int64_t i)
{
    if (!x)
        return NULL;
    return bv_reshape(g, bv_slice(g, x, 1, i, 1), 2, (int64_t[]){x->dim[0], x->dim[2]});
}

struct bv_tensor *bv_pooler(struct bv_graph *g, struct bv_tensor *first, const char *format, ...)
{
    char name[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(name, sizeof name, format, args);
    va_end(args);
    if (!bv_weight_optional(g, "%s.dense.weight", name))
        return NULL;
    return bv_activate(g, bv_linear(g, first, "%s.dense", name), BV_ACT_TANH);
}
