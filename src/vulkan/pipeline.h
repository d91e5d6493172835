// pipeline.h: shaders made into pipelines, once per shader and set of constants.
#ifndef BV_VULKAN_PIPELINE_H
#define BV_VULKAN_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include "vulkan/device.h"

#define BV_VK_MAX_CONSTANTS 20

// A shader with its specialization constants: constant[0] is HALF_MASK, constant[1] the threads.
struct bv_vk_kernel {
    const char *shader; // file name without ".comp"
    bool matrix;        // compiled for each fragment path, not for each storage
    int n_constants;
    uint32_t constant[BV_VK_MAX_CONSTANTS];
    uint32_t subgroup_size; // to be required; 0: any
};

// The pipeline of a kernel, made where it does not exist yet. The device owns it. BV_ERR_LIMIT when
// it asks for more threads than the device has.
enum bv_status bv_vk_pipeline_get(struct bv_vk *vk, const struct bv_vk_kernel *kernel,
                                  VkPipeline *pipeline, struct bv_error *err);
// The i-th pipeline made, from the first on; false beyond the last. Borrowed.
bool bv_vk_pipeline_at(const struct bv_vk *vk, int i, const struct bv_vk_kernel **kernel,
                       VkPipeline *pipeline);
// Whether this build has the matrix shaders of a path.
bool bv_vk_path_built(enum bv_vk_path path);
const char *bv_vk_path_name(enum bv_vk_path path);

void bv_vk_pipelines_free(struct bv_vk *vk);

// cache.c: the driver's compiled pipelines, kept in $XDG_CACHE_HOME/biovl between runs. Nothing
// there can fail an operation: a cache that cannot be read or written is not used.
void bv_vk_cache_open(struct bv_vk *vk);
void bv_vk_cache_save(struct bv_vk *vk);

// The compiled shaders, a table that cmake/shaders.cmake generates.

struct bv_vk_spirv {
    const char *name; // source and variant, as "gemm_f32"; NULL ends the table
    const uint32_t *code;
    size_t bytes;
};

extern const struct bv_vk_spirv bv_vk_spirv[];

#endif
