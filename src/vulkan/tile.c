#include "vulkan/kernel.h"

static uint64_t divide_up(uint64_t n, uint64_t by)
{
    return (n + by - 1) / by;
}

uint32_t bv_vk_tile_threads(const struct bv_vk_tile *t)
{
    return t->m / t->thread_m * (t->n / t->thread_n);
}

static bool tile_fits(const struct bv_vk *vk, const struct bv_vk_tile *t)
{
    uint32_t shared = 4 * t->k * (t->m + t->n + 2) + 12 * t->m;
    return shared <= vk->shared_bytes && bv_vk_tile_threads(t) <= vk->info.max_invocations;
}

// How many sums a thread may hold, of the tile of 64 × 64. 64 fill the registers of a GPU once.
// Intel's compiler makes wider subgroups of 32 (twice the work per instruction), GCN runs twice as
// many waves, and 16 are all that devices of few registers hold without spilling.
static uint32_t sums_per_thread(const struct bv_vk *vk)
{
    const struct bv_vk_device_info *info = &vk->info;
    bool gcn = info->vendor_id == BV_VK_AMD && info->subgroup_size == 64 &&
               (info->subgroup_min == 64 || info->subgroup_min == 0);
    return vk->few_registers ? 16 : gcn || info->vendor_id == BV_VK_INTEL ? 32 : 64;
}

enum bv_status bv_vk_choose_tile(const struct bv_vk *vk, uint64_t M, uint64_t N,
                                 const struct bv_vk_tile **tile, struct bv_error *err)
{
    static const struct bv_vk_tile tiles[] = {
        {128, 64, 16, 8, 4},                     // many rows on a GPU
        {64, 64, 16, 8, 8},                      // the default
        {64, 64, 16, 8, 4},                      // the default with half the sums, or a quarter
        {64, 64, 16, 4, 4},  {16, 64, 16, 4, 4}, // few rows
        {16, 16, 16, 4, 4},                      // little shared memory
    };
    const struct bv_vk_switches *s = &vk->instance.switches;
    uint32_t sums = sums_per_thread(vk), rows = 64;
    if (M <= 16)
        rows = 16;
    else if (M >= 2048 && N >= 64 && vk->info.kind != BV_VK_SOFTWARE)
        rows = 128;
    for (int pass = 0; pass < 2; pass++) // the size wished for by the environment, then any
        for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
            const struct bv_vk_tile *t = &tiles[i];
            bool wished = t->m == s->tile_m && t->n == s->tile_n;
            if ((pass == 0 ? wished : t->m <= rows) && t->thread_m * t->thread_n <= sums &&
                tile_fits(vk, t)) {
                *tile = t;
                return BV_OK;
            }
        }
    return bv_fail(err, BV_ERR_LIMIT, "%s has too little shared memory for a matrix product",
                   vk->info.name);
}

// ---- matrix units
// --------------------------------------------------------------------------------

uint32_t bv_vk_matrix_subgroups(const struct bv_vk_matrix_tile *t)
{
    return t->m / t->warp_m * (t->n / t->warp_n);
}

// Sums that a lane holds beyond what its registers take go to memory, in the innermost loop.
static uint32_t sums_per_lane(const struct bv_vk *vk)
{
    return vk->info.vendor_id == BV_VK_NVIDIA ? 64 : 32;
}

static bool matrix_tile_fits(const struct bv_vk *vk, const struct bv_vk_matrix_tile *t)
{
    const struct bv_vk_matrix_shape *f = &vk->fragment;
    uint32_t subgroups = bv_vk_matrix_subgroups(t);
    uint32_t shared =
        (t->m + t->n) * (2 * BV_VK_MATRIX_TILE_K + 16) + 12 * t->m + 4 * f->m * f->n * subgroups;
    return t->warp_m % f->m == 0 && t->warp_n % f->n == 0 && BV_VK_MATRIX_TILE_K % f->k == 0 &&
           f->m * f->n % vk->subgroup == 0 &&
           t->warp_m * t->warp_n <= sums_per_lane(vk) * vk->subgroup &&
           shared <= vk->shared_bytes && subgroups * vk->subgroup <= vk->info.max_invocations;
}

bool bv_vk_find_matrix_tiles(struct bv_vk *vk)
{
    static const struct bv_vk_matrix_tile tiles[BV_VK_TILE_SIZES][4] = {
        [BV_VK_TILE_LARGE] = {{128, 128, 64, 32},
                              {128, 128, 32, 32},
                              {128, 128, 16, 32},
                              {128, 128, 16, 16}},
        [BV_VK_TILE_MEDIUM] = {{64, 64, 32, 32}, {64, 64, 32, 16}, {64, 64, 16, 16}},
        [BV_VK_TILE_SKINNY] = {{32, 128, 32, 32}, {32, 128, 16, 32}, {32, 128, 16, 16}},
    };
    for (int size = 0; size < BV_VK_TILE_SIZES; size++) {
        vk->matrix_tile[size] = NULL;
        for (int i = 0; i < 4 && tiles[size][i].m && !vk->matrix_tile[size]; i++)
            if (vk->fragment.m && matrix_tile_fits(vk, &tiles[size][i]))
                vk->matrix_tile[size] = &tiles[size][i];
    }
    return vk->matrix_tile[BV_VK_TILE_MEDIUM] != NULL;
}

// Large tiles feed the units better once there are enough of them to occupy the processors; where
// that is has yet to be measured on hardware.
const struct bv_vk_matrix_tile *bv_vk_choose_matrix_tile(const struct bv_vk *vk, uint64_t M,
                                                         uint64_t N)
{
    const struct bv_vk_switches *s = &vk->instance.switches;
    const struct bv_vk_matrix_tile *const *tile = vk->matrix_tile;
    if (vk->path == BV_VK_PATH_SCALAR || M <= 8 || N < 8)
        return NULL;
    for (int size = 0; size < BV_VK_TILE_SIZES; size++)
        if (tile[size] && tile[size]->m == s->tile_m && tile[size]->n == s->tile_n)
            return tile[size];
    if (divide_up(M, 128) * divide_up(N, 128) >= 128 && tile[BV_VK_TILE_LARGE])
        return tile[BV_VK_TILE_LARGE];
    return M <= 32 && tile[BV_VK_TILE_SKINNY] ? tile[BV_VK_TILE_SKINNY] : tile[BV_VK_TILE_MEDIUM];
}
