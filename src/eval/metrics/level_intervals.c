#include "eval/metrics/level.h"

#include <math.h>
#include <stdlib.h>

#include "stats/comparison.h"

static bool has_both(const struct bv_class_result *c)
{
    return c->positives && c->negatives;
}

// The replicates of the mean AUROC over available classes.
static struct bv_interval macro_interval(const struct bv_level_result *r, const double *auroc,
                                         size_t n, double *means)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t l = 0; l < r->n_labels; l++)
            if (has_both(&r->classes[l]))
                sum += auroc[l * n + i]; // NaN makes the replicate undefined
        means[i] = r->n_available ? sum / (double)r->n_available : NAN;
    }
    return bv_interval_percentile(means, n);
}

// Percentile intervals of rows of replicates [BV_METRIC_COUNT][n].
static void summarise(double *values, size_t n, struct bv_interval intervals[BV_METRIC_COUNT])
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        intervals[i] = bv_interval_percentile(values + i * n, n);
}

// Patients, or units where patients are not known, resampled: all metrics.
static enum bv_status bootstrap_metrics(const struct bv_level_options *o, const uint32_t *clusters,
                                        struct bv_level_result *r, struct bv_error *err)
{
    size_t n = o->n_bootstrap, L = r->n_labels, row = BV_METRIC_COUNT * n;
    const struct bv_bootstrap b = {r->n_units, clusters, clusters ? r->n_clusters : 0, n};
    struct bv_bootstrap_class *classes = calloc(L + 1, sizeof *classes);
    double *values = calloc((L + 2) * row + 1, sizeof *values);
    enum bv_status status = BV_OK;
    if (!classes || !values)
        status = bv_fail_nomem(err, "the bootstrap");
    for (size_t l = 0; status == BV_OK && l < L; l++)
        classes[l] = (struct bv_bootstrap_class){r->ranked[l], r->classes[l].threshold,
                                                 r->classes[l].is_probability};
    if (status == BV_OK)
        status = bv_bootstrap_metrics(&b, classes, L, o->pool, values, err);
    for (size_t l = 0; status == BV_OK && l < L; l++)
        summarise(values + l * row, n, r->classes[l].resampled);
    if (status == BV_OK) {
        summarise(values + L * row, n, r->macro_resampled);
        summarise(values + (L + 1) * row, n, r->micro_resampled);
    }
    free(classes);
    free(values);
    return status;
}

// CheXzero's procedure and its percentiles: units resampled, whatever the patients.
static enum bv_status bootstrap_areas(const struct bv_level_options *o, struct bv_level_result *r,
                                      struct bv_error *err)
{
    size_t n = o->n_bootstrap, L = r->n_labels;
    const struct bv_bootstrap plain = {.n_units = r->n_units, .n_replicates = n};
    double *auroc = calloc(L * n + 1, sizeof *auroc), *ap = calloc(L * n + 1, sizeof *ap);
    double *means = calloc(n + 1, sizeof *means);
    enum bv_status status = BV_OK;
    if (!auroc || !ap || !means)
        status = bv_fail_nomem(err, "the bootstrap");
    if (status == BV_OK)
        status = bv_bootstrap_run(&plain, r->ranked, L, o->pool, auroc, ap, err);
    if (status == BV_OK)
        r->macro_auroc = macro_interval(r, auroc, n, means);
    for (size_t l = 0; status == BV_OK && l < L; l++) {
        r->classes[l].chexzero = bv_interval_chexzero(auroc + l * n, n);
        r->classes[l].percentile = bv_interval_percentile(auroc + l * n, n);
        r->classes[l].average_precision = bv_interval_percentile(ap + l * n, n);
    }
    free(auroc);
    free(ap);
    free(means);
    return status;
}

// The clustered standard error of one class.
static enum bv_status cluster_class(const struct bv_ranked *ranked, const uint32_t *clusters,
                                    size_t n_clusters, struct bv_class_result *c,
                                    struct bv_error *err)
{
    size_t n = ranked->n;
    double *scores = malloc(n * sizeof *scores + 1), variance = NAN;
    uint8_t *positives = malloc(n + 1);
    uint32_t *own = malloc(n * sizeof *own + 1);
    struct bv_placements p = {0};
    enum bv_status status =
        scores && positives && own ? BV_OK : bv_fail_nomem(err, "the patients of an AUROC");
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        scores[i] = ranked->items[i].score;
        positives[i] = (uint8_t)ranked->items[i].positive;
        own[i] = clusters[ranked->items[i].unit];
    }
    if (status == BV_OK)
        status = bv_placements_make(&p, scores, positives, n, err);
    if (status == BV_OK)
        status = bv_clustered_covariance(&p, &p, own, n_clusters, &variance, err);
    if (status == BV_OK) {
        c->clustered_se = variance < 0 ? 0 : sqrt(variance); // below 0 by rounding only
        c->clustered = bv_auroc_interval(p.auroc, c->clustered_se * c->clustered_se, 0.95);
    }
    bv_placements_free(&p);
    free(scores);
    free(positives);
    free(own);
    return status;
}

enum bv_status bv_level_intervals(const struct bv_score_table *table,
                                  const struct bv_level_options *o, struct bv_level_result *r,
                                  struct bv_error *err)
{
    uint32_t *clusters = NULL;
    if (o->n_bootstrap)
        BV_TRY(bootstrap_areas(o, r, err));
    BV_TRY(bv_score_table_clusters(table, r->unit, o->stratum, &clusters, &r->n_clusters, err));
    enum bv_status status = BV_OK;
    r->by_patient = clusters != NULL;
    r->patients_repeat = clusters && r->n_clusters < r->n_units;
    for (size_t l = 0; status == BV_OK && clusters && l < r->n_labels; l++)
        if (has_both(&r->classes[l]))
            status = cluster_class(&r->ranked[l], clusters, r->n_clusters, &r->classes[l], err);
    if (status == BV_OK && o->n_bootstrap)
        status = bootstrap_metrics(o, clusters, r, err);
    free(clusters);
    return status;
}
