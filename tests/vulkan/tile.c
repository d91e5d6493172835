// Which tiles devices get, on made-up ones: sums beyond a thread's registers are never asked for.
#include "support/check.h"

#include "vulkan/kernel.h"

static struct bv_vk device(uint32_t vendor, uint32_t subgroup_min, uint32_t subgroup)
{
    return (struct bv_vk){.info = {.vendor_id = vendor,
                                   .kind = BV_VK_DISCRETE,
                                   .max_invocations = 1024,
                                   .subgroup_size = subgroup,
                                   .subgroup_min = subgroup_min},
                          .path = BV_VK_PATH_KHR,
                          .subgroup = subgroup,
                          .shared_bytes = 49152};
}

static void check_tile(const struct bv_vk *vk, uint64_t M, uint64_t N, struct bv_vk_tile expected)
{
    struct bv_error err = {0};
    const struct bv_vk_tile *tile = NULL;
    assert_ok(bv_vk_choose_tile(vk, M, N, &tile, &err), err);
    assert_memory_equal(tile, &expected, sizeof expected);
}

static void test_by_vendor(void **state)
{
    (void)state;
    struct bv_vk nvidia = device(BV_VK_NVIDIA, 32, 32), rdna = device(BV_VK_AMD, 32, 64),
                 gcn = device(BV_VK_AMD, 64, 64), intel = device(BV_VK_INTEL, 8, 32),
                 few = device(BV_VK_ARM, 8, 8);
    few.few_registers = true;
    const struct bv_vk_tile full = {64, 64, 16, 8, 8}, half = {64, 64, 16, 8, 4},
                            quarter = {64, 64, 16, 4, 4}, large = {128, 64, 16, 8, 4};
    check_tile(&nvidia, 197, 768, full);
    check_tile(&rdna, 197, 768, full);
    check_tile(&gcn, 197, 768, half);
    check_tile(&intel, 197, 768, half);
    check_tile(&few, 197, 768, quarter);
    check_tile(&nvidia, 4096, 768, large);
    check_tile(&few, 4096, 768, quarter);
    check_tile(&nvidia, 16, 768, (struct bv_vk_tile){16, 64, 16, 4, 4});
    nvidia.info.kind = BV_VK_SOFTWARE;
    check_tile(&nvidia, 4096, 768, full);
    nvidia.instance.switches.tile_m = 128;
    nvidia.instance.switches.tile_n = 64;
    check_tile(&nvidia, 197, 768, large);
}

static void test_small_devices(void **state)
{
    (void)state;
    struct bv_error err = {0};
    const struct bv_vk_tile *tile = NULL;
    struct bv_vk vk = device(BV_VK_INTEL, 8, 32);
    vk.info.max_invocations = 127; // 128 threads do not fit
    check_tile(&vk, 197, 768, (struct bv_vk_tile){16, 64, 16, 4, 4});
    vk.shared_bytes = 4096;
    check_tile(&vk, 197, 768, (struct bv_vk_tile){16, 16, 16, 4, 4});
    vk.shared_bytes = 1024;
    assert_int_equal(bv_vk_choose_tile(&vk, 197, 768, &tile, &err), BV_ERR_LIMIT);
}

// At most 32 sums to a lane, 64 on NVIDIA, whatever the subgroup and the fragment.
static void test_matrix_sums(void **state)
{
    (void)state;
    static const struct {
        uint32_t vendor, subgroup, most;
        struct bv_vk_matrix_shape fragment;
    } cases[] = {
        {BV_VK_NVIDIA, 32, 64, {16, 16, 16}}, {BV_VK_NVIDIA, 32, 64, {16, 8, 16}},
        {BV_VK_AMD, 64, 32, {16, 16, 16}},    {BV_VK_AMD, 32, 32, {16, 16, 16}},
        {BV_VK_INTEL, 16, 32, {8, 16, 16}},   {BV_VK_INTEL, 8, 32, {8, 8, 16}},
        {0x10005, 8, 32, {8, 8, 8}},          {0x10005, 4, 64, {8, 8, 8}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bv_vk vk = device(cases[i].vendor, cases[i].subgroup, cases[i].subgroup);
        vk.fragment = cases[i].fragment;
        bool any = bv_vk_find_matrix_tiles(&vk);
        assert_int_equal(any, vk.subgroup > 4); // 16 × 16 sums are too many for four lanes
        for (int size = 0; size < BV_VK_TILE_SIZES; size++) {
            const struct bv_vk_matrix_tile *t = vk.matrix_tile[size];
            if (any)
                assert_non_null(t);
            if (t)
                assert_in_range(t->warp_m * t->warp_n / vk.subgroup, 1, cases[i].most);
        }
    }
}

static void test_matrix_size(void **state)
{
    (void)state;
    struct bv_vk vk = device(BV_VK_INTEL, 16, 16);
    vk.fragment = (struct bv_vk_matrix_shape){8, 16, 16};
    assert_true(bv_vk_find_matrix_tiles(&vk));
    assert_ptr_equal(bv_vk_choose_matrix_tile(&vk, 12608, 3072), vk.matrix_tile[BV_VK_TILE_LARGE]);
    assert_ptr_equal(bv_vk_choose_matrix_tile(&vk, 197, 768), vk.matrix_tile[BV_VK_TILE_MEDIUM]);
    assert_ptr_equal(bv_vk_choose_matrix_tile(&vk, 32, 768), vk.matrix_tile[BV_VK_TILE_SKINNY]);
    assert_null(bv_vk_choose_matrix_tile(&vk, 8, 768));
    vk.matrix_tile[BV_VK_TILE_LARGE] = NULL; // found wrong
    assert_ptr_equal(bv_vk_choose_matrix_tile(&vk, 12608, 3072), vk.matrix_tile[BV_VK_TILE_MEDIUM]);
    vk.fragment = (struct bv_vk_matrix_shape){32, 32, 64}; // slabs are 32 long
    assert_false(bv_vk_find_matrix_tiles(&vk));
    vk.fragment = (struct bv_vk_matrix_shape){0};
    assert_false(bv_vk_find_matrix_tiles(&vk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_vendor),
        cmocka_unit_test(test_small_devices),
        cmocka_unit_test(test_matrix_sums),
        cmocka_unit_test(test_matrix_size),
    };
    return cmocka_run_group_tests_name("vulkan.tile", tests, NULL, NULL);
}
