// bert_family.h: what the encoders that descend from BERT share, beside graph/transformer.h.
#ifndef BV_TEXT_BERT_FAMILY_H
#define BV_TEXT_BERT_FAMILY_H

#include "graph/transformer.h"
#include "text/encoder.h"

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
