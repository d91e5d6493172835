// synthetic.h: synthetic images: what their prompts ask for, how they differ, and their table.
#ifndef BV_EVAL_TASKS_SYNTHETIC_H
#define BV_EVAL_TASKS_SYNTHETIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"
#include "eval/run/pipeline.h"

// asked.c: whether a prompt asks for a finding.

// Whether a text names a label: its words in this order (ASCII case ignored), not inside longer
// words, and without "no", "not" or "without" before them in the same part of the sentence (up to
// the last of . ; , : or "but"). "No edema, big effusion" asks for effusion.
bool bv_text_asks(const char *text, const char *label);

// diversity.c: how alike the pictures of one prompt look.

enum { BV_DIVERSITY_IMAGES = 45 }; // of one prompt: the first ones, 990 pairs

struct bv_diversity {
    size_t prompts, pairs, too_small; // prompts with two pictures or more; pictures left out
    double sum, smallest, largest;    // of the multi-scale structural similarity of pairs
};

// Adds the pairs of the n pictures (files) of one prompt, as a viewer would show them in gray.
// Pairs of two sizes, and pictures below BV_MS_SSIM_SIDE, are left out.
enum bv_status bv_diversity_add(struct bv_diversity *diversity, const char *const *paths, size_t n,
                                struct bv_error *err);

// synthetic_table.c: does a classifier find in generated images what was asked for, how diverse are
// they, and how far from real ones?

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
