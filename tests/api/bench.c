// Timing of encoders.
#include "api/fixture.h"

#include <biovl/bench.h>

static void test_bench(void **state)
{
    struct fixture *f = *state;
    char *json = NULL;
    const struct bv_bench_options options = {.size = sizeof options,
                                             .model = f->model,
                                             .device = "cpu",
                                             .precision = "f32",
                                             .threads = 1,
                                             .batch = 1,
                                             .seconds = 0.01};
    must(f->context, bv_bench(f->context, &options, &json));
    assert_non_null(strstr(json, "\"ms_per_item\""));
    bv_free(json);
    const struct bv_bench_options unknown = {.size = sizeof unknown, .arch = "abacus", .batch = 1};
    assert_int_equal(bv_bench(f->context, &unknown, &json), BV_ERR_ARG);
    // The kernels of a device that has none.
    assert_int_not_equal(bv_survey_kernels(f->context, "cpu", &json), BV_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bench)};
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
