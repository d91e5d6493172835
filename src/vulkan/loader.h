// loader.h: the Vulkan functions, found at run time.
#ifndef BV_VULKAN_LOADER_H
#define BV_VULKAN_LOADER_H

#include <stdbool.h>

#include "base/status.h"
#include "vulkan/compat.h"

#define BV_VK_GLOBAL_CALLS(F)                                                                      \
    F(CreateInstance)                                                                              \
    F(EnumerateInstanceLayerProperties)                                                            \
    F(EnumerateInstanceExtensionProperties)

#define BV_VK_INSTANCE_CALLS(F)                                                                    \
    F(DestroyInstance)                                                                             \
    F(EnumeratePhysicalDevices)                                                                    \
    F(GetPhysicalDeviceProperties2)                                                                \
    F(GetPhysicalDeviceFeatures2)                                                                  \
    F(GetPhysicalDeviceMemoryProperties)                                                           \
    F(GetPhysicalDeviceQueueFamilyProperties)                                                      \
    F(EnumerateDeviceExtensionProperties)                                                          \
    F(CreateDevice)                                                                                \
    F(GetDeviceProcAddr)

// NULL where the loader or the drivers lack them.
#define BV_VK_OPTIONAL_CALLS(F)                                                                    \
    F(CreateDebugUtilsMessengerEXT)                                                                \
    F(DestroyDebugUtilsMessengerEXT)                                                               \
    F(GetPhysicalDeviceCooperativeMatrixPropertiesKHR)                                             \
    F(GetPhysicalDeviceCooperativeMatrixPropertiesNV)

#define BV_VK_DEVICE_CALLS(F)                                                                      \
    F(DestroyDevice)                                                                               \
    F(GetDeviceQueue)                                                                              \
    F(AllocateMemory)                                                                              \
    F(FreeMemory)                                                                                  \
    F(MapMemory)                                                                                   \
    F(CreateBuffer)                                                                                \
    F(DestroyBuffer)                                                                               \
    F(GetBufferMemoryRequirements)                                                                 \
    F(BindBufferMemory)                                                                            \
    F(FlushMappedMemoryRanges)                                                                     \
    F(InvalidateMappedMemoryRanges)                                                                \
    F(CreateShaderModule)                                                                          \
    F(DestroyShaderModule)                                                                         \
    F(CreatePipelineCache)                                                                         \
    F(GetPipelineCacheData)                                                                        \
    F(DestroyPipelineCache)                                                                        \
    F(CreateComputePipelines)                                                                      \
    F(DestroyPipeline)                                                                             \
    F(CreatePipelineLayout)                                                                        \
    F(DestroyPipelineLayout)                                                                       \
    F(CreateDescriptorSetLayout)                                                                   \
    F(DestroyDescriptorSetLayout)                                                                  \
    F(CreateDescriptorPool)                                                                        \
    F(DestroyDescriptorPool)                                                                       \
    F(AllocateDescriptorSets)                                                                      \
    F(UpdateDescriptorSets)                                                                        \
    F(CreateCommandPool)                                                                           \
    F(DestroyCommandPool)                                                                          \
    F(AllocateCommandBuffers)                                                                      \
    F(FreeCommandBuffers)                                                                          \
    F(BeginCommandBuffer)                                                                          \
    F(EndCommandBuffer)                                                                            \
    F(CmdBindPipeline)                                                                             \
    F(CmdBindDescriptorSets)                                                                       \
    F(CmdPushConstants)                                                                            \
    F(CmdDispatch)                                                                                 \
    F(CmdCopyBuffer)                                                                               \
    F(CmdFillBuffer)                                                                               \
    F(CmdPipelineBarrier)                                                                          \
    F(CmdResetQueryPool)                                                                           \
    F(CmdWriteTimestamp)                                                                           \
    F(CreateQueryPool)                                                                             \
    F(DestroyQueryPool)                                                                            \
    F(GetQueryPoolResults)                                                                         \
    F(CreateFence)                                                                                 \
    F(DestroyFence)                                                                                \
    F(ResetFences)                                                                                 \
    F(WaitForFences)                                                                               \
    F(QueueSubmit)                                                                                 \
    F(DeviceWaitIdle)

struct bv_vk_api {
    void *library; // of dlopen
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
#define BV_VK_MEMBER(name) PFN_vk##name name;
    BV_VK_GLOBAL_CALLS(BV_VK_MEMBER)
    BV_VK_INSTANCE_CALLS(BV_VK_MEMBER)
    BV_VK_OPTIONAL_CALLS(BV_VK_MEMBER)
    BV_VK_DEVICE_CALLS(BV_VK_MEMBER)
#undef BV_VK_MEMBER
};

// Tests replace functions of the table here: called after each of the three loads below.
typedef void bv_vk_wrap(struct bv_vk_api *api, void *arg);

// Opens the loader (libvulkan.so.1, or BIOVL_VK_LOADER) and finds the global functions.
// BV_ERR_DEVICE when it is not there.
enum bv_status bv_vk_load(struct bv_vk_api *api, struct bv_error *err);
enum bv_status bv_vk_load_instance(struct bv_vk_api *api, VkInstance instance,
                                   struct bv_error *err);
enum bv_status bv_vk_load_device(struct bv_vk_api *api, VkDevice device, struct bv_error *err);
void bv_vk_unload(struct bv_vk_api *api); // accepts a zeroed table

#endif
