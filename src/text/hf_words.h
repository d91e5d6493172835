// hf_words.h: how Hugging Face's tokenizers library makes words of a text before its Unigram model
// cuts them: the normalisers Precompiled and Replace, the pre-tokenizers WhitespaceSplit and
// Metaspace.
#ifndef BV_TEXT_HF_WORDS_H
#define BV_TEXT_HF_WORDS_H

#include "text/charsmap.h"
#include "text/runes.h"

#define BV_HF_WORDS_MAX_BYTES ((size_t)64 << 20) // of all words of a text, as UTF-8

struct bv_hf_words {
    const struct bv_charsmap *map; // rules, applied to a grapheme cluster of up to 5 bytes as a
                                   // whole, by their shortest match, otherwise to each character
    bool one_space;                // runs of U+0020 become one
    bool whitespace_split;         // words end at white space of any kind, which vanishes
    bool prefix;                   // a word begins with U+2581 where it does not yet
};

// Appends the words of text[0..n), spaces as U+2581; bv_hf_next_word() finds them. More than
// BV_HF_WORDS_MAX_BYTES is BV_ERR_LIMIT, a rule's result that is no UTF-8 BV_ERR_FORMAT.
enum bv_status bv_hf_words(struct bv_runes *out, const struct bv_hf_words *how,
                           const uint32_t *text, size_t n, struct bv_error *err);

// The first word at or after *start in words[0..n), and its length; 0 at the end.
size_t bv_hf_next_word(const uint32_t *words, size_t n, size_t *start);

#endif
