// Which files in /dev tell of a GPU: a container may be given any of them alone.
#include <sys/stat.h>

#include "checkpoint/temporary.h"
#include "model/session.h"
#include "support/check.h"

static void test_no_gpu(void **state)
{
    assert_false(bv_device_gpu_nodes(temporary_path(state, "missing")));
    assert_false(bv_device_gpu_nodes(temporary_path(state, ".")));
    (void)temporary_file(state, "nvidiactl", "", 0);
    (void)temporary_file(state, "nvidia-uvm", "", 0);
    assert_int_equal(mkdir(temporary_path(state, "dri"), 0700), 0);
    (void)temporary_file(state, "dri/card0", "", 0);
    assert_false(bv_device_gpu_nodes(temporary_path(state, ".")));
}

static void test_render_node(void **state)
{
    assert_int_equal(mkdir(temporary_path(state, "dri"), 0700), 0);
    (void)temporary_file(state, "dri/renderD135", "", 0);
    assert_true(bv_device_gpu_nodes(temporary_path(state, ".")));
}

static void test_nvidia(void **state)
{
    (void)temporary_file(state, "nvidia13", "", 0);
    assert_true(bv_device_gpu_nodes(temporary_path(state, ".")));
}

static void test_wsl(void **state)
{
    (void)temporary_file(state, "dxg", "", 0);
    assert_true(bv_device_gpu_nodes(temporary_path(state, ".")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_gpu, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_render_node, temporary_folder,
                                        temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_nvidia, temporary_folder, temporary_folder_remove),
        cmocka_unit_test_setup_teardown(test_wsl, temporary_folder, temporary_folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
