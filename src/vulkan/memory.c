#include <stdio.h>
#include <string.h>

#include "vulkan/device.h"

// Memory types to try for a kind, best first: flags wanted, flags not wanted.
struct wish {
    VkMemoryPropertyFlags with, without;
};

#define DEVICE VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define VISIBLE VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
#define COHERENT VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT

static const struct wish wishes[][4] = {
    [BV_VK_MEMORY_DEVICE] = {{DEVICE, VISIBLE}, {DEVICE, 0}, {0, 0}},
    [BV_VK_MEMORY_DIRECT] = {{DEVICE | VISIBLE | COHERENT, 0},
                             {DEVICE, VISIBLE},
                             {DEVICE, 0},
                             {0, 0}},
    [BV_VK_MEMORY_STAGING] = {{VISIBLE | COHERENT, DEVICE}, {VISIBLE | COHERENT, 0}, {VISIBLE, 0}},
    [BV_VK_MEMORY_READBACK] = {{VISIBLE | CACHED | COHERENT, 0},
                               {VISIBLE | CACHED, 0},
                               {VISIBLE, 0}},
};

// Direct writes pay where all of the device's memory is mapped (integrated, resizable BAR), not
// where a small window of it is.
static bool type_serves(const struct bv_vk *vk, uint32_t type, enum bv_vk_memory_kind kind,
                        const struct wish *wish)
{
    const VkMemoryType *t = &vk->memory.memoryTypes[type];
    if ((t->propertyFlags & wish->with) != wish->with || (t->propertyFlags & wish->without) ||
        (t->propertyFlags &
         (VK_MEMORY_PROPERTY_PROTECTED_BIT | VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD)))
        return false;
    return kind != BV_VK_MEMORY_DIRECT || !(wish->with & VISIBLE) ||
           vk->memory.memoryHeaps[t->heapIndex].size >= vk->info.heap_bytes;
}

static VkResult allocate(struct bv_vk *vk, const VkMemoryRequirements *needs,
                         enum bv_vk_memory_kind kind, struct bv_vk_buffer *buffer,
                         VkMemoryPropertyFlags *flags)
{
    uint32_t tried = 0;
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    for (int w = 0; w < 4; w++)
        for (uint32_t type = 0; type < vk->memory.memoryTypeCount; type++) {
            if (!(needs->memoryTypeBits >> type & 1) || (tried >> type & 1) ||
                !type_serves(vk, type, kind, &wishes[kind][w]))
                continue;
            tried |= 1u << type;
            VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .allocationSize = needs->size,
                                         .memoryTypeIndex = type};
            result = vk->instance.api.AllocateMemory(vk->device, &info, NULL, &buffer->memory);
            *flags = vk->memory.memoryTypes[type].propertyFlags;
            if (result != VK_ERROR_OUT_OF_DEVICE_MEMORY && result != VK_ERROR_OUT_OF_HOST_MEMORY)
                return result; // success, or a failure that another type does not mend
        }
    return result;
}

static enum bv_status fail_memory(struct bv_vk *vk, VkResult result, uint64_t bytes,
                                  const char *what, struct bv_error *err)
{
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY)
        return bv_fail(err, BV_ERR_OOM_DEVICE,
                       "%s has no memory for %.1f MB of %s (its heap holds %.0f MB); a smaller "
                       "batch needs less",
                       vk->info.name, (double)bytes / 1e6, what, (double)vk->info.heap_bytes / 1e6);
    return bv_vk_check(vk, result, "allocating memory", err);
}

enum bv_status bv_vk_buffer_create(struct bv_vk *vk, uint64_t bytes, enum bv_vk_memory_kind kind,
                                   const char *what, struct bv_vk_buffer *buffer,
                                   struct bv_error *err)
{
    const struct bv_vk_api *api = &vk->instance.api;
    struct bv_vk_buffer b = {.bytes = bytes};
    enum bv_status status = BV_OK;
    if (bytes > vk->info.max_allocation)
        return bv_fail(
            err, BV_ERR_LIMIT, "%.1f MB of %s exceed the largest allocation of %s (%.0f MB)",
            (double)bytes / 1e6, what, vk->info.name, (double)vk->info.max_allocation / 1e6);
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = bytes,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                               .sharingMode = VK_SHARING_MODE_EXCLUSIVE};
    VkResult result = api->CreateBuffer(vk->device, &info, NULL, &b.handle);
    VkMemoryPropertyFlags flags = 0;
    if (result == VK_SUCCESS) {
        VkMemoryRequirements needs;
        api->GetBufferMemoryRequirements(vk->device, b.handle, &needs);
        result = allocate(vk, &needs, kind, &b, &flags);
    }
    if (result == VK_SUCCESS)
        result = api->BindBufferMemory(vk->device, b.handle, b.memory, 0);
    if (result == VK_SUCCESS && kind != BV_VK_MEMORY_DEVICE && (flags & VISIBLE)) {
        void *mapped = NULL;
        result = api->MapMemory(vk->device, b.memory, 0, VK_WHOLE_SIZE, 0, &mapped);
        b.mapped = mapped;
        b.coherent = (flags & COHERENT) != 0;
    }
    if (result != VK_SUCCESS) {
        status = fail_memory(vk, result, bytes, what, err);
        bv_vk_buffer_destroy(vk, &b);
        return status;
    }
    *buffer = b;
    return BV_OK;
}

void bv_vk_buffer_destroy(struct bv_vk *vk, struct bv_vk_buffer *buffer)
{
    const struct bv_vk_api *api = &vk->instance.api;
    if (buffer->handle)
        api->DestroyBuffer(vk->device, buffer->handle, NULL);
    if (buffer->memory)
        api->FreeMemory(vk->device, buffer->memory, NULL); // unmaps
    *buffer = (struct bv_vk_buffer){0};
}

static VkMappedMemoryRange whole(const struct bv_vk_buffer *buffer)
{
    return (VkMappedMemoryRange){.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
                                 .memory = buffer->memory,
                                 .size = VK_WHOLE_SIZE};
}

enum bv_status bv_vk_buffer_flush(struct bv_vk *vk, const struct bv_vk_buffer *buffer,
                                  struct bv_error *err)
{
    VkMappedMemoryRange range = whole(buffer);
    if (buffer->coherent)
        return BV_OK;
    return bv_vk_check(vk, vk->instance.api.FlushMappedMemoryRanges(vk->device, 1, &range),
                       "writing to it", err);
}

enum bv_status bv_vk_buffer_invalidate(struct bv_vk *vk, const struct bv_vk_buffer *buffer,
                                       struct bv_error *err)
{
    VkMappedMemoryRange range = whole(buffer);
    if (buffer->coherent)
        return BV_OK;
    return bv_vk_check(vk, vk->instance.api.InvalidateMappedMemoryRanges(vk->device, 1, &range),
                       "reading from it", err);
}
