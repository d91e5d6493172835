// calibration.h: maps from scores to probabilities, fitted on labelled data.
#ifndef BV_EVAL_METRICS_CALIBRATION_H
#define BV_EVAL_METRICS_CALIBRATION_H

#include "eval/metrics/ranked.h"

enum bv_calibration_method {
    BV_CALIBRATION_TEMPERATURE, // sigmoid(z / T), one T for all classes
    BV_CALIBRATION_PLATT,       // sigmoid(a z + b) per class, Platt's smoothed targets
    BV_CALIBRATION_ISOTONIC,    // a non-decreasing piecewise linear map per class
};

// z is the score itself, or log(p / (1 - p)) where the scores are probabilities (from_probability);
// probabilities are kept 1e-12 from 0 and 1. ISOTONIC always takes the score itself.
struct bv_calibration {
    enum bv_calibration_method method;
    bool from_probability;
    double a, b; // TEMPERATURE: a = 1 / T, b = 0
    // ISOTONIC: n knots, x ascending, y non-decreasing; constant outside. Owned.
    double *x, *y;
    size_t n;
};

const char *bv_calibration_method_name(enum bv_calibration_method method);
enum bv_status bv_calibration_method_parse(const char *name, enum bv_calibration_method *method,
                                           struct bv_error *err);

// Minimises the log loss over all lists together. BV_ERR_ARG where no finite positive temperature
// does: a class is absent, the scores run against the labels, or they separate them perfectly.
enum bv_status bv_calibration_fit_temperature(const struct bv_ranked *lists, size_t n_lists,
                                              bool from_probability,
                                              struct bv_calibration *calibration,
                                              struct bv_error *err);

// Platt (1999) as Lin, Lin and Weng (2007) minimise it. Both classes must be present (BV_ERR_ARG).
enum bv_status bv_calibration_fit_platt(const struct bv_ranked_item *items, size_t n,
                                        bool from_probability, struct bv_calibration *calibration,
                                        struct bv_error *err);

// Least squares by pooling adjacent violators, equal scores first merged; equals scikit-learn's
// IsotonicRegression(out_of_bounds="clip"). items are sorted (bv_ranked_sort). Both classes must be
// present (BV_ERR_ARG). The caller frees.
enum bv_status bv_calibration_fit_isotonic(const struct bv_ranked_item *items, size_t n,
                                           struct bv_calibration *calibration,
                                           struct bv_error *err);

// The probability for a score.
double bv_calibration_apply(const struct bv_calibration *calibration, double score);

void bv_calibration_free(struct bv_calibration *calibration); // accepts a zeroed value

#endif
