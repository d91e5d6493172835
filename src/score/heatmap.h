// heatmap.h: heat maps: of patch scores, and drawn over the image.
#ifndef BV_SCORE_HEATMAP_H
#define BV_SCORE_HEATMAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "image/pixels.h"

// heatmap.c: where in an image a text is (BioViL's phrase grounding).

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

// overlay.c: a result as a picture: the radiograph as a viewer shows it, a heat map over it, and
// the scores in writing beneath.

struct bv_overlay {
    const char *model, *kind;  // of the scores
    const char *const *labels; // [n]
    const double *scores;      // [n]
    size_t n;
    const float *map;   // [image height, image width], NaN where there is none; NULL: no heat map
    const char *mapped; // the label that the map is of
};

// rgb becomes a U8 picture of three channels, its radiograph at most 1024 on the longer side. The
// map's own range is spread from no colour over red and yellow to white, and written beneath. At
// most 40 labels are listed; how many are not is said.
enum bv_status bv_overlay_draw(const struct bv_image *image, const struct bv_overlay *overlay,
                               struct bv_pixels *rgb, struct bv_error *err);

#endif
