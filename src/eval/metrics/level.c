#include "eval/metrics/level.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "stats/distribution.h"

const char *const bv_point_rules[BV_POINT_COUNT] = {
    "youden",          "mcc", "f1", "sensitivity=0.95", "sensitivity=0.9", "specificity=0.9",
    "specificity=0.95"};

static const struct bv_interval no_interval = {NAN, NAN, NAN, 0};

// Reliability of the scores after a calibration.
static enum bv_status calibrate(struct bv_class_result *c, const struct bv_ranked *ranked,
                                const struct bv_calibration *calibration, struct bv_error *err)
{
    struct bv_ranked_item *items = malloc(ranked->n * sizeof *items + 1);
    if (!items)
        return bv_fail_nomem(err, "calibrated scores");
    for (size_t i = 0; i < ranked->n; i++) {
        items[i] = ranked->items[i];
        items[i].score = bv_calibration_apply(calibration, items[i].score);
    }
    const struct bv_ranked list = {items, ranked->n};
    c->detail_calibrated = calloc(1, sizeof *c->detail_calibrated);
    enum bv_status status = c->detail_calibrated
                                ? bv_calibration_detail(items, ranked->n, c->detail_calibrated, err)
                                : bv_fail_nomem(err, "calibrated scores");
    c->is_calibrated = true;
    c->calibrated = bv_reliability(&list, 1);
    c->metrics.calibrated_brier = c->calibrated.brier;
    c->metrics.calibrated_ece = c->calibrated.ece;
    free(items);
    return status;
}

// The points at a sensitivity or specificity are metrics of the class as well.
static void set_points(struct bv_class_result *c)
{
    double *const specificities[] = {&c->metrics.specificity_at_sensitivity_95,
                                     &c->metrics.specificity_at_sensitivity_90};
    double *const sensitivities[] = {&c->metrics.sensitivity_at_specificity_90,
                                     &c->metrics.sensitivity_at_specificity_95};
    for (int i = 0; i < 2; i++) {
        const struct bv_point *a = &c->points[BV_POINT_SENSITIVITY_95 + i];
        const struct bv_point *b = &c->points[BV_POINT_SPECIFICITY_90 + i];
        *specificities[i] = isnan(a->threshold.value) ? NAN : bv_specificity(&a->confusion);
        *sensitivities[i] = isnan(b->threshold.value) ? NAN : bv_sensitivity(&b->confusion);
    }
}

static enum bv_status describe_points(struct bv_class_result *c, const struct bv_ranked *ranked,
                                      struct bv_error *err)
{
    for (size_t i = 0; i < BV_POINT_COUNT; i++) {
        enum bv_threshold_rule rule = BV_THRESHOLD_YOUDEN;
        double target = 0;
        struct bv_point *p = &c->points[i];
        BV_TRY(bv_threshold_rule_parse(bv_point_rules[i], &rule, &target, err));
        BV_TRY(bv_threshold_fit(ranked->items, ranked->n, rule, target, &p->threshold, err));
        if (!isnan(p->threshold.value))
            p->confusion = bv_confusion_at(ranked->items, ranked->n, p->threshold.value);
    }
    return BV_OK;
}

static enum bv_status evaluate_class(const struct bv_level_options *o, size_t label,
                                     const struct bv_ranked *ranked, struct bv_class_result *c,
                                     struct bv_error *err)
{
    struct bv_areas areas = bv_areas_ranked(ranked->items, ranked->n, NULL);
    *c = (struct bv_class_result){.label = o->labels[label],
                                  .has_truth = o->has_truth[label],
                                  .n = ranked->n,
                                  .positives = areas.tp,
                                  .negatives = areas.fp,
                                  .metrics = bv_metrics_none(),
                                  .threshold = NAN};
    c->delong = bv_interval_delong(ranked->items, ranked->n);
    c->chexzero = c->percentile = c->average_precision = no_interval;
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        c->resampled[i] = no_interval;
    c->clustered_se = NAN;
    c->clustered = c->average_precision_logit = (struct bv_bounds){NAN, NAN};
    c->is_probability = ranked->n && bv_is_probability(ranked->items, ranked->n);
    BV_TRY(describe_points(c, ranked, err));
    // A class with one label only is left out of everything, its Brier score too.
    if (!areas.tp || !areas.fp)
        return BV_OK;
    bv_metrics_set_areas(&c->metrics, &areas);
    c->average_precision_logit =
        bv_logit_interval(c->metrics.average_precision, (double)areas.tp, 0.95);
    set_points(c);
    if (c->is_probability) {
        if (!(c->detail = calloc(1, sizeof *c->detail)))
            return bv_fail_nomem(err, "calibration");
        BV_TRY(bv_calibration_detail(ranked->items, ranked->n, c->detail, err));
        c->reliability = bv_reliability(ranked, 1);
        c->metrics.brier = c->reliability.brier;
        c->metrics.ece = c->reliability.ece;
    }
    if (o->thresholds)
        c->threshold = o->thresholds[label];
    else if (c->is_probability)
        c->threshold = 0.5;
    if (!isnan(c->threshold)) {
        c->confusion = bv_confusion_at(ranked->items, ranked->n, c->threshold);
        bv_metrics_set_decisions(&c->metrics, &c->confusion);
    }
    return o->calibrations ? calibrate(c, ranked, &o->calibrations[label], err) : BV_OK;
}

static bool is_available(const struct bv_class_result *c)
{
    return c->positives && c->negatives;
}

static void average_classes(struct bv_level_result *r)
{
    r->macro = bv_metrics_none();
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        double sum = 0;
        for (size_t l = 0; l < r->n_labels; l++) {
            double value = bv_metric_value(&r->classes[l].metrics, i);
            if (isnan(value))
                continue;
            sum += value;
            r->n_averaged[i]++;
        }
        if (r->n_averaged[i])
            bv_metric_set(&r->macro, i, sum / (double)r->n_averaged[i]);
    }
}

// Everything pooled: every pair of a unit and an available class counts once.
static enum bv_status pool_classes(struct bv_level_result *r, struct bv_error *err)
{
    struct bv_ranked *lists = calloc(r->n_labels + 1, sizeof *lists);
    struct bv_confusion all = {0};
    struct bv_areas areas = {0};
    size_t n = 0;
    bool probabilities = true, decided = true;
    if (!lists)
        return bv_fail_nomem(err, "the micro average");
    for (size_t l = 0; l < r->n_labels; l++) {
        const struct bv_class_result *c = &r->classes[l];
        if (!is_available(c))
            continue;
        lists[n++] = r->ranked[l];
        probabilities = probabilities && c->is_probability;
        decided = decided && !isnan(c->threshold);
        all.tp += c->confusion.tp;
        all.fp += c->confusion.fp;
        all.tn += c->confusion.tn;
        all.fn += c->confusion.fn;
    }
    r->n_available = n;
    r->micro = bv_metrics_none();
    enum bv_status status = bv_areas_pooled(lists, n, &areas, err);
    bv_metrics_set_areas(&r->micro, &areas);
    if (n && probabilities) {
        struct bv_reliability pooled = bv_reliability(lists, n);
        r->micro.brier = pooled.brier;
        r->micro.ece = pooled.ece;
    }
    if (n && decided)
        bv_metrics_set_decisions(&r->micro, &all);
    free(lists);
    return status;
}

static void average_five_tasks(struct bv_level_result *r)
{
    static const char *const tasks[] = {"Atelectasis", "Cardiomegaly", "Consolidation", "Edema",
                                        "Pleural Effusion"};
    double sum = 0;
    for (size_t t = 0; t < 5; t++) {
        size_t l = 0;
        while (l < r->n_labels && strcasecmp(tasks[t], r->classes[l].label) != 0)
            l++;
        sum += l < r->n_labels ? r->classes[l].metrics.auroc : NAN;
    }
    r->five_tasks = sum / 5; // NaN when any of them is not available
}

// Puts each unit's scores in a row and its one positive label in truth; false when a unit has none,
// several, or no truth for some label.
static bool single_labels(const struct bv_level_result *r, double *scores, uint32_t *truth)
{
    size_t L = r->n_labels;
    for (size_t i = 0; i < r->n_units; i++)
        truth[i] = UINT32_MAX;
    for (size_t l = 0; l < L; l++) {
        if (r->ranked[l].n != r->n_units)
            return false;
        for (size_t i = 0; i < r->n_units; i++) {
            const struct bv_ranked_item *item = &r->ranked[l].items[i];
            scores[item->unit * L + l] = item->score;
            if (!item->positive)
                continue;
            if (truth[item->unit] != UINT32_MAX)
                return false;
            truth[item->unit] = (uint32_t)l;
        }
    }
    for (size_t i = 0; i < r->n_units; i++)
        if (truth[i] == UINT32_MAX)
            return false;
    return true;
}

static enum bv_status evaluate_multiclass(const struct bv_level_options *o,
                                          struct bv_level_result *r, struct bv_error *err)
{
    size_t L = r->n_labels, n = r->n_units;
    struct bv_scratch scratch = {0};
    enum bv_status status = BV_OK;
    if (L < 2 || !n || r->ranked[0].n != n)
        return BV_OK;
    BV_TRY(
        bv_scratch_create(&scratch, o->folder, n * L * sizeof(double) + n * sizeof(uint32_t), err));
    double *scores = scratch.data;
    uint32_t *truth = (uint32_t *)(scores + n * L);
    if (single_labels(r, scores, truth)) {
        status = bv_multiclass_evaluate(scores, truth, n, L, NULL, &r->multiclass, err);
        bv_multiclass_standardize(scores, n, L);
        if (status == BV_OK)
            status = bv_multiclass_evaluate(scores, truth, n, L, NULL, &r->standardized, err);
    }
    bv_scratch_free(&scratch);
    return status;
}

enum bv_status bv_level_evaluate(const struct bv_score_table *table, enum bv_unit unit,
                                 const struct bv_level_options *options,
                                 struct bv_level_result *result, struct bv_error *err)
{
    struct bv_level_result r = {.unit = unit, .n_labels = table->n_labels};
    r.n_units = bv_score_table_units(table, unit);
    if (options->stratum != BV_NO_STRATUM) {
        r.stratum = table->stratum_names[options->stratum];
        r.n_units = table->stratum_sizes[options->stratum];
    }
    r.macro_auroc = no_interval;
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        r.macro_resampled[i] = r.micro_resampled[i] = no_interval;
    r.classes = calloc(r.n_labels + 1, sizeof *r.classes);
    r.ranked = calloc(r.n_labels + 1, sizeof *r.ranked);
    enum bv_status status = BV_OK;
    if (!r.classes || !r.ranked)
        status = bv_fail_nomem(err, "the metrics");
    if (status == BV_OK)
        status = bv_score_table_rank(table, unit, options->stratum, options->mean, options->folder,
                                     &r.scratch, r.ranked, err);
    for (size_t l = 0; status == BV_OK && l < r.n_labels; l++)
        status = evaluate_class(options, l, &r.ranked[l], &r.classes[l], err);
    if (status == BV_OK)
        status = pool_classes(&r, err);
    if (status == BV_OK)
        status = bv_level_intervals(table, options, &r, err);
    if (status == BV_OK)
        status = evaluate_multiclass(options, &r, err);
    if (status != BV_OK) {
        bv_level_free(&r);
        return status;
    }
    average_classes(&r);
    average_five_tasks(&r);
    *result = r;
    return BV_OK;
}

void bv_level_free(struct bv_level_result *result)
{
    for (size_t l = 0; result->classes && l < result->n_labels; l++) {
        free(result->classes[l].detail);
        free(result->classes[l].detail_calibrated);
    }
    free(result->classes);
    free(result->ranked);
    bv_scratch_free(&result->scratch);
    *result = (struct bv_level_result){0};
}

const struct bv_interval *bv_auroc_of_record(const struct bv_level_result *level,
                                             const struct bv_class_result *c)
{
    return level->patients_repeat && !isnan(c->resampled[0].low) ? &c->resampled[0] : &c->delong;
}

bool bv_is_few(const struct bv_class_result *c)
{
    return c->positives && c->negatives && c->positives < BV_FEW_POSITIVES;
}

double bv_expected_half_width(double auroc, uint64_t positives, uint64_t negatives)
{
    double P = (double)positives, N = (double)negatives, A = auroc;
    if (!positives || !negatives || isnan(A))
        return NAN;
    double two_positives = A / (2 - A), two_negatives = 2 * A * A / (1 + A);
    double variance =
        (A * (1 - A) + (P - 1) * (two_positives - A * A) + (N - 1) * (two_negatives - A * A)) /
        (P * N);
    return bv_normal_width(0.95) * sqrt(variance);
}
