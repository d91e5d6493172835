#include "eval/tasks/compare.h"

#include <math.h>
#include <stdlib.h>

#include "eval/data/out_folder.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/metric.h"
#include "stats/comparison.h"

// One label under all runs: rows with a truth, in the order of the data.
struct label_rows {
    size_t n;
    uint8_t *y;         // [n]
    uint32_t *clusters; // [n] or NULL
    double *scores[BV_COMPARE_MAX_RUNS];
    struct bv_ranked_item *items[BV_COMPARE_MAX_RUNS];
    struct bv_placements placements[BV_COMPARE_MAX_RUNS];
};

static void free_label(struct label_rows *l)
{
    for (size_t r = 0; r < BV_COMPARE_MAX_RUNS; r++) {
        free(l->scores[r]);
        free(l->items[r]);
        bv_placements_free(&l->placements[r]);
    }
    free(l->y);
    free(l->clusters);
    *l = (struct label_rows){0};
}

static bool allocate(struct label_rows *l, const struct bv_compare_rows *rows)
{
    bool ok = (l->y = malloc(rows->n + 1)) != NULL;
    if (rows->clusters)
        ok = (l->clusters = malloc(rows->n * sizeof *l->clusters + 1)) && ok;
    for (size_t r = 0; r < rows->n_runs; r++) {
        l->scores[r] = malloc(rows->n * sizeof *l->scores[r] + 1);
        l->items[r] = malloc(rows->n * sizeof *l->items[r] + 1);
        ok = ok && l->scores[r] && l->items[r];
    }
    return ok;
}

static enum bv_status take_label(struct label_rows *l, const struct bv_compare_rows *rows,
                                 size_t label, struct bv_error *err)
{
    const struct bv_score_table *first = &rows->runs[0].table;
    if (!allocate(l, rows))
        return bv_fail_nomem(err, "a comparison");
    for (size_t i = 0; i < rows->n; i++) {
        uint8_t truth = first->truth[label * first->room + rows->at[0][i]];
        if (truth == BV_TRUTH_NONE)
            continue;
        l->y[l->n] = truth == BV_TRUTH_POSITIVE;
        if (l->clusters)
            l->clusters[l->n] = rows->clusters[i];
        for (size_t r = 0; r < rows->n_runs; r++) {
            const struct bv_score_table *t = &rows->runs[r].table;
            l->scores[r][l->n] = t->scores[label * t->room + rows->at[r][i]];
            l->items[r][l->n] =
                (struct bv_ranked_item){l->scores[r][l->n], (uint32_t)i, l->y[l->n]};
        }
        l->n++;
    }
    return BV_OK;
}

static enum bv_status rank_label(struct label_rows *l, size_t n_runs, struct bv_error *err)
{
    enum bv_status status = BV_OK;
    for (size_t r = 0; status == BV_OK && r < n_runs; r++) {
        bv_ranked_sort(l->items[r], l->n);
        struct bv_placements made = {0};
        status = bv_placements_make(&made, l->scores[r], l->y, l->n, err);
        l->placements[r] = made;
    }
    return status;
}

static enum bv_status clustered_variance(const struct label_rows *l, size_t other,
                                         size_t n_clusters, double *variance, struct bv_error *err)
{
    const struct bv_placements *a = &l->placements[0], *b = &l->placements[other];
    double aa = NAN, bb = NAN, ab = NAN;
    *variance = NAN;
    if (!l->clusters)
        return BV_OK;
    BV_TRY(bv_clustered_covariance(a, a, l->clusters, n_clusters, &aa, err));
    BV_TRY(bv_clustered_covariance(b, b, l->clusters, n_clusters, &bb, err));
    BV_TRY(bv_clustered_covariance(a, b, l->clusters, n_clusters, &ab, err));
    *variance = aa + bb - 2 * ab;
    return BV_OK;
}

static void test_decisions(const struct label_rows *l, size_t other, struct bv_compared_label *c)
{
    for (size_t i = 0; i < l->n; i++) {
        bool first = (l->scores[0][i] >= c->thresholds[0]) == l->y[i];
        bool second = (l->scores[other][i] >= c->thresholds[1]) == l->y[i];
        int kinds[] = {BV_DECIDED_ALL, l->y[i] ? BV_DECIDED_POSITIVE : BV_DECIDED_NEGATIVE};
        for (int k = 0; k < 2; k++) {
            c->decisions[kinds[k]].first_only += first && !second;
            c->decisions[kinds[k]].other_only += second && !first;
        }
    }
    for (int k = 0; k < BV_DECIDED_KINDS; k++)
        c->decisions[k].test = bv_mcnemar(c->decisions[k].first_only, c->decisions[k].other_only);
}

static enum bv_status compare_label(const struct bv_compare_rows *rows, const struct label_rows *l,
                                    size_t label, size_t other, const struct bv_compare_options *o,
                                    struct bv_compared_label *c, struct bv_error *err)
{
    const struct bv_placements *a = &l->placements[0], *b = &l->placements[other];
    double difference = a->auroc - b->auroc, variance = NAN;
    *c = (struct bv_compared_label){
        .label = rows->labels[label],
        .n = l->n,
        .positives = a->n_positive,
        .thresholds = {bv_finished_run_threshold(&rows->runs[0], rows->labels[label]),
                       bv_finished_run_threshold(&rows->runs[other], rows->labels[label])},
        .noninferiority_z = NAN,
        .noninferiority_p = NAN};
    c->delong = bv_difference_test(difference,
                                   bv_delong_covariance(a, a) + bv_delong_covariance(b, b) -
                                       2 * bv_delong_covariance(a, b),
                                   0.95);
    BV_TRY(clustered_variance(l, other, rows->n_clusters, &variance, err));
    c->clustered = bv_difference_test(difference, variance, 0.95);
    if (!isnan(o->margin))
        c->noninferiority_p = bv_noninferiority_p(
            rows->n_clusters && rows->n_clusters < rows->n ? &c->clustered : &c->delong, o->margin,
            &c->noninferiority_z);
    if (!isnan(c->thresholds[0]) && !isnan(c->thresholds[1]))
        test_decisions(l, other, c);
    return BV_OK;
}

// ---- The bootstrap ----

// All labels of one run, for the resampling of all metrics.
struct resampled_run {
    struct bv_bootstrap_class *classes; // [n_labels]; their items are owned
    double *values;                     // [n_labels + 2][BV_METRIC_COUNT][n_bootstrap]
    double *whole;                      // [n_labels + 2][BV_METRIC_COUNT], of the data itself
};

static void free_resampled(struct resampled_run *run, size_t n_labels)
{
    for (size_t l = 0; run->classes && l < n_labels; l++)
        free((struct bv_ranked_item *)(uintptr_t)run->classes[l].ranked.items);
    free(run->classes);
    free(run->values);
    free(run->whole);
    *run = (struct resampled_run){0};
}

// Hands the items of every run over.
static void keep_items(struct label_rows *l, const struct bv_compare_rows *rows, size_t label,
                       struct resampled_run *runs)
{
    for (size_t r = 0; r < rows->n_runs; r++) {
        runs[r].classes[label] = (struct bv_bootstrap_class){
            {l->items[r], l->n},
            bv_finished_run_threshold(&rows->runs[r], rows->labels[label]),
            l->n && bv_is_probability(l->items[r], l->n)};
        l->items[r] = NULL;
    }
}

static enum bv_status resample_run(const struct bv_compare_rows *rows,
                                   const struct bv_compare_options *o, struct resampled_run *run,
                                   struct bv_error *err)
{
    size_t L = rows->n_labels;
    struct bv_bootstrap b = {rows->n, rows->clusters, rows->n_clusters, o->n_bootstrap};
    run->whole = calloc((L + 2) * BV_METRIC_COUNT, sizeof *run->whole);
    run->values = calloc((L + 2) * BV_METRIC_COUNT * o->n_bootstrap + 1, sizeof *run->values);
    if (!run->whole || !run->values)
        return bv_fail_nomem(err, "the bootstrap");
    BV_TRY(bv_bootstrap_whole(rows->n, run->classes, L, run->whole, err));
    return bv_bootstrap_metrics(&b, run->classes, L, o->pool, run->values, err);
}

// The differences of two rows of replicates, into room for them.
static struct bv_compared_metric compare_metric(const struct resampled_run *a,
                                                const struct resampled_run *b, size_t at, size_t n,
                                                double *differences)
{
    struct bv_compared_metric m = {.first = a->whole[at], .other = b->whole[at], .p = NAN};
    size_t below = 0, above = 0, defined = 0;
    for (size_t r = 0; r < n; r++) {
        double d = a->values[at * n + r] - b->values[at * n + r];
        differences[r] = d;
        below += d <= 0;
        above += d >= 0;
        defined += isnan(d) ? 0 : 1;
    }
    m.difference = bv_interval_percentile(differences, n);
    if (defined && !isnan(m.first) && !isnan(m.other))
        m.p = fmin(1, 2 * (1 + (double)(below < above ? below : above)) / ((double)defined + 1));
    return m;
}

static enum bv_status compare_metrics(const struct bv_compare_options *o,
                                      const struct resampled_run *runs, struct bv_comparison *c,
                                      struct bv_error *err)
{
    double *room = malloc(o->n_bootstrap * sizeof *room + 1);
    if (!room)
        return bv_fail_nomem(err, "the bootstrap");
    for (size_t p = 0; p < c->n_pairs; p++) {
        for (size_t row = 0; row < c->n_labels + 2; row++) {
            struct bv_compared_metric *to = row < c->n_labels
                                                ? c->labels[p * c->n_labels + row].metrics
                                            : row == c->n_labels ? c->macro[p]
                                                                 : c->micro[p];
            for (size_t i = 0; i < BV_METRIC_COUNT; i++)
                to[i] = compare_metric(&runs[0], &runs[p + 1], row * BV_METRIC_COUNT + i,
                                       o->n_bootstrap, room);
        }
    }
    free(room);
    return BV_OK;
}

// ---- All together ----

// One family: all labels of all pairs.
static enum bv_status adjust(struct bv_comparison *c, struct bv_error *err)
{
    size_t n = c->n_pairs * c->n_labels;
    double *p = malloc(n * sizeof *p + 1), *adjusted = malloc(n * sizeof *adjusted + 1);
    enum bv_status status = p && adjusted ? BV_OK : bv_fail_nomem(err, "p-values");
    for (size_t i = 0; status == BV_OK && i < n; i++)
        p[i] = c->patients_repeat ? c->labels[i].clustered.p : c->labels[i].delong.p;
    if (status == BV_OK)
        status = bv_adjust(p, n, BV_ADJUST_HOLM, adjusted, err);
    for (size_t i = 0; status == BV_OK && i < n; i++)
        c->labels[i].p_holm = adjusted[i];
    if (status == BV_OK)
        status = bv_adjust(p, n, BV_ADJUST_BENJAMINI, adjusted, err);
    for (size_t i = 0; status == BV_OK && i < n; i++)
        c->labels[i].p_benjamini = adjusted[i];
    free(p);
    free(adjusted);
    return status;
}

static enum bv_status compare_labels(const struct bv_compare_rows *rows,
                                     const struct bv_compare_options *o, struct resampled_run *runs,
                                     struct bv_comparison *c, struct bv_error *err)
{
    for (size_t label = 0; label < c->n_labels; label++) {
        struct label_rows l = {.n = 0};
        enum bv_status status = take_label(&l, rows, label, err);
        if (status == BV_OK)
            status = rank_label(&l, rows->n_runs, err);
        for (size_t p = 0; status == BV_OK && p < c->n_pairs; p++)
            status =
                compare_label(rows, &l, label, p + 1, o, &c->labels[p * c->n_labels + label], err);
        if (status == BV_OK)
            keep_items(&l, rows, label, runs);
        free_label(&l);
        BV_TRY(status);
    }
    return BV_OK;
}

static enum bv_status make_comparison(const struct bv_compare_rows *rows,
                                      const struct bv_compare_options *o,
                                      struct resampled_run *runs, struct bv_comparison *c,
                                      struct bv_error *err)
{
    *c = (struct bv_comparison){.n_runs = rows->n_runs,
                                .n_labels = rows->n_labels,
                                .n_pairs = rows->n_runs - 1,
                                .n_rows = rows->n_rows,
                                .n_common = rows->n,
                                .n_patients = rows->n_clusters};
    c->patients_repeat = rows->clusters && rows->n_clusters < rows->n;
    c->labels = calloc(c->n_pairs * c->n_labels + 1, sizeof *c->labels);
    c->macro = calloc(c->n_pairs, sizeof *c->macro);
    c->micro = calloc(c->n_pairs, sizeof *c->micro);
    if (!c->labels || !c->macro || !c->micro)
        return bv_fail_nomem(err, "a comparison");
    for (size_t r = 0; r < rows->n_runs; r++)
        if (!(runs[r].classes = calloc(c->n_labels + 1, sizeof *runs[r].classes)))
            return bv_fail_nomem(err, "a comparison");
    BV_TRY(compare_labels(rows, o, runs, c, err));
    BV_TRY(adjust(c, err));
    for (size_t r = 0; r < rows->n_runs; r++)
        BV_TRY(resample_run(rows, o, &runs[r], err));
    return compare_metrics(o, runs, c, err);
}

enum bv_status bv_compare(const struct bv_compare_options *options, json_t **result,
                          struct bv_error *err)
{
    if (options->n_runs < 2 || options->n_runs > BV_COMPARE_MAX_RUNS)
        return bv_fail(err, BV_ERR_ARG, "a comparison is of 2 to %d runs", BV_COMPARE_MAX_RUNS);
    if (!isnan(options->margin) && !(options->margin > 0 && options->margin < 1))
        return bv_fail(err, BV_ERR_ARG, "a margin of non-inferiority is between 0 and 1");
    struct bv_compare_rows *rows = calloc(1, sizeof *rows);
    struct resampled_run runs[BV_COMPARE_MAX_RUNS] = {{0}};
    struct bv_comparison comparison = {0};
    enum bv_status status = rows ? BV_OK : bv_fail_nomem(err, "a comparison");
    if (status == BV_OK)
        status = bv_compare_rows_load(rows, options, err);
    if (status == BV_OK)
        status = make_comparison(rows, options, runs, &comparison, err);
    if (status == BV_OK)
        status = bv_folder_make(options->folder, err);
    if (status == BV_OK)
        status = bv_compare_write(&comparison, options, rows, result, err);
    for (size_t r = 0; r < BV_COMPARE_MAX_RUNS; r++)
        free_resampled(&runs[r], comparison.n_labels);
    free(comparison.labels);
    free(comparison.macro);
    free(comparison.micro);
    if (rows)
        bv_compare_rows_free(rows);
    free(rows);
    return status;
}
