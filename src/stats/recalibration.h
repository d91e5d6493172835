// recalibration.h: whether probabilities mean what they say.
#ifndef BV_STATS_RECALIBRATION_H
#define BV_STATS_RECALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "stats/proportion.h"

struct bv_estimate {
    double value, se; // NaN where there is none
};

// value ± z se
struct bv_bounds bv_estimate_interval(const struct bv_estimate *estimate, double level);

// Numbers of probabilities p [n] in [0, 1] against what happened, y [n], 1 or 0.
struct bv_recalibration {
    // logit P(y) = intercept + slope · logit p, by maximum likelihood, both fitted; rows of p = 0
    // and p = 1 are left out. NaN where no finite maximum exists (one class, one value of p, or p
    // separates the classes).
    struct bv_estimate intercept, slope;
    struct bv_estimate in_the_large; // the intercept with the slope fixed at 1
    double observed_expected;        // Σ y / Σ p
    struct bv_bounds observed_expected_interval;
    double brier;
    double spiegelhalter_z, spiegelhalter_p; // NaN where its variance is 0
    // mean and largest |p - fitted probability| of the logistic curve
    double logistic_ici, logistic_emax;
    size_t n_extreme; // rows of p = 0 or 1
};
struct bv_recalibration bv_recalibrate(const double *p, const uint8_t *y, size_t n, double level);

#endif
