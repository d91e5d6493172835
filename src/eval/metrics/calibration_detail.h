// calibration_detail.h: all that is said of how well the probabilities of one class are calibrated.
#ifndef BV_EVAL_METRICS_CALIBRATION_DETAIL_H
#define BV_EVAL_METRICS_CALIBRATION_DETAIL_H

#include "eval/metrics/ranked.h"
#include "stats/loess.h"
#include "stats/recalibration.h"

enum { BV_CALIBRATION_POINTS = 51 };

struct bv_calibration_detail {
    struct bv_recalibration recalibration;
    struct bv_loess_errors errors; // of the flexible curve
    // The flexible curve between the smallest and the largest probability, with a pointwise 95 %
    // band, cut at 0 and 1.
    double at[BV_CALIBRATION_POINTS], value[BV_CALIBRATION_POINTS];
    double low[BV_CALIBRATION_POINTS], high[BV_CALIBRATION_POINTS];
};

// items are probabilities in any order, n at least 1.
enum bv_status bv_calibration_detail(const struct bv_ranked_item *items, size_t n,
                                     struct bv_calibration_detail *detail, struct bv_error *err);

#endif
