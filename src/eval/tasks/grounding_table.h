// grounding_table.h: heat maps against boxes, listed in a CSV file.
#ifndef BV_EVAL_TASKS_GROUNDING_TABLE_H
#define BV_EVAL_TASKS_GROUNDING_TABLE_H

#include "base/json.h"

// Columns "map" (a .npy file of [H,W] float32 in the image's pixels, relative to root, or to the
// CSV's folder when root is NULL), "x", "y", "w", "h", and optionally "category". Rows of one map
// follow each other; their boxes are one region. *result: means over the maps, and per category:
// {"n", "cnr_signed", "cnr_absolute", "mean_iou", "pointing_accuracy", "n_without_cnr"}, and
// "maps". A map that cannot be read is BV_ERR_FORMAT and ends the evaluation.
enum bv_status bv_grounding_table(const char *path, const char *root, json_t **result,
                                  struct bv_error *err);

#endif
