// base64.h: bytes as text and back (RFC 4648, with padding, without line breaks).
#ifndef BV_BASE_BASE64_H
#define BV_BASE_BASE64_H

#include <stddef.h>

#include "base/status.h"

// The characters that n bytes become, the terminating zero not counted.
#define BV_BASE64_SIZE(n) (((n) + 2) / 3 * 4)

// Writes BV_BASE64_SIZE(n) characters and a zero.
void bv_base64_encode(const void *bytes, size_t n, char *out);

// Decodes n characters to malloc'd memory, which the caller frees. Anything but well-formed text
// is BV_ERR_FORMAT.
enum bv_status bv_base64_decode(const char *text, size_t n, char **bytes, size_t *n_bytes,
                                struct bv_error *err);

#endif
