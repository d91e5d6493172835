// compare.h: two finished runs compared.
#ifndef BV_EVAL_TASKS_COMPARE_H
#define BV_EVAL_TASKS_COMPARE_H

#include "base/json.h"
#include "base/thread.h"
#include "eval/metrics/bootstrap.h"
#include "eval/tasks/finished_run.h"
#include "stats/comparison.h"

// compare.c: finished evaluations of the same rows, tested against each other.
//
// The first run is judged against each of the others: a difference is that of the first less that
// of the other. Rows that a run could not evaluate are left out for all of them.

enum { BV_COMPARE_MAX_RUNS = 16 };

struct bv_compare_options {
    const char *const *runs; // folders of evaluations
    size_t n_runs;           // 2 … BV_COMPARE_MAX_RUNS
    const char *folder;      // receives compare.json, compare.csv, compare.html; made when absent
    const char *data_path;   // where the CSV is now; NULL: where it was
    double margin;           // of non-inferiority of the AUROC; NaN: not tested
    size_t n_bootstrap;      // replicates; 0: none
    struct bv_pool *pool;    // may be NULL
};

// One metric of two runs.
struct bv_compared_metric {
    double first, other;
    struct bv_interval difference; // percentile, of the same resamples
    double p;                      // two-sided, of the share of resamples on the other side of 0
};

// McNemar's test of one kind of rows.
struct bv_compared_decisions {
    uint64_t first_only, other_only; // rows that only one run decides rightly
    struct bv_mcnemar test;
};
enum { BV_DECIDED_ALL, BV_DECIDED_POSITIVE, BV_DECIDED_NEGATIVE, BV_DECIDED_KINDS };

// One label of two runs.
struct bv_compared_label {
    const char *label;
    uint64_t n, positives;
    double thresholds[2];                      // NaN: no decisions
    struct bv_difference delong, clustered;    // of the AUROC; clustered NaN without patients
    double p_holm, p_benjamini;                // of clustered, or delong where no patient repeats
    double noninferiority_z, noninferiority_p; // of the same; NaN without a margin
    struct bv_compared_metric metrics[BV_METRIC_COUNT];
    struct bv_compared_decisions decisions[BV_DECIDED_KINDS];
};

struct bv_comparison {
    size_t n_runs, n_labels, n_pairs; // n_runs - 1 pairs
    size_t n_rows, n_common;          // rows of the data, and evaluated by all runs
    size_t n_patients;                // 0: not known
    bool patients_repeat;
    struct bv_compared_label *labels;                    // [n_pairs][n_labels]
    struct bv_compared_metric (*macro)[BV_METRIC_COUNT]; // [n_pairs]
    struct bv_compared_metric (*micro)[BV_METRIC_COUNT]; // [n_pairs]
};

// Runs of other data, conditions, labels or rules, and runs without results, are BV_ERR_ARG and
// named. Writes the files; the caller owns *result, which compare.json holds too.
enum bv_status bv_compare(const struct bv_compare_options *options, json_t **result,
                          struct bv_error *err);

// compare_rows.c: the rows that several runs have evaluated, side by side.

// Zero-initialise; free in any state.
struct bv_compare_rows {
    struct bv_finished_run runs[BV_COMPARE_MAX_RUNS];
    size_t n_runs, n_labels, n_rows;
    const char *const *labels;       // [n_labels], of the first run
    size_t n;                        // rows evaluated by all
    size_t *at[BV_COMPARE_MAX_RUNS]; // [n] where each run's table has them
    uint32_t *clusters;              // [n] patients, or NULL
    size_t n_clusters;
};

// Loads the runs and checks that they are of the same rows.
enum bv_status bv_compare_rows_load(struct bv_compare_rows *rows,
                                    const struct bv_compare_options *options, struct bv_error *err);
void bv_compare_rows_free(struct bv_compare_rows *rows);

// compare_write.c: a comparison as files: compare.json, compare.csv, compare.html.

// *result is what compare.json holds; the caller owns it.
enum bv_status bv_compare_write(const struct bv_comparison *comparison,
                                const struct bv_compare_options *options,
                                const struct bv_compare_rows *rows, json_t **result,
                                struct bv_error *err);

#endif
