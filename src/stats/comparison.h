// comparison.h: what a sample allows to say: intervals of proportions, comparisons of two
// classifiers, correction for many comparisons, and sets with a guaranteed coverage.
#ifndef BV_STATS_COMPARISON_H
#define BV_STATS_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// proportion.c: intervals of proportions, and predictive values at another prevalence.

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

// delong.c: variance of the AUROC and tests of its differences, by placements.
//
// The placement of a positive is its share of negatives below it, that of a negative its share of
// positives above it, ties counting one half. DeLong, DeLong and Clarke-Pearson (1988) take rows as
// independent; Obuchowski (1997) takes clusters (patients) as independent, and equals DeLong's
// where each cluster has one row, but for the factor of its sums.

// The placements of n rows under one score. Owns both arrays.
struct bv_placements {
    size_t n, n_positive, n_negative;
    double auroc;       // NaN where a class is absent; the values then are 0
    double *values;     // [n]
    uint8_t *positives; // [n] 1 or 0
};

// scores are finite, positives 1 or 0. Zero-initialise *placements; the caller frees.
enum bv_status bv_placements_make(struct bv_placements *placements, const double *scores,
                                  const uint8_t *positives, size_t n, struct bv_error *err);
void bv_placements_free(struct bv_placements *placements); // accepts a zeroed value

// The covariance of two AUROCs of the same rows; a == b gives the variance. NaN where a class has
// fewer than two rows.
double bv_delong_covariance(const struct bv_placements *a, const struct bv_placements *b);

// Obuchowski's. clusters [n] are numbers below n_clusters. NaN where fewer than two clusters have
// a positive or a negative.
enum bv_status bv_clustered_covariance(const struct bv_placements *a, const struct bv_placements *b,
                                       const uint32_t *clusters, size_t n_clusters,
                                       double *covariance, struct bv_error *err);

// value ± z standard errors, cut at 0 and 1.
struct bv_bounds bv_auroc_interval(double auroc, double variance, double level);

// A difference a - b and its standard error against 0.
struct bv_difference {
    double value, se, z, p; // two-sided; value 0 with se 0 has z 0 and p 1
    double p_less, p_greater;
    struct bv_bounds interval;
};
struct bv_difference bv_difference_test(double value, double variance, double level);

// The share of chance for a difference as large as this if a were worse than b by the margin or
// more: one-sided.
double bv_noninferiority_p(const struct bv_difference *difference, double margin, double *z);

// Two curves of different rows: Student's t with the degrees of freedom of Welch and Satterthwaite.
struct bv_unpaired {
    double statistic, df, p, p_normal;
};
struct bv_unpaired bv_delong_unpaired(const struct bv_placements *a, const struct bv_placements *b);

// mcnemar.c: two decisions about the same rows.

struct bv_mcnemar {
    double chi2, p;                     // NaN without a discordant pair
    double chi2_corrected, p_corrected; // continuity correction; likewise. 0 and 1 for equal counts
    double p_exact;                     // binomial
    double p_mid;                       // binomial, with half of the observed case's probability
};

// b rows where only the first is right, c where only the second is.
struct bv_mcnemar bv_mcnemar(uint64_t b, uint64_t c);

// multiple.c: p-values of several tests, adjusted for their number.

enum bv_adjustment {
    BV_ADJUST_HOLM,       // family-wise error
    BV_ADJUST_BENJAMINI,  // Benjamini and Hochberg: false discovery rate
    BV_ADJUST_BONFERRONI, // family-wise error, never better than Holm's
};

// adjusted[i] belongs to p[i]; NaN stays NaN and is not counted as a test. The arrays may be one.
enum bv_status bv_adjust(const double *p, size_t n, enum bv_adjustment how, double *adjusted,
                         struct bv_error *err);

// conformal.c: a threshold whose false-negative rate is at most alpha on data like those it was
// fitted on (split conformal prediction; conformal risk control with loss bound 1).

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
