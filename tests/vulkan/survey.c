// Compiling without running: no memory is asked for, refusals are listed, and what a driver says of
// its pipelines comes through; on a made-up driver that says something.
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "vulkan/net.h"

static struct bv_vk_api real;
static VkResult answer; // to the second pipeline
static int compiled, captured, allocations;

static VKAPI_ATTR VkResult VKAPI_CALL extensions(VkPhysicalDevice device, const char *layer,
                                                 uint32_t *n, VkExtensionProperties *list)
{
    (void)device;
    (void)layer;
    *n = 1;
    if (list)
        (void)strcpy(list->extensionName, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL features(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *f)
{
    real.GetPhysicalDeviceFeatures2(device, f);
    for (VkBaseOutStructure *s = f->pNext; s; s = s->pNext)
        if (s->sType ==
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR)
            ((VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR *)(void *)s)
                ->pipelineExecutableInfo = VK_TRUE;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *a, VkDevice *made)
{
    VkDeviceCreateInfo honest = *info;
    for (VkBaseOutStructure *s = (VkBaseOutStructure *)(uintptr_t)info->pNext; s; s = s->pNext)
        while (s->pNext &&
               s->pNext->sType ==
                   VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR)
            s->pNext = s->pNext->pNext;
    assert_int_equal(info->enabledExtensionCount, 1);
    honest.enabledExtensionCount = 0;
    return real.CreateDevice(physical, &honest, a, made);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache,
                                                       uint32_t n,
                                                       const VkComputePipelineCreateInfo *info,
                                                       const VkAllocationCallbacks *a,
                                                       VkPipeline *made)
{
    VkComputePipelineCreateInfo honest = *info;
    captured += (info->flags & VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR) != 0;
    honest.flags = 0;
    if (++compiled == 2 && answer != VK_SUCCESS) {
        *made = VK_NULL_HANDLE;
        return answer;
    }
    return real.CreateComputePipelines(device, cache, n, &honest, a, made);
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                               const VkAllocationCallbacks *a, VkDeviceMemory *made)
{
    allocations++;
    return real.AllocateMemory(device, info, a, made);
}

static VKAPI_ATTR VkResult VKAPI_CALL executables(VkDevice device, const VkPipelineInfoKHR *info,
                                                  uint32_t *n,
                                                  VkPipelineExecutablePropertiesKHR *list)
{
    (void)device;
    assert_true(info->pipeline != VK_NULL_HANDLE);
    *n = 1;
    list->subgroupSize = 16;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL statistics(VkDevice device,
                                                 const VkPipelineExecutableInfoKHR *info,
                                                 uint32_t *n,
                                                 VkPipelineExecutableStatisticKHR *list)
{
    (void)device;
    (void)info;
    *n = 3;
    (void)strcpy(list[0].name, "Spill count");
    list[0].format = VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR;
    list[0].value.u64 = 3;
    memset(list[1].name, 'x', sizeof list[1].name); // a driver that does not end its text
    list[1].format = VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR;
    list[1].value.f64 = 7.5;
    (void)strcpy(list[2].name, "Fill count");
    list[2].format = VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR;
    list[2].value.i64 = 4;
    return VK_SUCCESS;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL address(VkDevice device, const char *name)
{
    if (strcmp(name, "vkGetPipelineExecutablePropertiesKHR") == 0)
        return (PFN_vkVoidFunction)executables;
    if (strcmp(name, "vkGetPipelineExecutableStatisticsKHR") == 0)
        return (PFN_vkVoidFunction)statistics;
    return real.GetDeviceProcAddr(device, name);
}

static void claim_statistics(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (!api->CreateDevice)
        return;
    if (!api->CreateBuffer) {
        real = *api;
        api->EnumerateDeviceExtensionProperties = extensions;
        api->GetPhysicalDeviceFeatures2 = features;
        api->CreateDevice = create_device;
        return;
    }
    real.CreateComputePipelines = api->CreateComputePipelines;
    real.AllocateMemory = api->AllocateMemory;
    real.GetDeviceProcAddr = api->GetDeviceProcAddr;
    api->CreateComputePipelines = create_pipelines;
    api->AllocateMemory = allocate;
    api->GetDeviceProcAddr = address;
}

// Compiles the network; the backend is the caller's.
static struct bv_backend *survey(const struct net *net, struct bv_error *err,
                                 enum bv_status *status)
{
    struct bv_backend *backend = NULL;
    struct bv_program *program = NULL;
    int messages = 0;
    struct bv_vk_options options = {
        .survey = true, .wrap = claim_statistics, .message_count = &messages};
    compiled = captured = allocations = 0;
    assert_ok(bv_vk_create_with(&backend, net->weights, &options, err), *err);
    struct bv_graph *g = net_graph(net);
    const void *inputs[] = {net->pixels, net->ids};
    float out[16 * NET_OUTPUTS];
    *status = bv_program_compile(backend, &g, &program, err);
    if (*status == BV_OK)
        assert_int_equal(bv_program_run(program, inputs, (float *const[]){out}, err),
                         BV_ERR_UNSUPPORTED);
    bv_program_destroy(&program);
    assert_int_equal(messages, 0);
    return backend;
}

static void test_statistics(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct net net;
    enum bv_status status;
    struct bv_vk_surveyed s;
    int n = 0, refused = 0;
    net_create(&net, 2, 50);
    answer = VK_ERROR_UNKNOWN;
    struct bv_backend *backend = survey(&net, &err, &status);
    assert_int_equal(status, BV_OK);
    for (; bv_vk_survey_at(backend, n, &s); n++) {
        refused += s.refused;
        if (s.refused) {
            assert_int_equal(s.n_statistics, 0);
            continue;
        }
        assert_int_equal(s.subgroup, 16);
        assert_int_equal(s.n_statistics, 3);
        assert_true(s.spills == 7);
        assert_string_equal(s.statistics[0].name, "Spill count");
        assert_int_equal(strlen(s.statistics[1].name), 63);
        assert_true(s.statistics[1].value == 7.5);
    }
    assert_in_range(n, 8, 40);
    assert_int_equal(refused, 1);
    assert_int_equal(compiled, n);
    assert_int_equal(captured, n);
    assert_int_equal(allocations, 0);
    bv_backend_destroy(&backend);
    net_destroy(&net);
}

// Memory that is out is a failure, not a refusal.
static void test_out_of_memory(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct net net;
    enum bv_status status;
    net_create(&net, 2, 50);
    answer = VK_ERROR_OUT_OF_HOST_MEMORY;
    struct bv_backend *backend = survey(&net, &err, &status);
    assert_int_equal(status, BV_ERR_NOMEM);
    bv_backend_destroy(&backend);
    net_destroy(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_out_of_memory),
    };
    net_require_device();
    return cmocka_run_group_tests_name("vulkan.survey", tests, NULL, NULL);
}
