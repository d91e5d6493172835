// Conformal thresholds fitted on one table and applied to another (conformance/stats).
#include <math.h>
#include <stdlib.h>

#include "golden.h"
#include "stats/comparison.h"
#include "support/check.h"
#include "support/reference.h"

static const double limit = 1e-9; // largest measured: 8.2e-16

struct rates {
    uint64_t positives, fn, negatives, fp;
};

static struct rates apply(const struct table *t, const char *label, double threshold)
{
    char name[128];
    struct rates r = {0};
    (void)snprintf(name, sizeof name, "label:%s", label);
    uint8_t *y = table_bits(t, name);
    (void)snprintf(name, sizeof name, "score:%s", label);
    double *s = table_numbers(t, name);
    for (size_t i = 0; i < t->n; i++) {
        *(y[i] ? &r.positives : &r.negatives) += 1;
        r.fn += y[i] && !(s[i] >= threshold);
        r.fp += !y[i] && s[i] >= threshold;
    }
    free(y);
    free(s);
    return r;
}

static struct bv_conformal fit(const struct table *t, const char *label, const char *alpha)
{
    char name[128];
    uint32_t millionths = 0;
    struct bv_error err = {0};
    size_t m = 0;
    (void)snprintf(name, sizeof name, "label:%s", label);
    uint8_t *y = table_bits(t, name);
    (void)snprintf(name, sizeof name, "score:%s", label);
    double *s = table_numbers(t, name);
    for (size_t i = 0; i < t->n; i++)
        if (y[i])
            s[m++] = s[i];
    assert_ok(bv_conformal_alpha(alpha, &millionths, &err), err);
    struct bv_conformal c = bv_conformal_fit(s, m, millionths);
    assert_true((c.k > 0) == (m >= bv_conformal_least(millionths)));
    free(y);
    free(s);
    return c;
}

static void test_labels(void **state)
{
    (void)state;
    json_t *golden = golden_json("conformal.json");
    struct table cal = golden_table("conformal_cal.csv"), test = golden_table("conformal_test.csv");
    const json_t *one = NULL, *at = NULL;
    const char *label = NULL, *alpha = NULL;
    size_t n = 0;
    bool all = true;
    json_object_foreach(json_object_get(golden, "labels"), label, one)
    {
        json_object_foreach(json_object_get(one, "alpha"), alpha, at)
        {
            struct bv_conformal c = fit(&cal, label, alpha);
            struct rates r = apply(&test, label, c.threshold);
            struct bv_bounds fnr = bv_clopper_pearson(r.fn, r.positives, 0.95);
            const struct {
                const char *key;
                double value;
            } ours[] = {
                {"k", (double)c.k},
                {"threshold", c.threshold},
                {"expected_fnr_upper", c.expected},
                {"coverage_p05", c.coverage_low},
                {"test_positives", (double)r.positives},
                {"test_fn", (double)r.fn},
                {"test_fp", (double)r.fp},
                {"test_fnr", (double)r.fn / (double)r.positives},
                {"test_fpr", (double)r.fp / (double)r.negatives},
                {"test_fnr_cp_lo", fnr.low},
                {"test_fnr_cp_hi", fnr.high},
            };
            for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
                all &= golden_equal(ours[i].key, ours[i].value,
                                    golden_number(json_object_get(at, ours[i].key)), limit);
            n++;
        }
    }
    assert_true(n > 0 && all);
    golden_report("conformal thresholds");
    free_table(&cal);
    free_table(&test);
    json_decref(golden);
}

// What is no decimal between 0 and 1 is refused, and digits are not rounded.
static void test_alpha(void **state)
{
    (void)state;
    static const char *const bad[] = {"",  "0",   "1",    "0.0", "-0.1",     "1e-3",
                                      ".", "0,1", "0.1x", "nan", "0.0000001"};
    uint32_t millionths = 0;
    struct bv_error err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(bv_conformal_alpha(bad[i], &millionths, &err), BV_ERR_ARG);
    assert_ok(bv_conformal_alpha("0.29", &millionths, &err), err);
    assert_int_equal(millionths, 290000);
    assert_ok(bv_conformal_alpha(".1000000", &millionths, &err), err);
    assert_int_equal(millionths, 100000);
    assert_int_equal(bv_conformal_least(100000), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_labels), cmocka_unit_test(test_alpha)};
    return golden_folder() ? cmocka_run_group_tests(tests, NULL, NULL) : TEST_SKIPPED;
}
