// Single-stream fusion: one BERT (Devlin et al. 2019) over image and text tokens together.
//
//   image tokens i = region embeddings (blocks.h)          [1,P,C]
//   text tokens  t = LN(word + position + token type)       [B,T,C]
//   h = [i; t], then L layers of BERT over h; every token attends to every real token
//   first = the text's [CLS];  pooled = tanh(pooler.dense first)
//
// The image comes first here, whatever the order in the papers: attention knows no order but that
// of the position embeddings, and with the text last its padding is the end of the sequence.
//
// MedViLL frames the image, and its [CLS] is the frame's: h = [[CLS]; i; [SEP]; t], where both are
// embedded at position 0 with token type 0; first = that [CLS].
//
// Configuration: "regions" (blocks.h), "heads", "eps", "activation"; "frame" (false): MedViLL's
// [CLS] and [SEP]; "mask":
//   "bidirectional" (default)
//   "s2s"  image tokens see the image, a text token sees the image and the text up to itself
//   "bar"  image tokens see everything, padding too, text as in s2s          (MedViLL)
// Features: "text" [B,T,C], "image" [B,P,C] (frame included), "first" [B,C], "pooled" [B,C],
// "answer" [B,C] (the state of the text token before the last one), "embeddings.text",
// "embeddings.image", "hidden.i".
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fusion/blocks.h"

// One special token of the frame: [1,1,C].
static struct bv_tensor *frame_token(struct bv_graph *g, const struct bv_transformer *c, int32_t id,
                                     const char *prefix)
{
    struct bv_tensor *words = bv_weight(g, "%sembeddings.word_embeddings.weight", prefix);
    struct bv_tensor *positions = bv_weight(g, "%sembeddings.position_embeddings.weight", prefix);
    struct bv_tensor *types = bv_weight(g, "%sembeddings.token_type_embeddings.weight", prefix);
    struct bv_tensor *x =
        bv_add(g, bv_weight_rows(g, words, id < 0 ? 0 : id, 1), bv_weight_rows(g, positions, 0, 1));
    x = bv_add(g, x, bv_weight_rows(g, types, 0, 1));
    x = bv_layer_norm(g, x, c->eps, "%sembeddings.LayerNorm", prefix);
    return x ? bv_reshape(g, x, 3, (int64_t[]){1, 1, x->dim[1]}) : NULL;
}

struct mask {
    int64_t P, S; // tokens before the text, all tokens
    bool image_sees_all;
};

static void fill_mask(void *arg, void *memory)
{
    const struct mask *m = arg;
    float *bias = memory;
    for (int64_t i = 0; i < m->S; i++)
        for (int64_t j = 0; j < m->S; j++) {
            bool seen = i < m->P ? j < m->P || m->image_sees_all : j <= i;
            bias[i * m->S + j] = seen ? 0 : -INFINITY;
        }
}

// The bias [1,S,S] of a mask, made once per shape; NULL for "bidirectional".
static struct bv_tensor *mask_bias(struct bv_graph *g, const char *kind, int64_t P, int64_t S)
{
    if (strcmp(kind, "bidirectional") == 0)
        return NULL;
    struct mask m = {P, S, strcmp(kind, "bar") == 0};
    if (!m.image_sees_all && strcmp(kind, "s2s") != 0)
        return bv_graph_fail(g, BV_ERR_MODEL, "unknown mask \"%s\" (bidirectional, s2s, bar)",
                             kind);
    char key[96];
    const void *data = NULL;
    struct bv_error err = {0};
    (void)snprintf(key, sizeof key, "mask.%s.%lld.%lld", kind, (long long)P, (long long)S);
    enum bv_status status = bv_weights_derive(g->weights, key, (size_t)(S * S) * sizeof(float),
                                              fill_mask, &m, &data, &err);
    if (status != BV_OK)
        return bv_graph_fail(g, status, "%s", err.text);
    return bv_graph_derived(g, key, data, 3, (int64_t[]){1, S, S});
}

static struct bv_tensor *layers(struct bv_graph *g, const struct bv_transformer *c,
                                struct bv_tensor *h, struct bv_keys keys, const char *prefix,
                                struct bv_features *features)
{
    for (int i = 0;; i++) {
        const char *p = bv_arena_printf(&g->arena, "%sencoder.layer.%d.", prefix, i);
        if (!p || (i > 0 && !bv_weight_optional(g, "%sattention.self.query.weight", p)))
            return h;
        h = bv_bert_layer(g, c, h, keys, p);
        bv_features_add(g, features, h, "hidden.%d", i + 1);
    }
}

void bv_fusion_single_stream(struct bv_graph *g, const json_t *config, const char *prefix,
                             const struct bv_fusion_inputs *in, struct bv_features *features)
{
    int64_t C = bv_dim(bv_weight(g, "%sembeddings.word_embeddings.weight", prefix), 1);
    struct bv_transformer c = bv_transformer_config(config, C, 1e-12);
    if (!bv_transformer_fits(g, &c, C))
        return;
    struct bv_tensor *text =
        bv_bert_embeddings(g, prefix, &in->words, 0, bv_dim(in->words.ids, 1), c.eps);
    struct bv_tensor *image = bv_region_embeddings(g, config, &c, in, prefix);
    int64_t B = bv_dim(in->words.ids, 0), T = bv_dim(in->words.ids, 1);
    bool frame = bv_json_boolean(config, "frame", false);
    bv_features_add(g, features, text, "embeddings.text");
    bv_features_add(g, features, image, "embeddings.image");
    if (frame) {
        struct bv_tensor *parts[] = {frame_token(g, &c, in->cls, prefix), image,
                                     frame_token(g, &c, in->sep, prefix)};
        image = bv_concat(g, 3, parts, 1);
    }
    int64_t P = bv_dim(image, 1);
    const char *mask = bv_json_string(config, "mask", "bidirectional");
    struct bv_keys keys = {.bias = mask_bias(g, mask, P, P + T), .lengths = in->joint};
    if (strcmp(mask, "bar") == 0) // its image tokens see the padding of the text
        keys.lengths = NULL;
    struct bv_tensor *parts[] = {bv_batch_of(g, image, B), text};
    struct bv_tensor *h = layers(g, &c, bv_concat(g, 2, parts, 1), keys, prefix, features);
    text = bv_slice(g, h, 1, P, T);
    struct bv_tensor *first = bv_token_at(g, h, frame ? 0 : P);
    bv_features_add(g, features, text, "text");
    bv_features_add(g, features, bv_slice(g, h, 1, 0, P), "image");
    bv_features_add(g, features, first, "first");
    bv_features_add(g, features, bv_pooler(g, first, "%spooler", prefix), "pooled");
    bv_features_add(g, features, bv_token_at(g, bv_gather_rows(g, text, in->before_last), 0),
                    "answer");
}
