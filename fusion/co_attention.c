// LXMERT (Tan and Bansal 2019): two encoders, then layers in which they read each other.
//
//   x = LN(word + position + token type), then text_layer.0 …        language     [B,T,C]
//   y = (LN(dense f) + LN(box b)) / 2, then image_layer.0 …          objects      [B,R,C]
//   cross_layer.i:
//     x' = crossattention(x, y), y' = crossattention(y, x)   one module, the same weights both ways
//     x' = text_attention(x'),   y' = image_attention(y')
//     x  = FFN(x'),              y  = FFN(y')                text_…, image_intermediate and _output
//   first = x[CLS];  pooled = tanh(pooler.dense first)
//
// Configuration: "regions" ("lxmert"), "heads", "eps" (1e-12), "activation".
// Features: "text" [B,T,C], "image" [B,R,C], "first", "pooled" [B,C], "embeddings.image".
#include "fusion/blocks.h"

// The layers NAME.0 … of one encoder; there may be none.
static struct bv_tensor *encoder(struct bv_graph *g, const struct bv_transformer *c,
                                 struct bv_tensor *x, struct bv_tensor *lengths, const char *prefix,
                                 const char *name)
{
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%s%s.%d.", prefix, name, i);
        if (!p || !bv_weight_optional(g, "%sattention.self.query.weight", p))
            return x;
        x = bv_bert_layer(g, c, x, (struct bv_keys){.lengths = lengths}, p);
    }
}

void bv_fusion_co_attention(struct bv_graph *g, const json_t *config, const char *prefix,
                            const struct bv_fusion_inputs *in, struct bv_features *features)
{
    int64_t C = bv_dim(bv_weight(g, "%sembeddings.word_embeddings.weight", prefix), 1);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-12);
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_keys words = {.lengths = in->words.lengths}, regions = {NULL, NULL};
    struct bv_tensor *x =
        bv_bert_embeddings(g, prefix, &in->words, 0, bv_dim(in->words.ids, 1), c.eps);
    struct bv_tensor *y = bv_region_embeddings(g, config, &c, in, prefix);
    bv_features_add(g, features, y, "embeddings.image");
    x = encoder(g, &c, x, in->words.lengths, prefix, "text_layer");
    y = encoder(g, &c, y, NULL, prefix, "image_layer");
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%scross_layer.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%scrossattention.self.query.weight", p)))
            break;
        struct bv_tensor *x1 = bv_attend(g, &c, x, y, regions, "%scrossattention", p);
        struct bv_tensor *y1 = bv_attend(g, &c, y, x, words, "%scrossattention", p);
        x1 = bv_attend(g, &c, x1, x1, words, "%stext_attention", p);
        y1 = bv_attend(g, &c, y1, y1, regions, "%simage_attention", p);
        x = bv_feed_forward(g, &c, x1, p, "text_intermediate", "text_output");
        y = bv_feed_forward(g, &c, y1, p, "image_intermediate", "image_output");
    }
    struct bv_tensor *first = bv_token_at(g, x, 0);
    bv_features_add(g, features, x, "text");
    bv_features_add(g, features, y, "image");
    bv_features_add(g, features, first, "first");
    bv_features_add(g, features, bv_pooler(g, first, "%spooler", prefix), "pooled");
}
