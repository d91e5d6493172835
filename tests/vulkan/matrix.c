// The matrix-fragment path: emulated, so that its indexing is tested where no matrix units are, and
// behind made-up drivers that claim VK_NV_cooperative_matrix: one that does it right, one that
// refuses the shader, one that multiplies wrong.
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "vulkan/net.h"
#include "vulkan/pipeline.h"

static int messages;

static struct bv_vk *open_device(const struct net *net, bv_vk_wrap *wrap)
{
    struct bv_error err = {0};
    struct bv_backend *backend = NULL;
    struct bv_vk_options options = {
        .precision = BV_VK_F16, .wrap = wrap, .message_count = &messages};
    assert_ok(bv_vk_create_with(&backend, net->weights, &options, &err), err);
    return (struct bv_vk *)backend;
}

static void close_device(struct bv_vk *vk)
{
    struct bv_backend *backend = &vk->base;
    bv_backend_destroy(&backend);
}

// Runs the network and says how many of its nodes ran on matrix shaders.
static int matrix_nodes(const struct net *net, struct bv_vk *vk)
{
    struct bv_error err = {0};
    struct bv_program *program = NULL;
    const struct bv_vk_timing *timings = NULL;
    float out[16 * NET_OUTPUTS];
    int n = 0, used = 0;
    if (bv_vk_enable_timing(&vk->base, &err) != BV_OK)
        skip();
    struct bv_graph *g = net_graph(net);
    assert_ok(bv_program_compile(&vk->base, &g, &program, &err), err);
    const void *inputs[] = {net->pixels, net->ids};
    assert_ok(bv_program_run(program, inputs, (float *const[]){out}, &err), err);
    net_check(net, out, 1.5e-3); // measured 3.7e-4
    assert_ok(bv_vk_timings(program, &timings, &n, &err), err);
    for (int i = 0; i < n; i++)
        used += strstr(timings[i].kernel, "_matrix") != NULL;
    bv_program_destroy(&program);
    return used;
}

static void check_emulated(const char *shape, struct bv_vk_matrix_shape expected)
{
    struct net net;
    net_create(&net, 4, 50);
    messages = 0;
    (void)setenv("BIOVL_VK_PATH", "emu", 1);
    (void)setenv("BIOVL_VK_FRAGMENT", shape, 1);
    struct bv_vk *vk = open_device(&net, NULL);
    assert_int_equal(vk->path, BV_VK_PATH_EMU);
    assert_memory_equal(&vk->fragment, &expected, sizeof expected);
    assert_int_equal(matrix_nodes(&net, vk),
                     3); // two convolutions and the fused projection; not that of pixels
    close_device(vk);
    (void)unsetenv("BIOVL_VK_PATH");
    (void)unsetenv("BIOVL_VK_FRAGMENT");
    assert_int_equal(messages, 0);
    net_destroy(&net);
}

static void test_emulated(void **state)
{
    (void)state;
    check_emulated("16x16x16", (struct bv_vk_matrix_shape){16, 16, 16});
    check_emulated("8x16x16", (struct bv_vk_matrix_shape){8, 16, 16});
}

// A shape nobody offers, f32, or a device without matrices: the portable path.
static void test_not_offered(void **state)
{
    (void)state;
    struct net net;
    net_create(&net, 4, 50);
    (void)setenv("BIOVL_VK_PATH", "emu", 1);
    (void)setenv("BIOVL_VK_FRAGMENT", "4x4x4", 1);
    struct bv_vk *vk = open_device(&net, NULL);
    assert_int_equal(vk->path, BV_VK_PATH_SCALAR);
    assert_int_equal(matrix_nodes(&net, vk), 0);
    close_device(vk);
    (void)unsetenv("BIOVL_VK_FRAGMENT");
    (void)unsetenv("BIOVL_VK_PATH");
    net_destroy(&net);
}

// ---- a driver that claims matrices
// ----------------------------------------------------------------

static struct bv_vk_api real;
enum driver { HONEST, REFUSES, WRONG, WRONG_LARGE };
static enum driver driver;
// What the driver says of subgroup sizes, and what was then asked of it.
static struct {
    bool listed, feature, required, full; // the extension; cooperative matrices; of sizes
    uint32_t largest;                     // the smallest is 32
} claim;
static struct {
    bool extension;
    int sized, full; // pipelines that required a size, or full subgroups
} asked;

static VKAPI_ATTR VkResult VKAPI_CALL extensions(VkPhysicalDevice device, const char *layer,
                                                 uint32_t *n, VkExtensionProperties *list)
{
    (void)device;
    (void)layer;
    uint32_t room = list ? *n : 2;
    *n = claim.listed && room > 1 ? 2 : 1;
    if (list) {
        (void)strcpy(list[0].extensionName, VK_NV_COOPERATIVE_MATRIX_EXTENSION_NAME);
        if (*n == 2)
            (void)strcpy(list[1].extensionName, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL features(VkPhysicalDevice device, VkPhysicalDeviceFeatures2 *f)
{
    real.GetPhysicalDeviceFeatures2(device, f);
    for (VkBaseOutStructure *s = f->pNext; s; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_NV)
            ((VkPhysicalDeviceCooperativeMatrixFeaturesNV *)(void *)s)->cooperativeMatrix =
                claim.feature;
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES) {
            VkPhysicalDeviceSubgroupSizeControlFeatures *size = (void *)s;
            size->subgroupSizeControl = claim.required;
            size->computeFullSubgroups = claim.full;
        }
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL shapes(VkPhysicalDevice device, uint32_t *n,
                                             VkCooperativeMatrixPropertiesNV *list)
{
    (void)device;
    *n = 1;
    list[0].MSize = list[0].NSize = list[0].KSize = 16;
    list[0].AType = list[0].BType = VK_COMPONENT_TYPE_FLOAT16_NV;
    list[0].CType = list[0].DType = VK_COMPONENT_TYPE_FLOAT32_NV;
    list[0].scope = VK_SCOPE_SUBGROUP_NV;
    return VK_SUCCESS;
}

// Subgroups as on NVIDIA: with lavapipe's eight lanes the emulation takes minutes to compile.
static VKAPI_ATTR void VKAPI_CALL properties(VkPhysicalDevice device,
                                             VkPhysicalDeviceProperties2 *p)
{
    real.GetPhysicalDeviceProperties2(device, p);
    for (VkBaseOutStructure *s = p->pNext; s; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES)
            ((VkPhysicalDeviceVulkan11Properties *)(void *)s)->subgroupSize = 32;
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES) {
            VkPhysicalDeviceSubgroupSizeControlProperties *size = (void *)s;
            size->minSubgroupSize = 32;
            size->maxSubgroupSize = claim.largest;
            size->requiredSubgroupSizeStages = claim.required ? VK_SHADER_STAGE_COMPUTE_BIT : 0;
        }
    }
}

static bool claimed(VkStructureType type)
{
    return type == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_NV ||
           type == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES;
}

// Takes the claimed extensions and their feature structures out again.
static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *a, VkDevice *made)
{
    VkDeviceCreateInfo honest = *info;
    for (VkBaseOutStructure *s = (VkBaseOutStructure *)(uintptr_t)info->pNext; s; s = s->pNext)
        while (s->pNext && claimed(s->pNext->sType))
            s->pNext = s->pNext->pNext;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++)
        asked.extension |= strcmp(info->ppEnabledExtensionNames[i],
                                  VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME) == 0;
    honest.enabledExtensionCount = 0; // the claimed ones were all
    return real.CreateDevice(physical, &honest, a, made);
}

static const struct bv_vk_spirv *module_of(const uint32_t *code)
{
    const struct bv_vk_spirv *m = bv_vk_spirv;
    while (m->name && m->code != code)
        m++;
    return m;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_module(VkDevice device,
                                                    const VkShaderModuleCreateInfo *info,
                                                    const VkAllocationCallbacks *a,
                                                    VkShaderModule *made)
{
    const struct bv_vk_spirv *wanted = module_of(info->pCode), *m = wanted;
    const char *tail = wanted->name ? strstr(wanted->name, "_matrix_nv") : NULL;
    VkShaderModuleCreateInfo stand_in = *info;
    if (tail && driver == REFUSES)
        return VK_ERROR_UNKNOWN;
    if (tail) { // the emulation plays the hardware
        size_t stem = (size_t)(tail - wanted->name);
        for (m = bv_vk_spirv; m->name; m++)
            if (strncmp(m->name, wanted->name, stem) == 0 &&
                strcmp(m->name + stem, "_matrix_emu") == 0)
                break;
        stand_in.pCode = m->code;
        stand_in.codeSize = m->bytes;
    }
    return real.CreateShaderModule(device, &stand_in, a, made);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache,
                                                       uint32_t n,
                                                       const VkComputePipelineCreateInfo *info,
                                                       const VkAllocationCallbacks *a,
                                                       VkPipeline *made)
{
    const VkSpecializationInfo *s = info->stage.pSpecializationInfo;
    VkComputePipelineCreateInfo made_as = *info;
    asked.sized += info->stage.pNext != NULL;
    asked.full += info->stage.flags != 0;
    made_as.stage.pNext = NULL;
    made_as.stage.flags = 0;
    uint32_t constants[BV_VK_MAX_CONSTANTS];
    memcpy(constants, s->pData, s->dataSize);
    if (s->mapEntryCount == 15 && // a matrix shader
        (driver == WRONG || (driver == WRONG_LARGE && constants[2] == 128))) {
        constants[10] = 1; // ACTIVATION: negative results become zero
        VkSpecializationInfo changed = *s;
        changed.pData = constants;
        made_as.stage.pSpecializationInfo = &changed;
        return real.CreateComputePipelines(device, cache, n, &made_as, a, made);
    }
    return real.CreateComputePipelines(device, cache, n, &made_as, a, made);
}

static void claim_matrices(struct bv_vk_api *api, void *arg)
{
    (void)arg;
    if (!api->CreateDevice)
        return;
    if (!api->CreateBuffer) {
        real = *api;
        api->EnumerateDeviceExtensionProperties = extensions;
        api->GetPhysicalDeviceCooperativeMatrixPropertiesNV = shapes;
        api->GetPhysicalDeviceProperties2 = properties;
        api->GetPhysicalDeviceFeatures2 = features;
        api->CreateDevice = create_device;
        return;
    }
    real.CreateShaderModule = api->CreateShaderModule;
    real.CreateComputePipelines = api->CreateComputePipelines;
    api->CreateShaderModule = create_module;
    api->CreateComputePipelines = create_pipelines;
}

static void check_driver(enum driver kind, enum bv_vk_path expected, int expected_nodes)
{
    struct net net;
    net_create(&net, 4, 50);
    driver = kind;
    messages = 0;
    struct bv_vk *vk = open_device(&net, claim_matrices);
    assert_int_equal(vk->path, expected);
    assert_int_equal(matrix_nodes(&net, vk), expected_nodes);
    close_device(vk);
    assert_int_equal(messages, 0);
    net_destroy(&net);
}

static void test_honest_driver(void **state)
{
    (void)state;
    if (!bv_vk_path_built(BV_VK_PATH_NV))
        skip();
    check_driver(HONEST, BV_VK_PATH_NV, 3);
}

static void check_path(const struct net *net, enum bv_vk_path expected)
{
    driver = HONEST;
    messages = 0;
    memset(&asked, 0, sizeof asked);
    struct bv_vk *vk = open_device(net, claim_matrices);
    assert_int_equal(vk->path, expected);
    close_device(vk);
    assert_int_equal(messages, 0);
}

// A size is required only of devices that take one for compute shaders, with the extension enabled
// whatever the version; one that cannot fix varying sizes multiplies no matrices.
static void test_subgroup_sizes(void **state)
{
    (void)state;
    if (!bv_vk_path_built(BV_VK_PATH_NV))
        skip();
    struct net net;
    net_create(&net, 4, 50);
    claim.listed = claim.required = claim.full = true;
    claim.largest = 64;
    check_path(&net, BV_VK_PATH_NV);
    assert_true(asked.extension);
    assert_true(asked.sized > 0);
    assert_int_equal(asked.full, asked.sized);
    claim.required = false;
    claim.largest = 32; // one size: nothing to require
    check_path(&net, BV_VK_PATH_NV);
    assert_true(asked.extension);
    assert_int_equal(asked.sized, 0);
    assert_true(asked.full > 0);
    claim.full = false;
    check_path(&net, BV_VK_PATH_NV);
    assert_false(asked.extension);
    assert_int_equal(asked.sized + asked.full, 0);
    claim.largest = 64;
    check_path(&net, BV_VK_PATH_SCALAR);
    claim.listed = false;
    net_destroy(&net);
}

// The extension is listed, the feature is not there.
static void test_featureless_driver(void **state)
{
    (void)state;
    claim.feature = false;
    check_driver(HONEST, BV_VK_PATH_SCALAR, 0);
    claim.feature = true;
}

static void test_refusing_driver(void **state)
{
    (void)state;
    if (!bv_vk_path_built(BV_VK_PATH_NV))
        skip();
    check_driver(REFUSES, BV_VK_PATH_SCALAR, 0);
}

// Each tile is checked: one that is wrong leaves the others in use.
static void test_wrong_tile(void **state)
{
    (void)state;
    if (!bv_vk_path_built(BV_VK_PATH_NV))
        skip();
    struct net net;
    net_create(&net, 4, 50);
    driver = WRONG_LARGE;
    struct bv_vk *vk = open_device(&net, claim_matrices);
    assert_int_equal(vk->path, BV_VK_PATH_NV);
    assert_null(vk->matrix_tile[BV_VK_TILE_LARGE]);
    assert_non_null(vk->matrix_tile[BV_VK_TILE_MEDIUM]);
    assert_non_null(vk->matrix_tile[BV_VK_TILE_SKINNY]);
    close_device(vk);
    net_destroy(&net);
}

static void test_wrong_driver(void **state)
{
    (void)state;
    if (!bv_vk_path_built(BV_VK_PATH_NV))
        skip();
    check_driver(WRONG, BV_VK_PATH_SCALAR, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emulated),           cmocka_unit_test(test_not_offered),
        cmocka_unit_test(test_honest_driver),      cmocka_unit_test(test_refusing_driver),
        cmocka_unit_test(test_wrong_driver),       cmocka_unit_test(test_subgroup_sizes),
        cmocka_unit_test(test_featureless_driver), cmocka_unit_test(test_wrong_tile),
    };
    claim.feature = true;
    net_require_device();
    return cmocka_run_group_tests_name("vulkan.matrix", tests, NULL, NULL);
}
