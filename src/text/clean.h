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
    BV_CLEAN_ALBERT,      // ALBERT: see bv_albert_clean(); done by the tokenizer, which knows how
    BV_CLEAN_ALBERT_HF,   // AlbertTokenizerFast: likewise
    BV_CLEAN_SIGLIP,      // SiglipTokenizer: lower case, no ASCII punctuation, single spaces
    BV_CLEAN_SIGLIP_OPEN_CLIP, // the same after open_clip's "canonicalize": see
                               // bv_clean_canonical()
    BV_CLEAN_SPACES, // CheXbert: runs of Python's white space as one space, none at the ends
    BV_CLEAN_SPACES_UNNUMBERED, // the same once every "4." of a digit and a full stop is gone
    BV_CLEAN_LOWER,             // lower case, letter by letter
    BV_CLEAN_LOWER_OPEN_CLIP,   // the same after open_clip's "canonicalize"
};

// Appends the cleaned text[0..n) to out.
enum bv_status bv_clean_text(struct bv_runes *out, enum bv_clean clean, const uint32_t *text,
                             size_t n, struct bv_error *err);

// Appends text[0..n) as open_clip's "canonicalize" leaves it: ftfy, HTML unescaped twice, "_" as a
// space, no ASCII punctuation, lower case, single spaces.
enum bv_status bv_clean_canonical(struct bv_runes *out, const uint32_t *text, size_t n,
                                  struct bv_error *err);

// Repairs text whose encoding was mixed up, as ftfy.fix_text() 6.1 does with its defaults
// (Speer, https://github.com/rspeer/python-ftfy); CLIP's tokenizer runs it on every text.

// Appends the repaired text[0..n) to out.
enum bv_status bv_ftfy_fix_text(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err);

// Character references ("&eacute;", "&#233;") as HTML 5 reads them.

// Appends text[0..n) to out with its character references replaced once, by the rules of Python's
// html.unescape(): numeric ones with or without ";", named ones by the longest known name.
enum bv_status bv_html_unescape(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err);

// The value of the named reference "&name;" where the standard has it with the semicolon; returns
// the number of code points, 0 when unknown.
size_t bv_html_entity(const char *name, size_t n, uint32_t value[2]);

// The value of a numeric reference, by Python's rules: 0 or 1 code points.
size_t bv_html_number(uint32_t number, uint32_t *value);

// Whether html.unescape() would leave "&name;" as it is.
bool bv_html_is_unknown(const char *name, size_t n);

// Text that was written in UTF-8 and read in another encoding: how to see it, and how
// to undo it. The rules are those of ftfy 6.1 (Speer): its classes of characters, its list of
// unlikely neighbours, its order of encodings.

// Whether text[0..n) has two or three neighbours that hardly occur but in garbled text.
bool bv_mojibake_is_bad(const uint32_t *text, size_t n);

// Appends text[0..n) to out with garbled encodings undone, as often over as it takes (at most
// BV_MOJIBAKE_ROUNDS times).
enum bv_status bv_mojibake_fix(struct bv_runes *out, const uint32_t *text, size_t n,
                               struct bv_error *err);
enum { BV_MOJIBAKE_ROUNDS = 64 };

// One C1 control character as the byte of Windows-1252 that it was, where that has a meaning.
uint32_t bv_mojibake_c1(uint32_t rune);

// What ALBERT does to a text before SentencePiece sees it
// (google-research/albert, tokenization.preprocess_text; Hugging Face's AlbertTokenizer).

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
