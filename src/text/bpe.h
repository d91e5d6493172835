// bpe.h: byte-level byte-pair encoding (Sennrich et al. 2016; Radford et al. 2019), as CLIP and
// RoBERTa use it.
#ifndef BV_TEXT_BPE_H
#define BV_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/runes.h"
#include "text/tokens.h"
#include "text/vocab.h"

// "left right" lines, borrowed. end_of_line is past the last line.
struct bv_merge_text {
    struct bv_token_text left, right;
};

// Immutable after bv_bpe_build(); zero-initialise, free with bv_bpe_free().
struct bv_bpe {
    int32_t bytes[256];      // id of each byte within a word, -1 where the vocabulary lacks it
    int32_t finals[256];     // id of each byte at the end of a word
    struct bv_merge *merges; // by rank
    size_t n_merges;
    uint32_t *slots; // hash of a pair -> rank + 1
    uint32_t mask;
    int32_t unknown; // id for a byte without a token; -1: such bytes are dropped
};

// suffix is "</w>" (CLIP) or "": what the last piece of a word ends in. A merge whose parts or
// result are no tokens is BV_ERR_FORMAT.
enum bv_status bv_bpe_build(struct bv_bpe *bpe, const struct bv_vocab *vocab, const char *suffix,
                            const struct bv_merge_text *merges, size_t n_merges, int32_t unknown,
                            struct bv_error *err);

void bv_bpe_free(struct bv_bpe *bpe);

// The vocabulary's spelling of a byte: the printable Latin-1 characters stand for themselves, the
// others for U+0100 and up in order, so that no token holds a space or a control character.
uint32_t bv_bpe_byte_rune(unsigned char byte);

// Left and right token ids of the merge with this rank.
void bv_bpe_merge(const struct bv_bpe *bpe, size_t rank, int32_t *left, int32_t *right);

// Memory for words under way; zero-initialise, free with bv_bpe_scratch_free(). One per thread.
struct bv_bpe_scratch {
    void *block;
    size_t capacity; // symbols
};
void bv_bpe_scratch_free(struct bv_bpe_scratch *scratch);

// Appends the pieces of one word (its UTF-8 bytes). Equal to merging, pass after pass, all
// occurrences of the pair of lowest rank; time grows as n log n.
enum bv_status bv_bpe_word(const struct bv_bpe *bpe, const char *word, size_t n,
                           struct bv_bpe_scratch *scratch, struct bv_tokens *out,
                           struct bv_error *err);

// How CLIP and RoBERTa cut text into the words that byte-pair encoding then cuts further.

// CLIP: 's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
// n > 0. Returns the length of the word at text[0], 0 where none starts: at white space. The
// original code ignores case (ignore_case), to which U+017F is an "s", and U+0345, a mark that
// becomes a letter in capitals, belongs to no word.
size_t bv_split_clip(const uint32_t *text, size_t n, bool ignore_case);

// GPT-2 and RoBERTa: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// n > 0. Returns the length of the word at text[0]; every rune belongs to one.
size_t bv_split_gpt2(const uint32_t *text, size_t n);

#endif
