// CLIP's text transformer (Radford et al. 2021).
//
//   x = token_embedding[ids] + positional_embedding
//   blocks.i, causal:  x += attn.proj(attention(attn.qkv(norm1(x))));
//                      x += mlp.fc2(quick_gelu(mlp.fc1(norm2(x))))                  (pre-LN)
//   ln_final; the text's feature is the token at its end marker (the last one)
//
// SigLIP's (Zhai et al. 2023) is the same without the causal mask, over texts that are padded to
// the whole table with tokens like others ("pad", see src/model/towers.c).
//
// Configuration: "heads" (width / 64), "eps" (1e-5), "activation" ("quick_gelu"; "gelu",
// "gelu_tanh"), "causal" (true).
// Features: "last" [B,T,C] after ln_final, "end" [B,C] at the last token of each sequence, "start"
// at the first; "block.i" before ln_final.

#include "graph/transformer.h"
#include "text/encoder.h"

void bv_text_clip(struct bv_graph *g, const json_t *config, const char *prefix,
                  const struct bv_text_inputs *in, struct bv_features *features)
{
    int64_t B = bv_dim(in->ids, 0), T = bv_dim(in->ids, 1);
    struct bv_tensor *x = bv_embed(g, in->ids, "%stoken_embedding.weight", prefix);
    int64_t C = bv_dim(x, 2);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-5);
    c.causal = bv_json_boolean(config, "causal", true);
    if (!json_object_get(config, "activation"))
        c.activation = BV_ACT_QUICK_GELU;
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_tensor *positions = bv_weight(g, "%spositional_embedding", prefix);
    x = bv_add(g, x, bv_weight_rows(g, positions, 0, T));
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sblocks.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%snorm1.weight", p)))
            break;
        x = bv_transformer_block(g, &c, x, p);
        bv_features_add(g, features, x, "block.%d", i);
    }
    x = bv_layer_norm(g, x, c.eps, "%sln_final", prefix);
    bv_features_add(g, features, x, "last");
    struct bv_tensor *end = in->last ? bv_gather_rows(g, x, in->last) : NULL;
    bv_features_add(g, features, bv_reshape(g, end, 2, (int64_t[]){B, C}), "end");
    bv_features_add(g, features, bv_reshape(g, bv_slice(g, x, 1, 0, 1), 2, (int64_t[]){B, C}),
                    "start");
}
