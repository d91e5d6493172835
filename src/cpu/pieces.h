// pieces.h: a range of independent items, cut into pieces for the pool.
#ifndef BV_CPU_PIECES_H
#define BV_CPU_PIECES_H

#include "op/kernel.h"

// Calls body(a, first, last) over [0, n). cost: elements touched per item; small work stays whole.
void bv_cpu_in_pieces(const struct bv_kernel_args *a, int64_t n, int64_t cost,
                      void (*body)(const struct bv_kernel_args *a, int64_t first, int64_t last));

#endif
