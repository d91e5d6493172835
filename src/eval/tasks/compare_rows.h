// compare_rows.h: the rows that several runs have evaluated, side by side.
#ifndef BV_EVAL_TASKS_COMPARE_ROWS_H
#define BV_EVAL_TASKS_COMPARE_ROWS_H

#include "eval/tasks/compare.h"
#include "eval/tasks/finished_run.h"

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

#endif
