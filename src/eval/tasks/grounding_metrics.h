// grounding_metrics.h: a heat map against boxes drawn by a radiologist (MS-CXR).
//
// The map is [H,W] in the original image's pixels, NaN where the model saw nothing (outside its
// crop). NaN pixels are left out of the contrast and count as not marked in the overlap.
#ifndef BV_EVAL_TASKS_GROUNDING_METRICS_H
#define BV_EVAL_TASKS_GROUNDING_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

// In pixels; a pixel belongs to a box when its centre does: x ≤ column + ½ < x + width.
struct bv_box {
    double x, y, width, height;
};

// Reads a box from the fields of a row, at the columns of x, y, width and height. The column that
// holds no number, or a width or height that is not positive; -1 when all is well.
int bv_box_parse(char *const *fields, const int columns[4], struct bv_box *box);

struct bv_grounding {
    // (mean inside - mean outside) / sqrt(variance inside + variance outside), population
    // variances; the union of the boxes is the inside. Papers publish either form.
    double cnr_signed, cnr_absolute;
    double mean_iou; // over the thresholds 0.1, 0.2, 0.3, 0.4, 0.5 of "map > threshold"
    double iou[5];
    bool hit; // pointing game: the first largest pixel lies in a box
};

// CNR is NaN where inside or outside has no pixel with a value, or both are constant. No box, or a
// map without any value, is BV_ERR_ARG.
enum bv_status bv_grounding_evaluate(const float *map, size_t H, size_t W,
                                     const struct bv_box *boxes, size_t n_boxes,
                                     struct bv_grounding *result, struct bv_error *err);

#endif
