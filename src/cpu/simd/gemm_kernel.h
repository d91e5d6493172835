// tile.h: the shape of a tile: as many accumulators as the registers hold.
#ifndef BV_CPU_SIMD_TILE_H
#define BV_CPU_SIMD_TILE_H

#include "cpu/simd/vector.h"

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#define LOW_PRECISION // this build has the formats of fewer bits
#endif

#define PANEL (2 * LANES)
#if defined(__AVX512F__)
#define STRIP 12 // 24 of 32 registers
#else
#define STRIP 6 // 12 of 16
#endif

#endif
