// vocab.h: the two-way table between tokens (byte strings) and ids.
#ifndef BV_TEXT_VOCAB_H
#define BV_TEXT_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define BV_VOCAB_MAX_BYTES ((size_t)64 << 20) // of a vocabulary file, unpacked
#define BV_VOCAB_MAX_TOKENS ((size_t)2 << 20)

// A borrowed byte string. n == 0 marks an id that no token has.
struct bv_token_text {
    const char *at;
    size_t n;
};

// Immutable after bv_vocab_build(); zero-initialise, free with bv_vocab_free().
struct bv_vocab {
    char *bytes;     // all tokens end to end
    uint32_t *start; // [n + 1] offsets into bytes
    size_t n;        // ids are 0 .. n - 1
    size_t longest;  // bytes of the longest token
    struct bv_vocab_slot *slots;
    uint32_t mask;
};

// Copies tokens; index is id. Where a text occurs twice the last id is found, as in a Python dict
// that was filled in order. More than BV_VOCAB_MAX_TOKENS or BV_VOCAB_MAX_BYTES is BV_ERR_LIMIT.
enum bv_status bv_vocab_build(struct bv_vocab *vocab, const struct bv_token_text *tokens, size_t n,
                              struct bv_error *err);

void bv_vocab_free(struct bv_vocab *vocab);

// The id of a token, or -1.
int32_t bv_vocab_find(const struct bv_vocab *vocab, const char *text, size_t n);

// The token of an id; at is NULL where there is none.
struct bv_token_text bv_vocab_text(const struct bv_vocab *vocab, int32_t id);

// The longest token that is prefix (n_prefix bytes, "" or "##") followed by a beginning of
// text[0..n) that ends between two characters; -1 when there is none. *taken is the length of that
// beginning. One pass over at most `longest` bytes.
int32_t bv_vocab_longest(const struct bv_vocab *vocab, const char *prefix, size_t n_prefix,
                         const char *text, size_t n, size_t *taken);

#endif
