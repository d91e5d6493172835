// gemm_kernel.h: the shape of a micro-tile: as many accumulators as the registers hold.
#ifndef BV_CPU_SIMD_GEMM_KERNEL_H
#define BV_CPU_SIMD_GEMM_KERNEL_H

#include "cpu/simd/vector.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#define LOW_PRECISION // this build has the formats of fewer bits
#endif

#define NR (2 * LANES)
#if defined(__AVX512F__)
#define MR 12 // 24 of 32 registers
#else
#define MR 6 // 12 of 16
#endif

#endif
