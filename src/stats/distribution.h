// distribution.h: tails and quantiles of the distributions that tests and intervals use, after
// Boost.Math, to the last digits of a double. NaN for arguments outside a distribution's domain.
#ifndef BV_STATS_DISTRIBUTION_H
#define BV_STATS_DISTRIBUTION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
