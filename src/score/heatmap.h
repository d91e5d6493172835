// heatmap.h: where in an image a text is (BioViL's phrase grounding).
#ifndef BV_SCORE_HEATMAP_H
#define BV_SCORE_HEATMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

// grid[y,x] = patch[y,x,:] · text, then smoothed by a Gaussian of sigma cells (0: not), as
// scipy.ndimage.gaussian_filter does: cut at four sigmas, mirrored at the edges. patches [h,w,D]
// and text [D] of unit length.
enum bv_status bv_heatmap_grid(const float *patches, const float *text, size_t h, size_t w,
                               size_t D, double sigma, float *grid, struct bv_error *err);

// How the model's recipe cut its input: the shorter side was brought to `shorter`, and the middle
// crop × crop kept.
struct bv_heatmap_crop {
    int shorter, crop;
};

// Spreads grid [h,w] over an image of height × width: map[y,x], NaN outside the crop. smooth:
// bilinear (torch, align_corners=False), else nearest.
void bv_heatmap_spread(const float *grid, size_t h, size_t w, const struct bv_heatmap_crop *crop,
                       int height, int width, bool smooth, float *map);

#endif
