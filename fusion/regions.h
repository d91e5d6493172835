// regions.h: what systems make of detector regions and image positions before their layers read
// them.
#ifndef BV_FUSION_REGIONS_H
#define BV_FUSION_REGIONS_H

#include "fusion/fusion.h"
#include "graph/transformer.h"

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
