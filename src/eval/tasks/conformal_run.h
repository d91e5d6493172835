// conformal_run.h: thresholds with a bound on the share of positives missed, from one finished
// evaluation, judged on another (split conformal prediction per label, stats/comparison.h).
#ifndef BV_EVAL_TASKS_CONFORMAL_RUN_H
#define BV_EVAL_TASKS_CONFORMAL_RUN_H

#include "base/json.h"
#include "eval/metrics/metric.h"
#include "stats/comparison.h"

struct bv_conformal_options {
    const char *calibration, *test;           // folders of finished evaluations
    const char *calibration_data, *test_data; // where the CSVs are now; NULL: where they were
    const char *alpha;                        // a decimal, "0.1"
    const char *folder;                       // receives conformal.json, .csv, .html
};

struct bv_conformal_label {
    struct bv_conformal fit;
    struct bv_confusion test; // at the threshold
};

struct bv_conformal_result {
    size_t n_labels;
    const char *const *labels;
    struct bv_conformal_label *each;
    uint32_t millionths;              // alpha
    uint64_t images;                  // of the test data
    double mean_size;                 // labels called per image
    uint64_t covered, with_positives; // images all of whose positives are called, that have some
};

// The calibration's data must not be the test's, and model, prompts and kind of score must be the
// same: BV_ERR_ARG otherwise. Writes the files; the caller owns *result.
enum bv_status bv_conformal_run(const struct bv_conformal_options *options, json_t **result,
                                struct bv_error *err);

#endif
