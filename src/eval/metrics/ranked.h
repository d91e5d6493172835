// ranked.h: the scores of one class in descending order, and the areas and curves that follow.
//
// Everything here depends on the order and on ties only. Ties count one half in the AUROC
// (Mann-Whitney), which equals the trapezoid under the ROC curve; the average precision is
// Σ (R_i - R_{i-1}) P_i over distinct scores, and the trapezoid under the precision-recall curve,
// with the point (0, 1) in front, is another number. All three equal scikit-learn's.
#ifndef BV_EVAL_METRICS_RANKED_H
#define BV_EVAL_METRICS_RANKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_ranked_item {
    double score;      // finite
    uint32_t unit;     // number of the image, study or patient
    uint32_t positive; // 1 or 0
};

// Sorts by score, largest first; ties by unit.
void bv_ranked_sort(struct bv_ranked_item *items, size_t n);

// Areas under curves, from groups of equal score in descending order. Zero-initialise.
struct bv_areas {
    uint64_t tp, fp;     // so far
    uint64_t half_pairs; // 2 per ordered pair, 1 per tie
    double steps, trapezoids, precision;
};

void bv_areas_add(struct bv_areas *areas, uint64_t positives, uint64_t negatives);
// NaN where one of the two classes is absent.
double bv_areas_auroc(const struct bv_areas *areas);
double bv_areas_average_precision(const struct bv_areas *areas);
double bv_areas_pr_trapezoid(const struct bv_areas *areas);

// Feeds sorted items. weights, by unit, say how often each counts; NULL: once.
struct bv_areas bv_areas_ranked(const struct bv_ranked_item *items, size_t n,
                                const uint32_t *weights);

// A list of sorted items; several of them pooled give the micro average.
struct bv_ranked {
    const struct bv_ranked_item *items;
    size_t n;
};
enum bv_status bv_areas_pooled(const struct bv_ranked *lists, size_t n_lists,
                               struct bv_areas *areas, struct bv_error *err);

// A point of the ROC and precision-recall curves: counts among the items that score threshold or
// more.
struct bv_curve_point {
    double threshold;
    uint64_t tp, fp;
};

// The distinct thresholds, descending; without those between two collinear neighbours when
// drop_collinear (scikit-learn's drop_intermediate). The point (0, 0) is not among them. The caller
// frees *points; n may be 0 and *points NULL.
enum bv_status bv_curve_points(const struct bv_ranked_item *items, size_t n, bool drop_collinear,
                               struct bv_curve_point **points, size_t *n_points,
                               struct bv_error *err);

#endif
