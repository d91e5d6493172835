// decision_curve.h: what acting on probabilities is worth at every threshold (Vickers and Elkin
// 2006), beside treating all and treating none.
#ifndef BV_EVAL_METRICS_DECISION_CURVE_H
#define BV_EVAL_METRICS_DECISION_CURVE_H

#include "eval/metrics/ranked.h"

enum { BV_DECISION_POINTS = 99 }; // thresholds 0.01, 0.02, …, 0.99

struct bv_decision_point {
    double threshold;
    double model, all; // net benefit per unit; that of treating none is 0
    double avoided;    // treatments per unit saved against treating all
};

// items are probabilities in descending order, n at least 1. A score of the threshold or more is
// treated.
void bv_decision_curve(const struct bv_ranked_item *items, size_t n,
                       struct bv_decision_point points[BV_DECISION_POINTS]);

#endif
