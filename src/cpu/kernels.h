// kernels.h: the table of fast kernels; where it has none, the reference runs.
#ifndef BV_CPU_KERNELS_H
#define BV_CPU_KERNELS_H

#include "cpu/isa.h"
#include "graph/weights.h"
#include "op/kernel.h"

struct bv_cpu_kernel {
    bv_kernel *run;
    // Floats of scratch memory for a node with this many threads; NULL: none. format is that of the
    // backend's precision; a kernel may stay above it.
    size_t (*scratch)(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
    // What to make of the weights beforehand (args->prepared); NULL: nothing.
    enum bv_status (*prepare)(const struct bv_node *node, enum bv_cpu_format format,
                              struct bv_weights *weights, const void **prepared,
                              struct bv_error *err);
};

// The fast kernel of a node, or the reference.
struct bv_cpu_kernel bv_cpu_kernel_for(const struct bv_node *node);

bv_kernel bv_cpu_linear, bv_cpu_conv2d, bv_cpu_matmul, bv_cpu_attention, bv_cpu_layer_norm,
    bv_cpu_batch_norm, bv_cpu_softmax, bv_cpu_l2_normalize, bv_cpu_activation, bv_cpu_add,
    bv_cpu_mul, bv_cpu_scale, bv_cpu_pool2d, bv_cpu_reduce, bv_cpu_permute, bv_cpu_expand,
    bv_cpu_patch_merge;
size_t bv_cpu_linear_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
size_t bv_cpu_conv2d_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
size_t bv_cpu_matmul_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
size_t bv_cpu_attention_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                int n_threads);
enum bv_status bv_cpu_linear_prepare(const struct bv_node *node, enum bv_cpu_format format,
                                     struct bv_weights *weights, const void **prepared,
                                     struct bv_error *err);
enum bv_status bv_cpu_conv2d_prepare(const struct bv_node *node, enum bv_cpu_format format,
                                     struct bv_weights *weights, const void **prepared,
                                     struct bv_error *err);
enum bv_status bv_cpu_batch_norm_prepare(const struct bv_node *node, enum bv_cpu_format format,
                                         struct bv_weights *weights, const void **prepared,
                                         struct bv_error *err);

#endif
