// The report is the same under a locale with a decimal comma: SVG takes a comma for a separator.
#include <stdlib.h>
#include <string.h>

#include "eval/report/results.h"
#include "support/check.h"
#include "support/comma_locale.h"

static char *report(void)
{
    struct bv_ranked_item items[] = {{0.875, 0, 1}, {0.375, 1, 0}, {0.25, 2, 1}, {0.125, 3, 0}};
    struct bv_ranked ranked = {items, 4};
    struct bv_class_result class = {.label = "Edema",
                                    .has_truth = true,
                                    .n = 4,
                                    .positives = 2,
                                    .negatives = 2,
                                    .is_probability = true,
                                    .threshold = 0.5};
    class.metrics.auroc = 0.75;
    class.metrics.average_precision = 0.8333;
    class.delong = (struct bv_interval){.mean = 0.75, .low = 0.25, .high = 1};
    class.reliability = bv_reliability(&ranked, 1);
    struct bv_level_result level = {
        .n_units = 4, .n_labels = 1, .n_available = 1, .classes = &class, .ranked = &ranked};
    struct bv_warning_counts warnings = {0};
    struct bv_failures failures = {.n = 0};
    json_t *setup = json_object();
    struct bv_results results = {.setup = setup,
                                 .levels = &level,
                                 .n_levels = 1,
                                 .n_rows = 4,
                                 .n_evaluated = 4,
                                 .failures = &failures,
                                 .warnings = &warnings};
    struct bv_error err = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    assert_ok(bv_results_html(&results, stream, &err), err);
    assert_int_equal(fclose(stream), 0);
    json_decref(setup);
    return text;
}

static void test_report(void **state)
{
    (void)state;
    char *expected = report();
    assert_non_null(strstr(expected, "M252.5 15.0"));
    if (!comma_locale_set()) {
        free(expected);
        skip();
    }
    char *text = report();
    assert_string_equal(text, expected);
    free(text);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_report)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
