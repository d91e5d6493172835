// threshold.h: operating points. A score of the threshold or more is a positive decision.
//
// MCC and F1 are maximised as CheXzero does: the candidates are the thresholds of the ROC curve
// without collinear points, in ascending order, and the first of the largest wins. YOUDEN takes the
// first maximum of TPR - FPR above 0 along the curve from high thresholds to low. SENSITIVITY takes
// the highest threshold whose sensitivity is at least the target, SPECIFICITY the lowest whose
// specificity is.
#ifndef BV_EVAL_METRICS_THRESHOLD_H
#define BV_EVAL_METRICS_THRESHOLD_H

#include "eval/metrics/confusion.h"
#include "eval/metrics/ranked.h"

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

#endif
