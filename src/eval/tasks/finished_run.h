// finished_run.h: a finished evaluation read back: its settings, results, scores and truths.
#ifndef BV_EVAL_TASKS_FINISHED_RUN_H
#define BV_EVAL_TASKS_FINISHED_RUN_H

#include "base/json.h"
#include "eval/metrics/score_table.h"

// Zero-initialise; free in any state.
struct bv_finished_run {
    const char *folder;      // borrowed
    json_t *setup, *metrics; // as written
    size_t n_labels;
    const char **labels;         // [n_labels], of setup
    struct bv_score_table table; // the rows that were evaluated
    uint64_t *evaluated;         // [table.n_rows] their numbers in the data, ascending
};

// Reads setup and metrics. A folder without results is BV_ERR_IO and says what finishes it.
enum bv_status bv_finished_run_open(struct bv_finished_run *run, const char *folder,
                                    struct bv_error *err);

// Reads the scores beside the data (data_path NULL: where it was). joined (may be NULL) receives
// every row that was evaluated, in their order in the table.
enum bv_status bv_finished_run_join(struct bv_finished_run *run, const char *data_path,
                                    bv_joined_row joined, void *arg, struct bv_error *err);
void bv_finished_run_free(struct bv_finished_run *run);

// The threshold that the results used for a label; NaN where they made no decisions.
double bv_finished_run_threshold(const struct bv_finished_run *run, const char *label);

#endif
