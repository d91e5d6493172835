// fixed.h: weights that C and Python tests make alike, by formula.
#ifndef BV_TESTS_FIXED_H
#define BV_TESTS_FIXED_H

#include <stdint.h>

// Element i of a tensor is mean + spread · u, u in [-1, 1) from a linear congruential generator
// seeded with the CRC-32 of the name.
void fixed_values(const char *name, float mean, float spread, int64_t n, float *out);

// A weight of a network under its name in PyTorch: a running variance 1 ± 0.5, a gain 1 ± 0.3,
// other vectors 0 ± 0.4, matrices and kernels [O, …] 0 ± 1.5 / sqrt(elements of one output).
void fixed_weight(const char *name, int rank, const int64_t *dim, float *out);

#endif
