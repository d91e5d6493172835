#include "image/dicom_dataset.h"

#include <ctype.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"

#define ESCAPE 0x1b

enum { NO_SET = -1 };

// What bytes of 7 bits (G0) or with the highest bit set (G1) may stand for.
enum form {
    FORM_ASCII,    // G0; IR 6, and the Roman letters of JIS X 0201
    FORM_KATAKANA, // G1, one byte: U+FF61 …
    FORM_SINGLE,   // G1, one byte
    FORM_DOUBLE_0, // G0, two bytes
    FORM_DOUBLE_1, // G1, two bytes
    FORM_WHOLE,    // no code extensions
};

static const struct charset {
    int registration; // ISO-IR number, or 0
    const char *term; // that has no number, or NULL
    enum form form;
    const char *encoding; // as iconv() calls what holds it
    const char *prefix;   // bytes before a double byte there
    const char *escape;   // without the escape character
} charsets[] = {
    {6, NULL, FORM_ASCII, NULL, "", "(B"},
    {14, NULL, FORM_ASCII, NULL, "", "(J"},
    {13, NULL, FORM_KATAKANA, NULL, "", ")I"},
    {100, NULL, FORM_SINGLE, "ISO-8859-1", "", "-A"},
    {101, NULL, FORM_SINGLE, "ISO-8859-2", "", "-B"},
    {109, NULL, FORM_SINGLE, "ISO-8859-3", "", "-C"},
    {110, NULL, FORM_SINGLE, "ISO-8859-4", "", "-D"},
    {144, NULL, FORM_SINGLE, "ISO-8859-5", "", "-L"},
    {127, NULL, FORM_SINGLE, "ISO-8859-6", "", "-G"},
    {126, NULL, FORM_SINGLE, "ISO-8859-7", "", "-F"},
    {138, NULL, FORM_SINGLE, "ISO-8859-8", "", "-H"},
    {148, NULL, FORM_SINGLE, "ISO-8859-9", "", "-M"},
    {203, NULL, FORM_SINGLE, "ISO-8859-15", "", "-b"},
    {166, NULL, FORM_SINGLE, "TIS-620", "", "-T"},
    {87, NULL, FORM_DOUBLE_0, "EUC-JP", "", "$B"},
    {87, NULL, FORM_DOUBLE_0, "EUC-JP", "", "$@"}, // JIS C 6226, its forerunner
    {159, NULL, FORM_DOUBLE_0, "EUC-JP", "\x8f", "$(D"},
    {149, NULL, FORM_DOUBLE_1, "EUC-KR", "", "$)C"},
    {58, NULL, FORM_DOUBLE_1, "GB2312", "", "$)A"},
    {192, "UTF8", FORM_WHOLE, "UTF-8", "", NULL},
    {0, "GB18030", FORM_WHOLE, "GB18030", "", NULL},
    {0, "GBK", FORM_WHOLE, "GBK", "", NULL},
    {0, NULL, FORM_SINGLE, "WINDOWS-1252", "", NULL}, // last: for bytes that ISO_IR 100 lacks
};
#define N_CHARSETS ((int)(sizeof charsets / sizeof *charsets))

struct reader {
    int first_g0, first_g1, g0, g1; // in charsets, or NO_SET
    bool declared;                  // the object names a character set
    enum bv_text_kind kind;
    iconv_t open[N_CHARSETS];
    char *out;
    size_t n;
    struct bv_error *err;
};

// "ISO_IR 100", "ISO 2022 IR 100", "ISO-IR 100" …: the number; 0 for terms without one.
static int registration_of(const char *term)
{
    const char *ir = strstr(term, "IR");
    if (strncmp(term, "ISO", 3) != 0 || !ir)
        return 0;
    for (ir += 2; *ir && !isdigit((unsigned char)*ir); ir++)
        ;
    return (int)strtol(ir, NULL, 10);
}

// Letters large, without blanks, dashes and underscores at which spellings differ.
static void normalise(const char *term, size_t n, char *out, size_t room)
{
    size_t k = 0;
    for (size_t i = 0; i < n && k + 1 < room; i++)
        if (!strchr(" -_", term[i]))
            out[k++] = (char)toupper((unsigned char)term[i]);
    out[k] = 0;
}

static int find_term(const char *term, size_t n)
{
    char plain[32];
    normalise(term, n, plain, sizeof plain);
    int number = registration_of(plain);
    if (!*plain)
        return 0; // ASCII
    for (int i = 0; i < N_CHARSETS; i++)
        if ((number && charsets[i].registration == number) ||
            (charsets[i].term && strcmp(charsets[i].term, plain) == 0))
            return i;
    return NO_SET;
}

static enum bv_status read_sets(struct reader *r, const char *sets)
{
    size_t n = strcspn(sets, "\\");
    int first = find_term(sets, n);
    r->declared = sets[strspn(sets, " \\")] != 0;
    r->first_g0 = 0;
    r->first_g1 = NO_SET;
    if (first == NO_SET)
        return bv_fail(r->err, BV_ERR_FORMAT, "an unknown Specific Character Set, \"%.*s\"",
                       (int)(n < 32 ? n : 32), sets);
    if (charsets[first].form != FORM_ASCII && charsets[first].form != FORM_DOUBLE_0)
        r->first_g1 = first;
    r->g0 = r->first_g0;
    r->g1 = r->first_g1;
    return BV_OK;
}

static enum bv_status fail_bytes(struct reader *r, const char *what)
{
    return bv_fail(r->err, BV_ERR_FORMAT, "a text with %s", what);
}

// Appends n bytes of a character set as UTF-8.
static enum bv_status convert(struct reader *r, int set, char *bytes, size_t n)
{
    if (!r->open[set]) {
        iconv_t opened = iconv_open("UTF-8", charsets[set].encoding);
        // NOLINTNEXTLINE(performance-no-int-to-ptr): that is how iconv_open() fails
        if (opened == (iconv_t)-1)
            return bv_fail(r->err, BV_ERR_UNSUPPORTED, "this system cannot read %s",
                           charsets[set].encoding);
        r->open[set] = opened;
    }
    char *in = bytes, *out = r->out + r->n;
    size_t left = n, room = 3 * n + 4;
    if (iconv(r->open[set], &in, &left, &out, &room) == (size_t)-1) {
        (void)iconv(r->open[set], NULL, NULL, NULL, NULL);
        return fail_bytes(r, "bytes that its character set does not have");
    }
    r->n = (size_t)(out - r->out);
    return BV_OK;
}

static void put_katakana(struct reader *r, unsigned char byte)
{
    unsigned code = 0xff61u + (byte - 0xa1u);
    r->out[r->n++] = (char)(0xe0 | code >> 12);
    r->out[r->n++] = (char)(0x80 | (code >> 6 & 0x3f));
    r->out[r->n++] = (char)(0x80 | (code & 0x3f));
}

// Two bytes of a set, both with the highest bit, as the EUC encodings have them.
static enum bv_status put_double(struct reader *r, int set, const char *text, size_t n, size_t *i)
{
    char bytes[4];
    size_t k = strlen(charsets[set].prefix);
    if (*i + 1 >= n || (text[*i] & 0x80) != (text[*i + 1] & 0x80))
        return fail_bytes(r, "half a character");
    memcpy(bytes, charsets[set].prefix, k);
    bytes[k] = (char)(text[*i] | 0x80);
    bytes[k + 1] = (char)(text[*i + 1] | 0x80);
    *i += 2;
    return convert(r, set, bytes, k + 2);
}

static enum bv_status put_single(struct reader *r, int set, char byte)
{
    unsigned char b = (unsigned char)byte;
    char bytes[1] = {byte};
    if (charsets[set].form == FORM_KATAKANA) {
        if (b < 0xa1 || b > 0xdf)
            return fail_bytes(r, "bytes that its character set does not have");
        put_katakana(r, b);
        return BV_OK;
    }
    if (b >= 0xa0)
        return convert(r, set, bytes, 1);
    if (charsets[set].registration != 100)
        return fail_bytes(r, "bytes that its character set does not have");
    return convert(r, N_CHARSETS - 1, bytes, 1);
}

// The escape sequence at text[*i].
static enum bv_status take_escape(struct reader *r, const char *text, size_t n, size_t *i)
{
    for (int k = 0; k < N_CHARSETS; k++) {
        const char *escape = charsets[k].escape;
        size_t length = escape ? strlen(escape) : 0;
        if (!escape || *i + 1 + length > n || memcmp(text + *i + 1, escape, length) != 0)
            continue;
        if (charsets[k].form == FORM_ASCII || charsets[k].form == FORM_DOUBLE_0)
            r->g0 = k;
        else
            r->g1 = k;
        *i += 1 + length;
        return BV_OK;
    }
    return fail_bytes(r, "an escape sequence of no character set");
}

static void begin_anew(struct reader *r, char c)
{
    static const char *const delimiters[] = {"\r\n\f\t", "\r\n\f\t\\", "\r\n\f\t\\^="};
    if (c && strchr(delimiters[r->kind], c)) {
        r->g0 = r->first_g0;
        r->g1 = r->first_g1;
    }
}

static enum bv_status read_character(struct reader *r, const char *text, size_t n, size_t *i)
{
    unsigned char c = (unsigned char)text[*i];
    if (c == ESCAPE)
        return take_escape(r, text, n, i);
    if (c < 0x80 && (c <= ' ' || charsets[r->g0].form != FORM_DOUBLE_0)) {
        begin_anew(r, (char)c);
        r->out[r->n++] = (char)c;
        (*i)++;
        return BV_OK;
    }
    if (c < 0x80)
        return put_double(r, r->g0, text, n, i);
    if (r->g1 == NO_SET)
        return fail_bytes(r, r->declared ? "bytes that its character set does not have"
                                         : "characters beyond ASCII and no Specific Character Set");
    if (charsets[r->g1].form == FORM_DOUBLE_1)
        return put_double(r, r->g1, text, n, i);
    return put_single(r, r->g1, text[(*i)++]);
}

static enum bv_status read_text(struct reader *r, const char *text, size_t n)
{
    if (r->g1 != NO_SET && charsets[r->g1].form == FORM_WHOLE) {
        char *copy = r->out + 4 * n + 4; // iconv() takes no const
        memcpy(copy, text, n);
        return convert(r, r->g1, copy, n);
    }
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK;)
        status = read_character(r, text, n, &i);
    return status;
}

static bool is_plain(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] >= 0x80 || text[i] == ESCAPE)
            return false;
    return true;
}

enum bv_status bv_characters_read(const char *sets, enum bv_text_kind kind, const char *text,
                                  size_t n, struct bv_arena *arena, const char **out,
                                  struct bv_error *err)
{
    struct reader r = {.kind = kind, .err = err};
    bool silent = !sets || !*sets;
    if (is_plain(text, n) || (silent && bv_utf8_valid(text, n, NULL) && !memchr(text, ESCAPE, n))) {
        *out = bv_arena_strndup(arena, text, n);
        return *out ? BV_OK : bv_fail_nomem(err, "a text");
    }
    r.out = n < SIZE_MAX / 8 ? bv_arena_alloc(arena, 5 * n + 32) : NULL;
    if (!r.out)
        return bv_fail_nomem(err, "a text");
    enum bv_status status = read_sets(&r, silent ? "" : sets);
    if (status == BV_OK)
        status = read_text(&r, text, n);
    for (int i = 0; i < N_CHARSETS; i++)
        if (r.open[i])
            (void)iconv_close(r.open[i]);
    r.out[status == BV_OK ? r.n : 0] = 0;
    *out = r.out;
    return status;
}
