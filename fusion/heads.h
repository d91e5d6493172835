// heads.h: from token states to the vectors that a system's heads read. The heads themselves
// (matching, answers, diagnoses, masked tokens) are steps of the card's outputs.
#ifndef BV_FUSION_HEADS_H
#define BV_FUSION_HEADS_H

#include "graph/graph.h"

// Token i of every sequence: [B,T,C] to [B,C].
struct bv_tensor *bv_token_at(struct bv_graph *g, struct bv_tensor *x, int64_t i);

// BERT's pooler: tanh(NAME.dense x[:, 0]), x [B,T,C] to [B,C]; NULL where the model has none.
struct bv_tensor *bv_pooler(struct bv_graph *g, struct bv_tensor *first, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

#endif
