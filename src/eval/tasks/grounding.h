// grounding.h: phrase grounding: its metrics, their sums, a run of a model, a table of results.
#ifndef BV_EVAL_TASKS_GROUNDING_H
#define BV_EVAL_TASKS_GROUNDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"
#include "eval/run/task_run.h"
#include "eval/tasks/phrase_maps.h"

// grounding_metrics.c: a heat map against boxes drawn by a radiologist (MS-CXR).
//
// The map is [H,W] in the original image's pixels, NaN where the model saw nothing (outside its
// crop). NaN pixels are left out of the contrast and count as not marked in the overlap.

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
    bool hit;      // pointing game: the first largest pixel lies in a box
    bool hit_near; // … or a pixel of one less than 15 pixels from it (Zhang et al. 2018)
    // Dice of the boxes and as many of the map's highest pixels as they have: no threshold. Chance
    // is the boxes' share of the image.
    double dice_equal_area;
    bool has_areas; // of the score's curves: struct bv_faithfulness
    double deletion_auc, insertion_auc;
};

// CNR is NaN where inside or outside has no pixel with a value, or both are constant. No box, or a
// map without any value, is BV_ERR_ARG.
enum bv_status bv_grounding_evaluate(const float *map, size_t H, size_t W,
                                     const struct bv_box *boxes, size_t n_boxes,
                                     struct bv_grounding *result, struct bv_error *err);

// grounding_sums.c: means of grounding measures over regions, of all and by category.

enum { BV_GROUNDING_MAX_CATEGORIES = 256 };

struct bv_grounding_sum {
    char name[128];
    size_t n, n_cnr;
    double cnr_signed, cnr_absolute, mean_iou, hits, hits_near, dice;
    size_t n_areas;
    double deletion_auc, insertion_auc;
};

// Zero-initialise.
struct bv_grounding_sums {
    struct bv_grounding_sum all, categories[BV_GROUNDING_MAX_CATEGORIES];
    size_t n_categories;
};

// category NULL: of none. More than BV_GROUNDING_MAX_CATEGORIES are BV_ERR_LIMIT.
enum bv_status bv_grounding_sums_add(struct bv_grounding_sums *sums, const struct bv_grounding *g,
                                     const char *category, struct bv_error *err);

// {"n", "n_without_cnr", "cnr_signed", "cnr_absolute", "mean_iou", "pointing_accuracy",
// "pointing_accuracy_15px", "dice_equal_area"}, where they were measured "deletion_auc" and
// "insertion_auc", and "categories" with the same of each.
enum bv_status bv_grounding_sums_json(const struct bv_grounding_sums *sums, json_t **json,
                                      struct bv_error *err);

// grounding_run.c: a dual encoder's similarity maps of phrases against boxes.

struct bv_grounding_options {
    struct bv_task_options task;
    struct bv_phrase_map_options maps;
};

// Columns: the image's path; "text" (or "phrase", "label_text"); "x", "y", "w", "h" in the image's
// pixels; optionally "category" (or "category_name"). All rows of one image, text and category are
// boxes of one region. The map is that of the model's card ("heatmap", score/heatmap.h), over the
// whole image, without value where the encoder saw nothing. Regions that cannot be used are in
// errors.csv, with all their rows, and in no metric: the reasons of bv_labelled_next(), "no_text",
// "bad_box" (no coordinates, or outside the image), or the status of the image reader. A model
// without such a map is BV_ERR_MODEL. The caller owns *metrics.
enum bv_status bv_grounding_run(const struct bv_grounding_options *options,
                                struct bv_session *session, const struct bv_text_encoder *texts,
                                struct bv_evaluation_counts *counts, json_t **metrics,
                                struct bv_error *err);

// map_file.c: a map of a table: a .npy file of [H,W] float32, relative to root, or to the table's
// folder when root is NULL. The caller frees *map.
enum bv_status bv_map_file_load(const char *table, const char *root, const char *name, float **map,
                                size_t *H, size_t *W, struct bv_error *err);

// grounding_table.c: heat maps against boxes, listed in a CSV file.

// Columns "map" (a .npy file of [H,W] float32 in the image's pixels, relative to root, or to the
// CSV's folder when root is NULL), "x", "y", "w", "h", and optionally "category". Rows of one map
// follow each other; their boxes are one region. *result: means over the maps, and per category:
// bv_grounding_sums_json(), and "maps". A map that cannot be read is BV_ERR_FORMAT and ends the
// evaluation.
enum bv_status bv_grounding_table(const char *path, const char *root, json_t **result,
                                  struct bv_error *err);

#endif
