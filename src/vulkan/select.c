// select.c: which devices there are, what they can do, and which one is meant.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vulkan/device.h"

static bool has_extension(const VkExtensionProperties *list, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i].extensionName, name) == 0)
            return true;
    return false;
}

static void read_shapes_khr(const struct bv_vk_api *api, VkPhysicalDevice device,
                            struct bv_vk_device_info *info)
{
    VkCooperativeMatrixPropertiesKHR list[128];
    uint32_t n = 128;
    memset(list, 0, sizeof list);
    for (uint32_t i = 0; i < n; i++)
        list[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    if (!api->GetPhysicalDeviceCooperativeMatrixPropertiesKHR ||
        api->GetPhysicalDeviceCooperativeMatrixPropertiesKHR(device, &n, list) < 0)
        return;
    for (uint32_t i = 0; i < n && i < 128 && info->n_shapes < BV_VK_MAX_SHAPES; i++)
        if (list[i].AType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            list[i].BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
            list[i].CType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            list[i].ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            list[i].scope == VK_SCOPE_SUBGROUP_KHR)
            info->shapes[info->n_shapes++] =
                (struct bv_vk_matrix_shape){list[i].MSize, list[i].NSize, list[i].KSize};
}

static void read_shapes_nv(const struct bv_vk_api *api, VkPhysicalDevice device,
                           struct bv_vk_device_info *info)
{
    VkCooperativeMatrixPropertiesNV list[128];
    uint32_t n = 128;
    memset(list, 0, sizeof list);
    for (uint32_t i = 0; i < n; i++)
        list[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_NV;
    if (!api->GetPhysicalDeviceCooperativeMatrixPropertiesNV ||
        api->GetPhysicalDeviceCooperativeMatrixPropertiesNV(device, &n, list) < 0)
        return;
    for (uint32_t i = 0; i < n && i < 128 && info->n_shapes < BV_VK_MAX_SHAPES; i++)
        if (list[i].AType == VK_COMPONENT_TYPE_FLOAT16_NV &&
            list[i].BType == VK_COMPONENT_TYPE_FLOAT16_NV &&
            list[i].CType == VK_COMPONENT_TYPE_FLOAT32_NV &&
            list[i].DType == VK_COMPONENT_TYPE_FLOAT32_NV && list[i].scope == VK_SCOPE_SUBGROUP_NV)
            info->shapes[info->n_shapes++] =
                (struct bv_vk_matrix_shape){list[i].MSize, list[i].NSize, list[i].KSize};
}

// What the device lists of the extensions that are used here.
struct listed {
    bool size_control, matrix_khr, matrix_nv, executables;
};

static struct listed list_extensions(const struct bv_vk_api *api, VkPhysicalDevice device)
{
    uint32_t n = 0;
    VkExtensionProperties *list = NULL;
    if (api->EnumerateDeviceExtensionProperties(device, NULL, &n, NULL) == VK_SUCCESS)
        list = calloc((size_t)n + 1, sizeof *list);
    if (!list || api->EnumerateDeviceExtensionProperties(device, NULL, &n, list) < 0)
        n = 0;
    struct listed listed = {
        .size_control = has_extension(list, n, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME),
        .matrix_khr = has_extension(list, n, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME),
        .matrix_nv = has_extension(list, n, VK_NV_COOPERATIVE_MATRIX_EXTENSION_NAME),
        .executables =
            has_extension(list, n, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME)};
    free(list);
    return listed;
}

// An extension that is listed may still lack the feature: both are asked. Subgroup sizes are
// controlled by the extension even on devices of Vulkan 1.3, as the instance asks for 1.2.
static void read_features(const struct bv_vk_api *api, VkPhysicalDevice device,
                          struct bv_vk_device_info *info)
{
    struct listed listed = list_extensions(api, device);
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR khr = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    VkPhysicalDeviceCooperativeMatrixFeaturesNV nv = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_NV};
    VkPhysicalDeviceSubgroupSizeControlFeatures size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    if (listed.size_control) {
        size.pNext = v12.pNext;
        v12.pNext = &size;
    }
    if (listed.executables) {
        executables.pNext = v12.pNext;
        v12.pNext = &executables;
    }
    if (listed.matrix_khr) {
        khr.pNext = v12.pNext;
        v12.pNext = &khr;
    }
    if (listed.matrix_nv) {
        nv.pNext = v12.pNext;
        v12.pNext = &nv;
    }
    VkPhysicalDeviceVulkan11Features v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &v11};
    api->GetPhysicalDeviceFeatures2(device, &features);
    info->f16_storage = v11.storageBuffer16BitAccess;
    info->f16_arithmetic = v12.shaderFloat16;
    info->vulkan_memory_model = v12.vulkanMemoryModel;
    info->matrix_khr = khr.cooperativeMatrix;
    info->matrix_nv = nv.cooperativeMatrix;
    info->executable_properties = executables.pipelineExecutableInfo;
    info->subgroup_full = size.computeFullSubgroups;
    info->subgroup_required &= size.subgroupSizeControl;
    if (!listed.size_control)
        info->subgroup_min = info->subgroup_max = 0;
    if (info->matrix_khr)
        read_shapes_khr(api, device, info);
    else if (info->matrix_nv)
        read_shapes_nv(api, device, info);
}

static void read_queues(const struct bv_vk_api *api, VkPhysicalDevice device,
                        struct bv_vk_device_info *info, bool *has_compute)
{
    VkQueueFamilyProperties families[32];
    uint32_t n = 32;
    api->GetPhysicalDeviceQueueFamilyProperties(device, &n, families);
    for (uint32_t i = 0; i < n; i++)
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            *has_compute = true;
            info->timestamps |= families[i].timestampValidBits > 0;
        }
}

static enum bv_vk_device_kind kind_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return BV_VK_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return BV_VK_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return BV_VK_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
        return BV_VK_SOFTWARE;
    default:
        return BV_VK_OTHER;
    }
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

// What a device lacks that this backend needs; NULL: nothing.
static const char *missing_of(const struct bv_vk_device_info *info,
                              const VkPhysicalDeviceLimits *limits, bool has_compute)
{
    return info->api_version < VK_API_VERSION_1_2         ? "Vulkan 1.2"
           : !has_compute                                 ? "a compute queue"
           : info->shared_bytes < 16384                   ? "16 KiB of shared memory"
           : info->max_invocations < 128                  ? "workgroups of 128"
           : info->push_constant_bytes < BV_VK_PUSH_BYTES ? "128 push bytes"
           : limits->maxPerStageDescriptorStorageBuffers < BV_VK_BINDINGS
               ? "six storage buffers in a shader"
           : limits->minStorageBufferOffsetAlignment > BV_VK_OFFSET_ALIGNMENT
               ? "an offset alignment of 256 or less"
               : NULL;
}

static void describe(const struct bv_vk_api *api, VkPhysicalDevice device, int index,
                     struct bv_vk_device_info *info)
{
    VkPhysicalDeviceSubgroupSizeControlProperties size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES, .pNext = &size};
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &driver};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
    api->GetPhysicalDeviceProperties2(device, &properties);
    const VkPhysicalDeviceProperties *p = &properties.properties;
    const VkPhysicalDeviceLimits *limits = &p->limits;
    *info = (struct bv_vk_device_info){
        .index = index,
        .kind = kind_of(p->deviceType),
        .vendor_id = p->vendorID,
        .device_id = p->deviceID,
        .driver_version = p->driverVersion,
        .api_version = p->apiVersion,
        .driver_id = driver.driverID,
        .max_buffer_range = limits->maxStorageBufferRange,
        .max_allocation = v11.maxMemoryAllocationSize,
        .shared_bytes = limits->maxComputeSharedMemorySize,
        .max_invocations =
            smaller(limits->maxComputeWorkGroupInvocations, limits->maxComputeWorkGroupSize[0]),
        .push_constant_bytes = limits->maxPushConstantsSize,
        .subgroup_size = v11.subgroupSize,
        .subgroup_min = size.minSubgroupSize,
        .subgroup_max = size.maxSubgroupSize,
        .subgroup_required = (size.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0,
        .subgroup_arithmetic =
            (v11.subgroupSupportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT) != 0,
    };
    memcpy(info->max_groups, limits->maxComputeWorkGroupCount, sizeof info->max_groups);
    memcpy(info->cache_uuid, p->pipelineCacheUUID, sizeof info->cache_uuid);
    (void)snprintf(info->name, sizeof info->name, "%s", p->deviceName);
    (void)snprintf(info->driver, sizeof info->driver, "%s %s", driver.driverName,
                   driver.driverInfo);
    VkPhysicalDeviceMemoryProperties memory;
    api->GetPhysicalDeviceMemoryProperties(device, &memory);
    for (uint32_t i = 0; i < memory.memoryHeapCount; i++)
        if ((memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) &&
            memory.memoryHeaps[i].size > info->heap_bytes)
            info->heap_bytes = memory.memoryHeaps[i].size;
    read_features(api, device, info);
    bool has_compute = false;
    read_queues(api, device, info, &has_compute);
    const char *missing = missing_of(info, limits, has_compute);
    info->usable = !missing;
    if (missing)
        (void)snprintf(info->why_not, sizeof info->why_not, "needs %s", missing);
}

enum bv_status bv_vk_enumerate(struct bv_vk_instance *instance, VkPhysicalDevice **handles,
                               struct bv_vk_device_info **infos, int *n, struct bv_error *err)
{
    const struct bv_vk_api *api = &instance->api;
    uint32_t count = 0;
    VkResult result = api->EnumeratePhysicalDevices(instance->handle, &count, NULL);
    if (result < 0 || count > 1024)
        return bv_fail(err, BV_ERR_DEVICE, "Vulkan lists no devices (error %d)", (int)result);
    VkPhysicalDevice *list = calloc((size_t)count + 1, sizeof(VkPhysicalDevice));
    struct bv_vk_device_info *described = calloc((size_t)count + 1, sizeof *described);
    enum bv_status status = BV_OK;
    if (!list || !described)
        status = bv_fail_nomem(err, "the list of devices");
    else if (count > 0 && api->EnumeratePhysicalDevices(instance->handle, &count, list) < 0)
        status = bv_fail(err, BV_ERR_DEVICE, "Vulkan lists no devices");
    if (status != BV_OK) {
        free(list);
        free(described);
        return status;
    }
    for (uint32_t i = 0; i < count; i++)
        describe(api, list[i], (int)i, &described[i]);
    *handles = list;
    *infos = described;
    *n = (int)count;
    return BV_OK;
}

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < n && text[i] &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == n)
            return true;
    }
    return false;
}

static enum bv_status best(const struct bv_vk_device_info *infos, int n, bool allow_software,
                           int *chosen, struct bv_error *err)
{
    int found = -1;
    for (int i = 0; i < n; i++) // enum order is the order of preference
        if (infos[i].usable && (infos[i].kind != BV_VK_SOFTWARE || allow_software) &&
            (found < 0 || infos[i].kind < infos[found].kind))
            found = i;
    if (found < 0)
        return bv_fail(err, BV_ERR_DEVICE,
                       n > 0 ? "no usable GPU; the Vulkan devices here are software or too old "
                               "(BIOVL_ALLOW_SOFTWARE=1 admits software)"
                             : "no Vulkan device");
    *chosen = found;
    return BV_OK;
}

enum bv_status bv_vk_choose(const struct bv_vk_device_info *infos, int n, const char *device,
                            bool allow_software, int *chosen, struct bv_error *err)
{
    if (!device)
        device = "";
    if (strncmp(device, "vulkan", 6) == 0 && (device[6] == '\0' || device[6] == ':'))
        device += device[6] ? 7 : 6;
    if (!*device)
        return best(infos, n, allow_software, chosen, err);
    char *end = NULL;
    long index = strtol(device, &end, 10);
    if (*end == '\0') {
        if (index < 0 || index >= n)
            return bv_fail(err, BV_ERR_DEVICE, "there is no Vulkan device %ld (there are %d)",
                           index, n);
    } else {
        for (index = 0; index < n && !contains(infos[index].name, device);)
            index++;
        if (index == n)
            return bv_fail(err, BV_ERR_DEVICE, "no Vulkan device is named \"%s\"", device);
    }
    if (!infos[index].usable)
        return bv_fail(err, BV_ERR_DEVICE, "%s cannot be used: it %s", infos[index].name,
                       infos[index].why_not);
    *chosen = (int)index;
    return BV_OK;
}
