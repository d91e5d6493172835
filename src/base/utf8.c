#include "base/encoding.h"

size_t bv_utf8_decode(const char *text, size_t n, uint32_t *code_point)
{
    if (n == 0)
        return 0;
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        *code_point = lead;
        return 1;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || n < length)
        return 0;
    uint32_t value = lead & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xc0u) != 0x80u)
            return 0;
        value = value << 6 | (c & 0x3fu);
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code_point = value;
    return length;
}

size_t bv_utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0u | c >> 6);
        out[1] = (char)(0x80u | (c & 0x3fu));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0u | c >> 12);
        out[1] = (char)(0x80u | (c >> 6 & 0x3fu));
        out[2] = (char)(0x80u | (c & 0x3fu));
        return 3;
    }
    out[0] = (char)(0xf0u | c >> 18);
    out[1] = (char)(0x80u | (c >> 12 & 0x3fu));
    out[2] = (char)(0x80u | (c >> 6 & 0x3fu));
    out[3] = (char)(0x80u | (c & 0x3fu));
    return 4;
}

bool bv_utf8_valid(const char *text, size_t n, size_t *bad_offset)
{
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t taken = bv_utf8_decode(text + i, n - i, &c);
        if (taken == 0) {
            if (bad_offset)
                *bad_offset = i;
            return false;
        }
        i += taken;
    }
    return true;
}
