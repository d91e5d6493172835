// calibration.h: probabilities against what happened: recalibration, smooth calibration curves, net
// benefit.
#ifndef BV_STATS_CALIBRATION_H
#define BV_STATS_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "stats/comparison.h"

// recalibration.c: whether probabilities mean what they say.

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

// loess.c: a curve through probabilities and what happened, by local regression (Cleveland 1979):
// quadratic, tricube weights, the nearest share of the rows (span 0.75) around each point, computed
// at the point itself (R's loess with surface = "direct").

// The rows, equal x put together and in ascending order. Owns the arrays.
struct bv_loess {
    size_t n;          // rows
    size_t n_distinct; // values of x
    double *x, *mean;  // [n_distinct] and the mean of y there
    double *count;     // [n_distinct] rows
    double *weights;   // [n_distinct] for the calls below
};

// x is finite, y 1 or 0. Zero-initialise *loess; the caller frees.
enum bv_status bv_loess_create(struct bv_loess *loess, const double *x, const uint8_t *y, size_t n,
                               struct bv_error *err);
void bv_loess_free(struct bv_loess *loess); // accepts a zeroed value

// The curve at a point, and in *se (may be NULL) its pointwise standard error, the variance of a
// row being value (1 - value). NaN without rows. One thread at a time.
double bv_loess_at(struct bv_loess *loess, double at, double *se);

// |x - curve(x)| over the rows (Austin and Steyerberg 2019): mean, median, 90 % quantile (R's type
// 7), largest. With more than 4096 distinct x the curve is computed at 400 of them, evenly spaced
// among the rows, and linear between.
struct bv_loess_errors {
    double ici, e50, e90, emax;
};
enum bv_status bv_loess_measure(struct bv_loess *loess, struct bv_loess_errors *errors,
                                struct bv_error *err);

// decision.c: what acting on a decision is worth (Vickers and Elkin 2006).

// True positives per row less false positives weighed by the odds of the threshold probability:
// tp / n - fp / n · t / (1 - t). Treating all is tp = positives, fp = negatives; treating none is
// 0. NaN for n = 0 and a threshold outside 0 … 1 (1 itself too).
double bv_net_benefit(uint64_t tp, uint64_t fp, uint64_t n, double threshold);

// Treatments per row that are saved against treating all, at the same net benefit. NaN at 0.
double bv_interventions_avoided(double benefit, double benefit_of_all, double threshold);

#endif
