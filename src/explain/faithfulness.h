// faithfulness.h: whether a map's order of pixels is that in which a score falls or rises.
#ifndef BV_EXPLAIN_FAITHFULNESS_H
#define BV_EXPLAIN_FAITHFULNESS_H

#include "explain/probe.h"

// Areas under the score's curve while pixels change in the map's order, the highest first, a row's
// number of them at a time (Petsiuk et al. 2018; their evaluation). Low deletion and high
// insertion speak for a map; both are in the score's unit.
struct bv_faithfulness {
    double deletion;  // pixels become 0 after normalisation
    double insertion; // pixels of the input come into it as blurred by a Gaussian (11 × 11, σ 5)
};

// order [height · width] lists the input's pixels; goal has one text.
enum bv_status bv_faithfulness_measure(struct bv_session *session, const struct bv_pixels *pixels,
                                       const struct bv_goal *goal, const uint32_t *order,
                                       struct bv_faithfulness *result, struct bv_error *err);

// The pixels of an input of height × width by a map's value there, between the centres of cells
// bilinearly, the highest first; of equal ones the first.
enum bv_status bv_faithfulness_order(const struct bv_maps *maps, size_t i, int height, int width,
                                     uint32_t *order, struct bv_error *err);

#endif
