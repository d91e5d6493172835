#include "eval/metrics/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "stats/distribution.h"

static void trace(struct bv_loess *loess, double lowest, double highest,
                  struct bv_calibration_detail *d)
{
    const double z = bv_normal_width(0.95);
    for (int i = 0; i < BV_CALIBRATION_POINTS; i++) {
        double se = 0, part = (double)i / (BV_CALIBRATION_POINTS - 1);
        d->at[i] = lowest + part * (highest - lowest);
        double value = bv_loess_at(loess, d->at[i], &se);
        d->value[i] = fmin(1, fmax(0, value));
        d->low[i] = fmin(1, fmax(0, value - z * se));
        d->high[i] = fmin(1, fmax(0, value + z * se));
    }
}

enum bv_status bv_calibration_detail(const struct bv_ranked_item *items, size_t n,
                                     struct bv_calibration_detail *detail, struct bv_error *err)
{
    struct bv_loess loess = {0};
    double *p = malloc(n * sizeof *p + 1);
    uint8_t *y = malloc(n + 1);
    enum bv_status status = p && y ? BV_OK : bv_fail_nomem(err, "calibration");
    double lowest = INFINITY, highest = -INFINITY;
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        lowest = fmin(lowest, items[i].score);
        highest = fmax(highest, items[i].score);
        p[i] = items[i].score;
        y[i] = (uint8_t)items[i].positive;
    }
    if (status == BV_OK)
        status = bv_loess_create(&loess, p, y, n, err);
    if (status == BV_OK)
        status = bv_loess_measure(&loess, &detail->errors, err);
    if (status == BV_OK) {
        detail->recalibration = bv_recalibrate(p, y, n, 0.95);
        trace(&loess, lowest, highest, detail);
    }
    bv_loess_free(&loess);
    free(p);
    free(y);
    return status;
}
