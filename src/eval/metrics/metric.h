// metric.h: the numbers that a class has, by name.
#ifndef BV_EVAL_METRICS_METRIC_H
#define BV_EVAL_METRICS_METRIC_H

#include <stddef.h>

#include "eval/metrics/confusion.h"
#include "eval/metrics/ranked.h"

// Numbers that a class has and that can be averaged over classes. NaN: not available.
struct bv_metrics {
    double auroc, average_precision, pr_auc_trapezoid, brier, ece;
    double calibrated_brier, calibrated_ece;
    double accuracy, balanced_accuracy, sensitivity, specificity, precision, npv, f1, mcc;
    // Of thresholds chosen on the data itself: the highest with a sensitivity of at least 0.9
    // (0.95) and the lowest with a specificity of at least 0.9 (0.95).
    double specificity_at_sensitivity_90, specificity_at_sensitivity_95;
    double sensitivity_at_specificity_90, sensitivity_at_specificity_95;
};

// Their names in the results, and where they are in the struct.
struct bv_metric {
    const char *name;
    size_t offset;
};
#define BV_METRIC_COUNT 19
extern const struct bv_metric bv_metric_table[BV_METRIC_COUNT];
double bv_metric_value(const struct bv_metrics *metrics, size_t i);
void bv_metric_set(struct bv_metrics *metrics, size_t i, double value);

struct bv_metrics bv_metrics_none(void); // nothing is available

// Sets what follows from areas and from decisions.
void bv_metrics_set_areas(struct bv_metrics *metrics, const struct bv_areas *areas);
void bv_metrics_set_decisions(struct bv_metrics *metrics, const struct bv_confusion *confusion);

#endif
