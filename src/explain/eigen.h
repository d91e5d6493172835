// eigen.h: the first principal component of a table.
#ifndef BV_EXPLAIN_EIGEN_H
#define BV_EXPLAIN_EIGEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

// X [rows,columns], its column means taken off, times its first right singular vector: out [rows].
// The sign is that whose largest value is the largest in size.
enum bv_status bv_first_component(const float *X, int64_t rows, int64_t columns, float *out,
                                  struct bv_error *err);

#endif
