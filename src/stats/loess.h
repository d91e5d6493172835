// loess.h: a curve through probabilities and what happened, by local regression (Cleveland 1979):
// quadratic, tricube weights, the nearest share of the rows (span 0.75) around each point, computed
// at the point itself (R's loess with surface = "direct").
#ifndef BV_STATS_LOESS_H
#define BV_STATS_LOESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

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

#endif
