// split.h: how CLIP and RoBERTa cut text into the words that byte-pair encoding then cuts further.
#ifndef BV_TEXT_SPLIT_H
#define BV_TEXT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// CLIP: 's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
// n > 0. Returns the length of the word at text[0], 0 where none starts: at white space. The
// original code ignores case (ignore_case), to which U+017F is an "s", and U+0345, a mark that
// becomes a letter in capitals, belongs to no word.
size_t bv_split_clip(const uint32_t *text, size_t n, bool ignore_case);

// GPT-2 and RoBERTa: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// n > 0. Returns the length of the word at text[0]; every rune belongs to one.
size_t bv_split_gpt2(const uint32_t *text, size_t n);

#endif
