#include "conformance/case.h"

#include <string.h>

#include "support/check.h"
#include "support/reference.h"

static const char *root, *device = "cpu", *precision = "f32";
static const struct conformance_case *the_case;
static bool skipped;

static void test_system(void **state)
{
    (void)state;
    struct bench b = {.device = device, .precision = precision};
    bench_open(&b, root, the_case->name, the_case->golden);
    skipped = !the_case->open(&b);
    if (!skipped)
        the_case->check(&b);
    int failures = skipped ? 0 : bench_summary(&b);
    bench_close(&b);
    if (failures)
        fail_msg("%s: %d comparisons beyond their limits", the_case->name, failures);
}

int conformance_main(int argc, char **argv, const struct conformance_case *cases, size_t n)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    if (argc > 2)
        device = argv[2];
    if (argc > 3)
        precision = argv[3];
    for (size_t i = 0; i < n; i++)
        if (strcmp(cases[i].name, wanted) == 0)
            the_case = &cases[i];
    if (!the_case) {
        (void)fprintf(stderr, "usage: %s SYSTEM [DEVICE [PRECISION]]\n", argv[0]);
        return 2;
    }
    root = conformance_dir();
    if (!root)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_system)};
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    return skipped && result == 0 ? TEST_SKIPPED : result;
}
