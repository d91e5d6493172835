// step.h: one step of a recipe; used inside src/image only.
#ifndef BV_IMAGE_STEP_H
#define BV_IMAGE_STEP_H

#include <jansson.h>

#include "image/pixels.h"
#include "image/recipe.h"
#include "image/resize.h"

enum bv_like {
    BV_LIKE_PILLOW,
    BV_LIKE_TORCH,
    BV_LIKE_OPENCV,
    BV_LIKE_OPENCV_READ,
    BV_LIKE_SKIMAGE,
    BV_LIKE_MEAN,
    BV_LIKE_TENSORFLOW,
    BV_LIKE_PILLOW13,
    BV_LIKE_TORCHVISION,
};

// How a resize finds its target size.
enum bv_target {
    BV_TARGET_EXACT,
    BV_TARGET_SHORTER,
    BV_TARGET_LONGER,
};

// In which order a side is scaled to · side / from before it is cut to an integer: the order
// decides the last pixel.
enum bv_rounding {
    BV_ROUND_PRODUCT,   // (to · side) / from, as torchvision
    BV_ROUND_RATIO,     // side · (to / from)
    BV_ROUND_RATIO_ALL, // likewise, also the side that should become exactly to
    BV_ROUND_NEAREST,   // side / (from / to) to the nearest number, of two the even one
};

// What a step works on besides the pixels.
struct bv_step_state {
    struct bv_pixels pixels;
    const struct bv_image *image;
    bool indexed;   // still palette or one-bit pixels, which Pillow never interpolates
    bool untouched; // still the image's own 8-bit samples
};

struct bv_step {
    enum bv_status (*run)(struct bv_step_state *state, const struct bv_step *step,
                          struct bv_error *err);
    const char *name, *tap; // tap is NULL where not given
    enum bv_like like;
    enum bv_resample_filter filter;
    enum bv_target target;
    struct bv_size size; // of the target; the side in width for SHORTER and LONGER
    enum bv_rounding rounding;
    bool antialias, align_corners, square, floor, even;
    double divide, multiply, add, min;
    float mean[3], std[3];
    int n_mean;
};

// Steps that move pixels (steps_geometry.c).
enum bv_status bv_step_pad_square(struct bv_step_state *, const struct bv_step *,
                                  struct bv_error *);
enum bv_status bv_step_pad(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_center_crop(struct bv_step_state *, const struct bv_step *,
                                   struct bv_error *);
enum bv_status bv_step_resize(struct bv_step_state *, const struct bv_step *, struct bv_error *);

// Where a step moves what lay in a frame: those above move it, others do not.
void bv_step_frame(const struct bv_step *, struct bv_frame *);

// Steps that change values (steps_value.c).
enum bv_status bv_step_gray(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_rgb(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_bgr(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_stretch(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_equalize(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_scale(struct bv_step_state *, const struct bv_step *, struct bv_error *);
enum bv_status bv_step_divide_max(struct bv_step_state *, const struct bv_step *,
                                  struct bv_error *);
enum bv_status bv_step_normalize(struct bv_step_state *, const struct bv_step *, struct bv_error *);

#endif
