// evaluation.h: a whole evaluation in a folder: journal.tsv while it runs; predictions.csv,
// errors.csv, metrics.json, metrics.csv, thresholds.json and report.html when it is finished.
#ifndef BV_EVAL_RUN_EVALUATION_H
#define BV_EVAL_RUN_EVALUATION_H

#include "base/observer.h"
#include "base/thread.h"
#include "eval/data/labelled.h"
#include "eval/metrics/calibration.h"
#include "eval/run/pipeline.h"

struct bv_evaluation_counts {
    uint64_t rows;    // of the data set, or of this shard while it runs
    uint64_t done;    // of them
    uint64_t failed;  // of those done
    uint64_t resumed; // of those done, by an earlier process
    uint64_t warned;  // of those evaluated, have warnings
    uint64_t labels;  // with positive and negative images: once finished
};

struct bv_evaluation_run {
    struct bv_labelled_options data; // labels included
    const char *folder;              // made when absent
    const json_t *model;             // what results say of the model; with "score_kind"
    uint64_t shard, n_shards;        // 0 … n_shards - 1; 0, 1: everything
    bool resume;
    size_t block;                       // images per batch, at least 1
    int n_workers;                      // decoding threads, at least 1
    const struct bv_observer *observer; // told of labels without a metric, rows done and failed
};

// Tells of a row that failed as "row 17" (what: "row"); reason: the name of a status.
void bv_evaluation_tell_failed(const struct bv_observer *observer, const char *what,
                               uint64_t number, const char *reason, const char *message);

// Scores the images of one shard and writes their journal. An empty data set is BV_ERR_ARG.
enum bv_status bv_evaluation_run(const struct bv_evaluation_run *run,
                                 const struct bv_scorer *scorer,
                                 struct bv_evaluation_counts *counts, struct bv_error *err);

struct bv_evaluation_finish {
    const char *folder;
    const char *data_path;   // where the CSV is now; NULL: where it was
    size_t n_bootstrap;      // 0, or at least 40
    bool figures;            // also the folder figures/: diagrams as SVG, their numbers as CSV
    bool mean;               // studies and patients by the mean of their images, not the largest
    const char *rule;        // for thresholds.json; NULL: "youden"
    const char *thresholds;  // file to apply, or NULL
    const char *calibration; // file to apply, or NULL
    bool same_data;          // those may have been fitted on this data
    double prevalence;       // 0: predictive values at the usual ones alone
    struct bv_pool *pool;    // may be NULL
};

// Joins the journals of all shards and writes the results. Does not need the model.
enum bv_status bv_evaluation_finish(const struct bv_evaluation_finish *finish,
                                    struct bv_evaluation_counts *counts, struct bv_error *err);

// Fits a calibration to a finished run's images and writes it to path.
enum bv_status bv_evaluation_calibrate(const char *folder, const char *data_path,
                                       enum bv_calibration_method method, const char *path,
                                       struct bv_error *err);

#endif
