// CheXzero's bootstrap against the intervals that its own code gave (conformance/eval): the units
// drawn and the elements taken are the same, so the bounds agree but for the last digits of a sum.
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "eval/metrics/bootstrap.h"
#include "support/check.h"
#include "support/reference.h"

enum { REPLICATES = 1000 }; // of the published procedure

static const char *golden_path;

// Largest difference measured: 1.1e-16.
static const double limit = 1e-12;

static double at(const json_t *array, size_t i)
{
    assert_true(json_is_number(json_array_get(array, i)));
    return json_number_value(json_array_get(array, i));
}

static void check_class(const json_t *golden, size_t c, double *worst)
{
    const json_t *y = json_object_get(golden, "y"), *s = json_object_get(golden, "s");
    size_t n = json_array_size(y);
    struct bv_ranked_item *items = calloc(n, sizeof *items);
    double *auroc = calloc(REPLICATES, sizeof *auroc);
    struct bv_error err = {0};
    assert_true(items && auroc);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct bv_ranked_item){at(json_array_get(s, i), c), (uint32_t)i,
                                           at(json_array_get(y, i), c) > 0};
    bv_ranked_sort(items, n);
    struct bv_bootstrap bootstrap = {.n_units = n, .n_replicates = REPLICATES};
    struct bv_ranked list = {items, n};
    assert_ok(bv_bootstrap_run(&bootstrap, &list, 1, NULL, auroc, NULL, &err), err);
    struct bv_interval interval = bv_interval_chexzero(auroc, REPLICATES);
    const double differences[] = {
        fabs(interval.mean - at(json_object_get(golden, "mean"), c)),
        fabs(interval.low - at(json_object_get(golden, "lo"), c)),
        fabs(interval.high - at(json_object_get(golden, "hi"), c)),
    };
    for (int i = 0; i < 3; i++) {
        assert_true(differences[i] <= limit);
        *worst = fmax(*worst, differences[i]);
    }
    free(items);
    free(auroc);
}

static void test_chexzero_intervals(void **state)
{
    (void)state;
    json_t *golden = NULL;
    struct bv_error err = {0};
    double worst = 0;
    assert_ok(bv_json_load(&golden, golden_path, 64u << 20, &err), err);
    size_t n_classes = json_array_size(json_object_get(golden, "mean"));
    assert_true(n_classes > 0);
    for (size_t c = 0; c < n_classes; c++)
        check_class(golden, c, &worst);
    (void)printf("%zu classes, largest difference %.2g\n", n_classes, worst);
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chexzero_intervals)};
    const char *folder = conformance_dir();
    if (!folder)
        return TEST_SKIPPED;
    golden_path = path_in(folder, "eval/golden_eval.json");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
