// BERT (Devlin et al. 2019), RoBERTa (Liu et al. 2019) and ELECTRA's encoder (Clark et al. 2020),
// as Hugging Face writes them.
//
//   x = LN(word + position + token type); ELECTRA with narrow embeddings: embeddings_project(x)
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
#include <string.h>

#include "graph/transformer.h"
#include "text/encoder.h"

void bv_text_bert(struct bv_graph *g, const json_t *config, const char *prefix,
                  const struct bv_text_inputs *in, struct bv_features *features)
{
    bool roberta = strcmp(bv_json_string(config, "arch", "bert"), "roberta") == 0;
    int64_t C = bv_dim(bv_weight(g, "%sencoder.layer.0.attention.self.query.weight", prefix), 0);
    struct bv_transformer c = bv_transformer_config(config, C, roberta ? 1e-5 : 1e-12);
    if (!bv_transformer_fits(g, &c, C))
        return;
    int64_t T = bv_json_boolean(config, "one_position", false) ? 1 : bv_dim(in->ids, 1);
    struct bv_tensor *x = bv_bert_embeddings(g, prefix, in, roberta ? 2 : 0, T, c.eps);
    if (bv_weight_optional(g, "%sembeddings_project.weight", prefix))
        x = bv_linear(g, x, "%sembeddings_project", prefix);
    bv_features_add(g, features, x, "hidden.0");
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sencoder.layer.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%sattention.self.query.weight", p)))
            break;
        x = bv_bert_layer(g, &c, x, (struct bv_keys){.lengths = in->lengths}, p);
        bv_features_add(g, features, x, "hidden.%d", i + 1);
    }
    bv_bert_finish(g, features, x, prefix, "pooler.dense");
}
