// Whether text looks garbled: ftfy's heuristic, which puts the characters that occur in garbled
// text into classes and knows which classes hardly ever stand side by side.
#include <uchar.h>

#include "text/clean.h"

enum {
    C1 = 1 << 0, // control characters
    BAD = 1 << 1,
    LOWER_ACCENTED = 1 << 2,
    UPPER_ACCENTED = 1 << 3,
    LOWER_COMMON = 1 << 4, // Greek, Cyrillic
    UPPER_COMMON = 1 << 5,
    BOX = 1 << 6,
    START = 1 << 7, // punctuation
    END = 1 << 8,
    CURRENCY = 1 << 9,
    NUMERIC = 1 << 10,
    COMMON = 1 << 11,
    KAOMOJI = 1 << 12, // letters of which faces are made
    ASCII_LOWER = 1 << 13,
    ASCII_UPPER = 1 << 14,
    SPACE = 1 << 15,
    ASCII_LETTER = ASCII_LOWER | ASCII_UPPER,
    ACCENTED = LOWER_ACCENTED | UPPER_ACCENTED,
};

// Sorted.
static const struct bv_rune_range table[] = {
    {0x80, 0x9f, C1},
    {0xa0, 0xa0, COMMON},
    {0xa1, 0xa1, START},
    {0xa2, 0xa3, CURRENCY},
    {0xa4, 0xa4, BAD},
    {0xa5, 0xa5, CURRENCY},
    {0xa6, 0xa8, BAD},
    {0xa9, 0xa9, START},
    {0xaa, 0xaa, BAD},
    {0xab, 0xab, START},
    {0xac, 0xac, BAD},
    {0xad, 0xad, COMMON},
    {0xae, 0xae, END},
    {0xaf, 0xaf, BAD},
    {0xb0, 0xb0, KAOMOJI},
    {0xb1, 0xb3, NUMERIC},
    {0xb4, 0xb4, COMMON},
    {0xb5, 0xb5, NUMERIC},
    {0xb6, 0xb6, BAD},
    {0xb7, 0xb7, COMMON},
    {0xb8, 0xb8, BAD},
    {0xb9, 0xb9, NUMERIC},
    {0xba, 0xba, BAD},
    {0xbb, 0xbb, END},
    {0xbc, 0xbe, NUMERIC},
    {0xbf, 0xbf, START},
    {0xc0, 0xd1, UPPER_ACCENTED},
    {0xd2, 0xd6, KAOMOJI},
    {0xd7, 0xd7, NUMERIC},
    {0xd8, 0xd8, UPPER_ACCENTED},
    {0xd9, 0xdb, KAOMOJI},
    {0xdc, 0xdc, KAOMOJI | UPPER_ACCENTED},
    {0xdd, 0xdd, UPPER_ACCENTED},
    {0xde, 0xde, UPPER_COMMON},
    {0xdf, 0xf1, LOWER_ACCENTED},
    {0xf2, 0xf6, KAOMOJI},
    {0xf7, 0xf7, NUMERIC},
    {0xf8, 0xfb, KAOMOJI},
    {0xfc, 0xfc, KAOMOJI | LOWER_ACCENTED},
    {0x102, 0x102, UPPER_ACCENTED},
    {0x103, 0x103, LOWER_ACCENTED},
    {0x104, 0x104, UPPER_ACCENTED},
    {0x105, 0x105, LOWER_ACCENTED},
    {0x106, 0x106, UPPER_ACCENTED},
    {0x107, 0x107, LOWER_ACCENTED},
    {0x10c, 0x10c, UPPER_ACCENTED},
    {0x10d, 0x10d, LOWER_ACCENTED},
    {0x10e, 0x10e, UPPER_ACCENTED},
    {0x10f, 0x10f, LOWER_ACCENTED},
    {0x110, 0x110, UPPER_ACCENTED},
    {0x111, 0x111, LOWER_ACCENTED},
    {0x118, 0x118, UPPER_ACCENTED},
    {0x119, 0x119, LOWER_ACCENTED},
    {0x11a, 0x11a, UPPER_ACCENTED},
    {0x11b, 0x11b, LOWER_ACCENTED},
    {0x11e, 0x11e, UPPER_ACCENTED},
    {0x11f, 0x11f, LOWER_ACCENTED},
    {0x130, 0x130, UPPER_ACCENTED},
    {0x139, 0x139, UPPER_ACCENTED},
    {0x13a, 0x13a, LOWER_ACCENTED},
    {0x13d, 0x13d, UPPER_ACCENTED},
    {0x13e, 0x13e, LOWER_ACCENTED},
    {0x141, 0x141, UPPER_ACCENTED},
    {0x142, 0x142, LOWER_ACCENTED},
    {0x143, 0x143, UPPER_ACCENTED},
    {0x147, 0x147, UPPER_ACCENTED},
    {0x150, 0x150, KAOMOJI},
    {0x152, 0x152, UPPER_ACCENTED},
    {0x153, 0x153, LOWER_ACCENTED},
    {0x155, 0x155, LOWER_ACCENTED},
    {0x158, 0x158, UPPER_ACCENTED},
    {0x15a, 0x15a, UPPER_ACCENTED},
    {0x15b, 0x15b, LOWER_ACCENTED},
    {0x15e, 0x15e, UPPER_ACCENTED},
    {0x15f, 0x15f, LOWER_ACCENTED},
    {0x160, 0x160, UPPER_ACCENTED},
    {0x161, 0x161, LOWER_ACCENTED},
    {0x162, 0x162, UPPER_ACCENTED},
    {0x164, 0x164, UPPER_ACCENTED},
    {0x165, 0x165, LOWER_ACCENTED},
    {0x16e, 0x16e, UPPER_ACCENTED},
    {0x170, 0x170, UPPER_ACCENTED},
    {0x178, 0x179, UPPER_ACCENTED},
    {0x17a, 0x17a, LOWER_ACCENTED},
    {0x17b, 0x17b, UPPER_ACCENTED},
    {0x17c, 0x17c, LOWER_ACCENTED},
    {0x17d, 0x17d, UPPER_ACCENTED},
    {0x17e, 0x17e, LOWER_ACCENTED},
    {0x192, 0x192, BAD},
    {0x2c6, 0x2c7, BAD},
    {0x2d8, 0x2d8, BAD},
    {0x2db, 0x2dc, BAD},
    {0x2dd, 0x2dd, END},
    {0x384, 0x385, START},
    {0x386, 0x386, UPPER_COMMON},
    {0x388, 0x38a, UPPER_COMMON},
    {0x38c, 0x38c, UPPER_COMMON},
    {0x38e, 0x38f, UPPER_COMMON},
    {0x391, 0x3ab, UPPER_COMMON},
    {0x3ac, 0x3c9, LOWER_COMMON},
    {0x401, 0x42f, UPPER_COMMON},
    {0x430, 0x45f, LOWER_COMMON},
    {0x490, 0x490, UPPER_ACCENTED},
    {0x491, 0x491, LOWER_ACCENTED},
    {0x2013, 0x2015, COMMON},
    {0x2018, 0x2018, START},
    {0x2019, 0x2019, COMMON},
    {0x201a, 0x201a, START},
    {0x201c, 0x201c, START},
    {0x201d, 0x201d, END},
    {0x201e, 0x201e, START},
    {0x2020, 0x2021, BAD},
    {0x2022, 0x2022, START},
    {0x2026, 0x2026, COMMON},
    {0x2030, 0x2030, BAD},
    {0x2039, 0x2039, START},
    {0x203a, 0x203a, END},
    {0x2044, 0x2044, NUMERIC},
    {0x20a7, 0x20a7, CURRENCY},
    {0x20ac, 0x20ac, CURRENCY},
    {0x2116, 0x2116, NUMERIC},
    {0x2122, 0x2122, END},
    {0x2202, 0x2202, NUMERIC},
    {0x2206, 0x2206, NUMERIC},
    {0x220f, 0x220f, NUMERIC},
    {0x2211, 0x2211, NUMERIC},
    {0x221a, 0x221a, NUMERIC},
    {0x221e, 0x221e, NUMERIC},
    {0x2229, 0x2229, NUMERIC},
    {0x222b, 0x222b, NUMERIC},
    {0x2248, 0x2248, NUMERIC},
    {0x2260, 0x2261, NUMERIC},
    {0x2264, 0x2265, NUMERIC},
    {0x2310, 0x2310, BAD},
    {0x2502, 0x2502, BOX},
    {0x250c, 0x250c, BOX},
    {0x2510, 0x2510, BOX},
    {0x2518, 0x2518, BOX},
    {0x251c, 0x251c, BOX},
    {0x2524, 0x2524, BOX},
    {0x252c, 0x252c, BOX},
    {0x253c, 0x253c, BOX},
    {0x2550, 0x256c, BOX},
    {0x2580, 0x2580, BOX},
    {0x2584, 0x2584, BOX},
    {0x2588, 0x2588, BOX},
    {0x258c, 0x258c, BOX},
    {0x2590, 0x2593, BOX},
    {0x25ca, 0x25ca, BAD},
    {0xf8ff, 0xf8ff, START},
    {0xfb01, 0xfb02, LOWER_ACCENTED},
    {0xfffd, 0xfffd, BAD},
};

static unsigned classes_of(uint32_t rune)
{
    if (rune < 0x80)
        return rune >= 'a' && rune <= 'z'      ? ASCII_LOWER
               : rune >= 'A' && rune <= 'Z'    ? ASCII_UPPER
               : bv_rune_is_python_space(rune) ? SPACE
                                               : 0;
    unsigned space = bv_rune_is_python_space(rune) ? SPACE : 0;
    return space | bv_rune_lookup(table, sizeof table / sizeof *table, rune);
}

static bool among(uint32_t rune, const char32_t *list)
{
    while (*list && *list != rune)
        list++;
    return *list != 0 && rune != 0;
}

// A window on the text: runes and their classes, 0 past the end.
struct window {
    uint32_t rune[7];
    unsigned is[7];
};

// Two classes side by side.
static bool bad_pair(const struct window *w)
{
    unsigned a = w->is[0], b = w->is[1];
    unsigned marked = ACCENTED | BOX | START | END | CURRENCY | NUMERIC;
    return (a & C1) || ((a & (BAD | marked)) && (b & BAD)) || ((a & BAD) && (b & marked)) ||
           ((a & (LOWER_ACCENTED | LOWER_COMMON | BOX | END | CURRENCY | NUMERIC)) &&
            (b & UPPER_ACCENTED)) ||
           ((a & (BOX | END | CURRENCY | NUMERIC)) && (b & LOWER_ACCENTED)) ||
           ((a & (LOWER_ACCENTED | BOX | END)) && (b & CURRENCY)) ||
           ((a & (UPPER_ACCENTED | BOX)) && (b & NUMERIC)) ||
           ((a & (CURRENCY | NUMERIC | BOX)) && (b & START)) ||
           ((a & BOX) && (b & (KAOMOJI | END))) ||
           ((a & (ACCENTED | CURRENCY | NUMERIC | START | END)) && (b & BOX));
}

// Three classes in a row.
static bool bad_triple(const struct window *w)
{
    unsigned a = w->is[0], b = w->is[1], c = w->is[2];
    return ((a & ASCII_LETTER) && (b & (LOWER_COMMON | UPPER_COMMON)) && (c & BAD)) ||
           ((a & SPACE) && (b & UPPER_ACCENTED) && (c & CURRENCY)) ||
           ((a & (ACCENTED | BOX | CURRENCY | END)) && (b & START) && (c & NUMERIC)) ||
           ((a & (ACCENTED | CURRENCY | NUMERIC | BOX)) && (b & END) && (c & START)) ||
           ((a & ASCII_LOWER) && (b & UPPER_ACCENTED) && (c & (START | CURRENCY))) ||
           ((a & ACCENTED) && (b & END) &&
            (w->rune[2] == '_' || bv_rune_is_alphanumeric(w->rune[2])));
}

// Pairs from Windows-1252 and MacRoman that the classes do not cover.
static bool bad_western(const struct window *w, bool has_next)
{
    uint32_t a = w->rune[0], b = w->rune[1], c = w->rune[2];
    unsigned is_b = w->is[1];
    switch (a) {
    case U'Œ':
    case U'œ':
        return has_next && !(is_b & ASCII_LETTER);
    case U'Â':
    case U'Ã':
    case U'Î':
    case U'Ð':
        return among(b, U"€Šš¢£Ÿž\u00a0\u00ad®©°·»–—´") || (is_b & (START | END)) ||
               (a == U'Ã' && b == U'¡');
    case U'×':
        return among(b, U"²³");
    case U'à':
        return among(b, U"²µ¹¼½¾");
    case U'√':
        return among(b, U"±∂†≠®™´≤≥¥µø");
    case U'≈':
        return among(b, U"°¢");
    case U'‚':
        return (b == U'Ä' && among(c, U"ìîïòôúùû†°¢π")) || (among(b, U"âó") && among(c, U"àä°ê"));
    default:
        return false;
    }
}

static bool arabic_tail(uint32_t rune, unsigned is)
{
    return (is & (COMMON | CURRENCY | BAD | NUMERIC | START)) || among(rune, U"ŸŠ®°µ»");
}

// Sequences of the Arabic, Cyrillic and Greek alphabets.
static bool bad_foreign(const struct window *w)
{
    uint32_t a = w->rune[0], b = w->rune[1], c = w->rune[2];
    unsigned middle = C1 | BAD | START | END | CURRENCY;
    switch (a) {
    case U'Ø':
    case U'Ù':
        return arabic_tail(b, w->is[1]) && among(c, U"ØÙ") && arabic_tail(w->rune[3], w->is[3]);
    case U'в':
        return b == U'Ђ';
    case U'Г':
        if (b == U'ў' && c == U'В' && w->rune[3] == U'Ђ' && w->rune[4] == U'В')
            return w->rune[5] != '\n' && ((w->is[6] & ASCII_LETTER) || w->rune[6] == ' ');
        return among(c, U"ВГРС") && ((w->is[1] & middle) || among(b, U"°µ"));
    case U'В':
    case U'Р':
    case U'С':
        return among(c, U"ВГРС") && ((w->is[1] & middle) || among(b, U"°µ"));
    case U'β':
        return b == U'€' && among(c, U"™\u00a0Ά\u00ad®°");
    case U'Β':
    case U'Γ':
    case U'Ξ':
    case U'Ο':
        return among(c, U"ΒΓΞΟ") && ((w->is[1] & middle) || b == U'°');
    default:
        return false;
    }
}

// "Â" and "Ã" where a space or punctuation shows that they stand for something else.
static bool bad_circumflex(const struct window *w, bool first)
{
    const uint32_t *rune = w->rune;
    if (first && among(rune[0], U"ÃÂ") && rune[1] == ' ')
        return true;
    if (w->is[0] & ASCII_LOWER) {
        size_t gap = (w->is[1] & SPACE) ? 1 : 0;
        if (among(rune[1 + gap], U"ÃÂ") && rune[2 + gap] == ' ')
            return true;
    }
    return ((w->is[0] & (ASCII_LOWER | END)) || among(rune[0], U".,?!")) && rune[1] == U'Â' &&
           (rune[2] == ' ' || (w->is[2] & (START | END)));
}

bool bv_mojibake_is_bad(const uint32_t *text, size_t n)
{
    struct window w = {{0}, {0}};
    enum { WIDTH = sizeof w.rune / sizeof *w.rune };
    for (size_t i = 0; i < n + WIDTH - 1; i++) {
        for (size_t k = 0; k + 1 < WIDTH; k++) {
            w.rune[k] = w.rune[k + 1];
            w.is[k] = w.is[k + 1];
        }
        w.rune[WIDTH - 1] = i < n ? text[i] : 0;
        w.is[WIDTH - 1] = i < n ? classes_of(text[i]) : 0;
        if (i + 1 < WIDTH)
            continue;
        size_t at = i + 1 - WIDTH;
        // Two plain characters begin no bad sequence, but "a  Â " has one.
        if (w.rune[0] < 0x80 && w.rune[1] < 0x80 && w.rune[2] < 0x80)
            continue;
        if (bad_pair(&w) || bad_triple(&w) || bad_western(&w, at + 1 < n) || bad_foreign(&w) ||
            bad_circumflex(&w, at == 0))
            return true;
    }
    return false;
}
