// Every replicate of the bootstrap equals the metrics of the resampled rows written out one by one.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mt19937.h"
#include "eval/metrics/bootstrap.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/metric.h"
#include "support/check.h"

enum { ROWS = 157, CLASSES = 4, PATIENTS = 60, REPLICATES = 21, ROOM = 16 * ROWS };

static struct bv_ranked_item items[CLASSES][ROWS], drawn[CLASSES + 1][CLASSES * ROOM];
static size_t n_items[CLASSES], n_drawn[CLASSES + 1];
static uint32_t patients[ROWS];

// Class 0: probabilities on a coarse grid; 1: other scores; 2: one class only; 3: few rows, fine.
static struct bv_bootstrap_class classes[CLASSES] = {
    {.threshold = 0.4, .is_probability = true},
    {.threshold = 1.5},
    {.threshold = 0.5, .is_probability = true},
    {.threshold = NAN, .is_probability = true},
};

static void make_data(void)
{
    struct bv_mt19937 mt;
    bv_mt19937_seed(&mt, 7);
    for (size_t i = 0; i < ROWS; i++)
        patients[i] = bv_mt19937_below(&mt, PATIENTS);
    for (size_t c = 0; c < CLASSES; c++) {
        n_items[c] = 0;
        for (size_t i = 0; i < ROWS; i++) {
            uint32_t y = c != 2 && bv_mt19937_below(&mt, 4) == 0;
            double s =
                (bv_mt19937_below(&mt, c == 3 ? 100000 : 12) + 3 * y) / (c == 3 ? 1e5 : 14.0);
            if (c == 3 && i % 5)
                continue;
            items[c][n_items[c]++] =
                (struct bv_ranked_item){fmin(c == 1 ? 3 * s : s, c == 1 ? 9 : 1), (uint32_t)i, y};
        }
        bv_ranked_sort(items[c], n_items[c]);
        classes[c].ranked = (struct bv_ranked){items[c], n_items[c]};
    }
}

static int by_score(const void *a, const void *b)
{
    double x = ((const struct bv_ranked_item *)a)->score;
    double y = ((const struct bv_ranked_item *)b)->score;
    return (x < y) - (x > y);
}

static void write_out(uint32_t seed, bool by_patient)
{
    uint32_t counts[ROWS] = {0};
    struct bv_mt19937 mt;
    bv_mt19937_seed(&mt, seed);
    for (size_t i = 0; i < (by_patient ? PATIENTS : ROWS); i++)
        counts[bv_mt19937_below(&mt, by_patient ? PATIENTS : ROWS)]++;
    n_drawn[CLASSES] = 0;
    for (size_t c = 0; c < CLASSES; c++) {
        n_drawn[c] = 0;
        for (size_t i = 0; i < n_items[c]; i++) {
            uint32_t unit = items[c][i].unit;
            for (uint32_t k = 0; k < counts[by_patient ? patients[unit] : unit]; k++) {
                assert_true(n_drawn[c] < ROOM);
                drawn[c][n_drawn[c]++] = items[c][i];
                if (c != 2) // never pooled: it lacks positives
                    drawn[CLASSES][n_drawn[CLASSES]++] = items[c][i];
            }
        }
    }
    qsort(drawn[CLASSES], n_drawn[CLASSES], sizeof drawn[0][0], by_score);
}

static double at(const struct bv_ranked_item *rows, size_t n, enum bv_threshold_rule rule,
                 double target, double (*rate)(const struct bv_confusion *))
{
    struct bv_threshold t = {0};
    struct bv_error err = {0};
    assert_ok(bv_threshold_fit(rows, n, rule, target, &t, &err), err);
    if (isnan(t.value))
        return NAN;
    struct bv_confusion c = bv_confusion_at(rows, n, t.value);
    return rate(&c);
}

static struct bv_metrics plain(const struct bv_ranked_item *rows, size_t n,
                               const struct bv_bootstrap_class *class)
{
    struct bv_metrics m = bv_metrics_none();
    struct bv_areas areas = bv_areas_ranked(rows, n, NULL);
    struct bv_ranked list = {rows, n};
    if (!areas.tp || !areas.fp)
        return m;
    bv_metrics_set_areas(&m, &areas);
    if (!class)
        return m;
    if (class->is_probability) {
        struct bv_reliability r = bv_reliability(&list, 1);
        m.brier = r.brier;
        m.ece = r.ece;
    }
    if (!isnan(class->threshold)) {
        struct bv_confusion c = bv_confusion_at(rows, n, class->threshold);
        bv_metrics_set_decisions(&m, &c);
    }
    m.specificity_at_sensitivity_90 = at(rows, n, BV_THRESHOLD_SENSITIVITY, 0.9, bv_specificity);
    m.specificity_at_sensitivity_95 = at(rows, n, BV_THRESHOLD_SENSITIVITY, 0.95, bv_specificity);
    m.sensitivity_at_specificity_90 = at(rows, n, BV_THRESHOLD_SPECIFICITY, 0.9, bv_sensitivity);
    m.sensitivity_at_specificity_95 = at(rows, n, BV_THRESHOLD_SPECIFICITY, 0.95, bv_sensitivity);
    return m;
}

static double worst;

static void compare(const struct bv_metrics *expected, const double *values, size_t row,
                    size_t replicate)
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        double a = bv_metric_value(expected, i);
        double b = values[(row * BV_METRIC_COUNT + i) * REPLICATES + replicate];
        if (isnan(a) && isnan(b))
            continue;
        if (!(fabs(a - b) <= 1e-14)) // largest measured: 3.3e-16
            fail_msg("row %zu, %s: %.17g, written out %.17g", row, bv_metric_table[i].name, b, a);
        worst = fmax(worst, fabs(a - b));
    }
}

// The mean over the classes that have the metric in the data itself.
static struct bv_metrics mean_of(const struct bv_metrics *whole, const struct bv_metrics *these)
{
    struct bv_metrics macro = bv_metrics_none();
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        double sum = 0, n = 0;
        for (size_t c = 0; c < CLASSES; c++) {
            if (isnan(bv_metric_value(&whole[c], i)))
                continue;
            sum += bv_metric_value(&these[c], i);
            n++;
        }
        bv_metric_set(&macro, i, n > 0 ? sum / n : NAN);
    }
    return macro;
}

static void check_replicates(bool by_patient)
{
    static double values[(CLASSES + 2) * BV_METRIC_COUNT * REPLICATES];
    struct bv_metrics whole[CLASSES], these[CLASSES];
    struct bv_bootstrap b = {.n_units = ROWS, .n_replicates = REPLICATES};
    struct bv_error err = {0};
    struct bv_pool *pool = NULL;
    if (by_patient) {
        b.clusters = patients;
        b.n_clusters = PATIENTS;
    }
    assert_ok(bv_pool_create(&pool, 2, &err), err);
    assert_ok(bv_bootstrap_metrics(&b, classes, CLASSES, pool, values, &err), err);
    bv_pool_destroy(&pool);
    for (size_t c = 0; c < CLASSES; c++)
        whole[c] = plain(items[c], n_items[c], &classes[c]);
    for (size_t r = 0; r < REPLICATES; r++) {
        write_out((uint32_t)r, by_patient);
        for (size_t c = 0; c < CLASSES; c++) {
            these[c] = plain(drawn[c], n_drawn[c], &classes[c]);
            compare(&these[c], values, c, r);
        }
        struct bv_metrics macro = mean_of(whole, these);
        // Class 3 has no threshold and class 1 no probabilities: pooled, there are areas only.
        struct bv_metrics micro = plain(drawn[CLASSES], n_drawn[CLASSES], NULL);
        compare(&macro, values, CLASSES, r);
        compare(&micro, values, CLASSES + 1, r);
    }
}

static void test_images(void **state)
{
    (void)state;
    make_data();
    check_replicates(false);
}

static void test_patients(void **state)
{
    (void)state;
    make_data();
    check_replicates(true);
}

// With probabilities and thresholds everywhere, decisions and bins are pooled too.
static void test_micro(void **state)
{
    (void)state;
    static double values[3 * BV_METRIC_COUNT];
    struct bv_bootstrap b = {.n_units = ROWS, .n_replicates = 1};
    struct bv_error err = {0};
    make_data();
    assert_ok(bv_bootstrap_metrics(&b, classes, 1, NULL, values, &err), err);
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        double one = values[i], macro = values[BV_METRIC_COUNT + i];
        double micro = values[2 * BV_METRIC_COUNT + i];
        bool chosen = strstr(bv_metric_table[i].name, "_at_") != NULL;
        assert_true(isnan(one) ? isnan(macro) : macro == one);
        assert_true(isnan(one) || chosen ? isnan(micro) : fabs(micro - one) <= 1e-15);
    }
    // No class, no unit, no replicate.
    b.n_replicates = 0;
    assert_ok(bv_bootstrap_metrics(&b, classes, 1, NULL, NULL, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_images),
                                       cmocka_unit_test(test_patients),
                                       cmocka_unit_test(test_micro)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)printf("largest difference %.2g\n", worst);
    return failed;
}
