#include "vulkan/vulkan.h"

#include <stdio.h>
#include <stdlib.h>

#include "vulkan/pipeline.h"
#include "vulkan/program.h"

bool bv_vk_built(void)
{
    return true;
}

enum bv_status bv_vk_list_devices(struct bv_vk_device_info **devices, int *n, struct bv_error *err)
{
    struct bv_vk_instance instance = {0};
    VkPhysicalDevice *handles = NULL;
    BV_TRY(bv_vk_instance_create(&instance, NULL, NULL, err));
    enum bv_status status = bv_vk_enumerate(&instance, &handles, devices, n, err);
    free(handles);
    bv_vk_instance_destroy(&instance);
    return status;
}

static void destroy(struct bv_backend *backend)
{
    struct bv_vk *vk = (struct bv_vk *)backend;
    bv_vk_device_close(vk);
    free(vk);
}

static const char *describe(const struct bv_backend *backend)
{
    return ((const struct bv_vk *)backend)->description;
}

static enum bv_status choose(struct bv_vk *vk, const char *device, struct bv_error *err)
{
    VkPhysicalDevice *handles = NULL;
    struct bv_vk_device_info *infos = NULL;
    int n = 0, chosen = 0;
    BV_TRY(bv_vk_enumerate(&vk->instance, &handles, &infos, &n, err));
    enum bv_status status =
        bv_vk_choose(infos, n, device, vk->instance.switches.allow_software, &chosen, err);
    if (status == BV_OK) {
        vk->physical = handles[chosen];
        vk->info = infos[chosen];
        (void)snprintf(vk->description, sizeof vk->description, "vulkan:%s", vk->info.name);
    }
    free(handles);
    free(infos);
    return status;
}

enum bv_status bv_vk_create_with(struct bv_backend **backend, struct bv_weights *weights,
                                 const struct bv_vk_options *options, struct bv_error *err)
{
    static const struct bv_backend_ops ops = {.compile = bv_vk_compile,
                                              .run = bv_vk_run,
                                              .destroy_program = bv_vk_destroy_program,
                                              .destroy = destroy,
                                              .describe = describe};
    struct bv_vk *vk = calloc(1, sizeof *vk);
    if (!vk)
        return bv_fail_nomem(err, "the Vulkan backend");
    static const struct bv_backend_ops survey = {.compile = bv_vk_compile,
                                                 .run = bv_vk_run_survey,
                                                 .destroy_program = bv_vk_destroy_program,
                                                 .destroy = destroy,
                                                 .describe = describe,
                                                 .computes_weights = true};
    vk->base.ops = options->survey ? &survey : &ops;
    vk->survey = options->survey;
    vk->weights = weights;
    vk->precision = options->precision;
    vk->instance.count = options->message_count;
    enum bv_status status =
        bv_vk_instance_create(&vk->instance, options->wrap, options->wrap_arg, err);
    if (status == BV_OK)
        status = choose(vk, options->device, err);
    if (status == BV_OK)
        status = bv_vk_device_open(vk, err);
    if (status == BV_OK && vk->survey)
        bv_vk_trust_shapes(vk);
    else if (status == BV_OK)
        status = bv_vk_selfcheck(vk, err);
    if (status == BV_OK && vk->instance.switches.timing)
        status = bv_vk_enable_timing(&vk->base, err);
    if (status != BV_OK) {
        destroy(&vk->base);
        return status;
    }
    *backend = &vk->base;
    return BV_OK;
}

enum bv_status bv_vk_create(struct bv_backend **backend, struct bv_weights *weights,
                            const char *device, enum bv_vk_precision precision,
                            struct bv_error *err)
{
    struct bv_vk_options options = {.device = device, .precision = precision};
    return bv_vk_create_with(backend, weights, &options, err);
}

enum bv_status bv_vk_create_survey(struct bv_backend **backend, struct bv_weights *weights,
                                   const char *device, enum bv_vk_precision precision,
                                   struct bv_error *err)
{
    struct bv_vk_options options = {.device = device, .precision = precision, .survey = true};
    return bv_vk_create_with(backend, weights, &options, err);
}

const struct bv_vk_device_info *bv_vk_device(const struct bv_backend *backend)
{
    return &((const struct bv_vk *)backend)->info;
}

const char *bv_vk_matrix_path(const struct bv_backend *backend, struct bv_vk_matrix_shape *fragment)
{
    const struct bv_vk *vk = (const struct bv_vk *)backend;
    *fragment = vk->fragment;
    return bv_vk_path_name(vk->path);
}

int bv_vk_validation_messages(const struct bv_backend *backend, const char **first)
{
    const struct bv_vk_instance *instance = &((const struct bv_vk *)backend)->instance;
    *first = instance->first_message;
    return instance->validating ? instance->messages : -1;
}

enum bv_status bv_vk_enable_timing(struct bv_backend *backend, struct bv_error *err)
{
    struct bv_vk *vk = (struct bv_vk *)backend;
    if (vk->timestamp_bits == 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "%s has no timestamps", vk->info.name);
    vk->timing = true;
    return BV_OK;
}

enum bv_status bv_vk_timings(struct bv_program *program, const struct bv_vk_timing **timings,
                             int *n, struct bv_error *err)
{
    struct bv_vk_program *p = (struct bv_vk_program *)program;
    if (!p->queries)
        return bv_fail(err, BV_ERR_ARG, "the program was compiled without timing");
    *timings = p->timings;
    *n = p->base.plan.n_nodes;
    return BV_OK;
}
