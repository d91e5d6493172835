// decision.h: what acting on a decision is worth (Vickers and Elkin 2006).
#ifndef BV_STATS_DECISION_H
#define BV_STATS_DECISION_H

#include <stdint.h>

// True positives per row less false positives weighed by the odds of the threshold probability:
// tp / n - fp / n · t / (1 - t). Treating all is tp = positives, fp = negatives; treating none is
// 0. NaN for n = 0 and a threshold outside 0 … 1 (1 itself too).
double bv_net_benefit(uint64_t tp, uint64_t fp, uint64_t n, double threshold);

// Treatments per row that are saved against treating all, at the same net benefit. NaN at 0.
double bv_interventions_avoided(double benefit, double benefit_of_all, double threshold);

#endif
