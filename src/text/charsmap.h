// charsmap.h: SentencePiece's precompiled normalisation: rules "these bytes become those", found by
// their longest beginning.
//
//   u32 size | double array of size bytes (Darts-clone: u32 units) | results, each ending in a zero
//
// A unit's bits: 0-7 label, 8 has a leaf, 9 and 10-30 offset to its children; a leaf has bit 31 and
// is an offset into the results.
#ifndef BV_TEXT_CHARSMAP_H
#define BV_TEXT_CHARSMAP_H

#include "text/vocab.h"

// Immutable after bv_charsmap_read(); zero-initialise, free with bv_charsmap_free().
struct bv_charsmap {
    uint32_t *units;
    size_t n_units;
    char *results;
    size_t n_results;
};

// Copies a blob. An empty one makes a map without rules. A size that does not fit, a result that
// does not end or is longer than 1024 bytes is BV_ERR_FORMAT; whatever the units say, a search
// stays within them.
enum bv_status bv_charsmap_read(struct bv_charsmap *map, struct bv_token_text blob,
                                struct bv_error *err);
void bv_charsmap_free(struct bv_charsmap *map);

// The bytes that the longest rule at text[0..n) takes, and what they become (may be empty); 0 where
// no rule applies. Looks at no more than 1024 bytes.
size_t bv_charsmap_match(const struct bv_charsmap *map, const char *text, size_t n,
                         struct bv_token_text *result);

// The same for the shortest rule that text[0..n) begins with.
size_t bv_charsmap_shortest(const struct bv_charsmap *map, const char *text, size_t n,
                            struct bv_token_text *result);

#endif
