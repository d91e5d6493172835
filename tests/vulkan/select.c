// Which device is meant, and what the quirk table says of it: on made-up devices.
#include "support/check.h"

#include <string.h>

#include "vulkan/device.h"

static const struct bv_vk_device_info machine[] = {
    {.index = 0, .name = "llvmpipe (LLVM 15)", .kind = BV_VK_SOFTWARE, .usable = true},
    {.index = 1, .name = "Intel UHD 770", .kind = BV_VK_INTEGRATED, .usable = true},
    {.index = 2, .name = "Old Card", .kind = BV_VK_DISCRETE, .why_not = "needs Vulkan 1.2"},
    {.index = 3, .name = "NVIDIA H200", .kind = BV_VK_DISCRETE, .usable = true},
};

static int choose(const char *device, int n, bool software)
{
    struct bv_error err = {0};
    int chosen = -1;
    enum bv_status status = bv_vk_choose(machine, n, device, software, &chosen, &err);
    if (status != BV_OK)
        assert_int_equal(status, BV_ERR_DEVICE);
    return status == BV_OK ? chosen : -1;
}

static void test_best(void **state)
{
    (void)state;
    assert_int_equal(choose(NULL, 4, false), 3);
    assert_int_equal(choose("", 4, false), 3);
    assert_int_equal(choose("vulkan", 4, true), 3);
    assert_int_equal(choose("vulkan", 2, true), 1);
    assert_int_equal(choose("vulkan", 1, false), -1); // software only when it is asked for
    assert_int_equal(choose("vulkan", 1, true), 0);
    assert_int_equal(choose("vulkan", 0, true), -1);
}

static void test_named(void **state)
{
    (void)state;
    assert_int_equal(choose("vulkan:1", 4, false), 1);
    assert_int_equal(choose("3", 4, false), 3);
    assert_int_equal(choose("vulkan:0", 4, false), 0); // asked for by index
    assert_int_equal(choose("vulkan:llvm", 4, false), 0);
    assert_int_equal(choose("vulkan:nvidia", 4, false), 3);
    assert_int_equal(choose("h200", 4, false), 3);
    assert_int_equal(choose("vulkan:4", 4, false), -1);
    assert_int_equal(choose("vulkan:-1", 4, false), -1);
    assert_int_equal(choose("vulkan:radeon", 4, false), -1);
    assert_int_equal(choose("vulkan:2", 4, false), -1); // too old
}

static void test_quirks(void **state)
{
    (void)state;
    struct bv_vk_device_info d = {.vendor_id = 0x10de, .kind = BV_VK_DISCRETE, .name = "H200"};
    struct bv_vk_quirks q = bv_vk_quirks_of(&d);
    assert_false(q.no_matrix);
    assert_int_equal(q.submit_gflop, 200);
    assert_null(q.why[0]);
    d = (struct bv_vk_device_info){.vendor_id = 0x1002, .kind = BV_VK_INTEGRATED, .name = "780M"};
    q = bv_vk_quirks_of(&d);
    assert_int_equal(q.submit_gflop, 20);
    assert_non_null(q.why[0]);
    assert_null(q.why[1]);
    d.vendor_id = BV_VK_INTEL; // every integrated one
    assert_int_equal(bv_vk_quirks_of(&d).submit_gflop, 20);
    d.subgroup_min = 8;
    assert_true(bv_vk_quirks_of(&d).no_matrix);
    d.subgroup_min = 16;
    assert_false(bv_vk_quirks_of(&d).no_matrix);
    d.vendor_id = BV_VK_ARM;
    assert_true(bv_vk_quirks_of(&d).few_registers);
    d = (struct bv_vk_device_info){.vendor_id = 0x1002,
                                   .driver_id = VK_DRIVER_ID_AMD_PROPRIETARY,
                                   .kind = BV_VK_DISCRETE,
                                   .name = "AMD Radeon RX 6800"};
    assert_true(bv_vk_quirks_of(&d).no_matrix);
    (void)strcpy(d.name, "AMD Radeon RX 7900 XTX");
    assert_false(bv_vk_quirks_of(&d).no_matrix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_quirks),
    };
    return cmocka_run_group_tests_name("vulkan.select", tests, NULL, NULL);
}
