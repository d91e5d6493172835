// arch.h: the standard architectures with seeded random weights, for measuring.
#ifndef BV_MEASURE_ARCH_H
#define BV_MEASURE_ARCH_H

#include "graph/graph.h"

// "resnet50", "vit-b16", "vit-b32", "swin-t" or "bert-base". Adds weights, which the store owns.
// BV_ERR_ARG for another name.
enum bv_status bv_arch_weights(const char *name, struct bv_weights *weights, struct bv_error *err);
// The same weights without values, for what only compiles: their data must not be read.
enum bv_status bv_arch_shapes(const char *name, struct bv_weights *weights, struct bv_error *err);

// The encoder over `batch` images of 224×224 (input 0), or texts of `tokens` ids (inputs: ids,
// lengths, last), with its pooled feature as output 0.
void bv_arch_build(const char *name, struct bv_graph *g, int64_t batch, int tokens);

#endif
