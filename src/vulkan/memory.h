// memory.h: buffers with memory of their own, and the arena of uploaded weights.
//
// Three kinds of memory, no general allocator: weights (blocks that live as long as the device),
// activations (one buffer per program, laid out by the plan) and staging (mapped).
#ifndef BV_VULKAN_MEMORY_H
#define BV_VULKAN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "graph/tensor.h"
#include "vulkan/compat.h"

struct bv_vk;

enum bv_vk_memory_kind {
    BV_VK_MEMORY_DEVICE,  // device-local
    BV_VK_MEMORY_DIRECT,  // device-local and mapped, where the device has that for all its memory
    BV_VK_MEMORY_STAGING, // mapped, for the device to read
    BV_VK_MEMORY_READBACK // mapped, for the host to read
};

struct bv_vk_buffer {
    VkBuffer handle;
    VkDeviceMemory memory;
    uint64_t bytes;
    char *mapped; // or NULL
    bool coherent;
};

// what names the thing in the error ("1.2 MB of activations"): BV_ERR_OOM_DEVICE, BV_ERR_LIMIT.
enum bv_status bv_vk_buffer_create(struct bv_vk *vk, uint64_t bytes, enum bv_vk_memory_kind kind,
                                   const char *what, struct bv_vk_buffer *buffer,
                                   struct bv_error *err);
void bv_vk_buffer_destroy(struct bv_vk *vk, struct bv_vk_buffer *buffer); // accepts a zeroed one

// Makes host writes visible to the device, or device writes to the host.
enum bv_status bv_vk_buffer_flush(struct bv_vk *vk, const struct bv_vk_buffer *buffer,
                                  struct bv_error *err);
enum bv_status bv_vk_buffer_invalidate(struct bv_vk *vk, const struct bv_vk_buffer *buffer,
                                       struct bv_error *err);

// Part of a buffer that holds a tensor.
struct bv_vk_region {
    VkBuffer buffer;
    uint64_t offset, bytes;
    bool half; // f16, else 4-byte elements
};

struct bv_vk_weight_entry {
    const void *data; // what the tensor pointed to, and how much of it: row ranges share pointers
    int64_t elements;
    bool half_wanted;
    struct bv_vk_region region;
};

struct bv_vk_weight_block {
    struct bv_vk_buffer buffer;
    uint64_t used;
};

// Zero-initialise. Filled tensor by tensor as programs are compiled; a weight used by several
// programs is uploaded once.
struct bv_vk_weight_arena {
    struct bv_vk_weight_block *blocks;
    int n_blocks;
    struct bv_vk_weight_entry *entries;
    int n_entries, entry_room;
    struct bv_vk_buffer staging[2];
    VkFence fence[2];
    VkCommandBuffer commands[2];
    bool in_flight[2];
    int next;
};

// Where a weight lies on the device, uploading it first where needed. half asks for f16 storage;
// tensors with values beyond f16 stay f32 (region->half says).
enum bv_status bv_vk_weight(struct bv_vk *vk, const struct bv_tensor *tensor, bool half,
                            struct bv_vk_region *region, struct bv_error *err);
// Waits for the uploads under way.
enum bv_status bv_vk_weights_finish(struct bv_vk *vk, struct bv_error *err);
// No program may be using them. Of a hung device only the lists are freed.
void bv_vk_weights_free(struct bv_vk *vk);

#endif
