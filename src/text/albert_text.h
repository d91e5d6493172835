// albert_text.h: what ALBERT does to a text before SentencePiece sees it
// (google-research/albert, tokenization.preprocess_text; Hugging Face's AlbertTokenizer).
#ifndef BV_TEXT_ALBERT_TEXT_H
#define BV_TEXT_ALBERT_TEXT_H

#include "text/runes.h"

struct bv_albert_text {
    bool lowercase, strip_accents;
    bool fast; // as Hugging Face's fast tokenizer has it (AlbertConverter)
};

// Appends text[0..n): white space runs as one space and none at the ends, `` and '' as ", and, as
// asked for, without accents (compatibility decomposition, combining marks dropped) and in lower
// case. fast: white space stays, accents are all marks, and letters are lower-cased one by one, so
// that a final sigma is σ.
enum bv_status bv_albert_clean(struct bv_runes *out, const struct bv_albert_text *how,
                               const uint32_t *text, size_t n, struct bv_error *err);

#endif
