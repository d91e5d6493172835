// ALBERT (Lan et al. 2020), as Hugging Face writes it: narrow embeddings, and layers that share
// their weights.
//
//   x = LN(word + position + token type) [B,T,E]; encoder.embedding_hidden_mapping_in(x) [B,T,C]
//   layers times, the group g = i / (layers / groups), each layer l of the group, p =
//   encoder.albert_layer_groups.g.albert_layers.l:
//     x = attention.LayerNorm(x + attention.dense(attention(query, key, value)))
//     x = full_layer_layer_norm(x + ffn_output(gelu(ffn(x))))
//   pooler: tanh(pooler(x[CLS]))
//
// Configuration: "layers" (12; no tensor tells), "heads" (width / 64), "eps" (1e-12), "activation"
// ("gelu_new").
// Features: as BERT.
#include "text/encoder.h"

static struct bv_tensor *layer(struct bv_graph *g, const struct bv_transformer *c,
                               struct bv_tensor *x, struct bv_tensor *lengths, const char *p)
{
    static const struct bv_bert_attention names = {"attention.query", "attention.key",
                                                   "attention.value", "attention.dense"};
    struct bv_tensor *y = bv_bert_attention(g, c, &names, x, lengths, p);
    x = bv_layer_norm(g, bv_add(g, y, x), c->eps, "%sattention.LayerNorm", p);
    y = bv_activate(g, bv_linear(g, x, "%sffn", p), c->activation);
    y = bv_linear(g, y, "%sffn_output", p);
    return bv_layer_norm(g, bv_add(g, y, x), c->eps, "%sfull_layer_layer_norm", p);
}

static int count_groups(struct bv_graph *g, const char *prefix)
{
    int n = 1;
    while (bv_weight_optional(
        g, "%sencoder.albert_layer_groups.%d.albert_layers.0.attention.query.weight", prefix, n))
        n++;
    return n;
}

void bv_text_albert(struct bv_graph *g, const json_t *config, const char *prefix,
                    const struct bv_text_inputs *in, struct bv_features *features)
{
    int64_t C = bv_dim(bv_weight(g, "%sencoder.embedding_hidden_mapping_in.weight", prefix), 0);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-12);
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_tensor *x = bv_bert_sum(g, prefix, in, 0, bv_dim(in->ids, 1));
    x = bv_layer_norm(g, x, c.eps, "%sembeddings.LayerNorm", prefix);
    x = bv_linear(g, x, "%sencoder.embedding_hidden_mapping_in", prefix);
    bv_features_add(g, features, x, "hidden.0");
    int layers = (int)bv_json_integer(config, "layers", 12), groups = count_groups(g, prefix);
    if (layers < groups || layers > 64) {
        (void)bv_graph_fail(g, BV_ERR_MODEL, "%d layers in %d groups", layers, groups);
        return;
    }
    for (int i = 0; i < layers; i++) {
        int group = i * groups / layers;
        for (int l = 0;; l++) {
            const char *p = bv_arena_printf(
                &g->arena, "%sencoder.albert_layer_groups.%d.albert_layers.%d.", prefix, group, l);
            if (!p || (l > 0 && !bv_weight_optional(g, "%sattention.query.weight", p)))
                break;
            x = layer(g, &c, x, in->lengths, p);
        }
        bv_features_add(g, features, x, "hidden.%d", i + 1);
    }
    bv_bert_finish(g, features, x, prefix, "pooler");
}
