// weights.c: the arena of weights: converts tensors to the storage type and uploads them once.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "vulkan/device.h"

static const uint64_t block_bytes = 64u << 20;
static const uint64_t slot_bytes = 8u << 20; // of staging, two of them
enum { piece = 4096 };                       // elements converted at a time

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

// Whether all values survive as f16: none beyond its range, and no weight that matters becomes
// subnormal (at most a thousandth of the sum of magnitudes is lost).
static bool fits_half(const struct bv_tensor *t)
{
    float x[piece];
    uint16_t h[piece];
    double lost = 0, total = 0;
    size_t n = (size_t)bv_elements(t), size = bv_dtype_size(t->dtype);
    if (t->dtype == BV_F16)
        return true;
    for (size_t at = 0; at < n; at += piece) {
        size_t count = n - at < piece ? n - at : piece;
        bv_dtype_to_f32(t->dtype, (const char *)t->data + at * size, x, count);
        bv_f32_to_f16_array(x, h, count);
        for (size_t i = 0; i < count; i++) {
            if (fabsf(x[i]) > 65504.0F)
                return false;
            total += fabs((double)x[i]);
            if (fabsf(x[i]) < 6.1035e-5F) // the smallest normal f16
                lost += fabs((double)x[i] - (double)bv_f16_to_f32(h[i]));
        }
    }
    return lost <= 1e-3 * total;
}

// Elements first … first + count - 1 of t as f32 or f16.
static void convert(const struct bv_tensor *t, size_t first, size_t count, bool half, char *out)
{
    const char *in = (const char *)t->data + first * bv_dtype_size(t->dtype);
    float x[piece];
    for (size_t at = 0; at < count; at += piece) {
        size_t n = count - at < piece ? count - at : piece;
        bv_dtype_to_f32(t->dtype, in + at * bv_dtype_size(t->dtype), x, n);
        if (half)
            bv_f32_to_f16_array(x, (uint16_t *)(void *)out + at, n);
        else
            memcpy(out + at * sizeof(float), x, n * sizeof(float));
    }
}

static enum bv_status make_slots(struct bv_vk *vk, struct bv_error *err)
{
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    const struct bv_vk_api *api = &vk->instance.api;
    for (int i = 0; i < 2; i++) {
        if (!a->staging[i].handle)
            BV_TRY(bv_vk_buffer_create(vk, slot_bytes, BV_VK_MEMORY_STAGING, "staging",
                                       &a->staging[i], err));
        VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
        if (!a->fence[i])
            BV_VK_TRY(vk, api->CreateFence(vk->device, &fence, NULL, &a->fence[i]),
                      "making a fence", err);
        VkCommandBufferAllocateInfo commands = {.sType =
                                                    VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                .commandPool = vk->commands,
                                                .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                                .commandBufferCount = 1};
        if (!a->commands[i])
            BV_VK_TRY(vk, api->AllocateCommandBuffers(vk->device, &commands, &a->commands[i]),
                      "making a command buffer", err);
    }
    return BV_OK;
}

static enum bv_status wait_slot(struct bv_vk *vk, int slot, struct bv_error *err)
{
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    if (!a->in_flight[slot])
        return BV_OK;
    BV_TRY(bv_vk_wait(vk, a->fence[slot], "uploading weights", err));
    a->in_flight[slot] = false;
    return bv_vk_check(vk, vk->instance.api.ResetFences(vk->device, 1, &a->fence[slot]),
                       "resetting a fence", err);
}

static enum bv_status submit_slot(struct bv_vk *vk, int slot, VkBuffer to, uint64_t offset,
                                  uint64_t bytes, struct bv_error *err)
{
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    const struct bv_vk_api *api = &vk->instance.api;
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    BV_VK_TRY(vk, api->BeginCommandBuffer(a->commands[slot], &begin), "recording an upload", err);
    VkBufferCopy copy = {0, offset, bytes};
    api->CmdCopyBuffer(a->commands[slot], a->staging[slot].handle, to, 1, &copy);
    BV_VK_TRY(vk, api->EndCommandBuffer(a->commands[slot]), "recording an upload", err);
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .commandBufferCount = 1,
                           .pCommandBuffers = &a->commands[slot]};
    BV_TRY(bv_vk_buffer_flush(vk, &a->staging[slot], err));
    BV_VK_TRY(vk, api->QueueSubmit(vk->queue, 1, &submit, a->fence[slot]), "uploading weights",
              err);
    a->in_flight[slot] = true;
    return BV_OK;
}

static enum bv_status upload(struct bv_vk *vk, const struct bv_tensor *t,
                             const struct bv_vk_weight_block *block,
                             const struct bv_vk_region *region, struct bv_error *err)
{
    size_t n = (size_t)bv_elements(t), size = region->half ? 2 : 4;
    if (block->buffer.mapped && !vk->instance.switches.force_staging) {
        convert(t, 0, n, region->half, block->buffer.mapped + region->offset);
        return bv_vk_buffer_flush(vk, &block->buffer, err);
    }
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    BV_TRY(make_slots(vk, err));
    for (size_t at = 0, count = slot_bytes / size; at < n; at += count) {
        if (count > n - at)
            count = n - at;
        int slot = a->next;
        a->next = 1 - slot;
        BV_TRY(wait_slot(vk, slot, err));
        convert(t, at, count, region->half, a->staging[slot].mapped);
        BV_TRY(submit_slot(vk, slot, region->buffer, region->offset + at * size,
                           round_up(count * size, 4), err));
    }
    return BV_OK;
}

static enum bv_status place(struct bv_vk *vk, uint64_t bytes, struct bv_vk_weight_block **block,
                            struct bv_error *err)
{
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    for (int i = 0; i < a->n_blocks; i++)
        if (a->blocks[i].buffer.bytes - a->blocks[i].used >= bytes) {
            *block = &a->blocks[i];
            return BV_OK;
        }
    struct bv_vk_weight_block *blocks =
        realloc(a->blocks, ((size_t)a->n_blocks + 1) * sizeof *blocks);
    if (!blocks)
        return bv_fail_nomem(err, "the list of weight blocks");
    a->blocks = blocks;
    struct bv_vk_weight_block fresh = {0};
    uint64_t wanted = bytes > block_bytes ? bytes : block_bytes;
    enum bv_status status =
        bv_vk_buffer_create(vk, wanted, BV_VK_MEMORY_DIRECT, "weights", &fresh.buffer, err);
    if (status == BV_ERR_OOM_DEVICE && wanted > bytes) // a block that holds just this tensor
        status = bv_vk_buffer_create(vk, bytes, BV_VK_MEMORY_DIRECT, "weights", &fresh.buffer, err);
    if (status != BV_OK)
        return status;
    *block = &a->blocks[a->n_blocks++];
    **block = fresh;
    return BV_OK;
}

enum bv_status bv_vk_weight(struct bv_vk *vk, const struct bv_tensor *tensor, bool half,
                            struct bv_vk_region *region, struct bv_error *err)
{
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    if (vk->survey) { // has no memory, and the weight no values
        *region = (struct bv_vk_region){.half = half};
        region->bytes = round_up((uint64_t)bv_elements(tensor) * (half ? 2 : 4), 4);
        return BV_OK;
    }
    for (int i = 0; i < a->n_entries; i++)
        if (a->entries[i].data == tensor->data && a->entries[i].half_wanted == half &&
            a->entries[i].elements == bv_elements(tensor)) {
            *region = a->entries[i].region;
            return BV_OK;
        }
    if (a->n_entries == a->entry_room) {
        int room = a->entry_room ? 2 * a->entry_room : 256;
        struct bv_vk_weight_entry *list = realloc(a->entries, (size_t)room * sizeof *list);
        if (!list)
            return bv_fail_nomem(err, "the list of weights");
        a->entries = list;
        a->entry_room = room;
    }
    struct bv_vk_region r = {.half = half && fits_half(tensor)};
    r.bytes = round_up((uint64_t)bv_elements(tensor) * (r.half ? 2 : 4), 4);
    struct bv_vk_weight_block *block = NULL;
    BV_TRY(place(vk, round_up(r.bytes, BV_VK_OFFSET_ALIGNMENT), &block, err));
    r.buffer = block->buffer.handle;
    r.offset = block->used;
    BV_TRY(upload(vk, tensor, block, &r, err));
    block->used += round_up(r.bytes, BV_VK_OFFSET_ALIGNMENT);
    a->entries[a->n_entries++] =
        (struct bv_vk_weight_entry){tensor->data, bv_elements(tensor), half, r};
    *region = r;
    return BV_OK;
}

enum bv_status bv_vk_weights_finish(struct bv_vk *vk, struct bv_error *err)
{
    for (int slot = 0; slot < 2; slot++)
        BV_TRY(wait_slot(vk, slot, err));
    return BV_OK;
}

void bv_vk_weights_free(struct bv_vk *vk)
{
    struct bv_vk_weight_arena *a = &vk->weight_arena;
    if ((a->in_flight[0] || a->in_flight[1]) && !vk->lost) // a compilation failed under way
        (void)vk->instance.api.DeviceWaitIdle(vk->device);
    for (int i = 0; i < 2 && !vk->hung; i++) {
        bv_vk_buffer_destroy(vk, &a->staging[i]);
        if (a->fence[i])
            vk->instance.api.DestroyFence(vk->device, a->fence[i], NULL);
        if (a->commands[i])
            vk->instance.api.FreeCommandBuffers(vk->device, vk->commands, 1, &a->commands[i]);
    }
    for (int i = 0; i < a->n_blocks && !vk->hung; i++)
        bv_vk_buffer_destroy(vk, &a->blocks[i].buffer);
    free(a->blocks);
    free(a->entries);
    *a = (struct bv_vk_weight_arena){0};
}
