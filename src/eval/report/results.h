// results.h: an evaluation's results as files: metrics.json, metrics.csv, report.html.
#ifndef BV_EVAL_REPORT_RESULTS_H
#define BV_EVAL_REPORT_RESULTS_H

#include <stdio.h>

#include "eval/data/warnings.h"
#include "eval/metrics/level.h"
#include "eval/run/pipeline.h"

// Why rows failed, for the flow of images.
enum { BV_MAX_FAILURES = 16 };
struct bv_failures {
    struct {
        char reason[32];
        uint64_t n;
    } each[BV_MAX_FAILURES]; // the last one takes what has no room
    size_t n;
};
void bv_failures_add(struct bv_failures *failures, const char *reason);

struct bv_results {
    const json_t *setup;
    const struct bv_level_result *levels; // images first
    size_t n_levels;
    uint64_t n_rows, n_evaluated, n_failed, n_duplicates;
    size_t n_bootstrap;
    const struct bv_failures *failures;
    const struct bv_warning_counts *warnings;
    const json_t *devices;     // of bv_devices_json()
    bool mean;                 // groups by the mean of their images
    const json_t *thresholds;  // as loaded; NULL: none were applied
    const json_t *calibration; // likewise
    double prevalence;         // predictive values are given at this one too; 0: none
};

// The object that metrics.json holds; every number in full precision, "NA" where there is none. The
// caller owns *metrics.
enum bv_status bv_results_json(const struct bv_results *results, json_t **metrics,
                               struct bv_error *err);

// One line per unit and class, and per average.
void bv_results_csv(const struct bv_results *results, FILE *stream);

// One self-contained page: tables and inline SVG, no script, nothing loaded.
enum bv_status bv_results_html(const struct bv_results *results, FILE *stream,
                               struct bv_error *err);

// fitted.c: thresholds and calibrations in files of their own: fitted on one data set, applied to
// another. Both files are JSON and say which data, model, prompts and kind of score they are for.

// {"kind": "biovl.thresholds", "rule": …, "fitted_on": {…}, "score_kind", "model", "units":
//  {"image": {LABEL: threshold, …}, "study": …}}
enum bv_status bv_thresholds_json(json_t **thresholds, const json_t *setup, const char *rule,
                                  const struct bv_level_result *levels, size_t n_levels,
                                  struct bv_error *err);

// Whether what was fitted to one setup's scores fits another's: same model, prompts, preset and
// kind of score; BV_ERR_ARG says what differs and names path. Both have a member "model".
enum bv_status bv_fitted_check_model(const json_t *fitted, const json_t *setup, const char *path,
                                     struct bv_error *err);

// Checks that a thresholds or calibration file fits this run: same model, prompts and kind of
// score (BV_ERR_ARG says what differs), and not fitted on the data that it is to judge, unless
// same_data allows it. kind is "biovl.thresholds" or "biovl.calibration".
enum bv_status bv_fitted_load(json_t **fitted, const char *path, const char *kind,
                              const json_t *setup, bool same_data, struct bv_error *err);

// Thresholds by label, NaN where the file has none. values has room for all labels of setup.
void bv_thresholds_values(const json_t *thresholds, const json_t *setup, enum bv_unit unit,
                          double *values);

// Fits on a table. The kind of score says whether scores are probabilities. A label that cannot be
// calibrated is BV_ERR_ARG.
enum bv_status bv_calibration_json(json_t **calibration, const json_t *setup,
                                   enum bv_calibration_method method, const struct bv_ranked *lists,
                                   struct bv_error *err);

// The calibrations of setup's labels; the caller frees each and the array. A label that the file
// does not have is BV_ERR_ARG.
enum bv_status bv_calibration_values(const json_t *calibration, const json_t *setup,
                                     struct bv_calibration **values, struct bv_error *err);

// checklist.c: what reviewers ask of a study, as far as a run knows the answer (CLAIM 2024,
// TRIPOD+AI, STARD-AI).

// From the rows of the data to those in the metrics, with the reasons of what was lost.
void bv_checklist_flow(FILE *stream, const struct bv_results *results);

// A paragraph for a paper's methods.
void bv_checklist_methods(FILE *stream, const struct bv_results *results);

// The items: answered, or "to be written by you".
void bv_checklist_items(FILE *stream, const struct bv_results *results);

// figures.c: the report's diagrams as files of their own, and their numbers as CSV.

// Writes to folder/figures: roc.csv, precision_recall.csv, reliability.csv, calibration_curve.csv,
// decision_curve.csv, predictive_values.csv (all classes that have both labels, of images), and an
// SVG file for every class and diagram.
enum bv_status bv_figures_write(const struct bv_results *results, const char *folder,
                                struct bv_error *err);

#endif
