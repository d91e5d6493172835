// mask.h: binary masks of pixels: made of maps by a threshold, and as runs, which COCO writes.
#ifndef BV_EXPLAIN_MASK_H
#define BV_EXPLAIN_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// mask.c: of maps. A mask is one byte per pixel, 0 or 1, [height,width].
//
// What is compared with a threshold is the pixel's share of its map's range, (value - least) /
// (largest - least), in f32. A pixel that is NaN is not marked, and none of a constant map is.

// Shares above the threshold.
void bv_mask_above(const float *map, size_t n, double threshold, uint8_t *mask);

// As cheXlocalize makes a segmentation: by Otsu's threshold (OpenCV's) of the share in 256 steps,
// then without holes, and without pixels that have no neighbour, diagonal ones included. *level,
// unless NULL, becomes the threshold, 0 to 255.
enum bv_status bv_mask_otsu(const float *map, int height, int width, uint8_t *mask, int *level,
                            struct bv_error *err);

// mask_runs.c: lengths of runs of equal pixels, column after column, the first of zeros.

#define BV_MASK_MAX_SIDE 65535
#define BV_MASK_MAX_PIXELS (1u << 28)

// Zero-initialise; free in any state.
struct bv_mask_runs {
    int height, width;
    uint32_t *lengths; // [n]; their sum is height · width
    size_t n;
};
void bv_mask_runs_free(struct bv_mask_runs *runs);

enum bv_status bv_mask_runs_make(struct bv_mask_runs *runs, const uint8_t *mask, int height,
                                 int width, struct bv_error *err);
void bv_mask_runs_fill(const struct bv_mask_runs *runs, uint8_t *mask);

// COCO's string of the runs (pycocotools' "counts"): from the fourth on the difference to the run
// two before, in 5 bits per character. Text that does not end with the last pixel is
// BV_ERR_FORMAT.
enum bv_status bv_mask_runs_parse(struct bv_mask_runs *runs, const char *text, int height,
                                  int width, struct bv_error *err);
char *bv_mask_runs_format(const struct bv_mask_runs *runs); // malloc'd; NULL where memory is out

// How many pixels are marked, and how many in both; both of the same size.
size_t bv_mask_runs_area(const struct bv_mask_runs *runs);
size_t bv_mask_runs_overlap(const struct bv_mask_runs *a, const struct bv_mask_runs *b);

// Whether a marked pixel's squared distance from (row, column) is below this; 1: that pixel.
bool bv_mask_runs_near(const struct bv_mask_runs *runs, int row, int column, int squared_distance);

#endif
