// vectors.h: exact search: dot products of a query with stored vectors, and the best of them.
#ifndef BV_RETRIEVAL_VECTORS_H
#define BV_RETRIEVAL_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"

// candidates.c: the best rows seen so far, with every row that ties with the last of them.

struct bv_candidate {
    float score;
    uint32_t row;
};

// What is kept does not depend on the order of arrival: all rows whose score is at least the k-th
// best. Zero-initialise, set k, free with bv_candidates_free().
struct bv_candidates {
    struct bv_candidate *items;
    size_t n, capacity;
    size_t k;        // at least 1
    float threshold; // a row below it cannot be among the best; set by the first prune
    bool has_threshold;
    bool out_of_memory; // sticky: results are incomplete
};

// Adds a row unless it is below the threshold or its score is NaN.
void bv_candidates_push(struct bv_candidates *c, float score, uint32_t row);

// Adds the rows [first, first + n) with their scores; allowed (may be NULL) has bit row & 63 of
// word row / 64 set for each row that may be a result.
void bv_candidates_push_scores(struct bv_candidates *c, const float *scores, uint32_t first,
                               size_t n, const uint64_t *allowed);

// Adds what another holds.
void bv_candidates_merge(struct bv_candidates *c, const struct bv_candidates *other);

// Drops all below the k-th best and sorts the rest: higher scores first, then lower rows.
void bv_candidates_finish(struct bv_candidates *c);

void bv_candidates_free(struct bv_candidates *c); // accepts a zeroed one

// scan.c: inner products of queries with many rows, in the fastest form this processor runs.
//
// The f16 product is defined to the bit, so that every form gives the same result: lane j of 16
// sums rows[16i + j] × query[16i + j] over i with fused multiply-adds in f32, and the lanes are
// added in halves: 16 to 8, 4, 2, 1. The i8 product is exact integer arithmetic.

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

// vectors.c: the vectors of one kind in memory, and exact search over them.

struct bv_vectors {
    size_t n, dimension;
    size_t stride;  // elements from row to row, dimension padded to BV_SCAN_LANES
    uint16_t *rows; // [n][stride] f16
    size_t mapped;  // bytes of rows that are a file's and must not be written; 0: our own memory
    // The 8-bit copy; NULL until bv_vectors_quantize().
    size_t code_stride;
    uint8_t *codes; // [n][code_stride], value + 128
    float *scales;  // [n]: component = scale × value
};

// Allocates n rows; their content is undefined but for the padding, which is zero. n < 2^32.
enum bv_status bv_vectors_create(struct bv_vectors *v, size_t n, size_t dimension,
                                 struct bv_error *err);
// Elements from row to row for a dimension.
size_t bv_vectors_stride(size_t dimension);
void bv_vectors_free(struct bv_vectors *v); // accepts a zeroed one

// Makes the 8-bit copy: each row scaled so that its largest component is ±127.
enum bv_status bv_vectors_quantize(struct bv_vectors *v, struct bv_pool *pool,
                                   struct bv_error *err);

struct bv_search {
    const float *queries; // [n][dimension]
    size_t n, k;
    size_t n_rerank;         // of bv_vectors_search_i8()
    const uint64_t *allowed; // NULL: all rows; else a bitmap of rows, see candidates.c
};

// Exact inner products of n queries with all rows. results[q] holds every row whose score is at
// least the k-th best, sorted (bv_candidates_finish()); the caller frees them. The outcome is the
// same whatever the number of threads and queries.
enum bv_status bv_vectors_search(const struct bv_vectors *v, const struct bv_search *search,
                                 struct bv_pool *pool, struct bv_candidates *results,
                                 struct bv_error *err);

// The same through the 8-bit copy: the n_rerank best of an 8-bit scan are scored exactly. Scores
// are exact; a row may be missing (recall is measured in bench/).
enum bv_status bv_vectors_search_i8(const struct bv_vectors *v, const struct bv_search *search,
                                    struct bv_pool *pool, struct bv_candidates *results,
                                    struct bv_error *err);

// Scores given rows exactly: scores[i] belongs to rows[i].
enum bv_status bv_vectors_score(const struct bv_vectors *v, const float *query,
                                const uint32_t *rows, size_t n_rows, float *scores,
                                struct bv_error *err);

#endif
