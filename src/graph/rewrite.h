// rewrite.h: transformations that keep a graph's results and make it cheaper to run. Each has a
// test that the rewritten graph equals the plain one.
#ifndef BV_GRAPH_REWRITE_H
#define BV_GRAPH_REWRITE_H

#include "graph/graph.h"

// conv2d or linear followed by batch_norm: the norm moves into the weights.
void bv_rewrite_fold_batch_norm(struct bv_graph *g);

// A slice of tokens: taken before the ops that treat each token by itself, not after.
void bv_rewrite_push_slices(struct bv_graph *g);

// Attention inputs that are slices of one fused projection: read in place by channel offset.
void bv_rewrite_fold_slices(struct bv_graph *g);

// Linear layers of one input that feed the same attention: one matrix product.
void bv_rewrite_fuse_qkv(struct bv_graph *g);

// An addition of equal shapes after conv2d or linear: their residual input.
void bv_rewrite_fuse_residual(struct bv_graph *g);

// A pointwise activation after conv2d, linear, batch_norm, group_norm or add: their last step.
void bv_rewrite_fuse_activation(struct bv_graph *g);

// layer_norm of a sum: one op.
void bv_rewrite_fuse_add_norm(struct bv_graph *g);

// All of the above in their order, then removes what nobody reads. Failures stick to the graph.
void bv_rewrite_all(struct bv_graph *g);

#endif
