// calibration.h: scores as probabilities: calibration maps, their detail, reliability, decision
// curves.
#ifndef BV_EVAL_METRICS_CALIBRATION_H
#define BV_EVAL_METRICS_CALIBRATION_H

#include "eval/metrics/ranked.h"
#include "stats/calibration.h"

// calibration.c: maps from scores to probabilities, fitted on labelled data.

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

// calibration_detail.c: all that is said of how well the probabilities of one class are calibrated.

enum { BV_CALIBRATION_POINTS = 51 };

struct bv_calibration_detail {
    struct bv_recalibration recalibration;
    struct bv_loess_errors errors; // of the flexible curve
    // The flexible curve between the smallest and the largest probability, with a pointwise 95 %
    // band, cut at 0 and 1.
    double at[BV_CALIBRATION_POINTS], value[BV_CALIBRATION_POINTS];
    double low[BV_CALIBRATION_POINTS], high[BV_CALIBRATION_POINTS];
};

// items are probabilities in any order, n at least 1.
enum bv_status bv_calibration_detail(const struct bv_ranked_item *items, size_t n,
                                     struct bv_calibration_detail *detail, struct bv_error *err);

// reliability.c: how well probabilities fit what happened.

#define BV_RELIABILITY_BINS 15

// Bin i holds the probabilities in (i/15, (i+1)/15], and 0 in the first one; the edges are those of
// scikit-learn's calibration_curve(strategy="uniform").
size_t bv_reliability_bin_of(double p);

struct bv_reliability_bin {
    uint64_t n, positives;
    double mean; // of the probabilities; NaN in an empty bin
};

struct bv_reliability {
    struct bv_reliability_bin bins[BV_RELIABILITY_BINS];
    double brier; // mean (p - y)²
    double ece;   // Σ n_bin/n · |mean probability - fraction of positives|
};

// Over the items of all lists together; all scores within [0, 1]. Brier and ECE are NaN without
// items.
struct bv_reliability bv_reliability(const struct bv_ranked *lists, size_t n_lists);

// Whether every score is within [0, 1]: otherwise it is no probability.
bool bv_is_probability(const struct bv_ranked_item *items, size_t n);

// decision_curve.c: what acting on probabilities is worth at every threshold (Vickers and Elkin
// 2006), beside treating all and treating none.

enum { BV_DECISION_POINTS = 99 }; // thresholds 0.01, 0.02, …, 0.99

struct bv_decision_point {
    double threshold;
    double model, all; // net benefit per unit; that of treating none is 0
    double avoided;    // treatments per unit saved against treating all
};

// items are probabilities in descending order, n at least 1. A score of the threshold or more is
// treated.
void bv_decision_curve(const struct bv_ranked_item *items, size_t n,
                       struct bv_decision_point points[BV_DECISION_POINTS]);

#endif
