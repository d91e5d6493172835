// runes.h: text as a growable array of code points, and the Unicode rules that the reference
// tokenizers rely on. Tables are utf8proc's (Unicode 15); what it lacks is in runes.c.
#ifndef BV_TEXT_RUNES_H
#define BV_TEXT_RUNES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Zero-initialise; free with bv_runes_free(). Every code point is a Unicode scalar value.
struct bv_runes {
    uint32_t *at;
    size_t n, capacity;
};

// Frees and zeroes; accepts a zeroed value.
void bv_runes_free(struct bv_runes *runes);

// Appends; BV_ERR_NOMEM leaves runes as they were.
enum bv_status bv_runes_push(struct bv_runes *runes, uint32_t rune, struct bv_error *err);
enum bv_status bv_runes_append(struct bv_runes *runes, const uint32_t *at, size_t n,
                               struct bv_error *err);

// Appends the code points of UTF-8 text. Invalid UTF-8 is BV_ERR_FORMAT and names the offset.
enum bv_status bv_runes_decode(struct bv_runes *runes, const char *text, size_t n_bytes,
                               struct bv_error *err);

// The runes as malloc'd UTF-8 with a terminating zero that is not counted in *n_bytes.
enum bv_status bv_runes_encode(const struct bv_runes *runes, char **text, size_t *n_bytes,
                               struct bv_error *err);

bool bv_runes_equal(const struct bv_runes *a, const struct bv_runes *b);

// A row of a table of code points, sorted, with what they are.
struct bv_rune_range {
    uint32_t first, last, value;
};

// The value of the row that holds rune, 0 when none does.
uint32_t bv_rune_lookup(const struct bv_rune_range *table, size_t n, uint32_t rune);

// Unicode's White_Space: \s of the `regex` module and Rust's is_whitespace().
bool bv_rune_is_white_space(uint32_t rune);
// Python's str.isspace(), by which strip() and split() go: White_Space and U+001C..U+001F.
bool bv_rune_is_python_space(uint32_t rune);
bool bv_rune_is_letter(uint32_t rune);          // general category L*
bool bv_rune_is_number(uint32_t rune);          // N*
bool bv_rune_is_digit(uint32_t rune);           // Nd
bool bv_rune_is_punctuation(uint32_t rune);     // P*
bool bv_rune_is_other(uint32_t rune);           // C*: control, format, private, unassigned
bool bv_rune_is_space_separator(uint32_t rune); // Zs
bool bv_rune_is_nonspacing_mark(uint32_t rune); // Mn
bool bv_rune_is_mark(uint32_t rune);            // M*
bool bv_rune_is_alphanumeric(uint32_t rune);    // Python's str.isalnum(): \w without "_"

// Lower case of one code point, whatever stands around it: 1 code point, or 2 for U+0130.
size_t bv_rune_lower(uint32_t rune, uint32_t out[2]);

// Appends the lower case of text[0..n) to out. final_sigma: a capital sigma at the end of a word
// becomes U+03C2, as in Python's str.lower(); Rust and per-character lowering do not.
enum bv_status bv_runes_lower(struct bv_runes *out, const uint32_t *text, size_t n,
                              bool final_sigma, struct bv_error *err);

// Appends the canonical decomposition (NFD) or composition (NFC) of text[0..n). Time grows as
// n log n even for long runs of combining marks.
enum bv_status bv_runes_nfd(struct bv_runes *out, const uint32_t *text, size_t n,
                            struct bv_error *err);
enum bv_status bv_runes_nfc(struct bv_runes *out, const uint32_t *text, size_t n,
                            struct bv_error *err);

// Appends the compatibility decomposition (NFKD) of text[0..n) without its combining marks: those
// whose combining class is not 0 (Python's unicodedata.combining()), or with all_marks everything
// of category M* (Rust's is_combining_mark()).
enum bv_status bv_runes_unmarked(struct bv_runes *out, const uint32_t *text, size_t n,
                                 bool all_marks, struct bv_error *err);

// The length of the extended grapheme cluster (UAX #29) that text[0..n) begins with, 0 for n == 0.
size_t bv_runes_grapheme(const uint32_t *text, size_t n);

#endif
