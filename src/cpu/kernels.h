// kernels.h: the table of fast kernels; where it has none, the reference runs.
#ifndef BV_CPU_KERNELS_H
#define BV_CPU_KERNELS_H

#include "graph/weights.h"
#include "op/kernel.h"

struct bv_cpu_kernel {
    bv_kernel *run;
    // Floats of scratch memory for a node with this many threads; NULL: none.
    size_t (*scratch)(const struct bv_node *node, int n_threads);
    // What to make of the weights beforehand (args->prepared); NULL: nothing.
    enum bv_status (*prepare)(const struct bv_node *node, struct bv_weights *weights,
                              const void **prepared, struct bv_error *err);
};

// The fast kernel of a node, or the reference.
struct bv_cpu_kernel bv_cpu_kernel_for(const struct bv_node *node);

bv_kernel bv_cpu_linear, bv_cpu_conv2d;
size_t bv_cpu_conv2d_scratch(const struct bv_node *node, int n_threads);

// x[i] = act(x[i] + bias[i % n] + residual[i]) over rows × n; bias and residual may be NULL.
void bv_cpu_epilogue(float *x, int64_t rows, int64_t n, int64_t ld, const float *bias,
                     const float *residual, enum bv_activation activation);

#endif
