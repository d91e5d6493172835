// confusion.h: the four counts of a two-class decision and what is computed from them.
#ifndef BV_EVAL_METRICS_CONFUSION_H
#define BV_EVAL_METRICS_CONFUSION_H

#include <stdint.h>

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

#endif
