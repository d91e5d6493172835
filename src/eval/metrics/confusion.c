#include "eval/metrics/metric.h"

#include <math.h>

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

double bv_accuracy(const struct bv_confusion *c)
{
    return ratio(c->tp + c->tn, c->tp + c->tn + c->fp + c->fn);
}

double bv_balanced_accuracy(const struct bv_confusion *c)
{
    return (bv_sensitivity(c) + bv_specificity(c)) / 2;
}

double bv_sensitivity(const struct bv_confusion *c)
{
    return ratio(c->tp, c->tp + c->fn);
}

double bv_specificity(const struct bv_confusion *c)
{
    return ratio(c->tn, c->tn + c->fp);
}

double bv_precision(const struct bv_confusion *c)
{
    return ratio(c->tp, c->tp + c->fp);
}

double bv_negative_predictive_value(const struct bv_confusion *c)
{
    return ratio(c->tn, c->tn + c->fn);
}

double bv_f1(const struct bv_confusion *c)
{
    uint64_t whole = 2 * c->tp + c->fp + c->fn;
    return whole ? 2 * (double)c->tp / (double)whole : 0;
}

double bv_mcc(const struct bv_confusion *c)
{
    double tp = (double)c->tp, fp = (double)c->fp, tn = (double)c->tn, fn = (double)c->fn;
    // Square roots first: the product of the four sums overflows 2^53 already at 10^4 images.
    double scale = sqrt(tp + fp) * sqrt(tp + fn) * sqrt(tn + fp) * sqrt(tn + fn);
    return scale > 0 ? (tp * tn - fp * fn) / scale : 0;
}

double bv_kappa(const struct bv_confusion *c)
{
    double tp = (double)c->tp, fp = (double)c->fp, tn = (double)c->tn, fn = (double)c->fn;
    double n = tp + fp + tn + fn, seen = (tp + tn) / n;
    double chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / (n * n);
    return chance < 1 ? (seen - chance) / (1 - chance) : NAN;
}

double bv_likelihood_ratio_positive(const struct bv_confusion *c)
{
    return bv_sensitivity(c) / (1 - bv_specificity(c));
}

double bv_likelihood_ratio_negative(const struct bv_confusion *c)
{
    return (1 - bv_sensitivity(c)) / bv_specificity(c);
}
