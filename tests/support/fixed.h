// fixed.h: weights that C and Python tests make alike, by formula.
#ifndef BV_TESTS_FIXED_H
#define BV_TESTS_FIXED_H

#include <stdint.h>

// Element i of a tensor is mean + spread · u, u in [-1, 1) from a linear congruential generator
// seeded with the CRC-32 of the name.
void fixed_values(const char *name, float mean, float spread, int64_t n, float *out);

#endif
