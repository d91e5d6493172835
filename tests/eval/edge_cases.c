// Metrics where they are undefined, and small cases whose result is known by hand.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "eval/metrics/bootstrap.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/level.h"
#include "eval/metrics/metric.h"
#include "eval/tasks/grounding.h"
#include "eval/tasks/retrieval_table.h"
#include "eval/tasks/vqa.h"
#include "support/check.h"

// Without one of the classes nothing is a number, and nothing fails.
static void test_one_class(void **state)
{
    (void)state;
    struct bv_ranked_item items[2][2] = {{{0.7, 0, 1}, {0.2, 1, 1}}, {{0.7, 0, 0}, {0.2, 1, 0}}};
    for (int i = 0; i < 2; i++) {
        struct bv_error err = {0};
        struct bv_threshold threshold = {0};
        struct bv_calibration calibration = {0};
        struct bv_areas areas = bv_areas_ranked(items[i], 2, NULL);
        assert_true(isnan(bv_areas_auroc(&areas)));
        assert_true(isnan(bv_areas_average_precision(&areas)));
        assert_true(isnan(bv_areas_pr_trapezoid(&areas)));
        struct bv_interval interval = bv_interval_delong(items[i], 2);
        assert_true(isnan(interval.mean) && isnan(interval.low) && isnan(interval.high));
        for (int rule = BV_THRESHOLD_MCC; rule <= BV_THRESHOLD_SPECIFICITY; rule++) {
            assert_ok(
                bv_threshold_fit(items[i], 2, (enum bv_threshold_rule)rule, 0.5, &threshold, &err),
                err);
            assert_true(isnan(threshold.value));
        }
        assert_int_equal(bv_calibration_fit_platt(items[i], 2, true, &calibration, &err),
                         BV_ERR_ARG);
        assert_int_equal(bv_calibration_fit_isotonic(items[i], 2, &calibration, &err), BV_ERR_ARG);
        struct bv_ranked list = {items[i], 2};
        assert_int_equal(bv_calibration_fit_temperature(&list, 1, true, &calibration, &err),
                         BV_ERR_ARG);
    }
}

// Two of four positive, scores on the grid: a score of the threshold is treated.
static void test_decision_curve(void **state)
{
    (void)state;
    const struct bv_ranked_item items[] = {{0.9, 0, 1}, {0.3, 1, 1}, {0.3, 2, 0}, {0.1, 3, 0}};
    struct bv_decision_point points[BV_DECISION_POINTS];
    bv_decision_curve(items, 4, points);
    assert_true(points[29].threshold == 0.3);
    assert_true(fabs(points[29].model - (0.5 - 0.25 * 0.3 / 0.7)) < 1e-15);
    assert_true(fabs(points[29].all - (0.5 - 0.5 * 0.3 / 0.7)) < 1e-15);
    assert_true(fabs(points[29].avoided - 0.25) < 1e-15); // one of four, who is negative
    assert_true(points[30].model == 0.25 && points[98].model == 0);
}

// By hand: (0.095551 + 50 · 0.009236 + 57 · 0.045075) / (51 · 58) under the root.
static void test_expected_width(void **state)
{
    (void)state;
    assert_true(fabs(bv_expected_half_width(0.893, 51, 58) / 1.959964 - 0.032510) < 2e-6);
    assert_true(isnan(bv_expected_half_width(0.893, 0, 58)));
    assert_true(isnan(bv_expected_half_width(NAN, 3, 58)));
}

static void test_nothing(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_areas areas = bv_areas_ranked(NULL, 0, NULL);
    struct bv_curve_point *points = NULL;
    size_t n = 7;
    assert_true(isnan(bv_areas_auroc(&areas)));
    assert_ok(bv_curve_points(NULL, 0, true, &points, &n, &err), err);
    assert_int_equal(n, 0);
    assert_true(isnan(bv_reliability(NULL, 0).brier));
    struct bv_multiclass multiclass = {0};
    assert_ok(bv_multiclass_evaluate(NULL, NULL, 0, 3, NULL, &multiclass, &err), err);
    assert_true(isnan(multiclass.accuracy));
    struct bv_confusion none = {0};
    assert_true(isnan(bv_accuracy(&none)) && isnan(bv_precision(&none)));
    assert_true(bv_f1(&none) == 0 && bv_mcc(&none) == 0);
}

// Replicates that lack a class are counted and left out; CheXzero's rule sorts them last.
static void test_undefined_replicates(void **state)
{
    (void)state;
    double replicates[40];
    for (int i = 0; i < 40; i++)
        replicates[i] = i % 4 ? (double)i / 40 : NAN;
    struct bv_interval interval = bv_interval_chexzero(replicates, 40);
    assert_int_equal(interval.n_undefined, 10);
    assert_true(interval.low == 1.0 / 40); // element int(.025·40) - 1 = 0
    assert_true(isnan(interval.high));     // element int(.975·40) - 1 = 38 is an undefined one
    interval = bv_interval_percentile(replicates, 40);
    assert_int_equal(interval.n_undefined, 10);
    assert_true(interval.low > 1.0 / 40 && interval.high < 39.0 / 40);
}

// One patient resampled is always the same patient: no interval, instead of one without width.
static void test_one_patient(void **state)
{
    (void)state;
    enum { REPLICATES = 40, UNITS = 4 };
    static const uint32_t clusters[UNITS] = {0};
    struct bv_ranked_item items[UNITS] = {{0.9, 0, 1}, {0.8, 1, 0}, {0.7, 2, 1}, {0.1, 3, 0}};
    const struct bv_bootstrap_class one = {{items, UNITS}, 0.5, true};
    const struct bv_bootstrap bootstrap = {UNITS, clusters, 1, REPLICATES};
    double auroc[REPLICATES], *values = calloc(3 * BV_METRIC_COUNT * REPLICATES, sizeof *values);
    struct bv_error err = {0};
    assert_non_null(values);
    bv_ranked_sort(items, UNITS);
    assert_ok(bv_bootstrap_run(&bootstrap, &one.ranked, 1, NULL, auroc, NULL, &err), err);
    struct bv_interval interval = bv_interval_percentile(auroc, REPLICATES);
    assert_true(isnan(interval.low) && isnan(interval.high));
    assert_int_equal(interval.n_undefined, REPLICATES);
    assert_ok(bv_bootstrap_metrics(&bootstrap, &one, 1, NULL, values, &err), err);
    for (size_t i = 0; i < (size_t)3 * BV_METRIC_COUNT * REPLICATES; i++)
        assert_true(isnan(values[i]));
    free(values);
}

static void test_separable(void **state)
{
    (void)state;
    struct bv_ranked_item items[] = {{0.9, 0, 1}, {0.8, 1, 1}, {0.1, 2, 0}};
    struct bv_ranked list = {items, 3};
    struct bv_error err = {0};
    struct bv_calibration calibration = {0};
    assert_int_equal(bv_calibration_fit_temperature(&list, 1, true, &calibration, &err),
                     BV_ERR_ARG);
    assert_non_null(strstr(err.text, "separate"));
    items[0].positive = items[1].positive = 0;
    items[2].positive = 1;
    assert_int_equal(bv_calibration_fit_temperature(&list, 1, true, &calibration, &err),
                     BV_ERR_ARG);
    assert_non_null(strstr(err.text, "against"));
    // Platt's smoothed targets keep the same data finite.
    assert_ok(bv_calibration_fit_platt(items, 3, true, &calibration, &err), err);
    assert_true(isfinite(calibration.a) && calibration.a < 0);
    double p = bv_calibration_apply(&calibration, 0);
    assert_true(p > 0.5 && p < 1);
}

static void test_rule_names(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "MCC",
                                        "sensitivity",
                                        "sensitivity=",
                                        "sensitivity=2",
                                        "specificity=-1",
                                        "specificity=x",
                                        "mcc "};
    enum bv_threshold_rule rule = BV_THRESHOLD_F1;
    double target = 7;
    struct bv_error err = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(bv_threshold_rule_parse(wrong[i], &rule, &target, &err), BV_ERR_ARG);
    assert_true(rule == BV_THRESHOLD_F1 && target == 7);
}

// Two of three reports are the same text: the image finds "its" report at rank 2, an equal one
// at 1.
static void test_duplicate_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"effusion", "no acute process", "no acute process", "x"};
    uint32_t groups[4];
    size_t n_duplicates = 0;
    struct bv_error err = {0};
    assert_ok(bv_text_groups(texts, 4, groups, &n_duplicates, &err), err);
    assert_int_equal(n_duplicates, 1);
    assert_int_equal(groups[2], 1);
    assert_int_equal(groups[3], 3);
    const float scores[] = {0.1f, 0.9f, 0.9f, 0.2f};
    struct bv_retrieval own = {.ks = {1, 2}, .n_ks = 2}, equal = own;
    double median = 0;
    assert_ok(bv_retrieval_add(&own, scores, (const uint8_t[]){0, 0, 1, 0}, 4, &err), err);
    assert_ok(bv_retrieval_add(&equal, scores, (const uint8_t[]){0, 1, 1, 0}, 4, &err), err);
    bv_retrieval_finish(&own, &median);
    assert_true(median == 2 && own.hits[0] == 0 && own.hits[1] == 1 && own.precision[1] == 0.5);
    bv_retrieval_finish(&equal, &median);
    assert_true(median == 1 && equal.hits[0] == 1 && equal.recall[0] == 0.5);
    bv_retrieval_free(&own);
    bv_retrieval_free(&equal);
}

static void test_vqa(void **state)
{
    (void)state;
    struct bv_vqa vqa = {0};
    bv_vqa_add(&vqa, "yes", " Yes ", true);
    bv_vqa_add(&vqa, "no", "yes", true);
    bv_vqa_add(&vqa, "left lung", "Left lung", false);
    assert_true(bv_vqa_closed(&vqa) == 0.5);
    assert_true(bv_vqa_open(&vqa) == 1);
    assert_true(fabs(bv_vqa_overall(&vqa) - 2.0 / 3) < 1e-15);
    assert_true(isnan(bv_vqa_open(&(struct bv_vqa){0})));
}

static void test_question_types(void **state)
{
    (void)state;
    static const struct {
        const char *type, *answer;
        bool known, closed;
    } cases[] = {
        {"CLOSED", "left", true, true}, {"0", "left", true, true}, {"yes/no", "no", true, true},
        {"Open", "yes", true, false},   {"1", "yes", true, false}, {NULL, "Yes", true, true},
        {NULL, "left", true, false},    {"", "yes", false, false}, {"2", "yes", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool closed = false;
        assert_int_equal(bv_vqa_is_closed(cases[i].type, cases[i].answer, &closed), cases[i].known);
        assert_int_equal(closed, cases[i].closed);
    }
}

// Kinds of questions are counted apart, up to a limit.
static void test_vqa_kinds(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_vqa_results *r = calloc(1, sizeof *r);
    json_t *json = NULL;
    char name[80];
    assert_non_null(r);
    assert_ok(bv_vqa_results_add(r, "yes", "yes", true, "size", &err), err);
    assert_ok(bv_vqa_results_add(r, "yes", "no", true, "size", &err), err);
    assert_ok(bv_vqa_results_add(r, "left", "left", false, "", &err), err);
    assert_ok(bv_vqa_results_json(r, &json, &err), err);
    const json_t *by = json_object_get(json, "by");
    assert_int_equal(json_object_size(by), 2);
    assert_true(bv_json_number(json_object_get(by, "size"), "closed", 0) == 0.5);
    assert_true(bv_json_number(json_object_get(by, ""), "open", 0) == 1);
    json_decref(json);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(bv_vqa_results_add(r, "a", "a", true, name, &err), BV_ERR_LIMIT);
    enum bv_status status = BV_OK;
    for (int i = 0; status == BV_OK && i < 1000; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        status = bv_vqa_results_add(r, "a", "a", true, name, &err);
    }
    assert_int_equal(status, BV_ERR_LIMIT);
    assert_int_equal(r->n_kinds, BV_VQA_MAX_KINDS);
    free(r);
}

static void test_boxes(void **state)
{
    (void)state;
    char *const fields[] = {"1", "2.5", "3", "-4", "x", "4"};
    const int good[] = {0, 1, 2, 5}, negative[] = {3, 1, 2, 5}, height[] = {0, 1, 2, 3},
              word[] = {0, 4, 2, 5};
    struct bv_box box = {0};
    assert_int_equal(bv_box_parse(fields, good, &box), -1);
    assert_true(box.x == 1 && box.y == 2.5 && box.width == 3 && box.height == 4);
    assert_int_equal(bv_box_parse(fields, negative, &box), -1); // left of the image is a place
    assert_int_equal(bv_box_parse(fields, height, &box), 3);
    assert_int_equal(bv_box_parse(fields, word, &box), 4);
}

static void test_grounding_arguments(void **state)
{
    (void)state;
    float map[] = {0, 1, 2, 3};
    struct bv_box box = {0, 0, 2, 2}; // everything: no outside
    struct bv_grounding result = {0};
    struct bv_error err = {0};
    assert_int_equal(bv_grounding_evaluate(map, 2, 2, NULL, 0, &result, &err), BV_ERR_ARG);
    assert_ok(bv_grounding_evaluate(map, 2, 2, &box, 1, &result, &err), err);
    assert_true(isnan(result.cnr_signed) && result.hit);
    for (int i = 0; i < 4; i++)
        map[i] = NAN;
    assert_int_equal(bv_grounding_evaluate(map, 2, 2, &box, 1, &result, &err), BV_ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decision_curve),
        cmocka_unit_test(test_expected_width),
        cmocka_unit_test(test_one_class),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_undefined_replicates),
        cmocka_unit_test(test_one_patient),
        cmocka_unit_test(test_separable),
        cmocka_unit_test(test_rule_names),
        cmocka_unit_test(test_duplicate_texts),
        cmocka_unit_test(test_vqa),
        cmocka_unit_test(test_question_types),
        cmocka_unit_test(test_vqa_kinds),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_grounding_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
