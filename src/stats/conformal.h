// conformal.h: a threshold whose false-negative rate is at most alpha on data like those it was
// fitted on (split conformal prediction; conformal risk control with loss bound 1).
#ifndef BV_STATS_CONFORMAL_H
#define BV_STATS_CONFORMAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define BV_CONFORMAL_SCALE 1000000u // alpha is a count of millionths: floor() must be exact

// "0.1" to 100000. BV_ERR_ARG unless it is a decimal between 0 and 1 with at most six places.
enum bv_status bv_conformal_alpha(const char *text, uint32_t *millionths, struct bv_error *err);

struct bv_conformal {
    size_t m, k; // calibration positives; the threshold is the k-th smallest of their scores
    double
        threshold; // a score of it or more is positive; -Inf where k = 0: m is too small for alpha
    double expected;     // the expected false-negative rate is at most this: k / (m + 1)
    double coverage_low; // the 5 % quantile of the sensitivity over calibration sets (no ties)
};

// scores of the m calibration positives, which are sorted in place.
struct bv_conformal bv_conformal_fit(double *scores, size_t m, uint32_t millionths);

// The fewest positives with which alpha has a finite threshold.
size_t bv_conformal_least(uint32_t millionths);

#endif
