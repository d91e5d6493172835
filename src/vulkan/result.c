// What Vulkan calls return, as statuses.
#include "vulkan/device.h"

enum bv_status bv_vk_check(struct bv_vk *vk, VkResult result, const char *doing,
                           struct bv_error *err)
{
    switch (result) {
    case VK_SUCCESS:
    case VK_INCOMPLETE:
        return BV_OK;
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return bv_fail(err, BV_ERR_NOMEM, "out of memory while %s", doing);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
        return bv_fail(err, BV_ERR_OOM_DEVICE, "%s ran out of memory while %s", vk->info.name,
                       doing);
    case VK_ERROR_DEVICE_LOST:
        vk->lost = true;
        return bv_fail(err, BV_ERR_DEVICE_LOST, "%s was lost while %s", vk->info.name, doing);
    default:
        return bv_fail(err, BV_ERR_DEVICE, "%s failed while %s (Vulkan error %d)", vk->info.name,
                       doing, (int)result);
    }
}

enum bv_status bv_vk_wait(struct bv_vk *vk, VkFence fence, const char *doing, struct bv_error *err)
{
    uint64_t timeout = vk->instance.switches.timeout_ms * 1000000u;
    VkResult result = vk->instance.api.WaitForFences(vk->device, 1, &fence, VK_TRUE, timeout);
    if (result != VK_TIMEOUT)
        return bv_vk_check(vk, result, doing, err);
    vk->lost = vk->hung = true;
    return bv_fail(err, BV_ERR_DEVICE_LOST, "%s did not answer for %.0f s while %s", vk->info.name,
                   (double)vk->instance.switches.timeout_ms / 1e3, doing);
}
