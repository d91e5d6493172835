#include "text/encoder.h"

#include <math.h>

struct bv_tensor *bv_bert_sum(struct bv_graph *g, const char *prefix,
                              const struct bv_text_inputs *in, int64_t first_position,
                              int64_t n_positions)
{
    struct bv_tensor *x = bv_embed(g, in->ids, "%sembeddings.word_embeddings.weight", prefix);
    struct bv_tensor *positions = bv_weight(g, "%sembeddings.position_embeddings.weight", prefix);
    x = bv_add(g, x, bv_weight_rows(g, positions, first_position, n_positions));
    struct bv_tensor *types =
        bv_weight_optional(g, "%sembeddings.token_type_embeddings.weight", prefix);
    if (types && in->token_types)
        return bv_add(
            g, x,
            bv_embed(g, in->token_types, "%sembeddings.token_type_embeddings.weight", prefix));
    return types ? bv_add(g, x, bv_weight_rows(g, types, 0, 1)) : x;
}

struct bv_tensor *bv_bert_embeddings(struct bv_graph *g, const char *prefix,
                                     const struct bv_text_inputs *in, int64_t first_position,
                                     int64_t n_positions, float eps)
{
    struct bv_tensor *x = bv_bert_sum(g, prefix, in, first_position, n_positions);
    return bv_layer_norm(g, x, eps, "%sembeddings.LayerNorm", prefix);
}

struct bv_tensor *bv_bert_attention(struct bv_graph *g, const struct bv_transformer *t,
                                    const struct bv_bert_attention *names, struct bv_tensor *x,
                                    struct bv_tensor *lengths, const char *prefix)
{
    struct bv_attention_params a = {.heads = t->heads, .head_dim = (int)bv_dim(x, 2) / t->heads};
    a.scale = 1 / sqrtf((float)a.head_dim);
    struct bv_tensor *q = bv_linear(g, x, "%s%s", prefix, names->query);
    struct bv_tensor *k = bv_linear(g, x, "%s%s", prefix, names->key);
    struct bv_tensor *v = bv_linear(g, x, "%s%s", prefix, names->value);
    return bv_linear(g, bv_attention(g, q, k, v, NULL, lengths, &a), "%s%s", prefix, names->dense);
}

void bv_bert_finish(struct bv_graph *g, struct bv_features *features, struct bv_tensor *x,
                    const char *prefix, const char *pooler)
{
    bv_features_add(g, features, x, "last");
    struct bv_tensor *cls = bv_slice(g, x, 1, 0, 1);
    cls = bv_reshape(g, cls, 2, (int64_t[]){bv_dim(cls, 0), bv_dim(cls, 2)});
    bv_features_add(g, features, cls, "cls");
    if (!bv_weight_optional(g, "%s%s.weight", prefix, pooler))
        return;
    struct bv_tensor *dense = bv_linear(g, cls, "%s%s", prefix, pooler);
    bv_features_add(g, features, bv_activate(g, dense, BV_ACT_TANH), "pooled");
}
