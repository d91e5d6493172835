// BERT (Devlin et al. 2019) and RoBERTa (Liu et al. 2019), as Hugging Face writes them.
//
//   x = LN(word + position + token type)
//   encoder.layer.i:  x = LN(x + attention.output.dense(attention(query, key, value)))
//                     x = LN(x + output.dense(gelu(intermediate.dense(x))))        (post-LN)
//   pooler: tanh(dense(x[CLS]))
//
// RoBERTa differs in its constants: one token type, and positions count from 2 (the padding id +
// 1). Configuration: "arch" ("bert" or "roberta"), "heads" (width / 64), "eps" (BERT 1e-12, RoBERTa
// 1e-5), "activation" ("gelu", "gelu_tanh", "relu"), "one_position" (false; MGCA's code passes
// token types where positions belong, so that every token stands at position 0). Features:
// "hidden.0" (embeddings) … "hidden.L", "last" [B,T,C]; "cls" [B,C]; "pooled" [B,C] where the model
// has a pooler.
#include <math.h>
#include <string.h>

#include "text/encoder.h"

struct bert {
    int heads;
    float eps;
    enum bv_activation activation;
    int64_t first_position;
    bool one_position; // all tokens have the first one
};

static struct bv_tensor *embeddings(struct bv_graph *g, const struct bert *c, const char *prefix,
                                    const struct bv_text_inputs *in)
{
    int64_t T = bv_dim(in->ids, 1);
    struct bv_tensor *x = bv_embed(g, in->ids, "%sembeddings.word_embeddings.weight", prefix);
    struct bv_tensor *positions = bv_weight(g, "%sembeddings.position_embeddings.weight", prefix);
    x = bv_add(g, x, bv_weight_rows(g, positions, c->first_position, c->one_position ? 1 : T));
    struct bv_tensor *types =
        bv_weight_optional(g, "%sembeddings.token_type_embeddings.weight", prefix);
    if (types && in->token_types)
        x = bv_add(
            g, x,
            bv_embed(g, in->token_types, "%sembeddings.token_type_embeddings.weight", prefix));
    else if (types)
        x = bv_add(g, x, bv_weight_rows(g, types, 0, 1));
    return bv_layer_norm(g, x, c->eps, "%sembeddings.LayerNorm", prefix);
}

static struct bv_tensor *layer(struct bv_graph *g, const struct bert *c, struct bv_tensor *x,
                               struct bv_tensor *lengths, const char *p)
{
    struct bv_attention_params a = {.heads = c->heads, .head_dim = (int)bv_dim(x, 2) / c->heads};
    a.scale = 1 / sqrtf((float)a.head_dim);
    struct bv_tensor *q = bv_linear(g, x, "%sattention.self.query", p);
    struct bv_tensor *k = bv_linear(g, x, "%sattention.self.key", p);
    struct bv_tensor *v = bv_linear(g, x, "%sattention.self.value", p);
    struct bv_tensor *y = bv_attention(g, q, k, v, NULL, lengths, &a);
    y = bv_linear(g, y, "%sattention.output.dense", p);
    x = bv_layer_norm(g, bv_add(g, y, x), c->eps, "%sattention.output.LayerNorm", p);
    y = bv_activate(g, bv_linear(g, x, "%sintermediate.dense", p), c->activation);
    y = bv_linear(g, y, "%soutput.dense", p);
    return bv_layer_norm(g, bv_add(g, y, x), c->eps, "%soutput.LayerNorm", p);
}

static enum bv_activation activation_named(const char *name)
{
    if (strcmp(name, "gelu_tanh") == 0 || strcmp(name, "gelu_new") == 0)
        return BV_ACT_GELU_TANH;
    return strcmp(name, "relu") == 0 ? BV_ACT_RELU : BV_ACT_GELU;
}

void bv_text_bert(struct bv_graph *g, const json_t *config, const char *prefix,
                  const struct bv_text_inputs *in, struct bv_features *features)
{
    bool roberta = strcmp(bv_json_string(config, "arch", "bert"), "roberta") == 0;
    int64_t C = bv_dim(bv_weight(g, "%sembeddings.word_embeddings.weight", prefix), 1);
    struct bert c = {
        .heads = (int)bv_json_integer(config, "heads", C >= 64 ? C / 64 : 1),
        .eps = (float)bv_json_number(config, "eps", roberta ? 1e-5 : 1e-12),
        .activation = activation_named(bv_json_string(config, "activation", "gelu")),
        .first_position = roberta ? 2 : 0,
        .one_position = bv_json_boolean(config, "one_position", false),
    };
    if (c.heads < 1 || C % c.heads != 0) {
        (void)bv_graph_fail(g, BV_ERR_MODEL, "%d heads do not divide a width of %lld", c.heads,
                            (long long)C);
        return;
    }
    struct bv_tensor *x = embeddings(g, &c, prefix, in);
    bv_features_add(g, features, x, "hidden.0");
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sencoder.layer.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%sattention.self.query.weight", p)))
            break;
        x = layer(g, &c, x, in->lengths, p);
        bv_features_add(g, features, x, "hidden.%d", i + 1);
    }
    bv_features_add(g, features, x, "last");
    struct bv_tensor *cls = bv_slice(g, x, 1, 0, 1);
    cls = bv_reshape(g, cls, 2, (int64_t[]){bv_dim(cls, 0), bv_dim(cls, 2)});
    bv_features_add(g, features, cls, "cls");
    if (bv_weight_optional(g, "%spooler.dense.weight", prefix))
        bv_features_add(g, features,
                        bv_activate(g, bv_linear(g, cls, "%spooler.dense", prefix), BV_ACT_TANH),
                        "pooled");
}
