// transformer.h: the pre-LN transformer block that ViT and CLIP's text encoder share.
#ifndef BV_GRAPH_TRANSFORMER_H
#define BV_GRAPH_TRANSFORMER_H

#include "graph/graph.h"

struct bv_transformer {
    int heads;
    float eps;
    enum bv_activation activation;
    bool causal;
};

// Checks that the heads divide the width; a failure of the graph otherwise.
bool bv_transformer_fits(struct bv_graph *g, const struct bv_transformer *t, int64_t width);

// x [B,T,C]:  x += attn.proj(attention(attn.qkv(norm1(x))));
//             x += mlp.fc2(act(mlp.fc1(norm2(x))))
// with weights whose names start with prefix; attn.qkv stacks query, key and value.
struct bv_tensor *bv_transformer_block(struct bv_graph *g, const struct bv_transformer *t,
                                       struct bv_tensor *x, const char *prefix);

#endif
