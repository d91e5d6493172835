// utf8.h: reading UTF-8 that may be wrong.
#ifndef BV_BASE_UTF8_H
#define BV_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decodes one code point at text[0..n); returns the bytes taken (1 to 4) or 0 for an invalid
// sequence (overlong, surrogate, past U+10FFFF, cut off) or n == 0.
size_t bv_utf8_decode(const char *text, size_t n, uint32_t *code_point);

// Writes 1 to 4 bytes to out and returns their number; code_point must be a scalar value.
size_t bv_utf8_encode(uint32_t code_point, char out[4]);

// Whether all n bytes are valid UTF-8; *bad_offset (may be NULL) receives where they are not.
bool bv_utf8_valid(const char *text, size_t n, size_t *bad_offset);

#endif
