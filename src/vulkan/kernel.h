// kernel.h: nodes of a graph as dispatches of shaders: tiles, kernels, and jobs cut to a device's
// limits.
#ifndef BV_VULKAN_KERNEL_H
#define BV_VULKAN_KERNEL_H

#include "vulkan/device.h"
#include "vulkan/pipeline.h"

// tile.c: which block of a matrix product a workgroup computes, by device and by size.

// TILE_M, TILE_N, TILE_K, THREAD_M, THREAD_N of lib/tile.glsl.
struct bv_vk_tile {
    uint32_t m, n, k, thread_m, thread_n;
};

// TILE_M, TILE_N, WARP_M, WARP_N of lib/matrix_tile.glsl.
struct bv_vk_matrix_tile {
    uint32_t m, n, warp_m, warp_n;
};

enum { BV_VK_MATRIX_TILE_K = 32 };

uint32_t bv_vk_tile_threads(const struct bv_vk_tile *tile);
uint32_t bv_vk_matrix_subgroups(const struct bv_vk_matrix_tile *tile);

// The tile for a product of M rows and N columns. All tiles sum in the same order, so the choice
// does not change the result. BV_ERR_LIMIT when the device has too little shared memory for any.
enum bv_status bv_vk_choose_tile(const struct bv_vk *vk, uint64_t M, uint64_t N,
                                 const struct bv_vk_tile **tile, struct bv_error *err);

// Finds the tiles that the device has room for with vk->fragment, one of each size; whether there
// is one for products of any size. The self-check removes those that multiply wrong.
bool bv_vk_find_matrix_tiles(struct bv_vk *vk);

// The matrix tile for M rows and N columns; NULL when the product is not one for matrix units.
const struct bv_vk_matrix_tile *bv_vk_choose_matrix_tile(const struct bv_vk *vk, uint64_t M,
                                                         uint64_t N);

// kernel.c: nodes of a graph as dispatches of shaders.

struct bv_vk_dispatch {
    const struct bv_node *node;
    struct bv_vk_kernel kernel;
    VkPipeline pipeline;
    // Exactly what the shader may touch; bindings it does not use repeat an input.
    struct bv_vk_region binding[BV_VK_BINDINGS];
    int n_bindings, output; // output: which binding is written
    unsigned char push[BV_VK_PUSH_BYTES];
    uint32_t push_bytes, groups[3];
    double flops;
};

// The dispatches of a program in the making. Zero-initialise; free(dispatches).
struct bv_vk_recorder {
    struct bv_vk *vk;
    const struct bv_plan *plan;
    VkBuffer activations;
    struct bv_vk_dispatch *dispatches;
    int n, room;
};

// Appends the dispatches of a node. One dispatch covers as much as the device's limits allow: a
// tensor larger than a descriptor range is worked on in parts. BV_ERR_LIMIT where that cannot be.
enum bv_status bv_vk_encode(struct bv_vk_recorder *recorder, const struct bv_node *node,
                            struct bv_error *err);

// job.c: how kernel.c and its like state a dispatch: operands that advance unit by unit (rows,
// images, sequences), so that one place can cut the work to the limits of the device.

struct bv_vk_operand {
    struct bv_vk_region region;
    bool present;
    uint64_t per_unit; // elements of one unit; 0: every unit sees all of it
};

struct bv_vk_job {
    const struct bv_node *node;
    struct bv_vk_kernel kernel;
    struct bv_vk_operand operand[BV_VK_BINDINGS];
    int n_operands, output;
    uint64_t units; // units in all
    double flops;   // of all units
};

// The tensor as an operand (absent when NULL). half: a weight may be stored as f16.
enum bv_status bv_vk_operand(struct bv_vk_recorder *r, const struct bv_tensor *t, bool half,
                             uint64_t per_unit, struct bv_vk_operand *operand,
                             struct bv_error *err);

// The most units that one dispatch may take, by the sizes of its operands and by its work, a number
// that keeps the offsets of all operands aligned; job->units when they all fit.
enum bv_status bv_vk_job_step(struct bv_vk_recorder *r, const struct bv_vk_job *job, uint64_t *step,
                              struct bv_error *err);

// Appends units first … first + count - 1 as one dispatch of n_groups workgroups. push is the
// shader's argument struct, whose first member n_groups is filled in here.
enum bv_status bv_vk_job_emit(struct bv_vk_recorder *r, const struct bv_vk_job *job, uint64_t first,
                              uint64_t count, uint64_t n_groups, const void *push,
                              size_t push_bytes, struct bv_error *err);

// matrix.c: linear, matmul and conv2d.
enum bv_status bv_vk_encode_linear(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err);
enum bv_status bv_vk_encode_matmul(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err);
enum bv_status bv_vk_encode_conv2d(struct bv_vk_recorder *r, const struct bv_node *node,
                                   struct bv_error *err);

// depthwise.c: conv2d with one channel in each group.
bool bv_vk_is_depthwise(const struct bv_node *node);
enum bv_status bv_vk_encode_depthwise(struct bv_vk_recorder *r, const struct bv_node *node,
                                      struct bv_error *err);

#endif
