#include "vulkan/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vulkan/pipeline.h"

// A compute family without graphics where there is one: it does not compete with a desktop.
static bool choose_family(struct bv_vk *vk)
{
    VkQueueFamilyProperties families[32];
    uint32_t n = 32, found = UINT32_MAX;
    vk->instance.api.GetPhysicalDeviceQueueFamilyProperties(vk->physical, &n, families);
    for (uint32_t i = 0; i < n; i++)
        if ((families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) && families[i].queueCount > 0 &&
            (found == UINT32_MAX || !(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT))) {
            found = i;
            if (!(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT))
                break;
        }
    if (found == UINT32_MAX)
        return false;
    vk->queue_family = found;
    vk->timestamp_bits = families[found].timestampValidBits;
    return true;
}

// The threads of a subgroup in matrix shaders: Intel multiplies matrices with its narrowest ones
// only. 0 when sizes vary and none can be asked for.
static uint32_t matrix_subgroup(const struct bv_vk_device_info *info)
{
    if (info->subgroup_required)
        return info->vendor_id == BV_VK_INTEL ? info->subgroup_min : info->subgroup_size;
    return info->subgroup_min == info->subgroup_max ? info->subgroup_size : 0;
}

// Which matrix path to use; the self-check may take it back.
static void choose_path(struct bv_vk *vk, bool no_matrix)
{
    enum bv_vk_path wish = vk->instance.switches.path;
    bool half = vk->precision == BV_VK_F16 && vk->info.f16_storage && vk->info.f16_arithmetic;
    uint32_t subgroup = matrix_subgroup(&vk->info);
    bool hardware =
        half && vk->info.n_shapes > 0 && vk->info.vulkan_memory_model && !no_matrix && subgroup > 0;
    vk->path = BV_VK_PATH_SCALAR;
    if ((wish == BV_VK_PATH_AUTO || wish == BV_VK_PATH_KHR) && hardware && vk->info.matrix_khr &&
        bv_vk_path_built(BV_VK_PATH_KHR))
        vk->path = BV_VK_PATH_KHR;
    else if ((wish == BV_VK_PATH_AUTO || wish == BV_VK_PATH_NV) && hardware && vk->info.matrix_nv &&
             bv_vk_path_built(BV_VK_PATH_NV))
        vk->path = BV_VK_PATH_NV;
    else if (wish == BV_VK_PATH_EMU && half)
        vk->path = BV_VK_PATH_EMU;
    vk->subgroup = vk->path == BV_VK_PATH_EMU ? 32 : subgroup;
}

static uint64_t lowered(uint64_t limit, uint64_t by)
{
    return by && by < limit ? by : limit;
}

static void set_limits(struct bv_vk *vk, const struct bv_vk_quirks *quirks)
{
    const struct bv_vk_switches *s = &vk->instance.switches;
    // Indices in shaders are 32 bits of elements, and ranges stay a multiple of the alignment.
    vk->max_range = lowered(vk->info.max_buffer_range, UINT32_MAX);
    vk->max_range =
        lowered(vk->max_range, s->max_range) / BV_VK_OFFSET_ALIGNMENT * BV_VK_OFFSET_ALIGNMENT;
    for (int i = 0; i < 3; i++)
        vk->max_groups[i] = (uint32_t)lowered(vk->info.max_groups[i], s->max_groups);
    vk->shared_bytes = (uint32_t)lowered(vk->info.shared_bytes, s->shared_bytes);
    vk->submit_flops = lowered(quirks->submit_gflop * 1000000000u, s->submit_mflop * 1000000u);
    vk->few_registers = quirks->few_registers;
}

// Opens the physical device with one queue and a chain of features.
static enum bv_status open_device(struct bv_vk *vk, const void *features,
                                  const char *const *extensions, uint32_t n, struct bv_error *err)
{
    const struct bv_vk_api *api = &vk->instance.api;
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = vk->queue_family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = features,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = n,
                               .ppEnabledExtensionNames = extensions};
    BV_VK_TRY(vk, api->CreateDevice(vk->physical, &info, NULL, &vk->device), "opening it", err);
    BV_TRY(bv_vk_load_device(&vk->instance.api, vk->device, err));
    if (vk->instance.wrap)
        vk->instance.wrap(&vk->instance.api, vk->instance.wrap_arg);
    api->GetDeviceQueue(vk->device, vk->queue_family, 0, &vk->queue);
    return BV_OK;
}

// With the features and extensions that its path of matrix products and the survey need.
static enum bv_status create_device(struct bv_vk *vk, struct bv_error *err)
{
    bool matrix = vk->path == BV_VK_PATH_KHR || vk->path == BV_VK_PATH_NV;
    const char *extensions[5];
    uint32_t n = 0;
    vk->subgroup_required = matrix && vk->info.subgroup_required;
    vk->subgroup_full = matrix && vk->info.subgroup_full;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR khr = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
        .cooperativeMatrix = VK_TRUE};
    VkPhysicalDeviceCooperativeMatrixFeaturesNV nv = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_NV,
        .cooperativeMatrix = VK_TRUE};
    VkPhysicalDeviceSubgroupSizeControlFeatures size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .subgroupSizeControl = vk->subgroup_required,
        .computeFullSubgroups = vk->subgroup_full};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .shaderFloat16 = vk->info.f16_arithmetic,
        .vulkanMemoryModel = matrix && vk->info.vulkan_memory_model};
    VkPhysicalDeviceVulkan11Features v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
        .pNext = &v12,
        .storageBuffer16BitAccess = vk->info.f16_storage};
    if (vk->path == BV_VK_PATH_KHR) {
        v12.pNext = &khr;
        extensions[n++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
    } else if (vk->path == BV_VK_PATH_NV) {
        v12.pNext = &nv;
        extensions[n++] = VK_NV_COOPERATIVE_MATRIX_EXTENSION_NAME;
    }
    if (vk->subgroup_required || vk->subgroup_full) {
        size.pNext = v12.pNext;
        v12.pNext = &size;
        extensions[n++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    }
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pipelineExecutableInfo = VK_TRUE};
    vk->statistics = vk->survey && vk->info.executable_properties;
    if (vk->statistics) {
        executables.pNext = v12.pNext;
        v12.pNext = &executables;
        extensions[n++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    }
    return open_device(vk, &v11, extensions, n, err);
}

// One layout for all shaders: six storage buffers and 128 bytes of push constants.
static enum bv_status create_layouts(struct bv_vk *vk, struct bv_error *err)
{
    const struct bv_vk_api *api = &vk->instance.api;
    VkDescriptorSetLayoutBinding bindings[BV_VK_BINDINGS];
    for (uint32_t i = 0; i < BV_VK_BINDINGS; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VkDescriptorSetLayoutCreateInfo set = {.sType =
                                               VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                           .bindingCount = BV_VK_BINDINGS,
                                           .pBindings = bindings};
    BV_VK_TRY(vk, api->CreateDescriptorSetLayout(vk->device, &set, NULL, &vk->set_layout),
              "making a layout", err);
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, BV_VK_PUSH_BYTES};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .setLayoutCount = 1,
                                         .pSetLayouts = &vk->set_layout,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &push};
    BV_VK_TRY(vk, api->CreatePipelineLayout(vk->device, &layout, NULL, &vk->pipeline_layout),
              "making a layout", err);
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                    .queueFamilyIndex = vk->queue_family};
    BV_VK_TRY(vk, api->CreateCommandPool(vk->device, &pool, NULL, &vk->commands),
              "making a command pool", err);
    return BV_OK;
}

enum bv_status bv_vk_device_open(struct bv_vk *vk, struct bv_error *err)
{
    const struct bv_vk_api *api = &vk->instance.api;
    if (vk->precision == BV_VK_F16 && !vk->info.f16_storage)
        return bv_fail(err, BV_ERR_DEVICE, "%s has no 16-bit storage: use --precision f32",
                       vk->info.name);
    if (!choose_family(vk))
        return bv_fail(err, BV_ERR_DEVICE, "%s has no compute queue", vk->info.name);
    struct bv_vk_quirks quirks = bv_vk_quirks_of(&vk->info);
    choose_path(vk, quirks.no_matrix);
    set_limits(vk, &quirks);
    api->GetPhysicalDeviceMemoryProperties(vk->physical, &vk->memory);
    VkPhysicalDeviceProperties2 properties = {.sType =
                                                  VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    api->GetPhysicalDeviceProperties2(vk->physical, &properties);
    vk->timestamp_seconds = (double)properties.properties.limits.timestampPeriod * 1e-9;
    BV_TRY(create_device(vk, err));
    BV_TRY(create_layouts(vk, err));
    bv_vk_cache_open(vk);
    return BV_OK;
}

void bv_vk_device_close(struct bv_vk *vk)
{
    const struct bv_vk_api *api = &vk->instance.api;
    // A device that hangs would never become idle, and destroying what it still uses is undefined:
    // its objects are left to the end of the process, only the lists of them are freed. The
    // messenger goes: it points to vk, which is freed next.
    if (vk->hung) {
        bv_vk_weights_free(vk);
        bv_vk_pipelines_free(vk);
        bv_vk_messenger_destroy(&vk->instance);
        return;
    }
    if (vk->device && api->DeviceWaitIdle) { // else its functions were not all found
        (void)api->DeviceWaitIdle(vk->device);
        bv_vk_weights_free(vk);
        bv_vk_cache_save(vk);
        bv_vk_pipelines_free(vk);
        if (vk->cache)
            api->DestroyPipelineCache(vk->device, vk->cache, NULL);
        if (vk->commands)
            api->DestroyCommandPool(vk->device, vk->commands, NULL);
        if (vk->pipeline_layout)
            api->DestroyPipelineLayout(vk->device, vk->pipeline_layout, NULL);
        if (vk->set_layout)
            api->DestroyDescriptorSetLayout(vk->device, vk->set_layout, NULL);
        api->DestroyDevice(vk->device, NULL);
    }
    bv_vk_instance_destroy(&vk->instance);
}
