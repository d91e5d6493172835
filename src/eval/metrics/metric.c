#include "eval/metrics/metric.h"

#include <math.h>
#include <string.h>

#define METRIC(name)                                                                               \
    {                                                                                              \
#name, offsetof(struct bv_metrics, name)                                                   \
    }

const struct bv_metric bv_metric_table[BV_METRIC_COUNT] = {
    METRIC(auroc),
    METRIC(average_precision),
    METRIC(pr_auc_trapezoid),
    METRIC(brier),
    METRIC(ece),
    METRIC(calibrated_brier),
    METRIC(calibrated_ece),
    METRIC(accuracy),
    METRIC(balanced_accuracy),
    METRIC(sensitivity),
    METRIC(specificity),
    METRIC(precision),
    METRIC(npv),
    METRIC(f1),
    METRIC(mcc),
    METRIC(specificity_at_sensitivity_90),
    METRIC(specificity_at_sensitivity_95),
    METRIC(sensitivity_at_specificity_90),
    METRIC(sensitivity_at_specificity_95),
};

_Static_assert(sizeof(struct bv_metrics) == BV_METRIC_COUNT * sizeof(double),
               "the table names every member");

double bv_metric_value(const struct bv_metrics *metrics, size_t i)
{
    double value = 0;
    memcpy(&value, (const char *)metrics + bv_metric_table[i].offset, sizeof value);
    return value;
}

void bv_metric_set(struct bv_metrics *metrics, size_t i, double value)
{
    memcpy((char *)metrics + bv_metric_table[i].offset, &value, sizeof value);
}

struct bv_metrics bv_metrics_none(void)
{
    struct bv_metrics metrics;
    for (size_t i = 0; i < BV_METRIC_COUNT; i++)
        bv_metric_set(&metrics, i, NAN);
    return metrics;
}

void bv_metrics_set_areas(struct bv_metrics *m, const struct bv_areas *areas)
{
    m->auroc = bv_areas_auroc(areas);
    m->average_precision = bv_areas_average_precision(areas);
    m->pr_auc_trapezoid = bv_areas_pr_trapezoid(areas);
}

void bv_metrics_set_decisions(struct bv_metrics *m, const struct bv_confusion *c)
{
    m->accuracy = bv_accuracy(c);
    m->balanced_accuracy = bv_balanced_accuracy(c);
    m->sensitivity = bv_sensitivity(c);
    m->specificity = bv_specificity(c);
    m->precision = bv_precision(c);
    m->npv = bv_negative_predictive_value(c);
    m->f1 = bv_f1(c);
    m->mcc = bv_mcc(c);
}
