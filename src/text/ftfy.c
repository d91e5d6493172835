#include "text/clean.h"

#include <string.h>
#include <utf8proc.h>

// Repairs repeat until nothing changes; ftfy has no bound, we stop here.
enum { MAX_ROUNDS = 64, MAX_SEGMENT = 1000000 };

// Nothing in such text is ever repaired: printable ASCII without character references, and line
// feeds and tabs.
static bool is_plain(const uint32_t *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t rune = text[i];
        if (rune >= 0x7f || rune == '&' || (rune < 0x20 && rune != '\n' && rune != '\t'))
            return false;
    }
    return true;
}

static bool is_ascii_alphanumeric(uint32_t rune)
{
    return rune < 0x80 && bv_rune_is_alphanumeric(rune);
}

// Upper case with the ligatures that entities stand for spelled out.
static size_t upper(uint32_t rune, uint32_t out[3])
{
    static const struct {
        uint32_t rune, upper[3];
    } longer[] = {
        {0xdf, {'S', 'S', 0}},     {0x149, {0x2bc, 'N', 0}}, {0xfb00, {'F', 'F', 0}},
        {0xfb01, {'F', 'I', 0}},   {0xfb02, {'F', 'L', 0}},  {0xfb03, {'F', 'F', 'I'}},
        {0xfb04, {'F', 'F', 'L'}},
    };
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        if (longer[i].rune == rune) {
            memcpy(out, longer[i].upper, sizeof longer[i].upper);
            return out[2] ? 3 : 2;
        }
    }
    out[0] = (uint32_t)utf8proc_toupper((utf8proc_int32_t)rune);
    return 1;
}

// "&NTILDE;" for "&Ntilde;": an all-capitals spelling of a reference known in small letters.
static size_t capital_entity(const char *name, size_t n, uint32_t out[6])
{
    char lower[24];
    uint32_t value[2];
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++) {
        if (name[i] >= 'a' && name[i] <= 'z')
            return 0;
        uint32_t small[2];
        bv_rune_lower((unsigned char)name[i], small);
        lower[i] = (char)small[0];
    }
    if (!bv_html_is_unknown(name, n))
        return 0;
    size_t n_value = bv_html_entity(lower, n, value);
    for (size_t i = 0; i < n_value; i++)
        n_out += upper(value[i], out + n_out);
    return n_out;
}

// "&#233;" with nothing but digits of its base. *length is that of the reference; false for none.
static bool number_entity(const uint32_t *text, size_t n, uint32_t *value, size_t *n_value)
{
    bool hex = n > 2 && (text[2] | 0x20) == 'x';
    size_t i = hex ? 3 : 2;
    uint32_t number = 0;
    if (i + 1 >= n) // at least one digit before the ";" at n - 1
        return false;
    for (; i + 1 < n; i++) {
        uint32_t rune = text[i] | 0x20; // digits have that bit
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (!digit && !(hex && rune >= 'a' && rune <= 'f'))
            return false;
        number = number * (hex ? 16 : 10) + (digit ? rune - '0' : rune - 'a' + 10);
        if (number > 0x110000)
            number = 0x110000;
    }
    *n_value = bv_html_number(number, value);
    return *n_value == 0 || *value != ';';
}

// Length of &#?[0-9A-Za-z]{1,24}; at text[0]; 0 for none.
static size_t entity_length(const uint32_t *text, size_t n)
{
    if (text[0] != '&')
        return 0;
    size_t first = n > 1 && text[1] == '#' ? 2 : 1, i = first;
    while (i < n && i - first < 24 && is_ascii_alphanumeric(text[i]))
        i++;
    return i > first && i < n && text[i] == ';' ? i + 1 : 0;
}

// Only references with the semicolon count, and some that are written in capitals.
static enum bv_status unescape(struct bv_runes *out, const uint32_t *text, size_t n,
                               struct bv_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t length = entity_length(text + i, n - i), n_value = 0;
        uint32_t value[6];
        bool known = false;
        if (length && text[i + 1] == '#') {
            known = number_entity(text + i, length, value, &n_value);
        } else if (length) {
            char name[24];
            for (size_t k = 0; k < length - 2; k++)
                name[k] = (char)text[i + 1 + k];
            n_value = bv_html_entity(name, length - 2, value);
            if (n_value == 0)
                n_value = capital_entity(name, length - 2, value);
            known = n_value > 0;
        }
        if (known) {
            BV_TRY(bv_runes_append(out, value, n_value, err));
            i += length;
        } else {
            BV_TRY(bv_runes_push(out, text[i++], err));
        }
    }
    return BV_OK;
}

// Latin ligatures and digraphs; returns the number of letters, 0 when rune is none.
static size_t ligature(uint32_t rune, uint32_t out[3])
{
    static const struct {
        uint32_t rune, letters[3];
    } ligatures[] = {
        {0x132, {'I', 'J', 0}},    {0x133, {'i', 'j', 0}},    {0x149, {0x2bc, 'n', 0}},
        {0x1c4, {'D', 0x17d, 0}},  {0x1c5, {'D', 0x17e, 0}},  {0x1c6, {'d', 0x17e, 0}},
        {0x1c7, {'L', 'J', 0}},    {0x1c8, {'L', 'j', 0}},    {0x1c9, {'l', 'j', 0}},
        {0x1ca, {'N', 'J', 0}},    {0x1cb, {'N', 'j', 0}},    {0x1cc, {'n', 'j', 0}},
        {0x1f1, {'D', 'Z', 0}},    {0x1f2, {'D', 'z', 0}},    {0x1f3, {'d', 'z', 0}},
        {0xfb00, {'f', 'f', 0}},   {0xfb01, {'f', 'i', 0}},   {0xfb02, {'f', 'l', 0}},
        {0xfb03, {'f', 'f', 'i'}}, {0xfb04, {'f', 'f', 'l'}}, {0xfb05, {0x17f, 't', 0}},
        {0xfb06, {'s', 't', 0}},
    };
    for (size_t i = 0; rune >= 0x132 && i < sizeof ligatures / sizeof *ligatures; i++) {
        if (ligatures[i].rune == rune) {
            memcpy(out, ligatures[i].letters, sizeof ligatures[i].letters);
            return out[2] ? 3 : 2;
        }
    }
    return 0;
}

// Half and full width forms to the usual ones; typographic quotes to straight ones; what ends a
// line elsewhere to a line feed.
static enum bv_status push_plain(struct bv_runes *out, uint32_t rune, struct bv_error *err)
{
    if (rune == 0x3000)
        rune = ' ';
    if (rune >= 0xff01 && rune <= 0xffef) {
        utf8proc_int32_t parts[4];
        int boundary = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char(
            (utf8proc_int32_t)rune, parts, 4, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
        if (n < 1 || n > 4)
            return bv_fail(err, BV_ERR_INTERNAL, "U+%04X does not decompose", (unsigned)rune);
        for (utf8proc_ssize_t i = 0; i + 1 < n; i++)
            BV_TRY(bv_runes_push(out, (uint32_t)parts[i], err));
        rune = (uint32_t)parts[n - 1];
    }
    if (rune >= 0x201c && rune <= 0x201f)
        rune = '"';
    if (rune == 0x2bc || (rune >= 0x2018 && rune <= 0x201b))
        rune = '\'';
    if (rune == '\r' || rune == 0x2028 || rune == 0x2029 || rune == 0x85)
        rune = '\n';
    return bv_runes_push(out, rune, err);
}

static enum bv_status fix_characters(struct bv_runes *out, const uint32_t *text, size_t n,
                                     struct bv_error *err)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t rune = bv_mojibake_c1(text[i]), letters[3];
        size_t n_letters = ligature(rune, letters);
        if (rune == '\r' && i + 1 < n && text[i + 1] == '\n')
            continue;
        if (n_letters == 0)
            BV_TRY(push_plain(out, rune, err));
        for (size_t k = 0; k < n_letters; k++)
            BV_TRY(push_plain(out, letters[k], err));
    }
    return BV_OK;
}

// Length of a terminal's escape sequence (ESC [ digits and semicolons, a letter); 0 for none.
static size_t terminal_escape(const uint32_t *text, size_t n)
{
    if (n < 3 || text[0] != 0x1b || text[1] != '[')
        return 0;
    size_t i = 2;
    while (i < n &&
           (text[i] == ';' || utf8proc_category((utf8proc_int32_t)text[i]) == UTF8PROC_CATEGORY_ND))
        i++;
    return i < n && text[i] < 0x80 && bv_rune_is_letter(text[i]) ? i + 1 : 0;
}

// Control characters that do not shape the text.
static bool is_unwanted(uint32_t rune)
{
    return (rune < 0x20 && rune != '\t' && rune != '\n' && rune != '\f' && rune != '\r') ||
           rune == 0x7f || (rune >= 0x206a && rune <= 0x206f) || rune == 0xfeff ||
           (rune >= 0xfff9 && rune <= 0xfffc);
}

static enum bv_status drop_controls(struct bv_runes *out, const uint32_t *text, size_t n,
                                    struct bv_error *err)
{
    for (size_t i = 0; i < n;) {
        size_t length = terminal_escape(text + i, n - i);
        if (length == 0 && !is_unwanted(text[i]))
            BV_TRY(bv_runes_push(out, text[i], err));
        i += length ? length : 1;
    }
    return BV_OK;
}

// One round of all repairs: text to out by way of work.
static enum bv_status fix_round(struct bv_runes *out, struct bv_runes *work,
                                const struct bv_runes *text, bool entities, struct bv_error *err)
{
    out->n = work->n = 0;
    if (entities)
        BV_TRY(unescape(out, text->at, text->n, err));
    else
        BV_TRY(bv_runes_append(out, text->at, text->n, err));
    BV_TRY(bv_mojibake_fix(work, out->at, out->n, err));
    out->n = 0;
    BV_TRY(fix_characters(out, work->at, work->n, err));
    work->n = 0;
    BV_TRY(drop_controls(work, out->at, out->n, err));
    out->n = 0;
    return bv_runes_nfc(out, work->at, work->n, err);
}

static enum bv_status fix_segment(struct bv_runes *out, const uint32_t *text, size_t n,
                                  bool entities, struct bv_error *err)
{
    struct bv_runes now = {0}, next = {0}, work = {0};
    enum bv_status status = bv_runes_append(&now, text, n, err);
    bool changed = true;
    for (int round = 0; round < MAX_ROUNDS && changed && status == BV_OK; round++) {
        status = fix_round(&next, &work, &now, entities, err);
        changed = !bv_runes_equal(&now, &next);
        struct bv_runes swap = now;
        now = next;
        next = swap;
    }
    if (status == BV_OK)
        status = bv_runes_append(out, now.at, now.n, err);
    bv_runes_free(&now);
    bv_runes_free(&next);
    bv_runes_free(&work);
    return status;
}

enum bv_status bv_ftfy_fix_text(struct bv_runes *out, const uint32_t *text, size_t n,
                                struct bv_error *err)
{
    if (is_plain(text, n))
        return bv_runes_append(out, text, n, err);
    // Line by line. From the first line with a "<" on, the text counts as HTML, whose references
    // are left to whoever reads it.
    bool entities = true;
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start; end < n && end - start < MAX_SEGMENT;) {
            entities = entities && text[end] != '<';
            if (text[end++] == '\n')
                break;
        }
        BV_TRY(fix_segment(out, text + start, end - start, entities, err));
    }
    return BV_OK;
}
