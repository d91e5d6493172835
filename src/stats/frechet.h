// frechet.h: how far two sets of feature vectors lie from each other.
#ifndef BV_STATS_FRECHET_H
#define BV_STATS_FRECHET_H

#include <stddef.h>

#include "base/status.h"

// The Fréchet distance between normal distributions fitted to the rows of a [n_a][d] and b
// [n_b][d], in the form of the FID (Heusel et al., 2017): |mean_a - mean_b|² + trace(A + B -
// 2 (A B)^½) with A and B the covariances over n - 1. The same number as from the square root of
// the matrix product, found without forming it: with centred rows X and Y, trace (A B)^½ is the sum
// of the singular values of X Yᵀ over sqrt((n_a - 1)(n_b - 1)). BV_ERR_ARG for fewer than two rows
// on a side; BV_ERR_NOMEM. Time grows with min(n_a,d) · min(n_b,d) · (n_a + n_b + …).
enum bv_status bv_frechet_distance(const float *a, size_t n_a, const float *b, size_t n_b, size_t d,
                                   double *distance, struct bv_error *err);

#endif
