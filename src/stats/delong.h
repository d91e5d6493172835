// delong.h: variance of the AUROC and tests of its differences, by placements.
//
// The placement of a positive is its share of negatives below it, that of a negative its share of
// positives above it, ties counting one half. DeLong, DeLong and Clarke-Pearson (1988) take rows as
// independent; Obuchowski (1997) takes clusters (patients) as independent, and equals DeLong's
// where each cluster has one row, but for the factor of its sums.
#ifndef BV_STATS_DELONG_H
#define BV_STATS_DELONG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "stats/proportion.h"

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

#endif
