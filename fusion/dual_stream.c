// Dual-stream fusion: a transformer over text and one over image tokens whose layers read each
// other (METER's co-attention, Dou et al. 2022; M3AE, Chen et al. 2022).
//
//   x = text_proj(text encoder's states) + modality 0      [B,T,C]
//   y = image_proj(image encoder's tokens) + modality 1    [B,P,C]
//   layer i, both streams from the states below it:
//     x' = FFN(cross-attention(self-attention(x), y))
//     y' = FFN(cross-attention(self-attention(y), x))
//   pooled = [tanh(text_pooler x[0]); tanh(image_pooler y[0])]
//
// Every part but the text layers may be missing: biovl-cxr-small has no image layers, its text
// reads one and the same image in every layer.
//
// ARL (Chen et al. 2022b) adds entities z of a knowledge graph to the text layers:
//     z' = cross-attention(self-attention(z), image2knowledge y)
//     x  = LN(dense(x + k) + x) after the cross-attention, k = placesᵀ knowledge2text(z')
//     z  = FFN(z')
// Without entities k is zero and z is not needed: how the authors' code runs on a text in which no
// entity was found.
//
// Configuration: "heads", "eps" (1e-12), "activation"; "knowledge_heads" (4).
// Features: "text" [B,T,C], "image" [B,P,C] (where there are image layers), "first" [B,C],
// "text_pooled", "image_pooled" [B,C], "pooled" [B,2C]; of one modality before fusion:
// "text_alone", "image_alone" [B,C].
#include "fusion/blocks.h"
#include "fusion/fusion.h"
#include "graph/transformer.h"

struct streams {
    struct bv_graph *g;
    const struct bv_fusion_inputs *in;
    struct bv_transformer layer, knowledge;
    struct bv_tensor *x, *y, *z; // text, image, entities
};

// NAME_proj where the model has it, and the row of the modality table.
static struct bv_tensor *project(struct bv_graph *g, struct bv_tensor *x, const char *prefix,
                                 const char *name, int64_t modality)
{
    if (bv_weight_optional(g, "%s%s.weight", prefix, name))
        x = bv_linear(g, x, "%s%s", prefix, name);
    struct bv_tensor *types = bv_weight_optional(g, "%smodality_type_embeddings.weight", prefix);
    return types ? bv_add(g, x, bv_weight_rows(g, types, modality, 1)) : x;
}

// ARL's reasoning: returns the text states after the entities' message, and moves s->z on.
static struct bv_tensor *knowledge(struct streams *s, struct bv_tensor *x, const char *p)
{
    struct bv_graph *g = s->g;
    struct bv_keys all = {NULL, NULL};
    struct bv_tensor *told = x;
    struct bv_tensor *seen = bv_linear(g, s->y, "%simage2knowledge", p);
    struct bv_tensor *z = s->z ? s->z : NULL;
    if (z) {
        z = bv_attend(g, &s->knowledge, z, z, all, "%sknowledge_attention", p);
        z = bv_attend(g, &s->knowledge, z, seen, all, "%sknowledge_crossattention", p);
        struct bv_tensor *k = bv_linear(g, z, "%sknowledge2text", p);
        struct bv_tensor *to_tokens = bv_permute(g, s->in->places, (int[]){0, 2, 1});
        told = bv_add(g, x, bv_matmul(g, to_tokens, k, false, 1));
        s->z =
            bv_feed_forward(g, &s->knowledge, z, p, "knowledge_intermediate", "knowledge_output");
    }
    told = bv_linear(g, told, "%sknowledge_fusion_output.dense", p);
    return bv_layer_norm(g, bv_add(g, told, x), s->layer.eps, "%sknowledge_fusion_output.LayerNorm",
                         p);
}

static struct bv_tensor *text_layer(struct streams *s, const char *p)
{
    struct bv_graph *g = s->g;
    struct bv_keys words = {.lengths = s->in->words.lengths}, pixels = {NULL, NULL};
    struct bv_tensor *x = bv_attend(g, &s->layer, s->x, s->x, words, "%sattention", p);
    x = bv_attend(g, &s->layer, x, s->y, pixels, "%scrossattention", p);
    if (bv_weight_optional(g, "%sknowledge2text.weight", p))
        x = knowledge(s, x, p);
    return bv_feed_forward(g, &s->layer, x, p, "intermediate", "output");
}

static struct bv_tensor *image_layer(struct streams *s, const char *p)
{
    struct bv_graph *g = s->g;
    struct bv_keys words = {.lengths = s->in->words.lengths}, pixels = {NULL, NULL};
    struct bv_tensor *y = bv_attend(g, &s->layer, s->y, s->y, pixels, "%sattention", p);
    y = bv_attend(g, &s->layer, y, s->x, words, "%scrossattention", p);
    return bv_feed_forward(g, &s->layer, y, p, "intermediate", "output");
}

static void add_pooled(struct streams *s, const char *prefix, struct bv_features *features)
{
    struct bv_graph *g = s->g;
    struct bv_tensor *first = bv_token_at(g, s->x, 0);
    struct bv_tensor *text = bv_pooler(g, first, "%stext_pooler", prefix);
    struct bv_tensor *image = bv_pooler(g, bv_token_at(g, s->y, 0), "%simage_pooler", prefix);
    bv_features_add(g, features, first, "first");
    bv_features_add(g, features, text, "text_pooled");
    bv_features_add(g, features, image, "image_pooled");
    if (text && image)
        bv_features_add(g, features, bv_concat(g, 2, (struct bv_tensor *[]){text, image}, 1),
                        "pooled");
}

void bv_fusion_dual_stream(struct bv_graph *g, const json_t *config, const char *prefix,
                           const struct bv_fusion_inputs *in, struct bv_features *features)
{
    struct bv_tensor *query = bv_weight(g, "%stext_layer.0.attention.self.query.weight", prefix);
    struct streams s = {.g = g, .in = in, .z = in->extra};
    s.layer = bv_transformer_config(config, bv_dim(query, 0), 1e-12);
    if (!bv_transformer_fits(g, &s.layer, bv_dim(query, 0)))
        return;
    s.knowledge = s.layer;
    s.knowledge.heads = (int)bv_json_integer(config, "knowledge_heads", 4);
    s.x = project(g, in->text, prefix, "text_proj", 0);
    s.y = project(g, in->image, prefix, "image_proj", 1);
    bv_features_add(g, features, bv_token_at(g, s.x, 0), "text_alone");
    bv_features_add(g, features, bv_token_at(g, s.y, 0), "image_alone");
    bool both = bv_weight_optional(g, "%simage_layer.0.attention.self.query.weight", prefix);
    for (int i = 0;; i++) {
        const char *t = bv_arena_printf(&g->arena, "%stext_layer.%d.", prefix, i);
        const char *v = bv_arena_printf(&g->arena, "%simage_layer.%d.", prefix, i);
        if (!t || !v || (i > 0 && !bv_weight_optional(g, "%sattention.self.query.weight", t)))
            break;
        struct bv_tensor *y = both ? image_layer(&s, v) : s.y;
        s.x = text_layer(&s, t); // reads s.y of the layer below
        s.y = y;
    }
    bv_features_add(g, features, s.x, "text");
    if (both)
        bv_features_add(g, features, s.y, "image");
    add_pooled(&s, prefix, features);
}
