// job.h: how kernel.c and its like state a dispatch: operands that advance unit by unit (rows,
// images, sequences), so that one place can cut the work to the limits of the device.
#ifndef BV_VULKAN_JOB_H
#define BV_VULKAN_JOB_H

#include "vulkan/kernel.h"

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
