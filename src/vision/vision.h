// vision.h: the image encoders, by name.
//
// Each definition reads its sizes (depth, width, kernel, block kind) from the weights, so that
// every variant of an architecture loads; what tensors do not tell stands in the configuration
// object of the system card and is documented at the head of the definition's file.
#ifndef BV_VISION_VISION_H
#define BV_VISION_VISION_H

#include "base/json.h"
#include "graph/graph.h"
#include "graph/transformer.h"

// Builds the encoder config["arch"] over pixels [N,H,W,C] with the weights whose names start with
// prefix, and adds its features. Failures stick to the graph.
void bv_vision_build(struct bv_graph *g, const json_t *config, const char *prefix,
                     struct bv_tensor *pixels, struct bv_features *features);

// Whether the architecture can use a prior image of the same patient.
bool bv_vision_takes_prior(const json_t *config);

// The same with a prior image of the same size; BV_ERR_ARG where the architecture takes none.
void bv_vision_build_prior(struct bv_graph *g, const json_t *config, const char *prefix,
                           struct bv_tensor *pixels, struct bv_tensor *prior,
                           struct bv_features *features);

// Attention pooling of tokens [N,T,C] by a learned query (probe_pool.c): adds "pool" [N,C] and,
// before its feed-forward layer, "pool_attention" [N,C].
void bv_vision_probe_pool(struct bv_graph *g, const struct bv_transformer *c,
                          struct bv_tensor *tokens, const char *prefix,
                          struct bv_features *features);

typedef void bv_vision_definition(struct bv_graph *g, const json_t *config, const char *prefix,
                                  struct bv_tensor *pixels, struct bv_features *features);

typedef void bv_vision_prior_definition(struct bv_graph *g, const json_t *config,
                                        const char *prefix, struct bv_tensor *pixels,
                                        struct bv_tensor *prior, struct bv_features *features);

bv_vision_definition bv_vision_resnet, bv_vision_clip_resnet, bv_vision_vit, bv_vision_swin,
    bv_vision_densenet, bv_vision_efficientnet, bv_vision_biovil_t;
bv_vision_prior_definition bv_vision_biovil_t_prior;

#endif
