// results.h: an evaluation's results as files: metrics.json, metrics.csv, report.html.
#ifndef BV_EVAL_REPORT_RESULTS_H
#define BV_EVAL_REPORT_RESULTS_H

#include <stdio.h>

#include "eval/data/warnings.h"
#include "eval/metrics/level.h"
#include "eval/run/devices.h"

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

#endif
