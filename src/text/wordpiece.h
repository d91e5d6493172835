// wordpiece.h: BERT's tokenizer: words by white space and punctuation, then the longest pieces
// from the left (Devlin et al. 2019, BasicTokenizer and WordpieceTokenizer of the released code).
#ifndef BV_TEXT_WORDPIECE_H
#define BV_TEXT_WORDPIECE_H

#include "text/runes.h"
#include "text/special.h"
#include "text/tokens.h"
#include "text/vocab.h"

struct bv_wordpiece {
    int32_t unknown; // id of [UNK]
    bool lowercase;
    bool strip_accents;       // decompose canonically and drop nonspacing marks
    bool chinese;             // each CJK ideograph is a word
    bool final_sigma;         // lower-case a word as a whole, not letter by letter
    bool whole_word_specials; // a special token counts where it stands alone between spaces
};

// Appends the pieces of text[0..n) to out, without [CLS] and [SEP]. specials are looked up only
// as whole words; in the usual manner the caller has cut them out before.
enum bv_status bv_wordpiece_encode(const struct bv_wordpiece *wordpiece,
                                   const struct bv_vocab *vocab, const struct bv_specials *specials,
                                   const uint32_t *text, size_t n, struct bv_tokens *out,
                                   struct bv_error *err);

#endif
