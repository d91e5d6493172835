// proportion.h: intervals of proportions, and predictive values at another prevalence.
#ifndef BV_STATS_PROPORTION_H
#define BV_STATS_PROPORTION_H

#include <stdint.h>

struct bv_bounds {
    double low, high; // NaN where there is none
};

// Of k of n at a level such as 0.95; NaN for n = 0.
struct bv_bounds bv_wilson(uint64_t k, uint64_t n, double level); // score interval, not corrected
struct bv_bounds bv_clopper_pearson(uint64_t k, uint64_t n, double level); // exact

// Boyd, Eng and Page (2013): a normal interval of log(v / (1 - v)) with the standard error
// 1 / sqrt(n v (1 - v)). For an average precision n is the number of positives. NaN at 0 and 1.
struct bv_bounds bv_logit_interval(double value, double n, double level);

// Predictive values where a share prevalence of those tested is positive. NaN where nobody would be
// called positive (negative), or prevalence is not within 0 … 1.
double bv_ppv_at(double sensitivity, double specificity, double prevalence);
double bv_npv_at(double sensitivity, double specificity, double prevalence);

#endif
