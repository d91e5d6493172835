// Every metric against scikit-learn, NumPy and SciPy, on the cases of reference.py: a stored file
// (the default), or one that sklearn.sh has just made.
//
// Everything but the two fits of calibrations must agree to 1e-9; the largest difference seen is
// 1.2e-15.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mt19937.h"
#include "eval/metrics/bootstrap.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/metric.h"
#include "eval/tasks/grounding.h"
#include "eval/tasks/retrieval_table.h"
#include "support/check.h"

static const char *cases_path = "tests/eval/golden_metrics.json";
static json_t *cases;
static double worst, worst_fit; // differences, of metrics and of iterative fits

static const double limit = 1e-9;

static double number(const json_t *value)
{
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static double at(const json_t *array, size_t i)
{
    return number(json_array_get(array, i));
}

static void equal(const char *what, double ours, double theirs, double tolerance)
{
    double difference = fabs(ours - theirs);
    if (!(difference <= tolerance))
        fail_msg("%s: %.17g, not %.17g", what, ours, theirs);
    double *largest = tolerance == limit ? &worst : &worst_fit;
    *largest = fmax(*largest, difference);
}

static void equal_key(const json_t *object, const char *key, double ours)
{
    equal(key, ours, number(json_object_get(object, key)), limit);
}

// null stands for undefined.
static void equal_threshold(const json_t *object, const char *key, struct bv_threshold ours)
{
    const json_t *pair = json_object_get(object, key);
    if (json_is_null(json_array_get(pair, 0))) {
        assert_true(isnan(ours.value));
        return;
    }
    equal(key, ours.value, at(pair, 0), limit);
    equal(key, ours.merit, at(pair, 1), limit);
}

struct column {
    struct bv_ranked_item *items;
    size_t n;
};

static struct column column_of(const json_t *set, size_t c)
{
    const json_t *y = json_object_get(set, "y"), *s = json_object_get(set, "s");
    struct column column = {calloc(json_array_size(y), sizeof *column.items), json_array_size(y)};
    assert_non_null(column.items);
    for (size_t i = 0; i < column.n; i++) {
        column.items[i].score = at(json_array_get(s, i), c);
        column.items[i].positive = (uint32_t)at(json_array_get(y, i), c);
        column.items[i].unit = (uint32_t)i;
    }
    bv_ranked_sort(column.items, column.n);
    return column;
}

static void check_areas(const json_t *expected, const struct column *column)
{
    struct bv_areas areas = bv_areas_ranked(column->items, column->n, NULL);
    equal_key(expected, "auroc", bv_areas_auroc(&areas));
    equal_key(expected, "average_precision", bv_areas_average_precision(&areas));
    equal_key(expected, "pr_trapezoid", bv_areas_pr_trapezoid(&areas));
    struct bv_interval delong = bv_interval_delong(column->items, column->n);
    equal("delong low", delong.low, at(json_object_get(expected, "delong"), 0), limit);
    equal("delong high", delong.high, at(json_object_get(expected, "delong"), 1), limit);
}

static void check_curve(const json_t *expected, const struct column *column)
{
    struct bv_error err = {0};
    struct bv_curve_point *points = NULL;
    size_t n = 0;
    const json_t *roc = json_object_get(expected, "roc");
    assert_ok(bv_curve_points(column->items, column->n, true, &points, &n, &err), err);
    assert_int_equal(n, json_array_size(roc));
    for (size_t i = 0; i < n; i++) {
        const json_t *point = json_array_get(roc, i);
        equal("roc threshold", points[i].threshold, at(point, 0), limit);
        equal("roc tpr", (double)points[i].tp / (double)points[n - 1].tp, at(point, 1), limit);
        equal("roc fpr", (double)points[i].fp / (double)points[n - 1].fp, at(point, 2), limit);
    }
    free(points);
}

static void check_thresholds(const json_t *expected, const struct column *column)
{
    static const struct {
        const char *key, *text;
    } rules[] = {{"mcc", "mcc"},
                 {"f1", "f1"},
                 {"youden", "youden"},
                 {"sensitivity", "sensitivity=0.9"},
                 {"specificity", "specificity=0.9"}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct bv_error err = {0};
        struct bv_threshold threshold = {0};
        enum bv_threshold_rule rule = BV_THRESHOLD_MCC;
        double target = 0;
        assert_ok(bv_threshold_rule_parse(rules[i].text, &rule, &target, &err), err);
        assert_ok(bv_threshold_fit(column->items, column->n, rule, target, &threshold, &err), err);
        equal_threshold(expected, rules[i].key, threshold);
    }
}

static void check_decision(const json_t *expected, const struct column *column)
{
    const json_t *decision = json_object_get(expected, "decision");
    double threshold = number(json_object_get(decision, "threshold"));
    struct bv_confusion c = bv_confusion_at(column->items, column->n, threshold);
    equal_key(decision, "tp", (double)c.tp);
    equal_key(decision, "fp", (double)c.fp);
    equal_key(decision, "tn", (double)c.tn);
    equal_key(decision, "fn", (double)c.fn);
    equal_key(decision, "accuracy", bv_accuracy(&c));
    equal_key(decision, "balanced_accuracy", bv_balanced_accuracy(&c));
    equal_key(decision, "sensitivity", bv_sensitivity(&c));
    equal_key(decision, "specificity", bv_specificity(&c));
    equal_key(decision, "precision", bv_precision(&c));
    equal_key(decision, "npv", bv_negative_predictive_value(&c));
    equal_key(decision, "f1", bv_f1(&c));
    equal_key(decision, "mcc", bv_mcc(&c));
}

static void check_reliability(const json_t *expected, const struct column *column)
{
    const json_t *mean = json_object_get(expected, "bin_mean");
    const json_t *fraction = json_object_get(expected, "bin_true");
    const struct bv_ranked list = {column->items, column->n};
    struct bv_reliability r = bv_reliability(&list, 1);
    size_t used = 0;
    equal_key(expected, "brier", r.brier);
    equal_key(expected, "ece", r.ece);
    for (size_t i = 0; i < BV_RELIABILITY_BINS; i++) {
        if (!r.bins[i].n)
            continue;
        equal("bin_mean", r.bins[i].mean, at(mean, used), limit);
        equal("bin_true", (double)r.bins[i].positives / (double)r.bins[i].n, at(fraction, used),
              limit);
        used++;
    }
    assert_int_equal(used, json_array_size(mean));
}

static void check_fits(const json_t *expected, const struct column *column)
{
    struct bv_error err = {0};
    struct bv_calibration isotonic = {0}, platt = {0};
    const json_t *probe = json_object_get(expected, "probe");
    assert_ok(bv_calibration_fit_isotonic(column->items, column->n, &isotonic, &err), err);
    for (size_t i = 0; i < json_array_size(probe); i++)
        equal("isotonic", bv_calibration_apply(&isotonic, at(probe, i)),
              at(json_object_get(expected, "isotonic"), i), limit);
    bv_calibration_free(&isotonic);
    // The reference stops its own search early: differences up to 2.8e-8 were seen.
    assert_ok(bv_calibration_fit_platt(column->items, column->n, true, &platt, &err), err);
    equal("platt a", platt.a, at(json_object_get(expected, "platt"), 0), 1e-6);
    equal("platt b", platt.b, at(json_object_get(expected, "platt"), 1), 1e-6);
}

static void test_classes(void **state)
{
    (void)state;
    size_t s = 0;
    const json_t *set = NULL;
    json_array_foreach(json_object_get(cases, "sets"), s, set)
    {
        const json_t *classes = json_object_get(set, "classes");
        for (size_t c = 0; c < json_array_size(classes); c++) {
            struct column column = column_of(set, c);
            const json_t *expected = json_array_get(classes, c);
            check_areas(expected, &column);
            check_curve(expected, &column);
            check_thresholds(expected, &column);
            check_decision(expected, &column);
            check_reliability(expected, &column);
            check_fits(expected, &column);
            free(column.items);
        }
    }
    assert_true(s > 0);
}

#define MAX_CLASSES 8

struct columns {
    struct column own[MAX_CLASSES];
    struct bv_ranked lists[MAX_CLASSES];
    size_t n;
};

static struct columns columns_of(const json_t *set)
{
    struct columns columns = {.n = json_array_size(json_object_get(set, "classes"))};
    assert_in_range(columns.n, 1, MAX_CLASSES);
    for (size_t c = 0; c < columns.n; c++) {
        columns.own[c] = column_of(set, c);
        columns.lists[c] = (struct bv_ranked){columns.own[c].items, columns.own[c].n};
    }
    return columns;
}

static void columns_free(struct columns *columns)
{
    for (size_t c = 0; c < columns->n; c++)
        free(columns->own[c].items);
}

static void test_averages(void **state)
{
    (void)state;
    size_t s = 0;
    const json_t *set = NULL;
    json_array_foreach(json_object_get(cases, "sets"), s, set)
    {
        struct columns columns = columns_of(set);
        struct bv_error err = {0};
        struct bv_areas pooled = {0};
        struct bv_calibration temperature = {0};
        double macro = 0;
        for (size_t c = 0; c < columns.n; c++) {
            struct bv_areas areas =
                bv_areas_ranked(columns.lists[c].items, columns.lists[c].n, NULL);
            macro += bv_areas_auroc(&areas) / (double)columns.n;
        }
        equal_key(set, "macro_auroc", macro);
        assert_ok(bv_areas_pooled(columns.lists, columns.n, &pooled, &err), err);
        equal_key(set, "micro_auroc", bv_areas_auroc(&pooled));
        equal_key(set, "micro_average_precision", bv_areas_average_precision(&pooled));
        assert_ok(
            bv_calibration_fit_temperature(columns.lists, columns.n, true, &temperature, &err),
            err);
        // The reference minimises a flat-bottomed loss, which resolves 1e-8 at best.
        equal("temperature", temperature.a, number(json_object_get(set, "temperature")), 1e-6);
        columns_free(&columns);
    }
}

static void check_draws(const json_t *expected, uint32_t seed)
{
    struct bv_mt19937 mt;
    bv_mt19937_seed(&mt, seed);
    size_t n = json_array_size(expected);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bv_mt19937_below(&mt, (uint32_t)n), (int64_t)at(expected, i));
}

static void equal_pair(const json_t *expected, const char *key, size_t c,
                       struct bv_interval interval)
{
    const json_t *bounds = json_object_get(expected, key);
    equal(key, interval.low, at(json_array_get(bounds, 0), c), limit);
    equal(key, interval.high, at(json_array_get(bounds, 1), c), limit);
}

static void check_bootstrap(const json_t *set, struct bv_pool *pool)
{
    struct columns columns = columns_of(set);
    struct bv_error err = {0};
    const json_t *expected = json_object_get(set, "bootstrap");
    const json_t *members = json_object_get(set, "clusters");
    size_t n = (size_t)number(json_object_get(expected, "n")), n_units = columns.lists[0].n;
    double *auroc = calloc(columns.n * n, sizeof *auroc), *ap = calloc(columns.n * n, sizeof *ap);
    uint32_t *clusters = calloc(n_units, sizeof *clusters);
    assert_true(auroc && ap && clusters);
    struct bv_bootstrap plain = {.n_units = n_units, .n_replicates = n};
    check_draws(json_object_get(expected, "first"), 0);
    check_draws(json_object_get(expected, "last"), (uint32_t)n - 1);
    assert_ok(bv_bootstrap_run(&plain, columns.lists, columns.n, pool, auroc, ap, &err), err);
    for (size_t c = 0; c < columns.n; c++) {
        struct bv_interval interval = bv_interval_chexzero(auroc + c * n, n);
        equal("mean", interval.mean, at(json_object_get(expected, "mean"), c), limit);
        equal_pair(expected, "chexzero", c, interval);
        equal_pair(expected, "percentile", c, bv_interval_percentile(auroc + c * n, n));
        equal_pair(expected, "ap_percentile", c, bv_interval_percentile(ap + c * n, n));
        assert_int_equal(interval.n_undefined, 0);
    }
    struct bv_bootstrap grouped = plain;
    grouped.clusters = clusters;
    for (size_t i = 0; i < n_units; i++) {
        clusters[i] = (uint32_t)at(members, i);
        grouped.n_clusters = clusters[i] + 1;
    }
    assert_ok(bv_bootstrap_run(&grouped, columns.lists, columns.n, pool, auroc, NULL, &err), err);
    for (size_t c = 0; c < columns.n; c++)
        equal_pair(expected, "clustered", c, bv_interval_percentile(auroc + c * n, n));
    free(auroc);
    free(ap);
    free(clusters);
    columns_free(&columns);
}

static void test_bootstrap(void **state)
{
    (void)state;
    struct bv_error err = {0};
    struct bv_pool *pool = NULL;
    assert_ok(bv_pool_create(&pool, 3, &err), err);
    size_t s = 0;
    const json_t *set = NULL;
    json_array_foreach(json_object_get(cases, "sets"), s, set)
        check_bootstrap(set, s % 2 ? pool : NULL);
    bv_pool_destroy(&pool);
}

static void equal_multiclass(const json_t *expected, const struct bv_multiclass *ours)
{
    equal_key(expected, "accuracy", ours->accuracy);
    equal_key(expected, "precision", ours->precision);
    equal_key(expected, "recall", ours->recall);
    equal_key(expected, "f1", ours->f1);
}

static void test_multiclass(void **state)
{
    (void)state;
    size_t s = 0;
    const json_t *set = NULL;
    json_array_foreach(json_object_get(cases, "multiclass"), s, set)
    {
        const json_t *rows = json_object_get(set, "scores");
        size_t n = json_array_size(rows), C = json_array_size(json_array_get(rows, 0));
        double *scores = calloc(n * C, sizeof *scores);
        uint32_t *truth = calloc(n, sizeof *truth);
        struct bv_error err = {0};
        struct bv_multiclass result = {0};
        assert_true(scores && truth);
        for (size_t i = 0; i < n; i++) {
            truth[i] = (uint32_t)at(json_object_get(set, "truth"), i);
            for (size_t c = 0; c < C; c++)
                scores[i * C + c] = at(json_array_get(rows, i), c);
        }
        assert_ok(bv_multiclass_evaluate(scores, truth, n, C, NULL, &result, &err), err);
        equal_multiclass(json_object_get(set, "plain"), &result);
        bv_multiclass_standardize(scores, n, C);
        assert_ok(bv_multiclass_evaluate(scores, truth, n, C, NULL, &result, &err), err);
        equal_multiclass(json_object_get(set, "standardized"), &result);
        free(scores);
        free(truth);
    }
}

static void add_queries(struct bv_retrieval *retrieval, const json_t *set)
{
    const json_t *rows = json_object_get(set, "scores");
    for (size_t q = 0; q < json_array_size(rows); q++) {
        const json_t *row = json_array_get(rows, q);
        const json_t *marks = json_array_get(json_object_get(set, "relevant"), q);
        size_t n = json_array_size(row);
        float *scores = calloc(n, sizeof *scores);
        uint8_t *relevant = calloc(n, 1);
        struct bv_error err = {0};
        assert_true(scores && relevant);
        for (size_t i = 0; i < n; i++) {
            scores[i] = (float)at(row, i);
            relevant[i] = (uint8_t)at(marks, i);
        }
        assert_ok(bv_retrieval_add(retrieval, scores, relevant, n, &err), err);
        free(scores);
        free(relevant);
    }
}

static void test_retrieval(void **state)
{
    (void)state;
    size_t s = 0;
    const json_t *set = NULL;
    json_array_foreach(json_object_get(cases, "retrieval"), s, set)
    {
        struct bv_retrieval retrieval = {.n_ks = json_array_size(json_object_get(set, "ks"))};
        double median = 0;
        for (size_t k = 0; k < retrieval.n_ks; k++)
            retrieval.ks[k] = (size_t)at(json_object_get(set, "ks"), k);
        add_queries(&retrieval, set);
        bv_retrieval_finish(&retrieval, &median);
        for (size_t k = 0; k < retrieval.n_ks; k++) {
            equal("P@K", retrieval.precision[k], at(json_object_get(set, "precision"), k), limit);
            equal("hits", retrieval.hits[k], at(json_object_get(set, "hits"), k), limit);
            equal("recall", retrieval.recall[k], at(json_object_get(set, "recall"), k), limit);
        }
        equal_key(set, "mrr", retrieval.reciprocal);
        equal_key(set, "mean_rank", retrieval.rank);
        equal_key(set, "median_rank", median);
        equal_key(set, "without", (double)retrieval.n_without);
        bv_retrieval_free(&retrieval);
    }
}

static void test_grounding(void **state)
{
    (void)state;
    size_t s = 0;
    const json_t *set = NULL;
    json_array_foreach(json_object_get(cases, "grounding"), s, set)
    {
        size_t H = (size_t)number(json_object_get(set, "h"));
        size_t W = (size_t)number(json_object_get(set, "w"));
        const json_t *values = json_object_get(set, "map"), *drawn = json_object_get(set, "boxes");
        float *map = calloc(H * W, sizeof *map);
        struct bv_box boxes[4];
        struct bv_grounding result = {0};
        struct bv_error err = {0};
        assert_non_null(map);
        for (size_t i = 0; i < H * W; i++)
            map[i] = json_is_null(json_array_get(values, i)) ? NAN : (float)at(values, i);
        size_t n = json_array_size(drawn);
        assert_in_range(n, 1, 4);
        for (size_t i = 0; i < n; i++) {
            const json_t *box = json_array_get(drawn, i);
            boxes[i] = (struct bv_box){at(box, 0), at(box, 1), at(box, 2), at(box, 3)};
        }
        assert_ok(bv_grounding_evaluate(map, H, W, boxes, n, &result, &err), err);
        equal_key(set, "cnr", result.cnr_signed);
        equal("absolute", result.cnr_absolute, fabs(number(json_object_get(set, "cnr"))), limit);
        equal_key(set, "mean_iou", result.mean_iou);
        for (size_t t = 0; t < 5; t++)
            equal("iou", result.iou[t], at(json_object_get(set, "iou"), t), limit);
        assert_int_equal(result.hit, json_is_true(json_object_get(set, "hit")));
        free(map);
    }
}

static int load(void **state)
{
    (void)state;
    struct bv_error err = {0};
    if (bv_json_load(&cases, cases_path, 64u << 20, &err) == BV_OK)
        return 0;
    (void)printf("%s\n", err.text);
    return -1;
}

static int unload(void **state)
{
    (void)state;
    (void)printf("largest difference from the reference: %.2g; of iterative fits: %.2g\n", worst,
                 worst_fit);
    json_decref(cases);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_averages),
        cmocka_unit_test(test_bootstrap), cmocka_unit_test(test_multiclass),
        cmocka_unit_test(test_retrieval), cmocka_unit_test(test_grounding),
    };
    if (argc > 1)
        cases_path = argv[1];
    return cmocka_run_group_tests(tests, load, unload);
}
