// overlay.h: a result as a picture: the radiograph as a viewer shows it, a heat map over it, and
// the scores in writing beneath.
#ifndef BV_SCORE_OVERLAY_H
#define BV_SCORE_OVERLAY_H

#include "image/pixels.h"

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
