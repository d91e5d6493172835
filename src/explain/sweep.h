// sweep.h: scores of many changed copies of one input.
#ifndef BV_EXPLAIN_SWEEP_H
#define BV_EXPLAIN_SWEEP_H

#include "explain/probe.h"

// How the pixels of change i are made: from the input's, [height][width][channels], to `to`. Any
// number of threads at once.
typedef void bv_change_pixels(const void *arg, size_t i, const struct bv_pixels *from, float *to);

// scores [n, goal->n] of changes first … first + n - 1, in batches.
enum bv_status bv_sweep_scores(struct bv_session *session, const struct bv_pixels *pixels,
                               const struct bv_goal *goal, bv_change_pixels *change,
                               const void *arg, size_t first, size_t n, double *scores,
                               struct bv_error *err);

// The mask n of RISE over a grid of side × side cells with their zeros and ones, and its shift, for
// an input of height × width: the grid is enlarged linearly to one cell more than the input,
// mirrored at the outer cells, and cut at (row, column).
struct bv_rise_mask {
    const unsigned char *cells; // [side,side]
    int side, row, column;
};
void bv_rise_mask_fill(const struct bv_rise_mask *mask, int height, int width, float *out);

#endif
