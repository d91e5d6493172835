// grounding_sums.h: means of grounding measures over regions, of all and by category.
#ifndef BV_EVAL_TASKS_GROUNDING_SUMS_H
#define BV_EVAL_TASKS_GROUNDING_SUMS_H

#include <jansson.h>

#include "eval/tasks/grounding_metrics.h"

enum { BV_GROUNDING_MAX_CATEGORIES = 256 };

struct bv_grounding_sum {
    char name[128];
    size_t n, n_cnr;
    double cnr_signed, cnr_absolute, mean_iou, hits;
};

// Zero-initialise.
struct bv_grounding_sums {
    struct bv_grounding_sum all, categories[BV_GROUNDING_MAX_CATEGORIES];
    size_t n_categories;
};

// category NULL: of none. More than BV_GROUNDING_MAX_CATEGORIES are BV_ERR_LIMIT.
enum bv_status bv_grounding_sums_add(struct bv_grounding_sums *sums, const struct bv_grounding *g,
                                     const char *category, struct bv_error *err);

// {"n", "n_without_cnr", "cnr_signed", "cnr_absolute", "mean_iou", "pointing_accuracy"}, and
// "categories" with the same of each.
enum bv_status bv_grounding_sums_json(const struct bv_grounding_sums *sums, json_t **json,
                                      struct bv_error *err);

#endif
