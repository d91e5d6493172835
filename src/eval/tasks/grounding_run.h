// grounding_run.h: a dual encoder's similarity maps of phrases against boxes.
#ifndef BV_EVAL_TASKS_GROUNDING_RUN_H
#define BV_EVAL_TASKS_GROUNDING_RUN_H

#include "eval/run/task_run.h"
#include "eval/tasks/retrieval_table.h"

struct bv_grounding_options {
    struct bv_task_options task;
    bool smooth; // maps are brought to the image's size bilinearly, not by the nearest cell
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

#endif
