// Attention pooling with a learned query: SigLIP's head (Zhai et al. 2023), timm's
// AttentionPoolLatent.
//
//   x = pool.attn.proj(attention(q of pool.probe, k and v of the tokens))    (nothing is added)
//   x += pool.mlp.fc2(act(pool.mlp.fc1(pool.norm(x))))
//
// Query, key and value are stacked in pool.attn.qkv, or pool.attn.q stands beside pool.attn.kv.
#include <math.h>

#include "vision/vision.h"

static struct bv_tensor *attend(struct bv_graph *g, const struct bv_transformer *c,
                                struct bv_tensor *tokens, const char *prefix)
{
    int64_t N = bv_dim(tokens, 0), C = bv_dim(tokens, 2);
    struct bv_attention_params a = {.heads = c->heads, .head_dim = (int)C / c->heads};
    struct bv_tensor *probe = bv_weight(g, "%spool.probe", prefix), *q = NULL, *kv = NULL;
    probe = bv_reshape(g, probe, 3, (int64_t[]){1, 1, C});
    a.scale = 1 / sqrtf((float)a.head_dim);
    if (bv_weight_optional(g, "%spool.attn.q.weight", prefix)) {
        q = bv_linear(g, probe, "%spool.attn.q", prefix);
        kv = bv_linear(g, tokens, "%spool.attn.kv", prefix);
        a.v_offset = C;
    } else {
        q = bv_slice(g, bv_linear(g, probe, "%spool.attn.qkv", prefix), 2, 0, C);
        kv = bv_linear(g, tokens, "%spool.attn.qkv", prefix);
        a.k_offset = C;
        a.v_offset = 2 * C;
    }
    struct bv_tensor *y = bv_attention(g, bv_batch_of(g, q, N), kv, kv, NULL, NULL, &a);
    return bv_linear(g, y, "%spool.attn.proj", prefix);
}

void bv_vision_probe_pool(struct bv_graph *g, const struct bv_transformer *c,
                          struct bv_tensor *tokens, const char *prefix,
                          struct bv_features *features)
{
    int64_t N = bv_dim(tokens, 0), C = bv_dim(tokens, 2);
    struct bv_tensor *x = attend(g, c, tokens, prefix);
    bv_features_add(g, features, bv_reshape(g, x, 2, (int64_t[]){N, C}), "pool_attention");
    struct bv_tensor *y = bv_layer_norm(g, x, c->eps, "%spool.norm", prefix);
    y = bv_activate(g, bv_linear(g, y, "%spool.mlp.fc1", prefix), c->activation);
    x = bv_add(g, bv_linear(g, y, "%spool.mlp.fc2", prefix), x);
    bv_features_add(g, features, bv_reshape(g, x, 2, (int64_t[]){N, C}), "pool");
}
