// diversity.h: how alike the pictures of one prompt look.
#ifndef BV_EVAL_TASKS_DIVERSITY_H
#define BV_EVAL_TASKS_DIVERSITY_H

#include <stddef.h>

#include "base/status.h"

enum { BV_DIVERSITY_IMAGES = 45 }; // of one prompt: the first ones, 990 pairs

struct bv_diversity {
    size_t prompts, pairs, too_small; // prompts with two pictures or more; pictures left out
    double sum, smallest, largest;    // of the multi-scale structural similarity of pairs
};

// Adds the pairs of the n pictures (files) of one prompt, as a viewer would show them in gray.
// Pairs of two sizes, and pictures below BV_MS_SSIM_SIDE, are left out.
enum bv_status bv_diversity_add(struct bv_diversity *diversity, const char *const *paths, size_t n,
                                struct bv_error *err);

#endif
