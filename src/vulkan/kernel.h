// kernel.h: nodes of a graph as dispatches of shaders.
#ifndef BV_VULKAN_KERNEL_H
#define BV_VULKAN_KERNEL_H

#include "vulkan/pipeline.h"

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

#endif
