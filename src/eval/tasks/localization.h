// localization.h: masks and maps of findings against masks that radiologists drew, as cheXlocalize
// (Saporta et al. 2022) compares them: IoU, hit rate, their bootstrap.
#ifndef BV_EVAL_TASKS_LOCALIZATION_H
#define BV_EVAL_TASKS_LOCALIZATION_H

#include <jansson.h>

#include "eval/run/task_run.h"
#include "eval/tasks/phrase_maps.h"
#include "explain/mask.h"

// mask_file.c: {"image": {"task": {"size": [height, width], "counts": runs}}}, runs as COCO's
// string or as a list of lengths.

// Reads and checks a file; what is not of that form is BV_ERR_FORMAT. The caller owns *masks.
enum bv_status bv_mask_file_load(json_t **masks, const char *path, struct bv_error *err);

// The mask of an image and task; *found false where the file has none.
enum bv_status bv_mask_file_get(const json_t *masks, const char *image, const char *task,
                                struct bv_mask_runs *runs, bool *found, struct bv_error *err);

// Adds one, which takes the place of one that is there.
enum bv_status bv_mask_file_put(json_t *masks, const char *image, const char *task,
                                const struct bv_mask_runs *runs, struct bv_error *err);

// localization.c: the scores.

enum { BV_REPLICATES = 1000 };

enum bv_localization_measure {
    BV_IOU_FOUND, // IoU where both masks have a pixel
    BV_IOU_ALL,   // IoU where one of them has
    BV_HIT,       // the first largest pixel of the map is in the true mask
    BV_HIT_NEAR,  // … or less than 15 pixels from it (Zhang et al. 2018)
    BV_LOCALIZATION_MEASURES
};

// Of one task: mean of the images that have a value, n of them; of the means of bootstrap
// replicates the mean, the 25th and the 975th. NAN: none.
struct bv_localization_summary {
    size_t n;
    double mean, replicates_mean, low, high;
};

// Images in the order of their names, all of truth and prediction; tasks in that of the truth.
struct bv_localization {
    const char **images, **tasks; // belong to truth and prediction
    size_t n_images, n_tasks;
    double *scores[BV_LOCALIZATION_MEASURES]; // [n_images,n_tasks], NAN: none
    struct bv_localization_summary *means[BV_LOCALIZATION_MEASURES]; // [n_tasks]
};

// points: {"image": {"task": [row, column]}} of maps' largest pixels; NULL: no maps. A mask that is
// missing has no pixel. Masks of different sizes are BV_ERR_FORMAT, no image or no task in common
// BV_ERR_ARG, more than 2^18 images or 2^22 of them and their tasks BV_ERR_LIMIT. Free in any
// state.
enum bv_status bv_localization_score(struct bv_localization *l, const json_t *truth,
                                     const json_t *predicted, const json_t *points,
                                     struct bv_error *err);
void bv_localization_free(struct bv_localization *l);

// {"images", "tasks": {name: {"miou": {"n", "mean", "bootstrap_mean", "low", "high"}, "miou_all",
// "hit_rate", "hit_rate_15px"}}, "mean_of_tasks": {"miou", …}}
enum bv_status bv_localization_json(const struct bv_localization *l, json_t **json,
                                    struct bv_error *err);

// localization_write.c: scores.csv, of each image and task, and summary.csv, in cheXlocalize's
// three digits.
enum bv_status bv_localization_write(const struct bv_localization *l, const char *folder,
                                     struct bv_error *err);

// localization_maps.c: masks of maps.

// What maps become, beside a truth that is borrowed. Zero-initialise, open, free in any state.
struct bv_map_masks {
    const json_t *truth;
    json_t *thresholds; // {"task": share}; NULL: Otsu's
    bool tune;
    json_t *masks, *points; // of the maps so far
    json_t *tried;          // {"task": [[IoU at 0.2, …, 0.8] of each image]}
};

// thresholds: a CSV file with the columns task and threshold (0 to 1), a line for each task, as
// cheXlocalize's tuning writes it, or NULL. tune: finds those thresholds.
enum bv_status bv_map_masks_open(struct bv_map_masks *m, const json_t *truth,
                                 const char *thresholds, bool tune, struct bv_error *err);
void bv_map_masks_free(struct bv_map_masks *m);

// Whether the map of an image and task is among those so far.
bool bv_map_masks_has(const struct bv_map_masks *m, const char *image, const char *task);

// map [height,width], enlarged bilinearly (torch, align_corners=False) to the size of the true
// mask, which must be there. A second map of an image and task, and a task without a threshold in
// the file, are BV_ERR_ARG; a map without a value or with infinite ones is BV_ERR_FORMAT.
enum bv_status bv_map_masks_add(struct bv_map_masks *m, const char *image, const char *task,
                                const float *map, int height, int width, struct bv_error *err);

// {"task": threshold} with the largest mean IoU of those tried; a new reference.
enum bv_status bv_map_masks_tuned(const struct bv_map_masks *m, json_t **thresholds,
                                  struct bv_error *err);

// localization_run.c: a whole comparison.

struct bv_localize_options {
    const char *truth;      // a file of masks
    const char *thresholds; // as in bv_map_masks_open()
    bool tune;
    const char *folder; // for segmentations.json, scores.csv, summary.csv, metrics.json; thresholds
                        // that were tuned are in thresholds.csv. NULL: none is written
};

// A file of masks (its name ends in .json), or a CSV file with the columns id, task and map (a .npy
// file, bv_map_file_load()). A row whose image or task the truth does not have is BV_ERR_ARG.
enum bv_status bv_localize_table(const struct bv_localize_options *options, const char *data,
                                 const char *root, json_t **metrics, struct bv_error *err);

// A CSV file with the columns path, task, optionally text (else the task's name) and id (else the
// path's last three, two or one names, joined by _, as the truth has them), whose maps a model
// makes. Rows that cannot be used are in errors.csv: the reasons of bv_labelled_next(), "no_task",
// "no_truth", "other_size" (the image is not as large as the true mask), "duplicate_row" (the image
// and task came before; the first one counts), or the status of the image reader.
enum bv_status bv_localize_run(const struct bv_localize_options *options,
                               const struct bv_task_options *task,
                               const struct bv_phrase_map_options *maps, struct bv_session *session,
                               const struct bv_text_encoder *texts,
                               struct bv_evaluation_counts *counts, json_t **metrics,
                               struct bv_error *err);

#endif
