#include "text/runes.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/encoding.h"
#include "base/memory.h"

void bv_runes_free(struct bv_runes *runes)
{
    free(runes->at);
    *runes = (struct bv_runes){0};
}

static enum bv_status reserve(struct bv_runes *runes, size_t more, struct bv_error *err)
{
    size_t need, bytes;
    if (!bv_add_size(runes->n, more, &need))
        return bv_fail_nomem(err, "text");
    if (need <= runes->capacity)
        return BV_OK;
    size_t capacity = runes->capacity + runes->capacity / 2 + 32;
    if (capacity < need)
        capacity = need;
    if (!bv_mul_size(capacity, sizeof *runes->at, &bytes))
        return bv_fail_nomem(err, "text");
    uint32_t *at = realloc(runes->at, bytes);
    if (!at)
        return bv_fail_nomem(err, "text");
    runes->at = at;
    runes->capacity = capacity;
    return BV_OK;
}

enum bv_status bv_runes_push(struct bv_runes *runes, uint32_t rune, struct bv_error *err)
{
    if (runes->n == runes->capacity)
        BV_TRY(reserve(runes, 1, err));
    runes->at[runes->n++] = rune;
    return BV_OK;
}

enum bv_status bv_runes_append(struct bv_runes *runes, const uint32_t *at, size_t n,
                               struct bv_error *err)
{
    if (n == 0)
        return BV_OK;
    BV_TRY(reserve(runes, n, err));
    memcpy(runes->at + runes->n, at, n * sizeof *at);
    runes->n += n;
    return BV_OK;
}

enum bv_status bv_runes_decode(struct bv_runes *runes, const char *text, size_t n_bytes,
                               struct bv_error *err)
{
    BV_TRY(reserve(runes, n_bytes, err));
    size_t n = runes->n;
    for (size_t i = 0; i < n_bytes;) {
        size_t taken = bv_utf8_decode(text + i, n_bytes - i, &runes->at[n]);
        if (taken == 0)
            return bv_fail(err, BV_ERR_FORMAT, "text is not valid UTF-8 at byte %zu", i);
        n++;
        i += taken;
    }
    runes->n = n;
    return BV_OK;
}

enum bv_status bv_runes_encode(const struct bv_runes *runes, char **text, size_t *n_bytes,
                               struct bv_error *err)
{
    size_t bytes;
    if (!bv_mul_size(runes->n, 4, &bytes) || !bv_add_size(bytes, 1, &bytes))
        return bv_fail_nomem(err, "text");
    char *out = malloc(bytes);
    if (!out)
        return bv_fail_nomem(err, "text");
    size_t n = 0;
    for (size_t i = 0; i < runes->n; i++)
        n += bv_utf8_encode(runes->at[i], out + n);
    out[n] = '\0';
    *text = out;
    *n_bytes = n;
    return BV_OK;
}

bool bv_runes_equal(const struct bv_runes *a, const struct bv_runes *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof *a->at) == 0);
}

static utf8proc_category_t category(uint32_t rune)
{
    return utf8proc_category((utf8proc_int32_t)rune);
}

bool bv_rune_is_white_space(uint32_t rune)
{
    if (rune < 0x80)
        return rune == ' ' || (rune >= '\t' && rune <= '\r');
    return rune == 0x85 || rune == 0x2028 || rune == 0x2029 || bv_rune_is_space_separator(rune);
}

bool bv_rune_is_python_space(uint32_t rune)
{
    return (rune >= 0x1c && rune <= 0x1f) || bv_rune_is_white_space(rune);
}

bool bv_rune_is_letter(uint32_t rune)
{
    if (rune < 0x80)
        return (rune | 0x20) >= 'a' && (rune | 0x20) <= 'z';
    utf8proc_category_t c = category(rune);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool bv_rune_is_number(uint32_t rune)
{
    if (rune < 0x80)
        return rune >= '0' && rune <= '9';
    utf8proc_category_t c = category(rune);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool bv_rune_is_digit(uint32_t rune)
{
    return rune < 0x80 ? rune >= '0' && rune <= '9' : category(rune) == UTF8PROC_CATEGORY_ND;
}

bool bv_rune_is_punctuation(uint32_t rune)
{
    utf8proc_category_t c = category(rune);
    return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
}

bool bv_rune_is_other(uint32_t rune)
{
    if (rune < 0x7f)
        return rune < 0x20;
    utf8proc_category_t c = category(rune);
    return c >= UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CN;
}

bool bv_rune_is_space_separator(uint32_t rune)
{
    if (rune < 0x80)
        return rune == ' ';
    return category(rune) == UTF8PROC_CATEGORY_ZS;
}

bool bv_rune_is_nonspacing_mark(uint32_t rune)
{
    return rune >= 0x300 && category(rune) == UTF8PROC_CATEGORY_MN;
}

bool bv_rune_is_mark(uint32_t rune)
{
    utf8proc_category_t c = category(rune);
    return c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
}

bool bv_rune_is_alphanumeric(uint32_t rune)
{
    return bv_rune_is_letter(rune) || bv_rune_is_number(rune);
}

size_t bv_rune_lower(uint32_t rune, uint32_t out[2])
{
    if (rune < 0x80) {
        out[0] = rune >= 'A' && rune <= 'Z' ? rune + 32 : rune;
        return 1;
    }
    // The one code point whose full lower case is longer than itself.
    if (rune == 0x130) {
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)rune);
    return 1;
}

uint32_t bv_rune_lookup(const struct bv_rune_range *table, size_t n, uint32_t rune)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rune > table[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && rune >= table[low].first ? table[low].value : 0;
}

// Unicode's Cased: upper, lower and title case letters, Other_Lowercase, Other_Uppercase.
static bool is_cased(uint32_t rune)
{
    static const struct bv_rune_range others[] = {
        {0xaa, 0xaa, 1},       {0xba, 0xba, 1},       {0x2b0, 0x2b8, 1},     {0x2c0, 0x2c1, 1},
        {0x2e0, 0x2e4, 1},     {0x345, 0x345, 1},     {0x37a, 0x37a, 1},     {0x10fc, 0x10fc, 1},
        {0x1d2c, 0x1d6a, 1},   {0x1d78, 0x1d78, 1},   {0x1d9b, 0x1dbf, 1},   {0x2071, 0x2071, 1},
        {0x207f, 0x207f, 1},   {0x2090, 0x209c, 1},   {0x2160, 0x217f, 1},   {0x24b6, 0x24e9, 1},
        {0x2c7c, 0x2c7d, 1},   {0xa69c, 0xa69d, 1},   {0xa770, 0xa770, 1},   {0xa7f8, 0xa7f9, 1},
        {0xab5c, 0xab5f, 1},   {0xab69, 0xab69, 1},   {0x10780, 0x10780, 1}, {0x10783, 0x10785, 1},
        {0x10787, 0x107b0, 1}, {0x107b2, 0x107ba, 1}, {0x1f130, 0x1f149, 1}, {0x1f150, 0x1f169, 1},
        {0x1f170, 0x1f189, 1},
    };
    utf8proc_category_t c = category(rune);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LT) ||
           bv_rune_lookup(others, sizeof others / sizeof *others, rune);
}

// Unicode's Case_Ignorable: marks, format characters, modifiers, and the punctuation that may
// stand within a word.
static bool is_case_ignorable(uint32_t rune)
{
    static const struct bv_rune_range within_words[] = {
        {0x27, 0x27, 1},     {0x2e, 0x2e, 1},     {0x3a, 0x3a, 1},     {0xb7, 0xb7, 1},
        {0x387, 0x387, 1},   {0x55f, 0x55f, 1},   {0x5f4, 0x5f4, 1},   {0x2018, 0x2019, 1},
        {0x2024, 0x2024, 1}, {0x2027, 0x2027, 1}, {0xfe13, 0xfe13, 1}, {0xfe52, 0xfe52, 1},
        {0xfe55, 0xfe55, 1}, {0xff07, 0xff07, 1}, {0xff0e, 0xff0e, 1}, {0xff1a, 0xff1a, 1},
    };
    switch (category(rune)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return bv_rune_lookup(within_words, sizeof within_words / sizeof *within_words, rune);
    }
}

enum bv_status bv_runes_lower(struct bv_runes *out, const uint32_t *text, size_t n,
                              bool final_sigma, struct bv_error *err)
{
    // The last rune that is not case-ignorable, and how far ahead such a one is known: both are
    // carried along, so that long runs of ignorable runes cost no more than others.
    bool after_cased = false;
    size_t ahead = 0;
    BV_TRY(reserve(out, n, err));
    for (size_t i = 0; i < n; i++) {
        uint32_t rune = text[i], lower[2];
        size_t n_lower = bv_rune_lower(rune, lower);
        if (final_sigma && rune == 0x3a3) {
            ahead = ahead > i ? ahead : i + 1;
            while (ahead < n && is_case_ignorable(text[ahead]))
                ahead++;
            if (after_cased && (ahead == n || !is_cased(text[ahead])))
                lower[0] = 0x3c2;
        }
        if (final_sigma && !is_case_ignorable(rune))
            after_cased = is_cased(rune);
        BV_TRY(bv_runes_append(out, lower, n_lower, err));
    }
    return BV_OK;
}

static utf8proc_propval_t combining_class(uint32_t rune)
{
    return utf8proc_get_property((utf8proc_int32_t)rune)->combining_class;
}

// Sorts a run of combining marks by class, keeping the order within a class. utf8proc's own
// ordering takes quadratic time on hostile runs.
static enum bv_status order_marks(uint32_t *at, size_t n, struct bv_error *err)
{
    if (n <= 16) {
        for (size_t i = 1; i < n; i++) {
            uint32_t mark = at[i];
            size_t j = i;
            for (; j > 0 && combining_class(at[j - 1]) > combining_class(mark); j--)
                at[j] = at[j - 1];
            at[j] = mark;
        }
        return BV_OK;
    }
    uint32_t *sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return bv_fail_nomem(err, "text");
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++)
        start[combining_class(at[i]) + 1]++;
    for (size_t i = 1; i < 257; i++)
        start[i] += start[i - 1];
    for (size_t i = 0; i < n; i++)
        sorted[start[combining_class(at[i])]++] = at[i];
    memcpy(at, sorted, n * sizeof *sorted);
    free(sorted);
    return BV_OK;
}

enum bv_status bv_runes_nfd(struct bv_runes *out, const uint32_t *text, size_t n,
                            struct bv_error *err)
{
    size_t start = out->n;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0xc0) {
            BV_TRY(bv_runes_push(out, text[i], err));
            continue;
        }
        // The longest canonical decomposition has four code points.
        utf8proc_int32_t parts[8];
        int boundary = 0;
        utf8proc_ssize_t n_parts = utf8proc_decompose_char((utf8proc_int32_t)text[i], parts, 8,
                                                           UTF8PROC_DECOMPOSE, &boundary);
        if (n_parts < 0 || n_parts > 8)
            return bv_fail(err, BV_ERR_INTERNAL, "U+%04X does not decompose", (unsigned)text[i]);
        for (utf8proc_ssize_t p = 0; p < n_parts; p++)
            BV_TRY(bv_runes_push(out, (uint32_t)parts[p], err));
    }
    for (size_t i = start; i < out->n;) {
        size_t end = i;
        while (end < out->n && out->at[end] >= 0x300 && combining_class(out->at[end]) != 0)
            end++;
        if (end - i > 1)
            BV_TRY(order_marks(out->at + i, end - i, err));
        i = end + 1;
    }
    return BV_OK;
}

enum bv_status bv_runes_nfc(struct bv_runes *out, const uint32_t *text, size_t n,
                            struct bv_error *err)
{
    size_t start = out->n;
    BV_TRY(bv_runes_nfd(out, text, n, err));
    if (out->n == start) // out->at may be NULL then
        return BV_OK;
    _Static_assert(sizeof(utf8proc_int32_t) == sizeof(uint32_t), "utf8proc composes in place");
    utf8proc_ssize_t composed = utf8proc_normalize_utf32((utf8proc_int32_t *)(out->at + start),
                                                         (utf8proc_ssize_t)(out->n - start),
                                                         UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    if (composed < 0)
        return bv_fail(err, BV_ERR_INTERNAL, "text does not compose");
    out->n = start + (size_t)composed;
    return BV_OK;
}

enum bv_status bv_runes_unmarked(struct bv_runes *out, const uint32_t *text, size_t n,
                                 bool all_marks, struct bv_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] < 0x80) {
            BV_TRY(bv_runes_push(out, text[i], err));
            continue;
        }
        // The longest compatibility decomposition (U+FDFA) has 18 code points.
        utf8proc_int32_t parts[24];
        int boundary = 0;
        utf8proc_ssize_t n_parts = utf8proc_decompose_char(
            (utf8proc_int32_t)text[i], parts, 24, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
        if (n_parts < 0 || n_parts > 24)
            return bv_fail(err, BV_ERR_INTERNAL, "U+%04X does not decompose", (unsigned)text[i]);
        for (utf8proc_ssize_t p = 0; p < n_parts; p++) {
            uint32_t part = (uint32_t)parts[p];
            if (all_marks ? !bv_rune_is_mark(part) : combining_class(part) == 0)
                BV_TRY(bv_runes_push(out, part, err));
        }
    }
    return BV_OK;
}

size_t bv_runes_grapheme(const uint32_t *text, size_t n)
{
    utf8proc_int32_t state = 0;
    size_t length = n > 0;
    while (length < n && !utf8proc_grapheme_break_stateful((utf8proc_int32_t)text[length - 1],
                                                           (utf8proc_int32_t)text[length], &state))
        length++;
    return length;
}
