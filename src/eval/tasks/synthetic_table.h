// synthetic_table.h: does a classifier find in generated images what was asked for, how diverse are
// they, and how far from real ones?
#ifndef BV_EVAL_TASKS_SYNTHETIC_TABLE_H
#define BV_EVAL_TASKS_SYNTHETIC_TABLE_H

#include "base/json.h"
#include "eval/run/pipeline.h"

struct bv_synthetic_options {
    const char *folder; // with images.csv: columns path and text, and labels' where they are
    const char *real;   // a CSV file with a column of real images; NULL: no distance
    const char *const *labels;
    size_t n_labels;
    size_t block;
    int n_workers;
};

// scores gives options->n_labels scores an image, embeddings the encoder's vector. *result is
// {"images", "failed", "labels": [{"label", "asked", "not_asked", "auroc", "interval"}], "auroc",
// "diversity", "distance"}; what cannot be had is null. BV_ERR_FORMAT for a list that is damaged.
enum bv_status bv_synthetic_table(const struct bv_synthetic_options *options,
                                  const struct bv_scorer *scores,
                                  const struct bv_scorer *embeddings, json_t **result,
                                  struct bv_error *err);

#endif
