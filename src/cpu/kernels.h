// kernels.h: the table of fast kernels; where it has none, the reference runs.
#ifndef BV_CPU_KERNELS_H
#define BV_CPU_KERNELS_H

#include "cpu/gemm.h"
#include "graph/graph.h"
#include "op/kernel.h"

struct bv_cpu_kernel {
    bv_kernel *run;
    // Floats of scratch memory for a node with this many threads; NULL: none. format is that of the
    // backend's precision; a kernel may stay above it.
    size_t (*scratch)(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
    // What to make of the weights beforehand (args->prepared); NULL: nothing.
    enum bv_status (*prepare)(const struct bv_node *node, const struct bv_cpu_pack_context *how,
                              const void **prepared, struct bv_error *err);
    // Whether the result may take the place of in[0]; NULL: never.
    bool (*in_place)(const struct bv_node *node, enum bv_cpu_format format);
};

// The fast kernel of a node, or the reference.
struct bv_cpu_kernel bv_cpu_kernel_for(const struct bv_node *node);

// For a graph whose products run in BV_CPU_BF16 or BV_CPU_INT8: gives some intermediates the type
// BV_BF16, which the kernels look for. Before the plan is made.
void bv_cpu_choose_precision(struct bv_graph *g, enum bv_cpu_format format);

// What the operands of a node become when `wanted` is the backend's format.
enum bv_cpu_format bv_cpu_linear_format(const struct bv_node *n, enum bv_cpu_format wanted);
enum bv_cpu_format bv_cpu_conv2d_format(const struct bv_node *n, enum bv_cpu_format wanted);

// Whether the image may be stored as bf16.
bool bv_cpu_conv2d_reads_bf16(const struct bv_node *n);

// Whether conv2d has one channel in each group, and a window that the kernel for that takes.
bool bv_cpu_is_depthwise(const struct bv_node *n);

// Whether a window is left to the reference. No published model has such: LViT's 16×16 ones are the
// largest.
bool bv_cpu_conv2d_too_many_taps(const struct bv_node *n);
bool bv_cpu_pool2d_too_many_taps(const struct bv_node *n);

bv_kernel bv_cpu_linear, bv_cpu_conv2d, bv_cpu_depthwise, bv_cpu_matmul, bv_cpu_attention,
    bv_cpu_layer_norm, bv_cpu_batch_norm, bv_cpu_softmax, bv_cpu_l2_normalize, bv_cpu_activation,
    bv_cpu_add, bv_cpu_mul, bv_cpu_scale, bv_cpu_pool2d, bv_cpu_reduce, bv_cpu_permute,
    bv_cpu_expand, bv_cpu_patch_merge, bv_cpu_concat, bv_cpu_slice, bv_cpu_gather, bv_cpu_embed,
    bv_cpu_group_norm, bv_cpu_glu, bv_cpu_rope, bv_cpu_interpolate;
size_t bv_cpu_linear_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
size_t bv_cpu_conv2d_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
size_t bv_cpu_depthwise_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                int n_threads);
size_t bv_cpu_matmul_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads);
size_t bv_cpu_attention_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                int n_threads);
size_t bv_cpu_group_norm_scratch(const struct bv_node *node, enum bv_cpu_format format,
                                 int n_threads);

bool bv_cpu_conv2d_in_place(const struct bv_node *node, enum bv_cpu_format format);
bool bv_cpu_group_norm_in_place(const struct bv_node *node, enum bv_cpu_format format);
enum bv_status bv_cpu_linear_prepare(const struct bv_node *node,
                                     const struct bv_cpu_pack_context *how, const void **prepared,
                                     struct bv_error *err);
enum bv_status bv_cpu_conv2d_prepare(const struct bv_node *node,
                                     const struct bv_cpu_pack_context *how, const void **prepared,
                                     struct bv_error *err);
enum bv_status bv_cpu_depthwise_prepare(const struct bv_node *node,
                                        const struct bv_cpu_pack_context *how,
                                        const void **prepared, struct bv_error *err);
enum bv_status bv_cpu_batch_norm_prepare(const struct bv_node *node,
                                         const struct bv_cpu_pack_context *how,
                                         const void **prepared, struct bv_error *err);

// window.c: where the pixels of a convolution's windows are.

// The image that a conv2d node reads, as words of 32 bits (two pixels' channels in bf16).
struct bv_cpu_windows {
    const struct bv_node *node;
    const float *image, *zeros;      // zeros: a pixel outside the image
    int64_t height, width, channels; // channels: words from one pixel to the next
    int64_t taps_h, taps_w;
    // Where a part of an image is at hand: the line of results that is the first, and the line of
    // the image that `image` begins with.
    int64_t first_result, first_line;
};

// Tap t of result first + k at to[t·n + k], 0 ≤ k < n: a pixel of the image, or zeros. source is a
// struct bv_cpu_windows; results are counted through all images, line by line.
void bv_cpu_point_pixels(const void *source, int64_t first, int64_t n, const float **to);

#endif
