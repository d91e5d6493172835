#include "model/session.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/cpu.h"
#include "vulkan/vulkan.h"

struct wish {
    struct bv_weights *weights;
    struct bv_pool *pool;
    const char **precision;
};

static bool is_any(const char *precision)
{
    return strcmp(precision, "auto") == 0;
}

static bool is_render_node(const char *name)
{
    return strncmp(name, "renderD", 7) == 0;
}

static bool is_gpu_node(const char *name)
{
    return (strncmp(name, "nvidia", 6) == 0 && name[6] >= '0' && name[6] <= '9') ||
           strcmp(name, "dxg") == 0;
}

static bool has_entry(const char *folder, bool (*wanted)(const char *name))
{
    DIR *dir = opendir(folder);
    bool found = false;
    for (const struct dirent *entry; dir && !found && (entry = readdir(dir));)
        found = wanted(entry->d_name);
    if (dir)
        (void)closedir(dir);
    return found;
}

bool bv_device_gpu_nodes(const char *dev)
{
    char dri[4096];
    (void)snprintf(dri, sizeof dri, "%s/dri", dev);
    return has_entry(dri, is_render_node) || has_entry(dev, is_gpu_node);
}

static bool software_allowed(void)
{
    const char *software = getenv("BIOVL_ALLOW_SOFTWARE");
    return software && strcmp(software, "1") == 0;
}

static enum bv_status open_vulkan(struct bv_backend **backend, const struct wish *w,
                                  const char *device, struct bv_error *err)
{
    const char *precision = *w->precision;
    bool half = strcmp(precision, "f16") == 0;
    if (!half && !is_any(precision) && strcmp(precision, "f32") != 0)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "precision %s is not available on %s", precision,
                       device);
    BV_TRY(bv_vk_create(backend, w->weights, device, half ? BV_VK_F16 : BV_VK_F32, err));
    *w->precision = half ? "f16" : "f32";
    return BV_OK;
}

static enum bv_status open_cpu(struct bv_backend **backend, const struct wish *w,
                               struct bv_error *err)
{
    static const char *const offered[] = {"f32", "bf16", "int8"};
    const char *precision = is_any(*w->precision) ? "f32" : *w->precision;
    BV_TRY(bv_cpu_create_precision(backend, w->weights, w->pool, precision, err));
    for (size_t i = 0; i < sizeof offered / sizeof *offered; i++)
        if (strcmp(offered[i], precision) == 0)
            *w->precision = offered[i];
    return BV_OK;
}

enum bv_status bv_device_open(struct bv_backend **backend, struct bv_weights *weights,
                              const char *device, const char **precision, struct bv_pool *pool,
                              struct bv_error *fallback, struct bv_error *err)
{
    const struct wish w = {weights, pool, precision};
    fallback->text[0] = 0;
    if (strcmp(device, "reference") == 0) {
        *precision = "f32";
        return bv_cpu_create_reference(backend, weights, err);
    }
    if (strcmp(device, "cpu") == 0)
        return open_cpu(backend, &w, err);
    if (strncmp(device, "vulkan", 6) == 0)
        return open_vulkan(backend, &w, device, err);
    if (strcmp(device, "auto") != 0)
        return bv_fail(err, BV_ERR_ARG, "unknown device \"%s\" (auto, cpu, vulkan, vulkan:1)",
                       device);
    if (bv_vk_built() && (bv_device_gpu_nodes("/dev") || software_allowed()) &&
        open_vulkan(backend, &w, "vulkan", fallback) == BV_OK)
        return BV_OK;
    enum bv_status status = open_cpu(backend, &w, err);
    if (status != BV_OK && fallback->text[0] && err) { // also what the GPU would have been for
        struct bv_error cpu = *err;
        return bv_fail(err, status, "%s; and no GPU: %s", cpu.text, fallback->text);
    }
    return status;
}
