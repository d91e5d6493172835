// plausibility.h: reasons not to believe a score, found before anything is scored: from what the
// file says, and from a coarse look at the gray levels. Warnings only; the caller decides.
#ifndef BV_IMAGE_PLAUSIBILITY_H
#define BV_IMAGE_PLAUSIBILITY_H

#include "image/image.h"
#include "image/recipe.h"

// Adds to image->warnings: a lateral or unknown view, another modality or body part, lossy
// compression, few pixels, an image that looks inverted or not like a chest radiograph, and, where
// recipe (may be NULL) reads 16-bit files as their high byte, one whose high byte is nearly empty.
enum bv_status bv_check_plausibility(struct bv_image *image, const struct bv_recipe *recipe,
                                     struct bv_error *err);

// The coarse look at an 8-bit gray image as displayed. A frontal chest has bright middle and
// abdomen between dark lungs, and is roughly symmetric.
struct bv_look {
    double contrast; // standard deviation of the 32 × 32 means, in levels of 255
    double chest;    // (middle − lungs) + (abdomen − lungs), in standard deviations
    double symmetry; // correlation with the mirror image
};

struct bv_look bv_plausibility_look(const uint8_t *gray, int width, int height);

// Measured on 1,736 frontal radiographs of five sources and on their negatives: 0.2 % of the
// radiographs look inverted, and 97.4 % of the negatives do.
bool bv_look_inverted(const struct bv_look *look);

// Measured on the same: 1.0 % of the radiographs look implausible.
bool bv_look_implausible(const struct bv_look *look);

#endif
