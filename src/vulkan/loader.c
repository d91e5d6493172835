#include "vulkan/loader.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// ISO C has no conversion from object to function pointers; POSIX guarantees their sizes agree.
#define BV_VK_LOOKUP(name, from, handle)                                                           \
    do {                                                                                           \
        PFN_vkVoidFunction found = api->from((handle), "vk" #name);                                \
        api->name = (PFN_vk##name)found;                                                           \
    } while (0)

#define BV_VK_REQUIRE(name, from, handle)                                                          \
    BV_VK_LOOKUP(name, from, handle);                                                              \
    if (!api->name)                                                                                \
        return bv_fail(err, BV_ERR_DEVICE, "the Vulkan loader has no vk" #name);

enum bv_status bv_vk_load(struct bv_vk_api *api, struct bv_error *err)
{
    const char *path = getenv("BIOVL_VK_LOADER");
    if (!path || !*path)
        path = "libvulkan.so.1";
    api->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!api->library)
        return bv_fail(err, BV_ERR_DEVICE, "there is no Vulkan loader (%s)", path);
    void *symbol = dlsym(api->library, "vkGetInstanceProcAddr");
    if (!symbol)
        return bv_fail(err, BV_ERR_DEVICE, "%s is not a Vulkan loader", path);
    memcpy(&api->GetInstanceProcAddr, &symbol, sizeof symbol);
#define BV_VK_FIND(name) BV_VK_REQUIRE(name, GetInstanceProcAddr, NULL)
    BV_VK_GLOBAL_CALLS(BV_VK_FIND)
#undef BV_VK_FIND
    return BV_OK;
}

enum bv_status bv_vk_load_instance(struct bv_vk_api *api, VkInstance instance, struct bv_error *err)
{
#define BV_VK_FIND(name) BV_VK_REQUIRE(name, GetInstanceProcAddr, instance)
    BV_VK_INSTANCE_CALLS(BV_VK_FIND)
#undef BV_VK_FIND
#define BV_VK_FIND(name) BV_VK_LOOKUP(name, GetInstanceProcAddr, instance);
    BV_VK_OPTIONAL_CALLS(BV_VK_FIND)
#undef BV_VK_FIND
    return BV_OK;
}

enum bv_status bv_vk_load_device(struct bv_vk_api *api, VkDevice device, struct bv_error *err)
{
#define BV_VK_FIND(name) BV_VK_REQUIRE(name, GetDeviceProcAddr, device)
    BV_VK_DEVICE_CALLS(BV_VK_FIND)
#undef BV_VK_FIND
    return BV_OK;
}

void bv_vk_unload(struct bv_vk_api *api)
{
    if (api->library)
        (void)dlclose(api->library);
    *api = (struct bv_vk_api){0};
}
