// tokens.h: tokens: ids and where they lie in the text, the vocabulary, and special tokens.
#ifndef BV_TEXT_TOKENS_H
#define BV_TEXT_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "text/runes.h"

// vocab.c: the two-way table between tokens (byte strings) and ids.

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

// tokens.c: what a text becomes: ids, and where each stands in the text's words.

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

// special.c: tokens such as "[MASK]" and "<mask>" that are recognised in the text itself, before
// any other rule sees it.

#define BV_SPECIAL_MAX 1024

struct bv_special {
    struct bv_runes text;
    int32_t id;
    bool strip_left, strip_right; // white space beside it belongs to it
    bool fold;                    // found in any case (it is looked for after lower-casing)
};

// Zero-initialise; free with bv_specials_free(). Immutable while texts are encoded.
struct bv_specials {
    struct bv_special *list;
    size_t n;
    uint64_t firsts; // of their first runes the lowest six bits; all where one is found in any case
};

void bv_specials_free(struct bv_specials *specials);

// Adds one (text is UTF-8, not empty, and copied); the first of equal texts counts. More than
// BV_SPECIAL_MAX is BV_ERR_LIMIT.
enum bv_status bv_specials_add(struct bv_specials *specials, const char *text, size_t n_bytes,
                               const struct bv_special *flags, struct bv_error *err);

// The longest special token that starts at text[0]; NULL when none does.
const struct bv_special *bv_specials_at(const struct bv_specials *specials, const uint32_t *text,
                                        size_t n);

#endif
