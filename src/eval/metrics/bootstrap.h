// bootstrap.h: 95 % intervals by resampling, and DeLong's interval for the AUROC.
#ifndef BV_EVAL_METRICS_BOOTSTRAP_H
#define BV_EVAL_METRICS_BOOTSTRAP_H

#include <stdbool.h>

#include "base/thread.h"
#include "eval/metrics/calibration.h"
#include "eval/metrics/metric.h"

// Replicate i resamples with the seed i, as sklearn.utils.resample(range(n), random_state=i) does
// in CheXzero's evaluation: all classes see the same resampled units. A single unit or cluster
// gives no replicates: all values are NaN.
struct bv_bootstrap {
    size_t n_units;           // images (or studies, patients): the numbers in the ranked items
    const uint32_t *clusters; // the cluster of each unit; NULL: units are resampled themselves
    size_t n_clusters;
    size_t n_replicates;
};

// Fills auroc and average_precision, [n_classes][n_replicates] each (either may be NULL), with NaN
// where a replicate lacks a class. pool may be NULL; the result does not depend on it.
enum bv_status bv_bootstrap_run(const struct bv_bootstrap *bootstrap,
                                const struct bv_ranked *classes, size_t n_classes,
                                struct bv_pool *pool, double *auroc, double *average_precision,
                                struct bv_error *err);

// A class all of whose metrics are resampled.
struct bv_bootstrap_class {
    struct bv_ranked ranked;
    double threshold; // of the decisions; NaN: there is none
    bool is_probability;
};

// All metrics of all classes, of their mean (macro) and of all pooled (micro):
// values [n_classes + 2][BV_METRIC_COUNT][n_replicates], macro at n_classes, micro behind it. NaN
// where a replicate lacks a class and where the data itself has no such metric. The macro average
// is over the classes that have the metric in the data itself, and NaN where one of them has it not
// in the replicate; pooled are the classes that have positives and negatives. What is chosen on the
// data (thresholds at a sensitivity) is chosen again in each replicate. Calibrated metrics, and
// those of micro at a sensitivity or specificity, are NaN.
enum bv_status bv_bootstrap_metrics(const struct bv_bootstrap *bootstrap,
                                    const struct bv_bootstrap_class *classes, size_t n_classes,
                                    struct bv_pool *pool, double *values, struct bv_error *err);

// The same of the data itself: values [n_classes + 2][BV_METRIC_COUNT].
enum bv_status bv_bootstrap_whole(size_t n_units, const struct bv_bootstrap_class *classes,
                                  size_t n_classes, double *values, struct bv_error *err);

struct bv_interval {
    double mean, low, high; // NaN where nothing is defined
    size_t n_undefined;     // replicates without a value
};

// CheXzero's: the elements int(.025 n) - 1 and int(.975 n) - 1 of the sorted replicates (undefined
// ones last), and the mean of the defined ones. The authors round to four digits; this does not.
// Sorts replicates in place. n must be at least 40.
struct bv_interval bv_interval_chexzero(double *replicates, size_t n);

// The 2.5th and 97.5th percentiles of the defined replicates, linearly interpolated
// (numpy.percentile). Sorts in place.
struct bv_interval bv_interval_percentile(double *replicates, size_t n);

// DeLong, DeLong and Clarke-Pearson (1988): the AUROC ± 1.96 standard errors, cut at 0 and 1; mean
// is the AUROC. NaN bounds where a class has fewer than two units.
struct bv_interval bv_interval_delong(const struct bv_ranked_item *items, size_t n);

// resample.c: the metrics of one class on several resamples of its units at once.
//
// A list keeps the descending order of the scores as one word per item; a pass over it with the
// weights of BV_LANES resamples side by side gives the counts that all metrics follow from.

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
