#include "vulkan/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bv_vk_pipeline {
    struct bv_vk_pipeline *next;
    struct bv_vk_kernel kernel;
    VkPipeline handle; // VK_NULL_HANDLE: refused, in a survey
};

static const struct bv_vk_spirv *find_module(const char *shader, const char *variant)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s_%s", shader, variant);
    for (const struct bv_vk_spirv *m = bv_vk_spirv; m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

const char *bv_vk_path_name(enum bv_vk_path path)
{
    static const char *const names[] = {"auto", "scalar", "khr", "nv", "emu"};
    return names[path];
}

bool bv_vk_path_built(enum bv_vk_path path)
{
    return find_module("gemm_matrix", bv_vk_path_name(path)) != NULL;
}

static bool same(const struct bv_vk_kernel *a, const struct bv_vk_kernel *b)
{
    return strcmp(a->shader, b->shader) == 0 && a->n_constants == b->n_constants &&
           a->subgroup_size == b->subgroup_size &&
           memcmp(a->constant, b->constant, (size_t)a->n_constants * sizeof *a->constant) == 0;
}

static enum bv_status create(struct bv_vk *vk, const struct bv_vk_kernel *kernel,
                             const struct bv_vk_spirv *module, VkPipeline *pipeline,
                             struct bv_error *err)
{
    const struct bv_vk_api *api = &vk->instance.api;
    VkSpecializationMapEntry entries[BV_VK_MAX_CONSTANTS];
    for (uint32_t i = 0; i < (uint32_t)kernel->n_constants; i++)
        entries[i] = (VkSpecializationMapEntry){i, 4 * i, 4};
    VkSpecializationInfo constants = {(uint32_t)kernel->n_constants, entries,
                                      4 * (size_t)kernel->n_constants, kernel->constant};
    VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                     .codeSize = module->bytes,
                                     .pCode = module->code};
    VkShaderModule shader = VK_NULL_HANDLE;
    BV_VK_TRY(vk, api->CreateShaderModule(vk->device, &code, NULL, &shader), "loading a shader",
              err);
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = kernel->subgroup_size};
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = shader,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .flags = vk->statistics ? VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR : 0,
        .layout = vk->pipeline_layout};
    if (kernel->subgroup_size && vk->subgroup_required)
        info.stage.pNext = &size;
    if (kernel->subgroup_size && vk->subgroup_full)
        info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
    VkResult result = api->CreateComputePipelines(vk->device, vk->cache, 1, &info, NULL, pipeline);
    api->DestroyShaderModule(vk->device, shader, NULL);
    return bv_vk_check(vk, result, "compiling a shader", err);
}

enum bv_status bv_vk_pipeline_get(struct bv_vk *vk, const struct bv_vk_kernel *kernel,
                                  VkPipeline *pipeline, struct bv_error *err)
{
    struct bv_vk_pipeline **end = &vk->pipelines;
    for (; *end; end = &(*end)->next)
        if (same(&(*end)->kernel, kernel)) {
            *pipeline = (*end)->handle;
            return BV_OK;
        }
    const char *variant = kernel->matrix         ? bv_vk_path_name(vk->path)
                          : vk->info.f16_storage ? "half"
                                                 : "f32";
    const struct bv_vk_spirv *module = find_module(kernel->shader, variant);
    if (!module)
        return bv_fail(err, BV_ERR_INTERNAL, "there is no shader \"%s\"", kernel->shader);
    if (kernel->constant[1] > vk->info.max_invocations)
        return bv_fail(err, BV_ERR_LIMIT, "%s needs %u threads, %s has %u", kernel->shader,
                       kernel->constant[1], vk->info.name, vk->info.max_invocations);
    struct bv_vk_pipeline *p = calloc(1, sizeof *p);
    if (!p)
        return bv_fail_nomem(err, "a pipeline");
    p->kernel = *kernel;
    enum bv_status status = create(vk, kernel, module, &p->handle, err);
    if (status == BV_ERR_DEVICE && vk->survey)
        status = BV_OK; // a refusal is what a survey is for
    if (status != BV_OK) {
        free(p);
        return bv_fail_prefix(err, "%s", kernel->shader);
    }
    *end = p;
    *pipeline = p->handle;
    return BV_OK;
}

bool bv_vk_pipeline_at(const struct bv_vk *vk, int i, const struct bv_vk_kernel **kernel,
                       VkPipeline *pipeline)
{
    const struct bv_vk_pipeline *p = vk->pipelines;
    while (p && i-- > 0)
        p = p->next;
    if (p) {
        *kernel = &p->kernel;
        *pipeline = p->handle;
    }
    return p != NULL;
}

void bv_vk_pipelines_free(struct bv_vk *vk)
{
    while (vk->pipelines) {
        struct bv_vk_pipeline *p = vk->pipelines;
        vk->pipelines = p->next;
        if (!vk->hung && p->handle)
            vk->instance.api.DestroyPipeline(vk->device, p->handle, NULL);
        free(p);
    }
}
