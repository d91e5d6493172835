// recipe.h: a model's preprocessing as data: from a decoded image to exactly the pixels that its
// authors' code feeds the encoder.
//
// A recipe is a JSON object of a system card:
//
//   {"intensity": "mimic-cxr-jpg",     preset that turns DICOM values into gray levels (gray.h)
//    "eight_bit": "as_is",             or "preset": 8-bit files go through the preset as well
//    "sixteen_bit": "preset",          or "high_byte": 16-bit files as OpenCV's imread reads them
//    "orientation": "as_is",           or "exif": photographs are turned upright, as OpenCV's
//    imread "steps": [STEP, …], "channels": 3}                    of the result: gray is repeated,
//    other numbers must fit
//
// A step is {"op": NAME, fields…, "as": TAP}; "as" names the state after it for tests. Sizes are
// pixels, "size" sets width and height. The steps, each with its fields (the test style.recipe
// compares them with the parser's):
//
//   gray: like
//       like: pillow (default) | opencv | opencv_read | mean
//   rgb:
//       gray is repeated; as Pillow's convert("RGB")
//   bgr:
//       rgb with the channels in OpenCV's order
//   stretch:
//       minimum … maximum to 0 … 255, truncated (8 bits)
//   equalize:
//       histogram equalisation (8 bits, gray)
//   pad_square: min even
//       min: side at least; centred, rounding down, zeros; even: true: the same on both sides,
//       which leaves a side one short of an odd difference
//   pad: size width height
//       likewise, to at least that size
//   resize: like filter size width height shorter longer rounding antialias align_corners
//       like: pillow (default; to version 12) | pillow-13 | torch | torchvision (of bytes, bilinear
//       or bicubic) | opencv | skimage | tensorflow (tf.image.resize of bytes, bilinear, cut to
//       bytes); filter: nearest | box | bilinear
//       (default) | bicubic | lanczos | area; one of size, width with height, shorter, longer (that
//       side, the other in proportion); rounding of the other side: product (default, int(a·b/c)) |
//       ratio (int(a·(b/c))) | ratio_all (likewise, also the side that was named, which may become
//       one less) | nearest (a / (c/b) rounded, of two the even one: timm's ResizeKeepRatio);
//       antialias, align_corners: true (torch)
//   center_crop: size width height square rounding
//       zero padded where smaller; rounding of an odd margin: even (default: to even where larger,
//       down where smaller, as torchvision) | floor (of the signed margin); square: true in place
//       of a size (the shorter side, torchxrayvision)
//   scale: divide multiply add
//       v / divide, or v · multiply + add (float from here on)
//   divide_max: min
//       v / max(min, largest value)
//   normalize: mean std
//       arrays of 1 or 3: (v − mean) / std
#ifndef BV_IMAGE_RECIPE_H
#define BV_IMAGE_RECIPE_H

#include <jansson.h>

#include "image/pixels.h"

struct bv_recipe; // immutable after parsing; any number of threads may run it

// Unknown steps, fields and values are BV_ERR_ARG and named. object is not kept.
enum bv_status bv_recipe_parse(const json_t *object, struct bv_recipe **recipe,
                               struct bv_error *err);

// Frees and sets *recipe to NULL. Accepts NULL.
void bv_recipe_free(struct bv_recipe **recipe);

// The size that every image has after the steps; 0 × 0 where it depends on the image.
void bv_recipe_output_size(const struct bv_recipe *recipe, int *width, int *height);

int bv_recipe_channels(const struct bv_recipe *recipe);
const char *bv_recipe_intensity(const struct bv_recipe *recipe); // the preset's name
bool bv_recipe_reads_high_byte(const struct bv_recipe *recipe);  // of 16-bit files
bool bv_recipe_turns(const struct bv_recipe *recipe);            // as Exif says

// All steps. pixels becomes [height][width][channels] F32; the caller frees it.
enum bv_status bv_recipe_run(const struct bv_recipe *recipe, const struct bv_image *image,
                             struct bv_pixels *pixels, struct bv_error *err);

// Where an image lies in what the recipe makes of it, width × height: a position (x, y) of the
// image, in pixels from its left upper corner, at (scale_x x + left, scale_y y + top). What lies
// outside is cut off; what no position leads to is padding.
struct bv_frame {
    int width, height;
    double scale_x, scale_y, left, top;
};

// For an image of width × height, as it is when it is not turned. BV_ERR_REFUSED where it is too
// long and narrow.
enum bv_status bv_recipe_frame(const struct bv_recipe *recipe, int width, int height,
                               struct bv_frame *frame, struct bv_error *err);

// The state after the step named tap, of whatever type it has. BV_ERR_ARG when no step has it.
enum bv_status bv_recipe_run_to(const struct bv_recipe *recipe, const struct bv_image *image,
                                const char *tap, struct bv_pixels *pixels, struct bv_error *err);

#endif
