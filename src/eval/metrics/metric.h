// metric.h: metrics of scores and truths, and thresholds that make decisions of scores.
#ifndef BV_EVAL_METRICS_METRIC_H
#define BV_EVAL_METRICS_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/metrics/ranked.h"

// confusion.c: the four counts of a two-class decision and what is computed from them.

struct bv_confusion {
    uint64_t tp, fp, tn, fn;
};

// NaN where the denominator is zero, but F1 and MCC, which are 0 there as in scikit-learn.
double bv_accuracy(const struct bv_confusion *c);
double bv_balanced_accuracy(const struct bv_confusion *c); // (sensitivity + specificity) / 2
double bv_sensitivity(const struct bv_confusion *c);       // recall, true positive rate
double bv_specificity(const struct bv_confusion *c);       // true negative rate
double bv_precision(const struct bv_confusion *c);         // positive predictive value
double bv_negative_predictive_value(const struct bv_confusion *c);
double bv_f1(const struct bv_confusion *c);
double bv_mcc(const struct bv_confusion *c); // Matthews correlation coefficient

// Cohen's kappa; NaN where chance alone would agree always.
double bv_kappa(const struct bv_confusion *c);

// sensitivity / (1 - specificity) and (1 - sensitivity) / specificity; Inf or NaN for division by
// 0.
double bv_likelihood_ratio_positive(const struct bv_confusion *c);
double bv_likelihood_ratio_negative(const struct bv_confusion *c);

// metric.c: the numbers that a class has, by name.

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

// threshold.c: operating points. A score of the threshold or more is a positive decision.
//
// MCC and F1 are maximised as CheXzero does: the candidates are the thresholds of the ROC curve
// without collinear points, in ascending order, and the first of the largest wins. YOUDEN takes the
// first maximum of TPR - FPR above 0 along the curve from high thresholds to low. SENSITIVITY takes
// the highest threshold whose sensitivity is at least the target, SPECIFICITY the lowest whose
// specificity is.

enum bv_threshold_rule {
    BV_THRESHOLD_MCC,
    BV_THRESHOLD_F1,
    BV_THRESHOLD_YOUDEN,
    BV_THRESHOLD_SENSITIVITY,
    BV_THRESHOLD_SPECIFICITY,
};

struct bv_threshold {
    double value; // NaN where no point fulfils the rule or one class is absent
    double merit; // the maximised quantity at value; the sensitivity or specificity reached
};

// "mcc", "f1", "youden", "sensitivity=0.9", "specificity=0.9"; BV_ERR_ARG for anything else.
enum bv_status bv_threshold_rule_parse(const char *text, enum bv_threshold_rule *rule,
                                       double *target, struct bv_error *err);

// target is for SENSITIVITY and SPECIFICITY.
enum bv_status bv_threshold_fit(const struct bv_ranked_item *items, size_t n,
                                enum bv_threshold_rule rule, double target,
                                struct bv_threshold *threshold, struct bv_error *err);

// The decisions at a threshold against the truth.
struct bv_confusion bv_confusion_at(const struct bv_ranked_item *items, size_t n, double threshold);

// multiclass.c: one true class per image (CheXpert 5×200, RSNA's two classes).

struct bv_multiclass {
    size_t n; // images
    double accuracy;
    // Means over the classes, a class without predictions or images counting 0, as "macro avg" of
    // scikit-learn's classification_report.
    double precision, recall, f1;
};

// scores [n][n_classes]; the prediction is the largest score, the first of equals. truth[i] is a
// class number. counts, [n_classes][n_classes] (truth, prediction), may be NULL. n = 0 gives NaN.
enum bv_status bv_multiclass_evaluate(const double *scores, const uint32_t *truth, size_t n,
                                      size_t n_classes, uint64_t *counts,
                                      struct bv_multiclass *result, struct bv_error *err);

// Scores of each class to mean 0 and population variance 1 over the images, in place, as GLoRIA
// does before its argmax: the result then depends on the set that is evaluated. A constant column
// becomes 0.
void bv_multiclass_standardize(double *scores, size_t n, size_t n_classes);

#endif
