// positions.h: tables of learned positions, resampled to the grid of patches that an image has.
#ifndef BV_VISION_POSITIONS_H
#define BV_VISION_POSITIONS_H

#include "graph/graph.h"

// Rows for a grid of h×w patches, [1,lead+h·w,C], from a table of lead + side² rows: the first lead
// ones are kept (the class token's), the others resampled bicubically as
// torch.nn.functional.interpolate with align_corners False does, when the side is not h and w.
// antialias: with a = -0.5 and filters that widen with the shrink factor, once for each size.
// The table itself where it fits. Failures stick to the graph.
struct bv_tensor *bv_vision_positions(struct bv_graph *g, struct bv_tensor *table, int64_t lead,
                                      int64_t h, int64_t w, bool antialias);

// The angles of rotary positions (op rope) of a grid of h×w patches, [h·w,D], D the channels of a
// head: bands θ^(-j/(D/4)); the first half of the pairs turns by the row, the other by the column,
// both counted in h or w steps of a side of `reference` patches (EVA-02).
struct bv_tensor *bv_vision_rope(struct bv_graph *g, int64_t h, int64_t w, int64_t D, double theta,
                                 double reference);

#endif
