// blocks.h: what fusion encoders share: the tokens of an image, and what the heads read.
#ifndef BV_FUSION_BLOCKS_H
#define BV_FUSION_BLOCKS_H

#include "fusion/fusion.h"
#include "graph/graph.h"
#include "graph/transformer.h"

// heads.c: from token states to the vectors that a system's heads read. The heads themselves
// (matching, answers, diagnoses, masked tokens) are steps of the card's outputs.

// Token i of every sequence: [B,T,C] to [B,C].
struct bv_tensor *bv_token_at(struct bv_graph *g, struct bv_tensor *x, int64_t i);

// BERT's pooler: tanh(NAME.dense x[:, 0]), x [B,T,C] to [B,C]; NULL where the model has none.
struct bv_tensor *bv_pooler(struct bv_graph *g, struct bv_tensor *first, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

// regions.c: what systems make of detector regions and image positions before their layers read
// them.

// The image tokens [1,R,C] of a system, by config["regions"]:
//   "visualbert"  dense(f) + visual position 0 + visual token type ("image_type": 0 in the authors'
//                 code, 1 in Hugging Face's), then the text's LN           (Li et al. 2019)
//   "uniter"      LN(LN(dense f) + LN(box b) + token type 1), b of seven numbers
//                                                                       (Chen et al. 2020)
//   "lxmert"      (LN(dense f) + LN(box b)) / 2, b of four                (Tan and Bansal 2019)
//   "positions"   dense(f) + the text's position embedding of the pixel's index + token type 0,
//                 then the text's LN; only the positions of in->positions   (MedViLL)
//   "pixels"      dense(f) + a semantic embedding that all pixels share, then the text's LN
//                                                                       (PixelBERT)
// Weights under prefix: "regions.dense", "regions.box", "regions.norm", "regions.box_norm", …
struct bv_tensor *bv_region_embeddings(struct bv_graph *g, const json_t *config,
                                       const struct bv_transformer *c,
                                       const struct bv_fusion_inputs *in, const char *prefix);

#endif
