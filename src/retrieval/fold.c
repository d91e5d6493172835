#include "retrieval/scrub.h"

#include <utf8proc.h>

enum bv_char_class bv_char_class(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                   ? BV_CHAR_WORD
                   : BV_CHAR_OTHER;
    static const uint32_t cjk[][2] = {
        {0x0E00, 0x0EFF},   // Thai, Lao
        {0x1000, 0x109F},   // Myanmar
        {0x1100, 0x11FF},   // Hangul Jamo
        {0x1780, 0x17FF},   // Khmer
        {0x3005, 0x3007},   // ideographic iteration and zero
        {0x3041, 0x318F},   // kana, Bopomofo, Hangul compatibility
        {0x31A0, 0x31FF},   // Bopomofo, Katakana
        {0x3400, 0x9FFF},   // Han
        {0xA960, 0xA97F},   // Hangul
        {0xAC00, 0xD7FF},   // Hangul
        {0xF900, 0xFAFF},   // Han
        {0xFF66, 0xFFDC},   // halfwidth kana and Hangul
        {0x20000, 0x3FFFF}, // Han
    };
    for (size_t i = 0; i < sizeof cjk / sizeof *cjk; i++) {
        if (c >= cjk[i][0] && c <= cjk[i][1])
            return BV_CHAR_CJK;
    }
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
        return BV_CHAR_WORD;
    default:
        return BV_CHAR_OTHER;
    }
}

bool bv_char_is_upper(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
}

// Letters that Unicode does not take apart, and umlauts written out.
static size_t fold_special(uint32_t c, bool long_form, uint32_t *out)
{
    static const struct {
        uint32_t upper, lower;
        char plain[3], longer[3];
    } letters[] = {
        {0xC4, 0xE4, "a", "ae"},    {0xD6, 0xF6, "o", "oe"},  {0xDC, 0xFC, "u", "ue"},
        {0xC5, 0xE5, "a", "aa"},    {0xD8, 0xF8, "o", "oe"},  {0xC6, 0xE6, "ae", "ae"},
        {0x152, 0x153, "oe", "oe"}, {0x141, 0x142, "l", "l"}, {0x110, 0x111, "d", "d"},
        {0xD0, 0xF0, "d", "d"},     {0xDE, 0xFE, "th", "th"}, {0x130, 0x131, "i", "i"},
        {0x126, 0x127, "h", "h"},
    };
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (c != letters[i].upper && c != letters[i].lower)
            continue;
        const char *to = long_form ? letters[i].longer : letters[i].plain;
        out[0] = (uint32_t)to[0];
        out[1] = (uint32_t)to[1];
        return to[1] ? 2 : 1;
    }
    return 0;
}

size_t bv_fold_char(uint32_t c, bool long_form, uint32_t out[BV_FOLD_ROOM])
{
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
        return 1;
    }
    size_t n = fold_special(c, long_form, out);
    if (n > 0)
        return n;
    if (c >= 0xAC00 && c <= 0xD7A3) { // whole syllables
        out[0] = c;
        return 1;
    }
    utf8proc_int32_t parts[BV_FOLD_ROOM];
    int boundary = 0;
    utf8proc_ssize_t made =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, BV_FOLD_ROOM,
                                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                    UTF8PROC_STRIPMARK | UTF8PROC_IGNORE,
                                &boundary);
    if (made < 0 || made > BV_FOLD_ROOM) {
        out[0] = c;
        return 1;
    }
    for (utf8proc_ssize_t i = 0; i < made; i++)
        out[i] = (uint32_t)parts[i];
    return (size_t)made;
}
