// encoder.h: the text encoders, by name. As src/vision/vision.h: sizes come from the weights, the
// rest from the system card's configuration object.
#ifndef BV_TEXT_ENCODER_H
#define BV_TEXT_ENCODER_H

#include "base/json.h"
#include "graph/graph.h"
#include "graph/transformer.h"

// What a text encoder reads. Sequences shorter than T are filled up with any valid id; their keys
// are masked by lengths, so that fill never reaches a real token.
struct bv_text_inputs {
    struct bv_tensor *ids;         // i32 [B,T]
    struct bv_tensor *lengths;     // i32 [B]: tokens with special ones, 1 … T
    struct bv_tensor *last;        // i32 [B,1]: lengths - 1, the position of the end marker
    struct bv_tensor *inner;       // i32 [B]: lengths - 2 (at least 1), tokens without the ends
    struct bv_tensor *token_types; // i32 [B,T], or NULL: all 0
};

// Builds the encoder config["arch"] with the weights whose names start with prefix.
void bv_text_build(struct bv_graph *g, const json_t *config, const char *prefix,
                   const struct bv_text_inputs *in, struct bv_features *features);

// The longest sequence the encoder's position table allows; 0 when it has none.
int64_t bv_text_max_tokens(struct bv_weights *weights, const json_t *config, const char *prefix);

// BERT's embeddings of words, positions (n_positions rows from
// first_position: one for each token, or one for all) and token types (row 0 where
// in->token_types is NULL), normalised: [B,T,C]. For encoders over text and more.
struct bv_tensor *bv_bert_embeddings(struct bv_graph *g, const char *prefix,
                                     const struct bv_text_inputs *in, int64_t first_position,
                                     int64_t n_positions, float eps);

typedef void bv_text_definition(struct bv_graph *g, const json_t *config, const char *prefix,
                                const struct bv_text_inputs *in, struct bv_features *features);

bv_text_definition bv_text_albert, bv_text_bert, bv_text_clip, bv_text_glove, bv_text_megatron_bert;

// bert_family.c: what the encoders that descend from BERT share, beside graph/transformer.h.

// The names of one attention's weights, after a layer's prefix.
struct bv_bert_attention {
    const char *query, *key, *value, *dense;
};

// word + position + token type [B,T,E], not normalised (bv_bert_embeddings() is).
struct bv_tensor *bv_bert_sum(struct bv_graph *g, const char *prefix,
                              const struct bv_text_inputs *in, int64_t first_position,
                              int64_t n_positions);

// dense(attention(query(x), key(x), value(x))), without residual and normalisation.
struct bv_tensor *bv_bert_attention(struct bv_graph *g, const struct bv_transformer *t,
                                    const struct bv_bert_attention *names, struct bv_tensor *x,
                                    struct bv_tensor *lengths, const char *prefix);

// Adds "last" [B,T,C], "cls" [B,C] and, where the model has the dense layer PREFIX POOLER,
// "pooled" [B,C] = tanh(dense(cls)).
void bv_bert_finish(struct bv_graph *g, struct bv_features *features, struct bv_tensor *x,
                    const char *prefix, const char *pooler);

#endif
