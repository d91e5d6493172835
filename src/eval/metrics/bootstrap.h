// bootstrap.h: 95 % intervals by resampling, and DeLong's interval for the AUROC.
#ifndef BV_EVAL_METRICS_BOOTSTRAP_H
#define BV_EVAL_METRICS_BOOTSTRAP_H

#include <stdbool.h>

#include "base/thread.h"
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

#endif
