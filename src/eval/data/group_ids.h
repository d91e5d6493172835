// group_ids.h: numbers for identifiers (patients, studies, paths) that are not kept: only 64 bits
// of their SHA-256 are, 24 bytes per distinct identifier.
#ifndef BV_EVAL_DATA_GROUP_IDS_H
#define BV_EVAL_DATA_GROUP_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct bv_group_id {
    uint64_t hash;
    uint32_t number;
    bool used;
};

// Zero-initialise.
struct bv_group_ids {
    struct bv_group_id *slots; // open addressing, n_slots a power of two
    size_t n_slots;
    uint32_t n; // numbers given so far
};

// The number of an identifier: 0, 1, … in the order of first appearance. *is_new may be NULL. Two
// different identifiers share a number with a probability of n²/2^65.
enum bv_status bv_group_ids_number(struct bv_group_ids *ids, const char *id, uint32_t *number,
                                   bool *is_new, struct bv_error *err);

void bv_group_ids_free(struct bv_group_ids *ids);

#endif
