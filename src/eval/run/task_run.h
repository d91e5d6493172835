// task_run.h: what evaluations of questions and of phrases with a model have in common: a CSV file
// with a row per question or box, the image of a row decoded once for the rows that share it,
// predictions.csv, errors.csv and metrics.json in a folder.
#ifndef BV_EVAL_RUN_TASK_RUN_H
#define BV_EVAL_RUN_TASK_RUN_H

#include "eval/data/warnings.h"
#include "eval/run/evaluation.h"
#include "eval/run/pipeline.h"

struct bv_task_options {
    struct bv_labelled_options data;    // no labels; paths repeat
    const char *folder;                 // made when absent
    const json_t *model;                // what the results say of the model
    const struct bv_observer *observer; // may be NULL
};

struct bv_task {
    const struct bv_task_options *options;
    const struct bv_session *session;
    struct bv_labelled *dataset; // opened by the caller, before bv_task_open()
    struct bv_row_file predictions, errors, warnings;
    struct bv_warning_counts warned;
    struct bv_devices devices;
    struct bv_evaluation_counts counts;
    char sha256[65];           // of the CSV file
    struct bv_path_list paths; // of the rows that did not fail
    // The current image.
    char *path;
    struct {
        char reason[24], message[256]; // "": it is usable
    } failure;
};

// Reads the whole CSV once, makes the folder and begins its files; columns are those of
// predictions.csv. An empty CSV is BV_ERR_ARG. Zero-initialise; close in any state.
enum bv_status bv_task_open(struct bv_task *task, const struct bv_task_options *options,
                            const struct bv_session *session, const char *const *columns,
                            size_t n_columns, struct bv_error *err);
void bv_task_close(struct bv_task *task);

// A row is done; with reason it failed and goes to errors.csv.
enum bv_status bv_task_row(struct bv_task *task, uint64_t line, const char *path,
                           const char *reason, const char *message, struct bv_error *err);

// Adds what was evaluated to the metrics and makes everything durable.
enum bv_status bv_task_finish(struct bv_task *task, json_t *metrics, struct bv_error *err);

// Decodes and preprocesses the image of a row (of line, for its warnings), unless it is that of the
// row before (*is_new). One that cannot be read is no error: task->failure has the reason. The
// caller frees what a new and usable image left in preprocessed.
enum bv_status bv_task_image(struct bv_task *task, uint64_t line, const char *path,
                             struct bv_preprocessed *preprocessed, bool *is_new,
                             struct bv_error *err);

#endif
