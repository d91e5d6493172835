// loader.h: the Vulkan headers and functions, found at run time.
#ifndef BV_VULKAN_LOADER_H
#define BV_VULKAN_LOADER_H

#include <stdbool.h>

#include "base/status.h"

// The Vulkan headers, and declarations newer than those of old distributions.

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#ifndef VK_KHR_cooperative_matrix // since Vulkan-Headers 1.3.255
#define VK_KHR_cooperative_matrix 1
#define VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"
#define VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR                          \
    ((VkStructureType)1000506000)
#define VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR ((VkStructureType)1000506001)

typedef enum VkComponentTypeKHR {
    VK_COMPONENT_TYPE_FLOAT16_KHR = 0,
    VK_COMPONENT_TYPE_FLOAT32_KHR = 1,
    VK_COMPONENT_TYPE_MAX_ENUM_KHR = 0x7FFFFFFF
} VkComponentTypeKHR;

typedef enum VkScopeKHR {
    VK_SCOPE_SUBGROUP_KHR = 3,
    VK_SCOPE_MAX_ENUM_KHR = 0x7FFFFFFF
} VkScopeKHR;

typedef struct VkCooperativeMatrixPropertiesKHR {
    VkStructureType sType;
    void *pNext;
    uint32_t MSize, NSize, KSize;
    VkComponentTypeKHR AType, BType, CType, ResultType;
    VkBool32 saturatingAccumulation;
    VkScopeKHR scope;
} VkCooperativeMatrixPropertiesKHR;

typedef struct VkPhysicalDeviceCooperativeMatrixFeaturesKHR {
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrix;
    VkBool32 cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;

typedef VkResult(VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(
    VkPhysicalDevice physicalDevice, uint32_t *pPropertyCount,
    VkCooperativeMatrixPropertiesKHR *pProperties);
#endif

// loader.c: the Vulkan functions, found at run time.

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
