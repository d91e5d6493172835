#include "text/pieces.h"

#include "text/runes.h"

static uint32_t fold(uint32_t rune)
{
    if (rune == 0x17f)
        return 's';
    return rune >= 'A' && rune <= 'Z' ? rune + 32 : rune;
}

// Length of an English contraction at text[0], 0 when there is none.
static size_t contraction(const uint32_t *text, size_t n, bool ignore_case)
{
    if (n < 2 || text[0] != '\'')
        return 0;
    uint32_t a = ignore_case ? fold(text[1]) : text[1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 2;
    if (n < 3)
        return 0;
    uint32_t b = ignore_case ? fold(text[2]) : text[2];
    if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l'))
        return 3;
    return 0;
}

static bool is_rest(uint32_t rune)
{
    return !bv_rune_is_white_space(rune) && !bv_rune_is_letter(rune) && !bv_rune_is_number(rune);
}

static size_t run(const uint32_t *text, size_t n, bool (*belongs)(uint32_t rune))
{
    size_t i = 0;
    while (i < n && belongs(text[i]))
        i++;
    return i;
}

static bool is_rest_without_case(uint32_t rune)
{
    return is_rest(rune) && rune != 0x345;
}

size_t bv_split_clip(const uint32_t *text, size_t n, bool ignore_case)
{
    size_t length = contraction(text, n, ignore_case);
    if (length)
        return length;
    if (bv_rune_is_number(text[0]))
        return 1;
    if (bv_rune_is_letter(text[0]))
        return run(text, n, bv_rune_is_letter);
    return run(text, n, ignore_case ? is_rest_without_case : is_rest);
}

size_t bv_split_gpt2(const uint32_t *text, size_t n)
{
    size_t length = contraction(text, n, false);
    if (length)
        return length;
    size_t space = text[0] == ' ' && n > 1 && !bv_rune_is_white_space(text[1]);
    uint32_t first = text[space];
    if (!bv_rune_is_white_space(first)) {
        bool (*belongs)(uint32_t) = bv_rune_is_letter(first)   ? bv_rune_is_letter
                                    : bv_rune_is_number(first) ? bv_rune_is_number
                                                               : is_rest;
        return space + run(text + space, n - space, belongs);
    }
    // White space before a word leaves its last rune to that word, unless it is the only one.
    length = run(text, n, bv_rune_is_white_space);
    return length == n || length == 1 ? length : length - 1;
}
