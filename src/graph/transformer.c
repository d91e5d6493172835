#include "graph/transformer.h"

#include <math.h>

bool bv_transformer_fits(struct bv_graph *g, const struct bv_transformer *t, int64_t width)
{
    if (t->heads > 0 && width % t->heads == 0)
        return true;
    (void)bv_graph_fail(g, BV_ERR_MODEL, "%d heads do not divide a width of %lld", t->heads,
                        (long long)width);
    return false;
}

static struct bv_tensor *self_attention(struct bv_graph *g, const struct bv_transformer *t,
                                        struct bv_tensor *x, const char *prefix)
{
    int C = (int)bv_dim(x, 2);
    struct bv_attention_params a = {
        .heads = t->heads, .head_dim = C / t->heads, .causal = t->causal};
    a.scale = 1 / sqrtf((float)a.head_dim);
    a.k_offset = C;
    a.v_offset = 2 * (int64_t)C;
    struct bv_tensor *qkv = bv_linear(g, x, "%sattn.qkv", prefix);
    x = bv_attention(g, qkv, qkv, qkv, NULL, NULL, &a);
    return bv_linear(g, x, "%sattn.proj", prefix);
}

struct bv_tensor *bv_transformer_block(struct bv_graph *g, const struct bv_transformer *t,
                                       struct bv_tensor *x, const char *prefix)
{
    struct bv_tensor *y = bv_layer_norm(g, x, t->eps, "%snorm1", prefix);
    x = bv_add(g, self_attention(g, t, y, prefix), x);
    y = bv_layer_norm(g, x, t->eps, "%snorm2", prefix);
    y = bv_activate(g, bv_linear(g, y, "%smlp.fc1", prefix), t->activation);
    return bv_add(g, bv_linear(g, y, "%smlp.fc2", prefix), x);
}
