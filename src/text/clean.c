#include "text/clean.h"

// Appends text with every run of white space as one space.
static enum bv_status collapse(struct bv_runes *out, const uint32_t *text, size_t n,
                               struct bv_error *err)
{
    bool in_space = false;
    for (size_t i = 0; i < n; i++) {
        bool space = bv_rune_is_white_space(text[i]);
        if (!space)
            BV_TRY(bv_runes_push(out, text[i], err));
        else if (!in_space)
            BV_TRY(bv_runes_push(out, ' ', err));
        in_space = space;
    }
    return BV_OK;
}

static void strip(const uint32_t **text, size_t *n)
{
    while (*n && bv_rune_is_python_space((*text)[*n - 1]))
        --*n;
    while (*n && bv_rune_is_python_space(**text)) {
        ++*text;
        --*n;
    }
}

// Swaps the buffers and empties the second: the output of one step is the input of the next.
static void turn(struct bv_runes *from, struct bv_runes *to)
{
    struct bv_runes swap = *from;
    *from = *to;
    *to = swap;
    to->n = 0;
}

static enum bv_status clean_web(struct bv_runes *out, enum bv_clean clean, struct bv_runes *a,
                                struct bv_runes *b, struct bv_error *err)
{
    if (clean != BV_CLEAN_CLIP_NOFTFY) {
        BV_TRY(bv_ftfy_fix_text(b, a->at, a->n, err));
        turn(a, b);
    }
    for (int round = 0; round < 2; round++) {
        BV_TRY(bv_html_unescape(b, a->at, a->n, err));
        turn(a, b);
    }
    const uint32_t *text = a->at;
    size_t n = a->n;
    strip(&text, &n);
    BV_TRY(collapse(b, text, n, err));
    text = b->at;
    n = b->n;
    strip(&text, &n);
    if (clean == BV_CLEAN_OPEN_CLIP)
        return bv_runes_append(out, text, n, err);
    return bv_runes_lower(out, text, n, true, err);
}

static enum bv_status clean_hf(struct bv_runes *out, struct bv_runes *a, struct bv_runes *b,
                               struct bv_error *err)
{
    BV_TRY(bv_runes_nfc(b, a->at, a->n, err));
    turn(a, b);
    BV_TRY(collapse(b, a->at, a->n, err));
    return bv_runes_lower(out, b->at, b->n, false, err);
}

static bool is_word(uint32_t rune)
{
    return rune == '_' || bv_rune_is_alphanumeric(rune);
}

static size_t count_words(const uint32_t *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += is_word(text[i]) && (i == 0 || !is_word(text[i - 1]));
    return count;
}

// One sentence of GLoRIA's: nothing when it has a single word.
static enum bv_status clean_sentence(struct bv_runes *out, const uint32_t *text, size_t n,
                                     struct bv_error *err)
{
    if (count_words(text, n) <= 1)
        return BV_OK;
    for (size_t i = 0; i < n; i++) {
        if (!is_word(text[i]))
            BV_TRY(bv_runes_push(out, ' ', err));
        else if (text[i] < 0x80)
            BV_TRY(bv_runes_push(out, text[i], err));
    }
    return bv_runes_push(out, ' ', err);
}

// A full stop ends a sentence and takes the digits before it along ("1. …", but "4.2" too).
static enum bv_status clean_gloria(struct bv_runes *out, struct bv_runes *a, struct bv_runes *b,
                                   struct bv_error *err)
{
    BV_TRY(bv_runes_lower(b, a->at, a->n, true, err));
    turn(a, b);
    size_t start = 0;
    for (size_t i = 0; i <= a->n; i++) {
        if (i < a->n && a->at[i] != '.')
            continue;
        size_t end = i;
        while (i < a->n && end > start && a->at[end - 1] >= '0' && a->at[end - 1] <= '9')
            end--;
        BV_TRY(clean_sentence(b, a->at + start, end - start, err));
        start = i + 1;
    }
    const uint32_t *text = b->at;
    size_t n = b->n;
    strip(&text, &n);
    return collapse(out, text, n, err);
}

static enum bv_status clean_biovil(struct bv_runes *out, const struct bv_runes *a,
                                   struct bv_error *err)
{
    size_t n = a->n;
    while (n && (a->at[n - 1] == '!' || a->at[n - 1] == '?' || a->at[n - 1] == '.'))
        n--;
    return bv_runes_append(out, a->at, n, err);
}

static bool is_punctuation(uint32_t rune) // Python's string.punctuation
{
    return (rune > ' ' && rune < '0') || (rune > '9' && rune < 'A') || (rune > 'Z' && rune < 'a') ||
           (rune > 'z' && rune < 0x7f);
}

static bool is_list_number(const uint32_t *text, size_t n) // Python's [0-9]\.
{
    return n > 1 && text[0] >= '0' && text[0] <= '9' && text[1] == '.';
}

// What canonicalize() leaves out.
enum omit { OMIT_NOTHING, OMIT_PUNCTUATION, OMIT_LIST_NUMBERS };

// Appends with runs of Python's white space as one space and none at the ends.
static enum bv_status canonicalize(struct bv_runes *out, enum omit omit, const uint32_t *text,
                                   size_t n, struct bv_error *err)
{
    bool in_space = false, any = false;
    for (size_t i = 0; i < n; i++) {
        if (omit == OMIT_PUNCTUATION && is_punctuation(text[i]))
            continue;
        if (omit == OMIT_LIST_NUMBERS && is_list_number(text + i, n - i)) {
            i++;
            continue;
        }
        bool space = bv_rune_is_python_space(text[i]);
        if (!space && in_space && any)
            BV_TRY(bv_runes_push(out, ' ', err));
        if (!space)
            BV_TRY(bv_runes_push(out, text[i], err));
        any = any || !space;
        in_space = space;
    }
    return BV_OK;
}

static enum bv_status clean_siglip(struct bv_runes *out, struct bv_runes *a, struct bv_runes *b,
                                   struct bv_error *err)
{
    BV_TRY(bv_runes_lower(b, a->at, a->n, false, err)); // letter by letter: a final sigma is σ
    return canonicalize(out, OMIT_PUNCTUATION, b->at, b->n, err);
}

static enum bv_status clean_by(struct bv_runes *out, enum bv_clean clean, struct bv_runes *a,
                               struct bv_runes *b, struct bv_error *err)
{
    switch (clean) {
    case BV_CLEAN_CLIP_HF:
        return clean_hf(out, a, b, err);
    case BV_CLEAN_GLORIA:
        return clean_gloria(out, a, b, err);
    case BV_CLEAN_BIOVIL:
        return clean_biovil(out, a, err);
    case BV_CLEAN_SIGLIP:
    case BV_CLEAN_SIGLIP_OPEN_CLIP:
        return clean_siglip(out, a, b, err);
    case BV_CLEAN_SPACES:
        return canonicalize(out, OMIT_NOTHING, a->at, a->n, err);
    case BV_CLEAN_SPACES_UNNUMBERED:
        return canonicalize(out, OMIT_LIST_NUMBERS, a->at, a->n, err);
    case BV_CLEAN_LOWER:
    case BV_CLEAN_LOWER_OPEN_CLIP:
        return bv_runes_lower(out, a->at, a->n, false, err); // a final sigma is σ
    default:
        return clean_web(out, clean, a, b, err);
    }
}

enum bv_status bv_clean_text(struct bv_runes *out, enum bv_clean clean, const uint32_t *text,
                             size_t n, struct bv_error *err)
{
    if (clean == BV_CLEAN_NONE || n == 0)
        return bv_runes_append(out, text, n, err);
    struct bv_runes a = {0}, b = {0};
    enum bv_status status = bv_runes_append(&a, text, n, err);
    if (status == BV_OK)
        status = clean_by(out, clean, &a, &b, err);
    bv_runes_free(&a);
    bv_runes_free(&b);
    return status;
}

static enum bv_status canonical(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_runes *a, struct bv_runes *b, struct bv_error *err)
{
    BV_TRY(bv_clean_text(a, BV_CLEAN_OPEN_CLIP, text, n, err));
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i] == '_')
            a->at[i] = ' ';
    BV_TRY(canonicalize(b, OMIT_PUNCTUATION, a->at, a->n, err));
    return bv_runes_lower(out, b->at, b->n, true, err);
}

enum bv_status bv_clean_canonical(struct bv_runes *out, const uint32_t *text, size_t n,
                                  struct bv_error *err)
{
    struct bv_runes a = {0}, b = {0};
    enum bv_status status = canonical(out, text, n, &a, &b, err);
    bv_runes_free(&a);
    bv_runes_free(&b);
    return status;
}
