// Undoes garbled encodings, by ftfy's steps: write the text in each of nine encodings and read it
// as UTF-8; else repair stretches within it; else take C1 control characters for Windows-1252.
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "text/clean.h"

// Stretches within stretches deeper than this stay as they are.
enum { MAX_DEPTH = 8 };

static const struct code_page_entry {
    uint16_t rune;
    uint8_t byte;
} code_pages[][128] = {
#include "text/code_pages.inc"
};
// In the order of code_pages, after Latin-1. Those of Windows write U+FFFD as byte 1A.
enum { N_CODE_PAGES = sizeof code_pages / sizeof *code_pages, N_WINDOWS = 5 };

struct bytes {
    uint8_t *at;
    size_t n;
};

// The byte of a rune in an encoding (0: Latin-1), or -1.
static int byte_of(uint32_t rune, size_t encoding)
{
    bool windows = encoding >= 1 && encoding <= N_WINDOWS;
    if (windows && (rune == 0x1a || rune == 0xfffd))
        return rune == 0x1a ? -1 : 0x1a;
    if (rune < 0x80 || (encoding == 0 && rune < 0x100))
        return (int)rune;
    if (encoding == 0)
        return -1;
    const struct code_page_entry *page = code_pages[encoding - 1];
    size_t low = 0, high = 128;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (page[middle].rune < rune)
            low = middle + 1;
        else
            high = middle;
    }
    return low < 128 && page[low].rune == rune ? page[low].byte : -1;
}

// Writes text in the encoding; false when a character is not in it.
static bool encode(struct bytes *bytes, const uint32_t *text, size_t n, size_t encoding)
{
    for (size_t i = 0; i < n; i++) {
        int byte = byte_of(text[i], encoding);
        if (byte < 0)
            return false;
        bytes->at[i] = (uint8_t)byte;
    }
    bytes->n = n;
    return true;
}

static bool within(uint8_t byte, uint8_t first, uint8_t last)
{
    return byte >= first && byte <= last;
}

static bool follows(const uint8_t *at, const uint8_t *end, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(end - at) >= n && memcmp(at, text, n) == 0;
}

// "Ã " was "à" and a space, of which one was lost; "Ã quele" and the like were one word.
static bool is_a_grave_word(const uint8_t *at, const uint8_t *end)
{
    if (!follows(at, end, "\xc3 "))
        return false;
    at += 2;
    return !follows(at, end, " ") && !follows(at, end, "quele") && !follows(at, end, "quela") &&
           !follows(at, end, "quilo") && !follows(at, end, "s ");
}

// Length of a UTF-8 sequence at[0..] one of whose bytes A0 became a space; 0 for none.
static size_t spaced_sequence(const uint8_t *at, size_t n)
{
    static const char two[] = "\xc2\xc3\xc5\xce\xd0\xd9";
    uint8_t a = at[0], b = n > 1 ? at[1] : 0, c = n > 2 ? at[2] : 0, d = n > 3 ? at[3] : 0;
    bool next_b = within(b, 0x80, 0xbf), next_c = within(c, 0x80, 0xbf);
    if (a >= 0xc2 && memchr(two, a, sizeof two - 1) && b == ' ')
        return 2;
    if ((a == 0xe2 || a == 0xe3) && b == ' ' && next_c && c != 0x85 && c != 0xa0)
        return 3;
    if (within(a, 0xe0, 0xe3) && next_b && b != 0x85 && b != 0xa0 && c == ' ')
        return 3;
    if (a == 0xf0 &&
        ((b == ' ' && next_c && within(d, 0x80, 0xbf)) ||
         (next_b && c == ' ' && within(d, 0x80, 0xbf)) || (next_b && next_c && d == ' ')))
        return 4;
    return 0;
}

// Puts bytes A0 back. at has room for twice n bytes; the text grows by the words "à".
static void restore_a0(struct bytes *bytes, uint8_t *copy)
{
    size_t n = 0;
    const uint8_t *end = bytes->at + bytes->n;
    for (const uint8_t *at = bytes->at; at < end; at++) {
        if (!is_a_grave_word(at, end)) {
            copy[n++] = *at;
            continue;
        }
        copy[n++] = 0xc3;
        copy[n++] = 0xa0;
        copy[n++] = ' ';
        at++;
    }
    for (size_t i = 0; i < n;) {
        size_t length = spaced_sequence(copy + i, n - i);
        for (size_t k = 0; k < length; k++) {
            if (copy[i + k] == ' ')
                copy[i + k] = 0xa0;
        }
        i += length ? length : 1;
    }
    memcpy(bytes->at, copy, n);
    bytes->n = n;
}

static bool is_lost(uint8_t byte)
{
    return byte == 0x1a || byte == '?';
}

static bool may_follow(uint8_t byte)
{
    return byte == 0x1a || within(byte, 0x80, 0xbf);
}

// Length of a UTF-8 (or CESU-8) sequence some of whose bytes were lost: 1A, or one "?" at most.
static size_t lossy_sequence(const uint8_t *at, size_t n)
{
    uint8_t a = at[0], b = n > 1 ? at[1] : 0, c = n > 2 ? at[2] : 0, d = n > 3 ? at[3] : 0;
    if ((within(a, 0xc2, 0xdf) && b == 0x1a) || (within(a, 0xc2, 0xc3) && b == '?'))
        return 2;
    if (a == 0xed && n >= 6 && within(b, 0xa0, 0xaf) && d == 0xed && within(at[4], 0xb0, 0xbf)) {
        uint8_t f = at[5];
        if ((is_lost(c) && (is_lost(f) || may_follow(f))) ||
            ((is_lost(c) || may_follow(c)) && is_lost(f)))
            return 6;
    }
    if (within(a, 0xe0, 0xef) && ((is_lost(b) && may_follow(c)) || (may_follow(b) && is_lost(c))))
        return 3;
    if (within(a, 0xf0, 0xf4) && ((is_lost(b) && may_follow(c) && may_follow(d)) ||
                                  (may_follow(b) && is_lost(c) && may_follow(d)) ||
                                  (may_follow(b) && may_follow(c) && is_lost(d))))
        return 4;
    return a == 0x1a;
}

// Writes U+FFFD for sequences that lost bytes. It is longer than what it replaces by two at most.
static void replace_lossy(struct bytes *bytes, uint8_t *copy)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes->n;) {
        size_t length = lossy_sequence(bytes->at + i, bytes->n - i);
        if (length == 0) {
            copy[n++] = bytes->at[i++];
            continue;
        }
        copy[n++] = 0xef;
        copy[n++] = 0xbf;
        copy[n++] = 0xbd;
        i += length;
    }
    memcpy(bytes->at, copy, n);
    bytes->n = n;
}

// A surrogate pair that was written as two times three bytes; 0 when there is none.
static uint32_t cesu8(const uint8_t *at, size_t n)
{
    if (n < 6 || at[0] != 0xed || !within(at[1], 0xa0, 0xaf) || !within(at[2], 0x80, 0xbf) ||
        at[3] != 0xed || !within(at[4], 0xb0, 0xbf) || !within(at[5], 0x80, 0xbf))
        return 0;
    return 0x10000u + ((at[1] & 0xfu) << 16) + ((at[2] & 0x3fu) << 10) + ((at[4] & 0xfu) << 6) +
           (at[5] & 0x3fu);
}

// Reads bytes as UTF-8, as CESU-8 and with Java's C0 80 for U+0000. *valid tells whether they are.
static enum bv_status decode(struct bv_runes *out, const struct bytes *bytes, bool *valid,
                             struct bv_error *err)
{
    *valid = false;
    out->n = 0;
    for (size_t i = 0; i < bytes->n;) {
        const uint8_t *at = bytes->at + i;
        size_t left = bytes->n - i;
        uint32_t rune = cesu8(at, left);
        size_t taken = rune ? 6 : bv_utf8_decode((const char *)at, left, &rune);
        // ftfy's pattern also takes C0 before a line feed at the very end.
        if (at[0] == 0xc0 && left > 1 && (at[1] == 0x80 || (at[1] == '\n' && left == 2))) {
            rune = 0;
            taken = 2;
        }
        if (taken == 0)
            return BV_OK;
        BV_TRY(bv_runes_push(out, rune, err));
        i += taken;
    }
    *valid = true;
    return BV_OK;
}

// Tries the encodings in order; *done tells whether one fits, and out has the text then.
static enum bv_status fix_whole(struct bv_runes *out, const uint32_t *text, size_t n, bool *done,
                                struct bv_error *err)
{
    // Each of the two steps makes at most three bytes of one.
    enum { GROWTH = 9 };
    size_t room;
    if (!bv_mul_size(n, (size_t)2 * GROWTH, &room))
        return bv_fail_nomem(err, "text");
    struct bytes bytes = {malloc(room), 0};
    if (!bytes.at)
        return bv_fail_nomem(err, "text");
    uint8_t *copy = bytes.at + n * GROWTH;
    enum bv_status status = BV_OK;
    *done = false;
    for (size_t i = 0; i <= N_CODE_PAGES && status == BV_OK && !*done; i++) {
        if (!encode(&bytes, text, n, i))
            continue;
        restore_a0(&bytes, copy);
        if (i >= 1 && i <= N_WINDOWS)
            replace_lossy(&bytes, copy);
        status = decode(out, &bytes, done, err);
    }
    free(bytes.at);
    return status;
}

enum { LEAD_2 = 1, LEAD_3 = 2, LEAD_4 = 4, NEXT = 8, STRICT_NEXT = 16 };

// What a character may be of a UTF-8 sequence, whatever single-byte encoding it was read in:
// the first of two, three or four bytes, or a later one. STRICT_NEXT leaves out spaces, dashes and
// quotation marks. Sorted.
static const struct bv_rune_range roles[] = {
    {0x20, 0x20, NEXT},
    {0x80, 0xbf, STRICT_NEXT},
    {0xc2, 0xdf, LEAD_2},
    {0xe0, 0xef, LEAD_3},
    {0xf0, 0xf0, LEAD_4},
    {0xf3, 0xf3, LEAD_4},
    {0x102, 0x102, LEAD_2},
    {0x103, 0x103, LEAD_3},
    {0x104, 0x105, STRICT_NEXT},
    {0x106, 0x106, LEAD_2},
    {0x107, 0x107, LEAD_3},
    {0x10c, 0x10c, LEAD_2},
    {0x10d, 0x10d, LEAD_3},
    {0x10e, 0x10e, LEAD_2},
    {0x10f, 0x10f, LEAD_3},
    {0x110, 0x110, LEAD_2},
    {0x111, 0x111, LEAD_4},
    {0x118, 0x118, LEAD_2},
    {0x119, 0x119, LEAD_3},
    {0x11a, 0x11a, LEAD_2},
    {0x11b, 0x11b, LEAD_3},
    {0x11e, 0x11e, LEAD_2},
    {0x11f, 0x11f, LEAD_4},
    {0x130, 0x130, LEAD_2},
    {0x139, 0x139, LEAD_2},
    {0x13a, 0x13a, LEAD_3},
    {0x13d, 0x13e, STRICT_NEXT},
    {0x141, 0x142, STRICT_NEXT},
    {0x143, 0x143, LEAD_2},
    {0x147, 0x147, LEAD_2},
    {0x150, 0x150, LEAD_2},
    {0x152, 0x153, STRICT_NEXT},
    {0x155, 0x155, LEAD_3},
    {0x158, 0x158, LEAD_2},
    {0x15a, 0x15b, STRICT_NEXT},
    {0x15e, 0x15e, LEAD_2 | STRICT_NEXT},
    {0x15f, 0x161, STRICT_NEXT},
    {0x162, 0x162, LEAD_2},
    {0x164, 0x165, STRICT_NEXT},
    {0x16e, 0x16e, LEAD_2},
    {0x170, 0x170, LEAD_2},
    {0x178, 0x17e, STRICT_NEXT},
    {0x192, 0x192, STRICT_NEXT},
    {0x2c6, 0x2c7, STRICT_NEXT},
    {0x2d8, 0x2d8, STRICT_NEXT},
    {0x2db, 0x2dd, STRICT_NEXT},
    {0x384, 0x386, STRICT_NEXT},
    {0x388, 0x38a, STRICT_NEXT},
    {0x38c, 0x38c, STRICT_NEXT},
    {0x38e, 0x38f, STRICT_NEXT},
    {0x392, 0x3a1, LEAD_2},
    {0x3a3, 0x3af, LEAD_2},
    {0x3b0, 0x3bf, LEAD_3},
    {0x3c0, 0x3c0, LEAD_4},
    {0x3c3, 0x3c3, LEAD_4},
    {0x401, 0x40c, STRICT_NEXT},
    {0x40e, 0x40f, STRICT_NEXT},
    {0x412, 0x42f, LEAD_2},
    {0x430, 0x43f, LEAD_3},
    {0x440, 0x440, LEAD_4},
    {0x443, 0x443, LEAD_4},
    {0x451, 0x45c, STRICT_NEXT},
    {0x45e, 0x45f, STRICT_NEXT},
    {0x490, 0x491, STRICT_NEXT},
    {0x2013, 0x2015, NEXT},
    {0x2018, 0x201a, NEXT},
    {0x201c, 0x201e, NEXT},
    {0x2020, 0x2022, STRICT_NEXT},
    {0x2026, 0x2026, NEXT},
    {0x2030, 0x2030, STRICT_NEXT},
    {0x2039, 0x203a, STRICT_NEXT},
    {0x20ac, 0x20ac, STRICT_NEXT},
    {0x2116, 0x2116, STRICT_NEXT},
    {0x2122, 0x2122, STRICT_NEXT},
};

static unsigned roles_of(uint32_t rune)
{
    return bv_rune_lookup(roles, sizeof roles / sizeof *roles, rune);
}

// Length of the sequences that look like UTF-8 from text[0] on; 0 for none.
static size_t utf8_like(const uint32_t *text, size_t n)
{
    size_t length = 0;
    while (length < n) {
        unsigned lead = roles_of(text[length]);
        size_t step = lead & LEAD_2 ? 2 : lead & LEAD_3 ? 3 : lead & LEAD_4 ? 4 : 0;
        if (step == 0 || step > n - length)
            return length;
        for (size_t k = 1; k < step; k++) {
            if (!(roles_of(text[length + k]) & (NEXT | STRICT_NEXT)))
                return length;
        }
        length += step;
    }
    return length;
}

static enum bv_status fix(struct bv_runes *out, const uint32_t *text, size_t n, int depth,
                          struct bv_error *err);

// Repairs the stretches that look like UTF-8, each by itself.
static enum bv_status fix_parts(struct bv_runes *out, const uint32_t *text, size_t n, int depth,
                                struct bv_error *err)
{
    out->n = 0;
    for (size_t i = 0; i < n;) {
        bool inside = i > 0 && (roles_of(text[i - 1]) & STRICT_NEXT);
        size_t length = inside ? 0 : utf8_like(text + i, n - i);
        if (length == 0) {
            BV_TRY(bv_runes_push(out, text[i++], err));
        } else {
            bool bad = length < n && depth < MAX_DEPTH && bv_mojibake_is_bad(text + i, length);
            if (bad)
                BV_TRY(fix(out, text + i, length, depth + 1, err));
            else
                BV_TRY(bv_runes_append(out, text + i, length, err));
            i += length;
        }
    }
    return BV_OK;
}

uint32_t bv_mojibake_c1(uint32_t rune)
{
    uint32_t value = rune;
    if (rune >= 0x80 && rune <= 0x9f)
        bv_html_number(rune, &value);
    return value;
}

// One step; *changed tells whether out is another text than text[0..n).
static enum bv_status fix_step(struct bv_runes *out, const uint32_t *text, size_t n, int depth,
                               bool *changed, struct bv_error *err)
{
    bool done = false;
    *changed = false;
    out->n = 0;
    if (n == 0 || !bv_mojibake_is_bad(text, n))
        return BV_OK;
    BV_TRY(fix_whole(out, text, n, &done, err));
    if (!done)
        BV_TRY(fix_parts(out, text, n, depth, err));
    *changed = out->n != n || memcmp(out->at, text, n * sizeof *text) != 0;
    if (done || *changed)
        return BV_OK;
    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t rune = bv_mojibake_c1(text[i]);
        *changed = *changed || rune != text[i];
        BV_TRY(bv_runes_push(out, rune, err));
    }
    return BV_OK;
}

static enum bv_status fix(struct bv_runes *out, const uint32_t *text, size_t n, int depth,
                          struct bv_error *err)
{
    struct bv_runes now = {0}, next = {0};
    enum bv_status status = bv_runes_append(&now, text, n, err);
    bool changed = true;
    for (int round = 0; round < BV_MOJIBAKE_ROUNDS && changed && status == BV_OK; round++) {
        status = fix_step(&next, now.at, now.n, depth, &changed, err);
        if (changed && status == BV_OK) {
            struct bv_runes swap = now;
            now = next;
            next = swap;
        }
    }
    if (status == BV_OK)
        status = bv_runes_append(out, now.at, now.n, err);
    bv_runes_free(&now);
    bv_runes_free(&next);
    return status;
}

enum bv_status bv_mojibake_fix(struct bv_runes *out, const uint32_t *text, size_t n,
                               struct bv_error *err)
{
    return fix(out, text, n, 0, err);
}
