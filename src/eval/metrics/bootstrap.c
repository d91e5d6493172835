#include "eval/metrics/bootstrap.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mt19937.h"

// Receives the results [n_lists][BV_LANES] of the replicates from first on.
typedef void (*sink)(void *arg, size_t first, const struct bv_resampled *results);

struct job {
    const struct bv_bootstrap *bootstrap;
    const struct bv_resample_list *lists;
    size_t n_lists;
    const bool *areas_only; // [n_lists]
    sink sink;
    void *arg;
    atomic_bool failed;
};

// How often each unit was drawn, in one lane of weights, which is zero before. counts has room for
// the clusters. A single one is not drawn: all replicates would be the data itself.
static bool draw(const struct bv_bootstrap *b, uint32_t seed, uint32_t *counts, uint8_t *weights)
{
    struct bv_mt19937 mt;
    bv_mt19937_seed(&mt, seed);
    size_t n = b->clusters ? b->n_clusters : b->n_units;
    bool fits = true;
    if (n < 2)
        return true;
    memset(counts, 0, n * sizeof *counts);
    for (size_t i = 0; i < n; i++)
        counts[bv_mt19937_below(&mt, (uint32_t)n)]++;
    for (size_t i = 0; i < b->n_units; i++) {
        uint32_t drawn = counts[b->clusters ? b->clusters[i] : i];
        fits = fits && drawn <= UINT8_MAX;
        weights[i * BV_LANES] = (uint8_t)drawn;
    }
    return fits;
}

static void run_lanes(void *arg, size_t task)
{
    struct job *job = arg;
    const struct bv_bootstrap *b = job->bootstrap;
    size_t n_groups = b->clusters ? b->n_clusters : b->n_units, first = task * BV_LANES;
    uint8_t *weights = calloc(b->n_units * BV_LANES + 1, sizeof *weights);
    uint32_t *counts = malloc((n_groups + 1) * sizeof *counts);
    struct bv_resampled *results = malloc((job->n_lists + 1) * BV_LANES * sizeof *results);
    bool ok = weights && counts && results;
    for (size_t k = 0; ok && k < BV_LANES && first + k < b->n_replicates; k++)
        ok = draw(b, (uint32_t)(first + k), counts, weights + k);
    for (size_t l = 0; ok && l < job->n_lists; l++)
        ok = bv_resample_pass(&job->lists[l], weights, job->areas_only[l], results + l * BV_LANES,
                              NULL) == BV_OK;
    if (ok)
        job->sink(job->arg, first, results);
    else
        atomic_store(&job->failed, true);
    free(weights);
    free(counts);
    free(results);
}

static enum bv_status run(struct job *job, struct bv_pool *pool, struct bv_error *err)
{
    const struct bv_bootstrap *b = job->bootstrap;
    if (b->n_units >= BV_RESAMPLE_MAX_UNITS || b->n_clusters >= UINT32_MAX ||
        b->n_replicates >= UINT32_MAX)
        return bv_fail(err, BV_ERR_LIMIT, "a bootstrap of more than 2^30 units or replicates");
    bv_pool_for(pool, (b->n_replicates + BV_LANES - 1) / BV_LANES, run_lanes, job);
    return atomic_load(&job->failed) ? bv_fail_nomem(err, "the bootstrap") : BV_OK;
}
// ---- Areas ----

struct areas {
    const struct bv_resample_list *lists;
    size_t n_classes, n_replicates;
    double *auroc, *average_precision;
};

static void take_areas(void *arg, size_t first, const struct bv_resampled *results)
{
    const struct areas *a = arg;
    for (size_t c = 0; c < a->n_classes; c++) {
        for (size_t k = 0; k < BV_LANES && first + k < a->n_replicates; k++) {
            struct bv_metrics m = bv_resampled_metrics(&a->lists[c], &results[c * BV_LANES + k]);
            if (a->auroc)
                a->auroc[c * a->n_replicates + first + k] = m.auroc;
            if (a->average_precision)
                a->average_precision[c * a->n_replicates + first + k] = m.average_precision;
        }
    }
}

static void free_lists(struct bv_resample_list *lists, size_t n)
{
    for (size_t i = 0; lists && i < n; i++)
        bv_resample_list_free(&lists[i]);
    free(lists);
}

enum bv_status bv_bootstrap_run(const struct bv_bootstrap *bootstrap,
                                const struct bv_ranked *classes, size_t n_classes,
                                struct bv_pool *pool, double *auroc, double *average_precision,
                                struct bv_error *err)
{
    struct bv_resample_list *lists = calloc(n_classes + 1, sizeof *lists);
    bool *areas_only = malloc(n_classes + 1);
    enum bv_status status = lists && areas_only ? BV_OK : bv_fail_nomem(err, "the bootstrap");
    for (size_t c = 0; status == BV_OK && c < n_classes; c++) {
        areas_only[c] = true;
        status = bv_resample_list_make(&lists[c], &classes[c], NAN, false, err);
    }
    struct areas areas = {lists, n_classes, bootstrap->n_replicates, auroc, average_precision};
    struct job job = {.bootstrap = bootstrap,
                      .lists = lists,
                      .n_lists = n_classes,
                      .areas_only = areas_only,
                      .sink = take_areas,
                      .arg = &areas};
    if (status == BV_OK)
        status = run(&job, pool, err);
    free_lists(lists, n_classes);
    free(areas_only);
    return status;
}

// ---- All metrics ----

struct all {
    const struct bv_bootstrap_class *classes;
    struct bv_resample_list *lists; // [n + 1], the last one pooled
    size_t n, n_replicates;
    bool *averaged; // [n][BV_METRIC_COUNT]: the data itself has it
    bool *pooled;   // [n]: has positives and negatives
    bool all_probabilities, all_decided;
    double *values;
};

// Where metric i of a row of values begins.
static double *series(const struct all *a, size_t row, size_t i)
{
    return a->values + (row * BV_METRIC_COUNT + i) * a->n_replicates;
}

static void store(const struct all *a, size_t row, size_t replicate, const struct bv_metrics *m)
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        series(a, row, i)[replicate] = bv_metric_value(m, i);
}

static void store_average(const struct all *a, size_t replicate)
{
    for (size_t i = 0; i < BV_METRIC_COUNT; i++) {
        double sum = 0, n = 0;
        for (size_t c = 0; c < a->n; c++) {
            if (!a->averaged[c * BV_METRIC_COUNT + i])
                continue;
            sum += series(a, c, i)[replicate];
            n++;
        }
        series(a, a->n, i)[replicate] = n > 0 ? sum / n : NAN;
    }
}

// The areas are of the pooled list, the rest is added up.
static struct bv_metrics pool_lane(const struct all *a, const struct bv_resampled *results)
{
    struct bv_resampled sum = results[a->n * BV_LANES];
    for (size_t c = 0; c < a->n; c++) {
        const struct bv_resampled *r = &results[c * BV_LANES];
        if (!a->pooled[c])
            continue;
        sum.tp += r->tp;
        sum.fp += r->fp;
        sum.squares += r->squares;
        for (int bin = 0; bin < BV_RELIABILITY_BINS; bin++)
            sum.gaps[bin] += r->gaps[bin];
    }
    for (int t = 0; t < 2; t++)
        sum.fp_at_sensitivity[t] = sum.tp_at_specificity[t] = NAN;
    double any = 0; // what a list says of itself: probabilities, a threshold
    const struct bv_resample_list kind = {.errors = a->all_probabilities ? &any : NULL,
                                          .has_threshold = a->all_decided};
    return bv_resampled_metrics(&kind, &sum);
}

static void take_all(void *arg, size_t first, const struct bv_resampled *results)
{
    const struct all *a = arg;
    for (size_t k = 0; k < BV_LANES && first + k < a->n_replicates; k++) {
        for (size_t c = 0; c < a->n; c++) {
            struct bv_metrics m = bv_resampled_metrics(&a->lists[c], &results[c * BV_LANES + k]);
            store(a, c, first + k, &m);
        }
        store_average(a, first + k);
        struct bv_metrics micro = pool_lane(a, results + k);
        store(a, a->n + 1, first + k, &micro);
    }
}

// Passes over all lists that draw every unit once: results [n + 1][BV_LANES].
static enum bv_status draw_once(const struct all *a, size_t n_units, struct bv_resampled *results,
                                struct bv_error *err)
{
    uint8_t *once = malloc(n_units * BV_LANES + 1);
    if (!once)
        return bv_fail_nomem(err, "the bootstrap");
    memset(once, 1, n_units * BV_LANES);
    enum bv_status status = BV_OK;
    for (size_t l = 0; status == BV_OK && l <= a->n; l++)
        status = bv_resample_pass(&a->lists[l], once, l == a->n, results + l * BV_LANES, err);
    free(once);
    return status;
}

// What the data itself has.
static enum bv_status look_at_data(struct all *a, size_t n_units, struct bv_error *err)
{
    struct bv_resampled *results = calloc((a->n + 1) * BV_LANES, sizeof *results);
    enum bv_status status =
        results ? draw_once(a, n_units, results, err) : bv_fail_nomem(err, "the bootstrap");
    a->all_probabilities = a->all_decided = true;
    for (size_t c = 0; status == BV_OK && c < a->n; c++) {
        const struct bv_resampled *r = &results[c * BV_LANES];
        struct bv_metrics m = bv_resampled_metrics(&a->lists[c], r);
        for (size_t i = 0; i < BV_METRIC_COUNT; i++)
            a->averaged[c * BV_METRIC_COUNT + i] = !isnan(bv_metric_value(&m, i));
        a->pooled[c] = r->P > 0 && r->N > 0;
        if (!a->pooled[c])
            continue;
        a->all_probabilities = a->all_probabilities && a->lists[c].errors;
        a->all_decided = a->all_decided && a->lists[c].has_threshold;
    }
    free(results);
    return status;
}

static enum bv_status prepare(struct all *a, size_t n_units, struct bv_error *err)
{
    struct bv_ranked *pooled = calloc(a->n + 1, sizeof *pooled);
    size_t n_pooled = 0;
    a->lists = calloc(a->n + 1, sizeof *a->lists);
    a->averaged = calloc(a->n * BV_METRIC_COUNT + 1, sizeof *a->averaged);
    a->pooled = calloc(a->n + 1, sizeof *a->pooled);
    enum bv_status status = BV_OK;
    if (!pooled || !a->lists || !a->averaged || !a->pooled)
        status = bv_fail_nomem(err, "the bootstrap");
    for (size_t c = 0; status == BV_OK && c < a->n; c++)
        status = bv_resample_list_make(&a->lists[c], &a->classes[c].ranked, a->classes[c].threshold,
                                       a->classes[c].is_probability, err);
    if (status == BV_OK)
        status = look_at_data(a, n_units, err);
    for (size_t c = 0; status == BV_OK && c < a->n; c++)
        if (a->pooled[c])
            pooled[n_pooled++] = a->classes[c].ranked;
    if (status == BV_OK)
        status = bv_resample_list_pool(&a->lists[a->n], pooled, n_pooled, err);
    free(pooled);
    return status;
}

static void free_all(struct all *a)
{
    free_lists(a->lists, a->n + 1);
    free(a->averaged);
    free(a->pooled);
}

enum bv_status bv_bootstrap_metrics(const struct bv_bootstrap *bootstrap,
                                    const struct bv_bootstrap_class *classes, size_t n_classes,
                                    struct bv_pool *pool, double *values, struct bv_error *err)
{
    struct all all = {.classes = classes,
                      .n = n_classes,
                      .n_replicates = bootstrap->n_replicates,
                      .values = values};
    bool *areas_only = calloc(n_classes + 1, sizeof *areas_only);
    enum bv_status status = areas_only ? BV_OK : bv_fail_nomem(err, "the bootstrap");
    if (status == BV_OK)
        status = prepare(&all, bootstrap->n_units, err);
    if (status == BV_OK) {
        areas_only[n_classes] = true;
        struct job job = {.bootstrap = bootstrap,
                          .lists = all.lists,
                          .n_lists = n_classes + 1,
                          .areas_only = areas_only,
                          .sink = take_all,
                          .arg = &all};
        status = run(&job, pool, err);
    }
    free_all(&all);
    free(areas_only);
    return status;
}

enum bv_status bv_bootstrap_whole(size_t n_units, const struct bv_bootstrap_class *classes,
                                  size_t n_classes, double *values, struct bv_error *err)
{
    struct all all = {.classes = classes, .n = n_classes, .n_replicates = 1, .values = values};
    struct bv_resampled *results = calloc((n_classes + 1) * BV_LANES, sizeof *results);
    enum bv_status status = results ? BV_OK : bv_fail_nomem(err, "the metrics");
    if (status == BV_OK)
        status = prepare(&all, n_units, err);
    if (status == BV_OK)
        status = draw_once(&all, n_units, results, err);
    if (status == BV_OK)
        take_all(&all, 0, results);
    free_all(&all);
    free(results);
    return status;
}

// ---- Intervals ----

// Undefined values last.
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

// Sorts, and fills mean and n_undefined; returns how many are defined.
static size_t summarise(double *replicates, size_t n, struct bv_interval *interval)
{
    if (n)
        qsort(replicates, n, sizeof *replicates, ascending);
    size_t defined = 0;
    double sum = 0;
    while (defined < n && !isnan(replicates[defined]))
        sum += replicates[defined++];
    *interval = (struct bv_interval){NAN, NAN, NAN, n - defined};
    if (defined)
        interval->mean = sum / (double)defined;
    return defined;
}

struct bv_interval bv_interval_chexzero(double *replicates, size_t n)
{
    struct bv_interval interval;
    if (summarise(replicates, n, &interval) && n >= 40) {
        interval.low = replicates[(size_t)(0.05 / 2 * (double)n) - 1];
        interval.high = replicates[(size_t)((1 - 0.05 / 2) * (double)n) - 1];
    }
    return interval;
}

static double percentile(const double *sorted, size_t n, double fraction)
{
    double at = fraction * (double)(n - 1), below = floor(at);
    size_t i = (size_t)below;
    return i + 1 < n ? sorted[i] + (at - below) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

struct bv_interval bv_interval_percentile(double *replicates, size_t n)
{
    struct bv_interval interval;
    size_t defined = summarise(replicates, n, &interval);
    if (defined) {
        interval.low = percentile(replicates, defined, 0.025);
        interval.high = percentile(replicates, defined, 0.975);
    }
    return interval;
}

// Each positive's share of negatives below it, and each negative's share of positives above it, are
// the structural components; their variances add up to that of the AUROC. Both are equal within a
// group of ties.
struct bv_interval bv_interval_delong(const struct bv_ranked_item *items, size_t n)
{
    const double z = 1.959963984540054;
    struct bv_areas all = bv_areas_ranked(items, n, NULL);
    double P = (double)all.tp, N = (double)all.fp, auroc = bv_areas_auroc(&all);
    struct bv_interval interval = {auroc, NAN, NAN, 0};
    if (all.tp < 2 || all.fp < 2)
        return interval;
    double squares_positive = 0, squares_negative = 0, above = 0, below = N;
    for (size_t i = 0; i < n;) {
        double count[2] = {0}, score = items[i].score;
        for (; i < n && items[i].score == score; i++)
            count[items[i].positive]++;
        below -= count[0];
        double v10 = (below + count[0] / 2) / N - auroc, v01 = (above + count[1] / 2) / P - auroc;
        squares_positive += count[1] * v10 * v10;
        squares_negative += count[0] * v01 * v01;
        above += count[1];
    }
    double error = sqrt(squares_positive / (P - 1) / P + squares_negative / (N - 1) / N);
    interval.low = fmax(0, auroc - z * error);
    interval.high = fmin(1, auroc + z * error);
    return interval;
}
