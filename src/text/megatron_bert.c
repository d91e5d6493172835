// Megatron-LM's BERT (Shoeybi et al. 2019), as Hugging Face writes it: normalisation before each
// half of a layer instead of after it, none after the embeddings.
//
//   x = word + position + token type
//   encoder.layer.i:  x += attention.output.dense(attention(query, key, value of attention.ln(x)))
//                     x += output.dense(gelu(intermediate.dense(ln(x))))
//   encoder.ln; pooler: tanh(dense(x[CLS]))
//
// Configuration: "heads" (width / 64), "eps" (1e-12), "activation" ("gelu").
// Features: as BERT; the hidden states before encoder.ln.
#include "text/encoder.h"

static struct bv_tensor *layer(struct bv_graph *g, const struct bv_transformer *c,
                               struct bv_tensor *x, struct bv_tensor *lengths, const char *p)
{
    static const struct bv_bert_attention names = {"attention.self.query", "attention.self.key",
                                                   "attention.self.value",
                                                   "attention.output.dense"};
    struct bv_tensor *y = bv_layer_norm(g, x, c->eps, "%sattention.ln", p);
    x = bv_add(g, bv_bert_attention(g, c, &names, y, lengths, p), x);
    y = bv_layer_norm(g, x, c->eps, "%sln", p);
    y = bv_activate(g, bv_linear(g, y, "%sintermediate.dense", p), c->activation);
    return bv_add(g, bv_linear(g, y, "%soutput.dense", p), x);
}

void bv_text_megatron_bert(struct bv_graph *g, const json_t *config, const char *prefix,
                           const struct bv_text_inputs *in, struct bv_features *features)
{
    int64_t C = bv_dim(bv_weight(g, "%sembeddings.word_embeddings.weight", prefix), 1);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-12);
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_tensor *x = bv_bert_sum(g, prefix, in, 0, bv_dim(in->ids, 1));
    bv_features_add(g, features, x, "hidden.0");
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sencoder.layer.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%sattention.self.query.weight", p)))
            break;
        x = layer(g, &c, x, in->lengths, p);
        bv_features_add(g, features, x, "hidden.%d", i + 1);
    }
    x = bv_layer_norm(g, x, c.eps, "%sencoder.ln", prefix);
    bv_bert_finish(g, features, x, prefix, "pooler.dense");
}
