// fold.h: characters as names are compared: without case, accents, width and ligatures.
#ifndef BV_RETRIEVAL_FOLD_H
#define BV_RETRIEVAL_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bv_char_class {
    BV_CHAR_OTHER,
    BV_CHAR_WORD, // letters and digits of scripts that put blanks between words
    BV_CHAR_CJK,  // scripts that do not: Han, kana, Hangul, Thai and their neighbours
};

enum bv_char_class bv_char_class(uint32_t c);
bool bv_char_is_upper(uint32_t c);

#define BV_FOLD_ROOM 16

// What a character is compared as; returns how many code points, 0 for marks and what is ignored.
// long_form writes umlauts and rings out (ä as ae, å as aa), as names are transcribed.
size_t bv_fold_char(uint32_t c, bool long_form, uint32_t out[BV_FOLD_ROOM]);

#endif
