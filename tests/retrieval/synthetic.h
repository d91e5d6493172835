// synthetic.h: items that are a function of their number, so that any process can make and check
// them.
#ifndef BV_TESTS_SYNTHETIC_H
#define BV_TESTS_SYNTHETIC_H

#include "retrieval/store.h"

enum { SYNTHETIC_DIMENSION = 48 };

// A unit vector of n components.
void synthetic_vector(uint64_t seed, float *out, size_t n);

// The settings of an index for these items.
struct bv_store_info synthetic_info(void);

// Adds item number i: every third is a report with text, else an image with a thumbnail; two items
// share a study.
enum bv_status synthetic_add(struct bv_store *store, uint64_t i, struct bv_error *err);

// The id of item i, in a static buffer.
const char *synthetic_id(uint64_t i);

// A checksum over all that an index holds, in order: equal content, equal value.
enum bv_status synthetic_digest(struct bv_store *store, uint32_t *digest, struct bv_error *err);

#endif
