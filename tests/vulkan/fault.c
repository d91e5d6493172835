// Failures that real drivers produce, injected through the function table: memory that is out at
// the n-th call, a lost device, a device that never answers, no loader, no driver. Each ends in the
// status the header promises, with nothing leaked (the validation layer watches) or hung.
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "vulkan/net.h"

static int messages;
static int calls_left; // fallible calls until the injected failure; below zero: none
static VkResult failure;
static struct bv_vk_api real;

static bool fails(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

#define FAULTY(name, parameters, arguments)                                                        \
    static VKAPI_ATTR VkResult VKAPI_CALL faulty_##name parameters                                 \
    {                                                                                              \
        return fails() ? failure : real.name arguments;                                            \
    }
#define MAKES(name, info, handle)                                                                  \
    FAULTY(name,                                                                                   \
           (VkDevice device, const info *what, const VkAllocationCallbacks *a, handle *made),      \
           (device, what, a, made))
MAKES(AllocateMemory, VkMemoryAllocateInfo, VkDeviceMemory)
MAKES(CreateBuffer, VkBufferCreateInfo, VkBuffer)
MAKES(CreateShaderModule, VkShaderModuleCreateInfo, VkShaderModule)
MAKES(CreatePipelineLayout, VkPipelineLayoutCreateInfo, VkPipelineLayout)
MAKES(CreateDescriptorSetLayout, VkDescriptorSetLayoutCreateInfo, VkDescriptorSetLayout)
MAKES(CreateDescriptorPool, VkDescriptorPoolCreateInfo, VkDescriptorPool)
MAKES(CreateCommandPool, VkCommandPoolCreateInfo, VkCommandPool)
MAKES(CreateFence, VkFenceCreateInfo, VkFence)
FAULTY(BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize o), (d, b, m, o))
FAULTY(MapMemory,
       (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize n, VkMemoryMapFlags f,
        void **to),
       (d, m, o, n, f, to))
FAULTY(CreateComputePipelines,
       (VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i,
        const VkAllocationCallbacks *a, VkPipeline *p),
       (d, c, n, i, a, p))
FAULTY(AllocateDescriptorSets,
       (VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *s), (d, i, s))
FAULTY(AllocateCommandBuffers,
       (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *c), (d, i, c))
FAULTY(BeginCommandBuffer, (VkCommandBuffer c, const VkCommandBufferBeginInfo *i), (c, i))
FAULTY(EndCommandBuffer, (VkCommandBuffer c), (c))
FAULTY(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f))

static void inject(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (!api->CreateBuffer) // device functions come last
        return;
    real = *api;
    api->AllocateMemory = faulty_AllocateMemory;
    api->CreateBuffer = faulty_CreateBuffer;
    api->CreateShaderModule = faulty_CreateShaderModule;
    api->CreatePipelineLayout = faulty_CreatePipelineLayout;
    api->CreateDescriptorSetLayout = faulty_CreateDescriptorSetLayout;
    api->CreateDescriptorPool = faulty_CreateDescriptorPool;
    api->CreateCommandPool = faulty_CreateCommandPool;
    api->CreateFence = faulty_CreateFence;
    api->BindBufferMemory = faulty_BindBufferMemory;
    api->MapMemory = faulty_MapMemory;
    api->CreateComputePipelines = faulty_CreateComputePipelines;
    api->AllocateDescriptorSets = faulty_AllocateDescriptorSets;
    api->AllocateCommandBuffers = faulty_AllocateCommandBuffers;
    api->BeginCommandBuffer = faulty_BeginCommandBuffer;
    api->EndCommandBuffer = faulty_EndCommandBuffer;
    api->QueueSubmit = faulty_QueueSubmit;
}

static struct net net;

static enum bv_status attempt(bv_vk_wrap *wrap, struct bv_error *err)
{
    struct bv_backend *backend = NULL;
    float out[2 * NET_OUTPUTS];
    struct bv_vk_options options = {.wrap = wrap, .message_count = &messages};
    enum bv_status status = bv_vk_create_with(&backend, net.weights, &options, err);
    if (status == BV_OK)
        status = net_run(&net, backend, out, err);
    if (status == BV_OK)
        net_check(&net, out, 1e-6);
    bv_backend_destroy(&backend);
    return status;
}

// The n-th fallible call fails, for every n until none is left.
static void fail_each(VkResult result, enum bv_status expected)
{
    int n = 0;
    messages = 0;
    failure = result;
    for (enum bv_status status = expected; status != BV_OK; n++) {
        struct bv_error err = {0};
        calls_left = n;
        status = attempt(inject, &err);
        if (status != BV_OK && status != expected)
            fail_msg("call %d: %s: %s", n, bv_status_name(status), err.text);
        if (status != BV_OK && !err.text[0])
            fail_msg("call %d: no sentence", n);
        if (status == BV_OK && calls_left < 0)
            status = expected; // the failure was survived (a smaller block was found): go on
        assert_in_range(n, 0, 400);
    }
    calls_left = -1;
    assert_in_range(n, 40, 400); // 48 on lavapipe
    assert_int_equal(messages, 0);
}

static void test_out_of_device_memory(void **state)
{
    (void)state;
    fail_each(VK_ERROR_OUT_OF_DEVICE_MEMORY, BV_ERR_OOM_DEVICE);
}

static void test_out_of_host_memory(void **state)
{
    (void)state;
    fail_each(VK_ERROR_OUT_OF_HOST_MEMORY, BV_ERR_NOMEM);
}

static void lose(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (api->QueueSubmit) {
        real = *api;
        api->QueueSubmit = faulty_QueueSubmit;
    }
}

// After a loss every call says so, and what is left can be destroyed.
static void test_device_lost(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    float out[2 * NET_OUTPUTS];
    struct bv_vk_options options = {.wrap = lose, .message_count = &messages};
    const void *inputs[] = {net.pixels, net.ids};
    messages = 0;
    calls_left = -1;
    failure = VK_ERROR_DEVICE_LOST;
    assert_ok(bv_vk_create_with(&backend, net.weights, &options, &err), err);
    struct bv_graph *g = net_graph(&net), *second = net_graph(&net);
    assert_ok(bv_program_compile(backend, &g, &program, &err), err);
    assert_ok(bv_program_run(program, inputs, (float *const[]){out}, &err), err);
    calls_left = 0;
    assert_int_equal(bv_program_run(program, inputs, (float *const[]){out}, &err),
                     BV_ERR_DEVICE_LOST);
    assert_non_null(strstr(err.text, "was lost"));
    calls_left = -1; // it would work again, but is not trusted
    assert_int_equal(bv_program_run(program, inputs, (float *const[]){out}, &err),
                     BV_ERR_DEVICE_LOST);
    struct bv_program *none = NULL;
    assert_int_equal(bv_program_compile(backend, &second, &none, &err), BV_ERR_DEVICE_LOST);
    bv_program_destroy(&program);
    bv_backend_destroy(&backend);
    assert_int_equal(messages, 0);
}

// The work does end before "never" is said: a software driver's threads that still ran it would
// race with the end of the process.
static VKAPI_ATTR VkResult VKAPI_CALL never(VkDevice device, uint32_t n, const VkFence *fences,
                                            VkBool32 all, uint64_t timeout)
{
    assert_int_equal(real.DeviceWaitIdle(device), VK_SUCCESS);
    (void)n;
    (void)fences;
    (void)all;
    assert_int_equal(timeout, 50 * 1000000u);
    return VK_TIMEOUT;
}

static void hang(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (!api->WaitForFences)
        return;
    real = *api;
    api->WaitForFences = never;
}

static void test_watchdog(void **state)
{
    (void)state;
    struct bv_error err = {0};
    messages = 0;
    (void)setenv("BIOVL_VK_TIMEOUT_MS", "50", 1);
    assert_int_equal(attempt(hang, &err), BV_ERR_DEVICE_LOST);
    assert_non_null(strstr(err.text, "did not answer"));
    (void)unsetenv("BIOVL_VK_TIMEOUT_MS");
}

// The culprit is named when submissions go one by one.
static void test_serial_names_culprit(void **state)
{
    (void)state;
    struct bv_error err = {0};
    failure = VK_ERROR_DEVICE_LOST;
    (void)setenv("BIOVL_VK_SERIAL", "1", 1);
    calls_left = 1;
    assert_int_equal(attempt(lose, &err), BV_ERR_DEVICE_LOST);
    assert_non_null(strstr(err.text, "conv2d"));
    (void)unsetenv("BIOVL_VK_SERIAL");
    calls_left = -1;
}

static VKAPI_ATTR VkResult VKAPI_CALL no_devices(VkInstance instance, uint32_t *n,
                                                 VkPhysicalDevice *devices)
{
    (void)instance;
    (void)devices;
    *n = 0;
    return VK_SUCCESS;
}

static void hide_devices(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (api->EnumeratePhysicalDevices)
        api->EnumeratePhysicalDevices = no_devices;
}

static VKAPI_ATTR VkResult VKAPI_CALL no_driver(const VkInstanceCreateInfo *info,
                                                const VkAllocationCallbacks *a, VkInstance *made)
{
    (void)info;
    (void)a;
    (void)made;
    return VK_ERROR_INCOMPATIBLE_DRIVER;
}

static void hide_driver(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    api->CreateInstance = no_driver;
}

static void test_absent(void **state)
{
    (void)state;
    struct bv_error err = {0};
    assert_int_equal(attempt(hide_devices, &err), BV_ERR_DEVICE);
    assert_string_equal(err.text, "no Vulkan device");
    assert_int_equal(attempt(hide_driver, &err), BV_ERR_DEVICE);
    (void)setenv("BIOVL_VK_LOADER", "/nowhere/libvulkan.so.1", 1);
    assert_int_equal(attempt(NULL, &err), BV_ERR_DEVICE);
    assert_non_null(strstr(err.text, "/nowhere/libvulkan.so.1"));
    (void)setenv("BIOVL_VK_LOADER", "libm.so.6", 1);
    assert_int_equal(attempt(NULL, &err), BV_ERR_DEVICE);
    (void)unsetenv("BIOVL_VK_LOADER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_device_memory),
        cmocka_unit_test(test_out_of_host_memory),
        cmocka_unit_test(test_device_lost),
        cmocka_unit_test(test_serial_names_culprit),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_watchdog),
    };
    calls_left = -1;
    net_require_device();
    net_create(&net, 2, 50);
    int status = cmocka_run_group_tests_name("vulkan.fault", tests, NULL, NULL);
    net_destroy(&net);
    return status;
}
