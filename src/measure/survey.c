#include "measure/measure.h"

#include <stdio.h>

#include "graph/backend.h"
#include "vulkan/vulkan.h"

static json_t *describe(const struct bv_vk_surveyed *s, const char *graph)
{
    json_t *constants = json_array(), *statistics = json_object();
    for (int i = 0; i < s->n_constants; i++)
        (void)json_array_append_new(constants, json_integer(s->constants[i]));
    for (int i = 0; i < s->n_statistics; i++)
        (void)json_object_set_new(statistics, s->statistics[i].name,
                                  json_real(s->statistics[i].value));
    return json_pack("{s:s, s:o, s:s, s:i, s:b, s:f, s:o}", "shader", s->shader, "constants",
                     constants, "graph", graph, "subgroup", (int)s->subgroup, "refused", s->refused,
                     "spills", s->spills, "statistics", statistics);
}

// The pipelines from *seen on.
static enum bv_status collect(const struct bv_backend *backend, const char *graph, int *seen,
                              json_t *list, struct bv_error *err)
{
    struct bv_vk_surveyed s;
    for (; bv_vk_survey_at(backend, *seen, &s); ++*seen)
        if (json_array_append_new(list, describe(&s, graph)) != 0)
            return bv_fail_nomem(err, "the list of pipelines");
    return BV_OK;
}

static enum bv_status compile(struct bv_backend *backend, struct bv_weights *weights,
                              const char *arch, int batch, struct bv_error *err)
{
    struct bv_graph *g = NULL;
    struct bv_program *program = NULL;
    BV_TRY(bv_graph_create(&g, weights, err));
    bv_arch_build(arch, g, batch, 128);
    enum bv_status status = bv_graph_status(g, err);
    if (status == BV_OK)
        status = bv_program_compile(backend, &g, &program, err);
    bv_program_destroy(&program);
    bv_graph_destroy(&g);
    return status;
}

// One architecture, its weights and its backend.
static enum bv_status survey_arch(const char *device, enum bv_vk_precision precision,
                                  const char *arch, json_t *report, struct bv_error *err)
{
    struct bv_weights *weights = NULL;
    struct bv_backend *backend = NULL;
    json_t *list = json_object_get(report, "pipelines");
    int seen = 0;
    BV_TRY(bv_weights_create(&weights, err));
    enum bv_status status = bv_arch_shapes(arch, weights, err);
    if (status == BV_OK)
        status = bv_vk_create_survey(&backend, weights, device, precision, err);
    for (int batch = 1; status == BV_OK && batch <= 64; batch += 63) {
        char graph[64];
        (void)snprintf(graph, sizeof graph, "%s %s batch %d", arch,
                       precision == BV_VK_F16 ? "f16" : "f32", batch);
        status = compile(backend, weights, arch, batch, err);
        if (status == BV_OK)
            status = collect(backend, graph, &seen, list, err);
    }
    bv_backend_destroy(&backend);
    bv_weights_destroy(&weights);
    return status;
}

// What an earlier graph asked for too goes; the sums are filled in.
static void finish(json_t *report)
{
    json_t *list = json_object_get(report, "pipelines");
    int refused = 0, spilling = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *p = json_array_get(list, i);
        for (size_t k = json_array_size(list) - 1; k > i; k--) {
            const json_t *q = json_array_get(list, k);
            if (json_equal(json_object_get(p, "shader"), json_object_get(q, "shader")) &&
                json_equal(json_object_get(p, "constants"), json_object_get(q, "constants")))
                (void)json_array_remove(list, k);
        }
        refused += json_is_true(json_object_get(p, "refused"));
        spilling += json_real_value(json_object_get(p, "spills")) > 0;
    }
    (void)json_object_set_new(report, "refused", json_integer(refused));
    (void)json_object_set_new(report, "spilling", json_integer(spilling));
}

// The names of the device that `device` means.
static enum bv_status begin(const char *device, json_t **report, bool *half, struct bv_error *err)
{
    struct bv_weights *none = NULL;
    struct bv_backend *backend = NULL;
    BV_TRY(bv_weights_create(&none, err));
    enum bv_status status = bv_vk_create_survey(&backend, none, device, BV_VK_F32, err);
    if (status == BV_OK) {
        const struct bv_vk_device_info *info = bv_vk_device(backend);
        *half = info->f16_storage;
        *report = json_pack("{s:s, s:s, s:b, s:[]}", "device", info->name, "driver", info->driver,
                            "statistics", info->executable_properties, "pipelines");
        if (!*report)
            status = bv_fail_nomem(err, "a survey");
    }
    bv_backend_destroy(&backend);
    bv_weights_destroy(&none);
    return status;
}

enum bv_status bv_survey(const char *device, json_t **report, struct bv_error *err)
{
    static const char *const archs[] = {"resnet50", "vit-b16", "swin-t", "bert-base"};
    json_t *r = NULL;
    bool half = false;
    BV_TRY(begin(device, &r, &half, err));
    enum bv_status status = BV_OK;
    for (int precision = half ? BV_VK_F16 : BV_VK_F32; precision >= BV_VK_F32; precision--)
        for (size_t i = 0; i < sizeof archs / sizeof *archs && status == BV_OK; i++)
            status = survey_arch(device, (enum bv_vk_precision)precision, archs[i], r, err);
    if (status != BV_OK) {
        json_decref(r);
        return status;
    }
    finish(r);
    *report = r;
    return BV_OK;
}
