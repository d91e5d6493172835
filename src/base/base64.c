#include "base/encoding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void bv_base64_encode(const void *bytes, size_t n, char *out)
{
    const uint8_t *in = bytes;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t word = (uint32_t)in[i] << 16;
        word |= i + 1 < n ? (uint32_t)in[i + 1] << 8 : 0;
        word |= i + 2 < n ? in[i + 2] : 0;
        *out++ = digits[word >> 18];
        *out++ = digits[word >> 12 & 63];
        *out++ = i + 1 < n ? digits[word >> 6 & 63] : '=';
        *out++ = i + 2 < n ? digits[word & 63] : '=';
    }
    *out = '\0';
}

enum bv_status bv_base64_decode(const char *text, size_t n, char **bytes, size_t *n_bytes,
                                struct bv_error *err)
{
    size_t padding = 0;
    uint8_t value[256];
    if (n % 4 != 0)
        return bv_fail(err, BV_ERR_FORMAT, "base64: %zu characters are no whole groups", n);
    while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
        padding++;
    memset(value, 255, sizeof value);
    for (uint8_t i = 0; i < 64; i++)
        value[(unsigned char)digits[i]] = i;
    char *out = malloc(n / 4 * 3 + 1);
    if (!out)
        return bv_fail_nomem(err, "base64");
    for (size_t i = 0; i < n; i++) {
        uint8_t v = i < n - padding ? value[(unsigned char)text[i]] : 0;
        if (v == 255) {
            free(out);
            return bv_fail(err, BV_ERR_FORMAT, "base64: character %zu is not one of its digits", i);
        }
        size_t at = i / 4 * 3;
        unsigned shift = 18 - 6 * (unsigned)(i % 4);
        uint32_t bits = (uint32_t)v << shift;
        if (i % 4 == 0)
            out[at] = out[at + 1] = out[at + 2] = 0;
        for (unsigned k = 0; k < 3; k++)
            out[at + k] = (char)((uint8_t)out[at + k] | (uint8_t)(bits >> (16 - 8 * k)));
    }
    *bytes = out;
    *n_bytes = n / 4 * 3 - padding;
    return BV_OK;
}
