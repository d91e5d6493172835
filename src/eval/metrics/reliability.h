// reliability.h: how well probabilities fit what happened.
#ifndef BV_EVAL_METRICS_RELIABILITY_H
#define BV_EVAL_METRICS_RELIABILITY_H

#include "eval/metrics/ranked.h"

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

#endif
