// Adjusted p-values against R's p.adjust (conformance/stats/pvalues.json).
#include <stdlib.h>

#include "golden.h"
#include "stats/comparison.h"
#include "support/check.h"
#include "support/reference.h"

static const double limit = 1e-14; // largest measured: 0

static void test_lists(void **state)
{
    (void)state;
    static const char *const names[] = {"holm", "BH", "bonferroni"};
    json_t *golden = golden_json("pvalues.json");
    const json_t *list = NULL;
    const char *key = NULL;
    size_t n_lists = 0;
    bool all_equal = true;
    json_object_foreach(json_object_get(golden, "lists"), key, list)
    {
        const json_t *p = json_object_get(list, "p");
        size_t n = json_array_size(p);
        double *values = calloc(n + 1, sizeof *values), *adjusted = calloc(n + 1, sizeof *adjusted);
        assert_true(values && adjusted);
        for (size_t i = 0; i < n; i++)
            values[i] = golden_number(json_array_get(p, i));
        for (int how = 0; how < 3; how++) {
            struct bv_error err = {0};
            assert_ok(bv_adjust(values, n, (enum bv_adjustment)how, adjusted, &err), err);
            const json_t *theirs = json_object_get(list, names[how]);
            assert_int_equal(json_array_size(theirs), n);
            for (size_t i = 0; i < n; i++)
                all_equal &=
                    golden_equal(key, adjusted[i], golden_number(json_array_get(theirs, i)), limit);
        }
        n_lists++;
        free(values);
        free(adjusted);
    }
    assert_true(n_lists > 0 && all_equal);
    golden_report("adjusted p-values");
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists)};
    return golden_folder() ? cmocka_run_group_tests(tests, NULL, NULL) : TEST_SKIPPED;
}
