// scan.h: inner products of queries with many rows, in the fastest form this processor runs.
//
// The f16 product is defined to the bit, so that every form gives the same result: lane j of 16
// sums rows[16i + j] × query[16i + j] over i with fused multiply-adds in f32, and the lanes are
// added in halves: 16 to 8, 4, 2, 1. The i8 product is exact integer arithmetic.
#ifndef BV_RETRIEVAL_SCAN_H
#define BV_RETRIEVAL_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define BV_SCAN_LANES 16 // rows are padded with zeros to a multiple of this (f16)
#define BV_SCAN_BYTES 64 // and of this (i8)

struct bv_scan {
    const char *name; // "portable", "avx2", "avx512"
    // rows [n_rows][stride] f16, queries [n_queries][stride] f32, scores [n_queries][n_rows].
    void (*f16)(const uint16_t *rows, size_t n_rows, size_t stride, const float *queries,
                size_t n_queries, float *scores);
    // codes [n_rows][stride] u8 with offset 128, query [stride] s8, dots [n_rows]: the sum of
    // (code - 128) × query.
    void (*i8)(const uint8_t *codes, size_t n_rows, size_t stride, const int8_t *query,
               int32_t *dots);
};

// The i-th form that this processor runs, slowest (portable) first; NULL past the last.
const struct bv_scan *bv_scan_form(size_t i);

// The last of them.
const struct bv_scan *bv_scan_best(void);

// The forms themselves, whether this processor runs them or not.
extern const struct bv_scan bv_scan_portable;
#if defined(__x86_64__)
extern const struct bv_scan bv_scan_avx2;
extern const struct bv_scan bv_scan_avx512;
#endif

#endif
