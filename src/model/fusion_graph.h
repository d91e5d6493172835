// fusion_graph.h: the fusion encoder of a model as a graph.
#ifndef BV_MODEL_FUSION_GRAPH_H
#define BV_MODEL_FUSION_GRAPH_H

#include "fusion/fusion.h"
#include "model/model.h"

// The part of the card about it; NULL where the model has none.
const json_t *bv_model_fusion_card(const struct bv_model *model);

// What the model's fusion encoder reads. Only for models that have one.
struct bv_fusion_wants bv_model_fusion_wants(const struct bv_model *model);

// The sizes that a fusion graph is built for.
struct bv_fusion_shape {
    int64_t texts, tokens;       // B, T; tokens 0: no words (lvit)
    int64_t image_tokens, width; // P, C
    int64_t box_width;           // 0, 4 or 7
    int64_t positions;           // of image tokens that are read; 0: all
    int64_t extra, extra_width;  // E, D
    int64_t output;              // place in card.fusion.outputs; -1: all of them
};

// Sizes to try a model with: a short text, eight regions, two entities. What the image tower
// decides (image_tokens and width without regions) is the caller's to fill in.
struct bv_fusion_shape bv_fusion_example_shape(const struct bv_model *model);

// The fusion graph. Its inputs, as far as the shape has them (struct bv_fusion_inputs says what
// they are): "ids", "types", "lengths", "last", "joint", "before_last" of the texts, "image",
// "boxes", "positions", "extra", "places". The caller owns *graph, also when it holds a failure.
enum bv_status bv_model_fusion_graph(const struct bv_model *model,
                                     const struct bv_fusion_shape *shape, struct bv_graph **graph,
                                     struct bv_error *err);

#endif
