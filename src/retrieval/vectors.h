// vectors.h: the vectors of one kind in memory, and exact search over them.
#ifndef BV_RETRIEVAL_VECTORS_H
#define BV_RETRIEVAL_VECTORS_H

#include "base/thread.h"
#include "retrieval/candidates.h"
#include "retrieval/scan.h"

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

// Exact inner products of n_queries queries [n_queries][dimension] with all rows. results[q] holds
// every row whose score is at least the k-th best, sorted (bv_candidates_finish()); the caller
// frees them. allowed (may be NULL) is a bitmap of rows, see candidates.h. The outcome is the same
// whatever the number of threads and queries.
enum bv_status bv_vectors_search(const struct bv_vectors *v, const float *queries, size_t n_queries,
                                 size_t k, const uint64_t *allowed, struct bv_pool *pool,
                                 struct bv_candidates *results, struct bv_error *err);

// The same through the 8-bit copy: the n_rerank best of an 8-bit scan are scored exactly. Scores
// are exact; a row may be missing (recall is measured in bench/).
enum bv_status bv_vectors_search_i8(const struct bv_vectors *v, const float *queries,
                                    size_t n_queries, size_t k, size_t n_rerank,
                                    const uint64_t *allowed, struct bv_pool *pool,
                                    struct bv_candidates *results, struct bv_error *err);

// Scores given rows exactly: scores[i] belongs to rows[i].
enum bv_status bv_vectors_score(const struct bv_vectors *v, const float *query,
                                const uint32_t *rows, size_t n_rows, float *scores,
                                struct bv_error *err);

#endif
