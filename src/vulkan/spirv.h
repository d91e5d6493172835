// spirv.h: the compiled shaders, a table that cmake/shaders.cmake generates.
#ifndef BV_VULKAN_SPIRV_H
#define BV_VULKAN_SPIRV_H

#include <stddef.h>
#include <stdint.h>

struct bv_vk_spirv {
    const char *name; // source and variant, as "gemm_f32"; NULL ends the table
    const uint32_t *code;
    size_t bytes;
};

extern const struct bv_vk_spirv bv_vk_spirv[];

#endif
