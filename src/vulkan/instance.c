// instance.c: the Vulkan instance, the validation layer, and the switches of the environment.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vulkan/pipeline.h"

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return otherwise;
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    return *end == '\0' ? value : otherwise;
}

static void read_switches(struct bv_vk_switches *s)
{
    s->validate = number("BIOVL_VK_VALIDATE", 0) != 0;
    s->serial = number("BIOVL_VK_SERIAL", 0) != 0;
    s->timing = number("BIOVL_VK_TIMING", 0) != 0;
    s->poison = number("BIOVL_VK_POISON", 0) != 0;
    s->force_staging = number("BIOVL_VK_STAGE", 0) != 0;
    s->allow_software = number("BIOVL_ALLOW_SOFTWARE", 0) != 0;
    s->max_range = number("BIOVL_VK_MAX_RANGE", 0);
    s->max_groups = number("BIOVL_VK_MAX_GROUPS", 0);
    s->shared_bytes = number("BIOVL_VK_SHARED", 0);
    s->submit_mflop = number("BIOVL_VK_SUBMIT_MFLOP", 0);
    s->lose = number("BIOVL_VK_LOSE", 0);
    s->timeout_ms = number("BIOVL_VK_TIMEOUT_MS", 120000);
    const char *path = getenv("BIOVL_VK_PATH"), *fragment = getenv("BIOVL_VK_FRAGMENT");
    for (int i = BV_VK_PATH_AUTO; path && i <= BV_VK_PATH_EMU; i++)
        if (strcmp(path, bv_vk_path_name((enum bv_vk_path)i)) == 0)
            s->path = (enum bv_vk_path)i;
    struct bv_vk_matrix_shape shape;
    if (fragment && sscanf(fragment, "%ux%ux%u", &shape.m, &shape.n, &shape.k) == 3)
        s->fragment = shape;
    const char *tile = getenv("BIOVL_VK_TILE");
    if (tile && sscanf(tile, "%ux%u", &s->tile_m, &s->tile_n) != 2)
        s->tile_m = s->tile_n = 0;
}

// The callback must not print: messages are counted and the first is kept.
static VKAPI_ATTR VkBool32 VKAPI_CALL count_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                    VkDebugUtilsMessageTypeFlagsEXT types,
                                                    const VkDebugUtilsMessengerCallbackDataEXT *m,
                                                    void *arg)
{
    (void)severity;
    (void)types;
    struct bv_vk_instance *instance = arg;
    instance->messages++;
    if (instance->count)
        ++*instance->count;
    size_t length = strlen(m->pMessage);
    if (!instance->first_message[0] && length > 0) {
        if (length >= sizeof instance->first_message)
            length = sizeof instance->first_message - 1;
        memcpy(instance->first_message, m->pMessage, length);
    }
    return VK_FALSE;
}

static VkDebugUtilsMessengerCreateInfoEXT messenger_info(struct bv_vk_instance *instance)
{
    return (VkDebugUtilsMessengerCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = count_message,
        .pUserData = instance};
}

static bool has_layer(const struct bv_vk_api *api, const char *name)
{
    VkLayerProperties *layers = NULL;
    uint32_t n = 0;
    bool found = false;
    if (api->EnumerateInstanceLayerProperties(&n, NULL) != VK_SUCCESS || n == 0)
        return false;
    layers = calloc(n, sizeof *layers);
    if (layers && api->EnumerateInstanceLayerProperties(&n, layers) >= 0)
        for (uint32_t i = 0; i < n && !found; i++)
            found = strcmp(layers[i].layerName, name) == 0;
    free(layers);
    return found;
}

static VkResult create_handle(struct bv_vk_instance *instance)
{
    static const char *const layers[] = {"VK_LAYER_KHRONOS_validation"};
    static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                             VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    static const VkValidationFeatureEnableEXT enables[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pApplicationName = "biovl",
                                     .pEngineName = "biovl",
                                     .apiVersion = VK_API_VERSION_1_2};
    VkDebugUtilsMessengerCreateInfoEXT messenger = messenger_info(instance);
    VkValidationFeaturesEXT features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                        .pNext = &messenger,
                                        .enabledValidationFeatureCount = 1,
                                        .pEnabledValidationFeatures = enables};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application};
    instance->validating =
        instance->switches.validate && has_layer(&instance->api, "VK_LAYER_KHRONOS_validation");
    if (instance->validating) {
        info.pNext = &features;
        info.enabledLayerCount = 1;
        info.ppEnabledLayerNames = layers;
        info.enabledExtensionCount = 2;
        info.ppEnabledExtensionNames = extensions;
    }
    return instance->api.CreateInstance(&info, NULL, &instance->handle);
}

static enum bv_status create_messenger(struct bv_vk_instance *instance, struct bv_error *err)
{
    if (!instance->validating)
        return BV_OK;
    VkDebugUtilsMessengerCreateInfoEXT info = messenger_info(instance);
    if (!instance->api.CreateDebugUtilsMessengerEXT ||
        instance->api.CreateDebugUtilsMessengerEXT(instance->handle, &info, NULL,
                                                   &instance->messenger) != VK_SUCCESS)
        return bv_fail(err, BV_ERR_DEVICE, "the Vulkan validation layer takes no messenger");
    return BV_OK;
}

static void call_wrap(struct bv_vk_instance *instance)
{
    if (instance->wrap)
        instance->wrap(&instance->api, instance->wrap_arg);
}

enum bv_status bv_vk_instance_create(struct bv_vk_instance *instance, bv_vk_wrap *wrap,
                                     void *wrap_arg, struct bv_error *err)
{
    instance->wrap = wrap;
    instance->wrap_arg = wrap_arg;
    read_switches(&instance->switches);
    enum bv_status status = bv_vk_load(&instance->api, err);
    if (status != BV_OK)
        goto fail;
    call_wrap(instance);
    VkResult result = create_handle(instance);
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY) {
        status = bv_fail_nomem(err, "a Vulkan instance");
        goto fail;
    }
    if (result != VK_SUCCESS) { // also without any driver: VK_ERROR_INCOMPATIBLE_DRIVER
        status =
            bv_fail(err, BV_ERR_DEVICE, "Vulkan does not start (no driver? error %d)", (int)result);
        goto fail;
    }
    status = bv_vk_load_instance(&instance->api, instance->handle, err);
    if (status != BV_OK)
        goto fail;
    call_wrap(instance);
    status = create_messenger(instance, err);
    if (status != BV_OK)
        goto fail;
    return BV_OK;
fail:
    bv_vk_instance_destroy(instance);
    return status;
}

void bv_vk_messenger_destroy(struct bv_vk_instance *instance)
{
    const struct bv_vk_api *api = &instance->api;
    if (instance->messenger && api->DestroyDebugUtilsMessengerEXT)
        api->DestroyDebugUtilsMessengerEXT(instance->handle, instance->messenger, NULL);
    instance->messenger = VK_NULL_HANDLE;
}

void bv_vk_instance_destroy(struct bv_vk_instance *instance)
{
    struct bv_vk_api *api = &instance->api;
    bv_vk_messenger_destroy(instance);
    if (instance->handle && api->DestroyInstance)
        api->DestroyInstance(instance->handle, NULL);
    bv_vk_unload(api);
    instance->handle = VK_NULL_HANDLE;
}
