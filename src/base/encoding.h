// encoding.h: texts of characters and of bytes: UTF-8 and base64.
#ifndef BV_BASE_ENCODING_H
#define BV_BASE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// utf8.c: reading UTF-8 that may be wrong.

// Decodes one code point at text[0..n); returns the bytes taken (1 to 4) or 0 for an invalid
// sequence (overlong, surrogate, past U+10FFFF, cut off) or n == 0.
size_t bv_utf8_decode(const char *text, size_t n, uint32_t *code_point);

// Writes 1 to 4 bytes to out and returns their number; code_point must be a scalar value.
size_t bv_utf8_encode(uint32_t code_point, char out[4]);

// Whether all n bytes are valid UTF-8; *bad_offset (may be NULL) receives where they are not.
bool bv_utf8_valid(const char *text, size_t n, size_t *bad_offset);

// base64.c: bytes as text and back (RFC 4648, with padding, without line breaks).

// The characters that n bytes become, the terminating zero not counted.
#define BV_BASE64_SIZE(n) (((n) + 2) / 3 * 4)

// Writes BV_BASE64_SIZE(n) characters and a zero.
void bv_base64_encode(const void *bytes, size_t n, char *out);

// Decodes n characters to malloc'd memory, which the caller frees. Anything but well-formed text
// is BV_ERR_FORMAT.
enum bv_status bv_base64_decode(const char *text, size_t n, char **bytes, size_t *n_bytes,
                                struct bv_error *err);

#endif
