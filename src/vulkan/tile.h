// tile.h: which block of a matrix product a workgroup computes, by device and by size.
#ifndef BV_VULKAN_TILE_H
#define BV_VULKAN_TILE_H

#include "vulkan/device.h"

// TILE_M, TILE_N, TILE_K, THREAD_M, THREAD_N of lib/tile.glsl.
struct bv_vk_tile {
    uint32_t m, n, k, thread_m, thread_n;
};

// TILE_M, TILE_N, WARP_M, WARP_N of lib/matrix_tile.glsl.
struct bv_vk_matrix_tile {
    uint32_t m, n, warp_m, warp_n;
};

enum { BV_VK_MATRIX_TILE_K = 32 };

uint32_t bv_vk_tile_threads(const struct bv_vk_tile *tile);
uint32_t bv_vk_matrix_subgroups(const struct bv_vk_matrix_tile *tile);

// The tile for a product of M rows and N columns. All tiles sum in the same order, so the choice
// does not change the result. BV_ERR_LIMIT when the device has too little shared memory for any.
enum bv_status bv_vk_choose_tile(const struct bv_vk *vk, uint64_t M, uint64_t N,
                                 const struct bv_vk_tile **tile, struct bv_error *err);

// Finds the tiles that the device has room for with vk->fragment, one of each size; whether there
// is one for products of any size. The self-check removes those that multiply wrong.
bool bv_vk_find_matrix_tiles(struct bv_vk *vk);

// The matrix tile for M rows and N columns; NULL when the product is not one for matrix units.
const struct bv_vk_matrix_tile *bv_vk_choose_matrix_tile(const struct bv_vk *vk, uint64_t M,
                                                         uint64_t N);

#endif
