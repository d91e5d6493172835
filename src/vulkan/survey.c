// survey.c: what a driver's compiler says of the pipelines it made.
#include <string.h>

#include "vulkan/program.h"

enum bv_status bv_vk_run_survey(struct bv_program *program, const void *const *inputs,
                                float *const *outputs, struct bv_error *err)
{
    (void)program;
    (void)inputs;
    (void)outputs;
    return bv_fail(err, BV_ERR_UNSUPPORTED, "a survey only compiles");
}

static double value_of(const VkPipelineExecutableStatisticKHR *s)
{
    switch (s->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return s->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double)s->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        return (double)s->value.u64;
    default:
        return s->value.f64;
    }
}

// How Mesa's drivers call what goes to memory for want of registers. NVK's moves from uniform to
// plain registers cost next to nothing and do not count.
static bool counts_spills(const char *name)
{
    static const char *const names[] = {
        "Spilled SGPRs",
        "Spilled VGPRs",
        "Scratch size", // AMD
        "Spill count",
        "Fill count",
        "Scratch Memory Size", // Intel
        "Spills to memory",
        "Fills from memory",
        "SLM size", // NVIDIA
        "STPs",
        "LDPs",
        "STP Count",
        "LDP Count",
        "Private memory", // Qualcomm
        "Spills",
        "Fills",
        "Number of spills",
        "Number of fills", // Apple, ARM
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

// The first executable's figures: a compute pipeline has one.
static void read_statistics(const struct bv_vk *vk, VkPipeline pipeline,
                            struct bv_vk_surveyed *surveyed)
{
    PFN_vkVoidFunction properties_of = vk->instance.api.GetDeviceProcAddr(
                           vk->device, "vkGetPipelineExecutablePropertiesKHR"),
                       statistics_of = vk->instance.api.GetDeviceProcAddr(
                           vk->device, "vkGetPipelineExecutableStatisticsKHR");
    if (!properties_of || !statistics_of)
        return;
    VkPipelineInfoKHR which = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    VkPipelineExecutablePropertiesKHR properties = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    uint32_t n = 1;
    if (((PFN_vkGetPipelineExecutablePropertiesKHR)properties_of)(vk->device, &which, &n,
                                                                  &properties) < 0 ||
        n == 0)
        return;
    surveyed->subgroup = properties.subgroupSize;
    VkPipelineExecutableStatisticKHR list[BV_VK_MAX_STATISTICS];
    memset(list, 0, sizeof list);
    n = BV_VK_MAX_STATISTICS;
    for (uint32_t i = 0; i < n; i++)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    VkPipelineExecutableInfoKHR first = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                         .pipeline = pipeline};
    if (((PFN_vkGetPipelineExecutableStatisticsKHR)statistics_of)(vk->device, &first, &n, list) < 0)
        return;
    for (uint32_t i = 0; i < n && i < BV_VK_MAX_STATISTICS; i++) {
        struct bv_vk_statistic *s = &surveyed->statistics[surveyed->n_statistics++];
        size_t length = strnlen(list[i].name, sizeof s->name - 1);
        memcpy(s->name, list[i].name, length);
        s->value = value_of(&list[i]);
        if (counts_spills(s->name))
            surveyed->spills += s->value;
    }
}

bool bv_vk_survey_at(const struct bv_backend *backend, int i, struct bv_vk_surveyed *surveyed)
{
    const struct bv_vk *vk = (const struct bv_vk *)backend;
    const struct bv_vk_kernel *kernel = NULL;
    VkPipeline pipeline = VK_NULL_HANDLE;
    if (!bv_vk_pipeline_at(vk, i, &kernel, &pipeline))
        return false;
    *surveyed = (struct bv_vk_surveyed){.shader = kernel->shader,
                                        .constants = kernel->constant,
                                        .n_constants = kernel->n_constants,
                                        .refused = pipeline == VK_NULL_HANDLE};
    if (pipeline && vk->statistics)
        read_statistics(vk, pipeline, surveyed);
    return true;
}
