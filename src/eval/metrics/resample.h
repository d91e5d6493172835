// resample.h: the metrics of one class on several resamples of its units at once.
//
// A list keeps the descending order of the scores as one word per item; a pass over it with the
// weights of BV_LANES resamples side by side gives the counts that all metrics follow from.
#ifndef BV_EVAL_METRICS_RESAMPLE_H
#define BV_EVAL_METRICS_RESAMPLE_H

#include <stdbool.h>

#include "eval/metrics/metric.h"
#include "eval/metrics/reliability.h"

#define BV_LANES 8
#define BV_RESAMPLE_MAX_UNITS (UINT32_C(1) << 30)

// Owns the arrays. Zero-initialise.
struct bv_resample_list {
    size_t n;
    uint32_t *words; // unit << 2 | last of its score << 1 | positive; positives of a score first
    double *errors;  // [n] p - y where the scores are probabilities, else NULL
    size_t *blocks;  // [n_blocks] where blocks of whole scores end
    size_t n_blocks;
    size_t n_above; // items that score the threshold or more
    bool has_threshold;
    size_t bin_end[BV_RELIABILITY_BINS]; // where each bin ends, from the bin of the highest scores
};

// From a sorted list. threshold may be NaN.
enum bv_status bv_resample_list_make(struct bv_resample_list *list, const struct bv_ranked *ranked,
                                     double threshold, bool is_probability, struct bv_error *err);
// All lists pooled and sorted, for areas only.
enum bv_status bv_resample_list_pool(struct bv_resample_list *list, const struct bv_ranked *lists,
                                     size_t n_lists, struct bv_error *err);
void bv_resample_list_free(struct bv_resample_list *list); // accepts a zeroed value

// What a pass finds of one resample. Counts are whole numbers.
struct bv_resampled {
    double P, N;                         // positives and negatives
    double half_pairs, steps, trapezoid; // as in struct bv_areas
    double tp, fp;                       // at the threshold
    double squares;                      // Σ (p - y)²
    double gaps[BV_RELIABILITY_BINS];    // Σ (p - y) of each bin
    double fp_at_sensitivity[2];         // at 0.9 and 0.95; NaN where no threshold reaches it
    double tp_at_specificity[2];
};

// weights [units][BV_LANES]: how often each unit was drawn; their sum is below 2^31. areas_only
// leaves out all but P, N and the areas.
enum bv_status bv_resample_pass(const struct bv_resample_list *list, const uint8_t *weights,
                                bool areas_only, struct bv_resampled results[BV_LANES],
                                struct bv_error *err);

// The metrics that follow; NaN where a class is absent.
struct bv_metrics bv_resampled_metrics(const struct bv_resample_list *list,
                                       const struct bv_resampled *result);

#endif
