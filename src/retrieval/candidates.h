// candidates.h: the best rows seen so far, with every row that ties with the last of them.
#ifndef BV_RETRIEVAL_CANDIDATES_H
#define BV_RETRIEVAL_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
