// mojibake.h: text that was written in UTF-8 and read in another encoding: how to see it, and how
// to undo it. The rules are those of ftfy 6.1 (Speer): its classes of characters, its list of
// unlikely neighbours, its order of encodings.
#ifndef BV_TEXT_MOJIBAKE_H
#define BV_TEXT_MOJIBAKE_H

#include "text/runes.h"

// Whether text[0..n) has two or three neighbours that hardly occur but in garbled text.
bool bv_mojibake_is_bad(const uint32_t *text, size_t n);

// Appends text[0..n) to out with garbled encodings undone, as often over as it takes (at most
// BV_MOJIBAKE_ROUNDS times).
enum bv_status bv_mojibake_fix(struct bv_runes *out, const uint32_t *text, size_t n,
                               struct bv_error *err);
enum { BV_MOJIBAKE_ROUNDS = 64 };

// One C1 control character as the byte of Windows-1252 that it was, where that has a meaning.
uint32_t bv_mojibake_c1(uint32_t rune);

#endif
