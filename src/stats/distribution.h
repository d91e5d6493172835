// distribution.h: distributions, and the distance between two.
#ifndef BV_STATS_DISTRIBUTION_H
#define BV_STATS_DISTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// distribution.cc: tails and quantiles of the distributions that tests and intervals use, after
// Boost.Math, to the last digits of a double. NaN for arguments outside a distribution's domain.

double bv_normal_tail(double z);     // P(Z > z)
double bv_normal_quantile(double p); // z with P(Z ≤ z) = p; ±Inf at 0 and 1
// The z of a two-sided interval of this level: 1.959963984540054 at 0.95.
double bv_normal_width(double level);

double bv_student_tail(double t, double df); // P(T > t)
double bv_chi_squared_tail(double x, double df);

double bv_beta_quantile(double p, double a, double b);          // x with P(X ≤ x) = p
double bv_beta_upper_quantile(double tail, double a, double b); // x with P(X > x) = tail

double bv_binomial_half_cdf(uint64_t k, uint64_t n);   // P(X ≤ k) of n throws of a fair coin
double bv_binomial_half_point(uint64_t k, uint64_t n); // P(X = k)

// frechet.c: how far two sets of feature vectors lie from each other.

// The Fréchet distance between normal distributions fitted to the rows of a [n_a][d] and b
// [n_b][d], in the form of the FID (Heusel et al., 2017): |mean_a - mean_b|² + trace(A + B -
// 2 (A B)^½) with A and B the covariances over n - 1. The same number as from the square root of
// the matrix product, found without forming it: with centred rows X and Y, trace (A B)^½ is the sum
// of the singular values of X Yᵀ over sqrt((n_a - 1)(n_b - 1)). BV_ERR_ARG for fewer than two rows
// on a side; BV_ERR_NOMEM. Time grows with min(n_a,d) · min(n_b,d) · (n_a + n_b + …).
enum bv_status bv_frechet_distance(const float *a, size_t n_a, const float *b, size_t n_b, size_t d,
                                   double *distance, struct bv_error *err);

#ifdef __cplusplus
}
#endif

#endif
