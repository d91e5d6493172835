// layout.h: how an image encoder is laid out, as the methods that look into it see it: a map of a
// convolutional network, or tokens of a transformer, of which some may be no patches.
#ifndef BV_EXPLAIN_LAYOUT_H
#define BV_EXPLAIN_LAYOUT_H

#include "model/model.h"

enum bv_encoder_kind {
    BV_ENCODER_MAP,     // ResNet, DenseNet, EfficientNet, …: "map" [N,h,w,C]
    BV_ENCODER_CLS,     // ViT, its class token first
    BV_ENCODER_POOL,    // ViT whose positions are pooled by attention (SigLIP)
    BV_ENCODER_WINDOWS, // Swin
};

// The tensors of an image graph by what they are; borrowed from it.
struct bv_encoder_layout {
    enum bv_encoder_kind kind;
    int64_t h, w;  // the grid of positions
    int64_t first; // tokens before them: a class token, registers
    int n_blocks;  // of a transformer
    struct bv_graph *graph;
    const struct bv_features *features;
    const json_t *global; // the card's output "global"
};

// BV_ERR_UNSUPPORTED for an encoder of another kind.
enum bv_status bv_layout_find(struct bv_encoder_layout *layout, const struct bv_model *model,
                              struct bv_graph *g, const struct bv_features *features,
                              struct bv_error *err);

// The result of the layer whose weights are NAME.weight ("image.blocks.11.norm1"), or NULL; name is
// printf-style.
struct bv_tensor *bv_layer_result(const struct bv_encoder_layout *layout, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

// What the last block of a transformer reads, or block i writes; NULL where there is none.
struct bv_tensor *bv_block_result(const struct bv_encoder_layout *layout, int i);

// The attention of block i of a transformer that has no windows, or NULL.
const struct bv_node *bv_block_attention(const struct bv_encoder_layout *layout, int i);

#endif
