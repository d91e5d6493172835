// clean.h: what is done to a text before it is cut into tokens.
#ifndef BV_TEXT_CLEAN_H
#define BV_TEXT_CLEAN_H

#include "text/runes.h"

enum bv_clean {
    BV_CLEAN_NONE,
    BV_CLEAN_CLIP,        // CLIP: ftfy, HTML unescaped twice, white space collapsed, lower case
    BV_CLEAN_CLIP_NOFTFY, // the same without ftfy
    BV_CLEAN_OPEN_CLIP,   // as BV_CLEAN_CLIP with the case kept (open_clip's HFTokenizer)
    BV_CLEAN_CLIP_HF,     // CLIPTokenizerFast: NFC, white space runs to one space, lower case
    BV_CLEAN_GLORIA,      // GLoRIA: ASCII words in lower case, of sentences with two words or more
    BV_CLEAN_BIOVIL,      // BioViL: without the "!", "?" and "." at the end
    BV_CLEAN_ALBERT,      // ALBERT: see albert_text.h; done by the tokenizer, which knows how
    BV_CLEAN_ALBERT_HF,   // AlbertTokenizerFast: likewise
};

// Appends the cleaned text[0..n) to out.
enum bv_status bv_clean_text(struct bv_runes *out, enum bv_clean clean, const uint32_t *text,
                             size_t n, struct bv_error *err);

#endif
