#include "retrieval/scrub.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"

static const char removed[] = "[removed]";

struct scrubber {
    const char *text;
    size_t size;
    const struct bv_forms *forms;
    uint8_t *marks; // [size] 1: removed, 2: a line that is dropped
};

// Bytes of other scripts count as letters.
static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static size_t digits(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && isdigit((unsigned char)p[i]))
        i++;
    return i;
}

// A number of six digits or more, with letters in front of it or behind ("MRN0012345").
static size_t match_number(const char *p, size_t n)
{
    size_t i = 0, count = 0;
    while (i < n &&
           (is_word(p[i]) || (p[i] == '-' && i + 1 < n && isdigit((unsigned char)p[i + 1])))) {
        count += isdigit((unsigned char)p[i]) ? 1 : 0;
        i++;
    }
    return count >= 6 ? i : 0;
}

// "1.2.840.10008": four groups of digits or more.
static size_t match_uid(const char *p, size_t n)
{
    size_t at = 0, groups = 0, end = 0;
    while (at < n) {
        size_t group = digits(p + at, n - at);
        if (group == 0)
            break;
        groups++;
        at = end = at + group;
        if (at >= n || p[at] != '.')
            break;
        at++;
    }
    return groups >= 4 ? end : 0;
}

// "(555) 867-5309", "+49 170 1234567": seven digits or more with blanks, strokes and brackets.
static size_t match_phone(const char *p, size_t n)
{
    size_t at = 0, count = 0, end = 0;
    bool group_of_three = false;
    while (at < n && at < 32) {
        size_t group = digits(p + at, n - at);
        if (group > 0) {
            count += group;
            group_of_three = group_of_three || group >= 3;
            end = at += group;
        } else if (strchr(" -/()+", p[at]) && p[at] != 0 && (at == 0 || at - end < 2)) {
            at++;
        } else {
            break;
        }
    }
    return count >= 7 && group_of_three && (end == n || !is_word(p[end])) ? end : 0;
}

static size_t match_mail(const char *p, size_t n)
{
    size_t i = 0, at = 0;
    while (i < n && (is_word(p[i]) || strchr("@._-+", p[i]))) {
        if (p[i] == '@')
            at = i;
        i++;
    }
    return at > 0 && at + 1 < i ? i : 0;
}

static size_t match_url(const char *p, size_t n)
{
    static const char *const starts[] = {"http://", "https://", "www.", "ftp://", "dicom://"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t at = strlen(starts[i]);
        if (n <= at || strncasecmp(p, starts[i], at) != 0)
            continue;
        while (at < n && !isspace((unsigned char)p[at]) && !strchr("<>\")", p[at]))
            at++;
        while (strchr(",.;", p[at - 1]))
            at--;
        return at;
    }
    return 0;
}

// "94-year-old", "94 y/o", "aged 94": 90 and more.
static size_t match_age(const char *p, size_t n)
{
    static const char *const units[] = {"year", "yr", "y/o", "yo", "y.o", "jahre", "jahr", "y old"};
    size_t before = n > 5 && strncasecmp(p, "aged ", 5) == 0 ? 5 : 0;
    size_t count = digits(p + before, n - before), at = before + count;
    if (count < 2 || count > 3 || (count == 2 && p[before] != '9') ||
        (count == 3 && p[before] != '1'))
        return 0;
    if (before > 0)
        return at;
    while (at < n && (p[at] == ' ' || p[at] == '-'))
        at++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i]);
        if (n - at >= length && strncasecmp(p + at, units[i], length) == 0) {
            at += length;
            while (at < n && (is_word(p[at]) || p[at] == '-'))
                at++;
            return at;
        }
    }
    return 0;
}

// What stands at p by its form, in n bytes.
static size_t match_pattern(const char *p, size_t n)
{
    static size_t (*const patterns[])(const char *, size_t) = {
        bv_match_date, bv_match_time, match_url,          match_mail,        match_uid,
        match_phone,   match_age,     bv_match_announced, bv_match_numbered, match_number};
    size_t longest = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        size_t length = patterns[i](p, n);
        longest = length > longest ? length : longest;
    }
    return longest;
}

// A name joined to another by a hyphen takes it along: the ends of the whole.
static void widen(const struct scrubber *s, size_t *begin, size_t *end)
{
    while (*end + 1 < s->size && s->text[*end] == '-' &&
           isalpha((unsigned char)s->text[*end + 1])) {
        (*end)++;
        while (*end < s->size && is_word(s->text[*end]))
            (*end)++;
    }
    while (*begin > 1 && s->text[*begin - 1] == '-' &&
           isalpha((unsigned char)s->text[*begin - 2])) {
        size_t start = *begin - 1;
        while (start > 0 && is_word(s->text[start - 1]))
            start--;
        if (!isupper((unsigned char)s->text[start]))
            break;
        *begin = start;
    }
}

static enum bv_char_class class_at(const struct scrubber *s, size_t at)
{
    uint32_t c = 0;
    return bv_utf8_decode(s->text + at, s->size - at, &c) ? bv_char_class(c) : BV_CHAR_OTHER;
}

// Marks what begins at a place of a line that ends at end; returns where to go on.
static size_t mark_at(struct scrubber *s, size_t line, size_t at, size_t end)
{
    size_t begin = at, length = bv_match_label(s->text + at, end - at);
    if (length == 0)
        length = match_pattern(s->text + at, end - at);
    size_t named = bv_match_credentials(s->text + line, end - line, at - line, &begin);
    if (named > 0) {
        begin += line;
        memset(s->marks + begin, 1, named);
        return begin + named;
    }
    begin = at;
    struct bv_form_match form = bv_forms_match(s->forms, s->text, s->size, at);
    if (form.length > length) {
        size_t stop = at + form.length;
        if (form.name)
            widen(s, &begin, &stop);
        length = stop - at;
    }
    if (length > 0)
        memset(s->marks + begin, 1, at + length - begin);
    return at + length;
}

static void mark_line(struct scrubber *s, size_t line, size_t end)
{
    if (bv_is_header_line(s->text + line, end - line)) {
        memset(s->marks + line, 2, end - line);
        return;
    }
    enum bv_char_class before = BV_CHAR_OTHER;
    for (size_t at = line; at < end;) {
        enum bv_char_class class = class_at(s, at);
        bool starts = class == BV_CHAR_OTHER ? s->text[at] && strchr("(+", s->text[at])
                                             : class != before || class == BV_CHAR_CJK;
        size_t next = starts ? mark_at(s, line, at, end) : at;
        if (next > at) {
            before = BV_CHAR_OTHER; // a word may follow without a gap
            at = next;
            continue;
        }
        before = class;
        uint32_t c;
        size_t length = bv_utf8_decode(s->text + at, s->size - at, &c);
        at += length ? length : 1;
    }
}

// Writes what is not marked, white space evened out.
static void render(const struct scrubber *s, char *out)
{
    size_t used = 0;
    bool was_removed = false;
    for (size_t i = 0; i < s->size; i++) {
        char c = s->text[i];
        if (s->marks[i] == 2)
            continue;
        if (s->marks[i] == 1) {
            if (!was_removed) {
                memcpy(out + used, removed, sizeof removed - 1);
                used += sizeof removed - 1;
            }
            was_removed = true;
            continue;
        }
        was_removed = false;
        if (c == '\n' || isspace((unsigned char)c)) {
            while (c == '\n' && used > 0 && out[used - 1] == ' ')
                used--;
            if (used > 0 && out[used - 1] != '\n' && (c == '\n' || out[used - 1] != ' '))
                out[used++] = c == '\n' ? '\n' : ' ';
            continue;
        }
        out[used++] = c;
    }
    while (used > 0 && (out[used - 1] == '\n' || out[used - 1] == ' '))
        used--;
    out[used] = 0;
}

// The forms of what came with the text and of the names that its labels give.
static const struct bv_forms *make_forms(const struct scrubber *s, struct bv_arena *arena,
                                         const struct bv_identifiers *identifiers)
{
    struct bv_identifiers all = {0};
    struct bv_error err = {0};
    for (size_t i = 0; identifiers && i < identifiers->n; i++) {
        if (bv_identifiers_add(&all, arena, identifiers->items[i].kind, identifiers->items[i].text,
                               &err) == BV_ERR_NOMEM)
            return NULL;
    }
    for (size_t line = 0; line < s->size;) {
        const char *stop = memchr(s->text + line, '\n', s->size - line);
        size_t end = stop ? (size_t)(stop - s->text) : s->size;
        if (bv_harvest_names(s->text + line, end - line, arena, &all, &err) == BV_ERR_NOMEM)
            return NULL;
        line = end + 1;
    }
    return bv_forms_make(arena, &all);
}

char *bv_scrub(struct bv_arena *arena, const char *text, const struct bv_identifiers *identifiers)
{
    struct scrubber s = {.text = text, .size = strlen(text)};
    // Each removal replaces at least one byte by sizeof removed - 1.
    char *out = bv_arena_array(arena, s.size + 1, sizeof removed);
    s.marks = bv_arena_alloc(arena, s.size + 1);
    s.forms = make_forms(&s, arena, identifiers);
    if (!out || !s.marks || !s.forms)
        return NULL;
    memset(s.marks, 0, s.size + 1);
    for (size_t line = 0; line < s.size;) {
        const char *stop = memchr(text + line, '\n', s.size - line);
        size_t end = stop ? (size_t)(stop - text) : s.size;
        mark_line(&s, line, end);
        line = end + 1;
    }
    render(&s, out);
    return out;
}
