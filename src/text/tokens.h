// tokens.h: what a text becomes: ids, and where each stands in the text's words.
#ifndef BV_TEXT_TOKENS_H
#define BV_TEXT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Zero-initialise; free with bv_tokens_free(). All arrays have n entries.
struct bv_tokens {
    int32_t *ids;
    int32_t *words;  // index of the word: rises by one at each token that does not continue a word;
                     // special tokens are words of their own
    int32_t *types;  // token type: 0, and 1 for the second text of a pair where the kind has types
    bool *continues; // the token is a later piece of a word ("##" in WordPiece)
    size_t n, capacity;
    size_t n_untruncated; // tokens, special ones included, had there been no maximum
    bool truncated;       // n < n_untruncated
};

// Frees and zeroes; accepts a zeroed value.
void bv_tokens_free(struct bv_tokens *tokens);

// Appends a token of type 0; its word is that of the token before, or the next one.
enum bv_status bv_tokens_push(struct bv_tokens *tokens, int32_t id, bool continues,
                              struct bv_error *err);

// Makes room for n more tokens.
enum bv_status bv_tokens_reserve(struct bv_tokens *tokens, size_t n, struct bv_error *err);

#endif
