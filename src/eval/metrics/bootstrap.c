#include "eval/metrics/bootstrap.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "eval/metrics/mt19937.h"

enum { REPLICATES_PER_TASK = 8 };

struct job {
    const struct bv_bootstrap *bootstrap;
    const struct bv_ranked *classes;
    size_t n_classes;
    double *auroc, *average_precision;
    atomic_bool failed;
};

// How often each unit was drawn. counts and weights have room for the clusters and the units.
static void draw(const struct bv_bootstrap *b, uint32_t seed, uint32_t *counts, uint32_t *weights)
{
    struct bv_mt19937 mt;
    bv_mt19937_seed(&mt, seed);
    size_t n = b->clusters ? b->n_clusters : b->n_units;
    uint32_t *drawn = b->clusters ? counts : weights;
    memset(drawn, 0, n * sizeof *drawn);
    for (size_t i = 0; i < n; i++)
        drawn[bv_mt19937_below(&mt, (uint32_t)n)]++;
    for (size_t i = 0; b->clusters && i < b->n_units; i++)
        weights[i] = counts[b->clusters[i]];
}

static void run_replicates(void *arg, size_t task)
{
    struct job *job = arg;
    const struct bv_bootstrap *b = job->bootstrap;
    uint32_t *weights = malloc((b->n_units + 1) * sizeof *weights);
    uint32_t *counts = malloc((b->n_clusters + 1) * sizeof *counts);
    size_t first = task * REPLICATES_PER_TASK;
    for (size_t r = first; r < first + REPLICATES_PER_TASK && r < b->n_replicates; r++) {
        if (!weights || !counts) {
            atomic_store(&job->failed, true);
            break;
        }
        draw(b, (uint32_t)r, counts, weights);
        for (size_t c = 0; c < job->n_classes; c++) {
            struct bv_areas areas =
                bv_areas_ranked(job->classes[c].items, job->classes[c].n, weights);
            if (job->auroc)
                job->auroc[c * b->n_replicates + r] = bv_areas_auroc(&areas);
            if (job->average_precision)
                job->average_precision[c * b->n_replicates + r] =
                    bv_areas_average_precision(&areas);
        }
    }
    free(weights);
    free(counts);
}

enum bv_status bv_bootstrap_run(const struct bv_bootstrap *bootstrap,
                                const struct bv_ranked *classes, size_t n_classes,
                                struct bv_pool *pool, double *auroc, double *average_precision,
                                struct bv_error *err)
{
    if (bootstrap->n_units >= UINT32_MAX || bootstrap->n_clusters >= UINT32_MAX ||
        bootstrap->n_replicates >= UINT32_MAX)
        return bv_fail(err, BV_ERR_LIMIT, "a bootstrap of more than 2^32 units or replicates");
    struct job job = {bootstrap, classes, n_classes, auroc, average_precision, false};
    size_t n_tasks = (bootstrap->n_replicates + REPLICATES_PER_TASK - 1) / REPLICATES_PER_TASK;
    bv_pool_for(pool, n_tasks, run_replicates, &job);
    return atomic_load(&job.failed) ? bv_fail_nomem(err, "the bootstrap") : BV_OK;
}

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
