#include "eval/metrics/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table/csv.h"

enum bv_status bv_threshold_rule_parse(const char *text, enum bv_threshold_rule *rule,
                                       double *target, struct bv_error *err)
{
    static const struct {
        const char *name;
        enum bv_threshold_rule rule;
    } names[] = {
        {"mcc", BV_THRESHOLD_MCC},
        {"f1", BV_THRESHOLD_F1},
        {"youden", BV_THRESHOLD_YOUDEN},
        {"sensitivity=", BV_THRESHOLD_SENSITIVITY},
        {"specificity=", BV_THRESHOLD_SPECIFICITY},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i].name);
        double value = 0;
        bool takes_target = names[i].name[n - 1] == '=';
        if (takes_target ? strncmp(text, names[i].name, n) != 0 : strcmp(text, names[i].name) != 0)
            continue;
        if (takes_target && (!bv_number_parse(text + n, &value) || value < 0 || value > 1))
            break;
        *rule = names[i].rule;
        *target = value;
        return BV_OK;
    }
    return bv_fail(err, BV_ERR_ARG,
                   "threshold rule \"%s\": choose mcc, f1, youden, sensitivity=X or specificity=X "
                   "with X from 0 to 1",
                   text);
}

static struct bv_confusion confusion_of(const struct bv_curve_point *point, uint64_t positives,
                                        uint64_t negatives)
{
    return (struct bv_confusion){
        .tp = point->tp, .fp = point->fp, .tn = negatives - point->fp, .fn = positives - point->tp};
}

// From the lowest threshold to the highest.
static struct bv_threshold maximise(const struct bv_curve_point *points, size_t n,
                                    uint64_t positives, uint64_t negatives,
                                    double (*merit)(const struct bv_confusion *))
{
    struct bv_threshold best = {NAN, NAN};
    for (size_t i = n; i-- > 0;) {
        struct bv_confusion c = confusion_of(&points[i], positives, negatives);
        double value = merit(&c);
        if (isnan(best.merit) || value > best.merit)
            best = (struct bv_threshold){points[i].threshold, value};
    }
    return best;
}

static struct bv_threshold youden(const struct bv_curve_point *points, size_t n, uint64_t positives,
                                  uint64_t negatives)
{
    struct bv_threshold best = {NAN, 0};
    for (size_t i = 0; i < n; i++) {
        double j =
            (double)points[i].tp / (double)positives - (double)points[i].fp / (double)negatives;
        if (j > best.merit)
            best = (struct bv_threshold){points[i].threshold, j};
    }
    return best;
}

static struct bv_threshold reach(const struct bv_curve_point *points, size_t n, uint64_t positives,
                                 uint64_t negatives, enum bv_threshold_rule rule, double target)
{
    struct bv_threshold best = {NAN, NAN};
    for (size_t i = 0; i < n; i++) {
        struct bv_confusion c = confusion_of(&points[i], positives, negatives);
        double sensitivity = bv_sensitivity(&c), specificity = bv_specificity(&c);
        if (rule == BV_THRESHOLD_SENSITIVITY && sensitivity >= target)
            return (struct bv_threshold){points[i].threshold, sensitivity};
        if (rule == BV_THRESHOLD_SPECIFICITY && specificity >= target)
            best = (struct bv_threshold){points[i].threshold, specificity};
    }
    return best;
}

enum bv_status bv_threshold_fit(const struct bv_ranked_item *items, size_t n,
                                enum bv_threshold_rule rule, double target,
                                struct bv_threshold *threshold, struct bv_error *err)
{
    struct bv_curve_point *points = NULL;
    size_t n_points = 0;
    // Only CheXzero's two rules choose among scikit-learn's reduced candidates; the highest
    // threshold that reaches a target may be one that the reduction drops.
    bool reduced =
        rule == BV_THRESHOLD_MCC || rule == BV_THRESHOLD_F1 || rule == BV_THRESHOLD_YOUDEN;
    BV_TRY(bv_curve_points(items, n, reduced, &points, &n_points, err));
    uint64_t positives = n_points ? points[n_points - 1].tp : 0;
    uint64_t negatives = n_points ? points[n_points - 1].fp : 0;
    struct bv_threshold found = {NAN, NAN};
    if (positives && negatives) {
        if (rule == BV_THRESHOLD_MCC)
            found = maximise(points, n_points, positives, negatives, bv_mcc);
        else if (rule == BV_THRESHOLD_F1)
            found = maximise(points, n_points, positives, negatives, bv_f1);
        else if (rule == BV_THRESHOLD_YOUDEN)
            found = youden(points, n_points, positives, negatives);
        else
            found = reach(points, n_points, positives, negatives, rule, target);
    }
    free(points);
    *threshold = found;
    return BV_OK;
}

struct bv_confusion bv_confusion_at(const struct bv_ranked_item *items, size_t n, double threshold)
{
    struct bv_confusion c = {0};
    for (size_t i = 0; i < n; i++) {
        if (items[i].score >= threshold)
            *(items[i].positive ? &c.tp : &c.fp) += 1;
        else
            *(items[i].positive ? &c.fn : &c.tn) += 1;
    }
    return c;
}
