#include "eval/metrics/calibration.h"

#include "stats/calibration.h"

void bv_decision_curve(const struct bv_ranked_item *items, size_t n,
                       struct bv_decision_point points[BV_DECISION_POINTS])
{
    uint64_t positives = 0, tp = 0, fp = 0;
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        positives += items[i].positive;
    for (int i = BV_DECISION_POINTS - 1; i >= 0; i--) {
        // The decimal that is written: a sum of steps would be another double.
        double threshold = (i + 1) / 100.0;
        for (; at < n && items[at].score >= threshold; at++) {
            tp += items[at].positive;
            fp += !items[at].positive;
        }
        struct bv_decision_point *p = &points[i];
        p->threshold = threshold;
        p->model = bv_net_benefit(tp, fp, n, threshold);
        p->all = bv_net_benefit(positives, n - positives, n, threshold);
        p->avoided = bv_interventions_avoided(p->model, p->all, threshold);
    }
}
