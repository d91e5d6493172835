#include "retrieval/scrub.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char removed[] = "[removed]";

// First words of header lines that name a person, a number, a place or a time.
static const char *const headers[] = {
    "patient",
    "pt",
    "name",
    "mrn",
    "medical record",
    "dob",
    "date",
    "birth",
    "accession",
    "acc",
    "account",
    "visit",
    "encounter",
    "physician",
    "referring",
    "ordering",
    "attending",
    "radiologist",
    "resident",
    "dictated",
    "transcribed",
    "signed",
    "electronically",
    "interpreted by",
    "reported by",
    "read by",
    "reviewed by",
    "approved by",
    "verified by",
    "requested by",
    "performed by",
    "technologist",
    "ssn",
    "address",
    "phone",
    "hospital",
    "institution",
    "department",
    "ward",
    "study date",
    "exam date",
    "time",
    "id",
    "insurance",
    "fax",
};

static bool is_word(char c)
{
    // Bytes of other scripts count as letters.
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

// Whether a line opens with a header's words, followed by ':', '#', '=' or, for those that cannot
// start a sentence of a report, by anything.
static bool is_header(const char *line, size_t n)
{
    while (n > 0 && isspace((unsigned char)*line)) {
        line++;
        n--;
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        size_t length = strlen(headers[i]);
        if (n < length || strncasecmp(line, headers[i], length) != 0 ||
            (n > length && is_word(line[length])))
            continue;
        const char *colon = memchr(line, ':', n);
        const char *hash = memchr(line, '#', n);
        if ((colon && colon - line < 40) || (hash && hash - line < 40))
            return true;
        static const char *const certain[] = {"mrn",         "dob",      "dictated",
                                              "transcribed", "signed",   "electronically",
                                              "ssn",         "accession"};
        for (size_t c = 0; c < sizeof certain / sizeof *certain; c++) {
            if (strcmp(headers[i], certain[c]) == 0)
                return true;
        }
    }
    return false;
}

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};

static bool starts_month(const char *p, size_t n, size_t *length)
{
    size_t word = 0;
    while (word < n && isalpha((unsigned char)p[word]))
        word++;
    if (word < 3)
        return false;
    for (int i = 0; i < 12; i++) {
        if (strncasecmp(p, months[i], 3) == 0) {
            *length = word;
            return true;
        }
    }
    return false;
}

static size_t digits(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && isdigit((unsigned char)p[i]))
        i++;
    return i;
}

// The length of a date at p ("12/31/2019", "2019-12-31", "31.12.19", "Dec 31, 2019", "31 Dec
// 2019"), 0 when there is none.
static size_t match_date(const char *p, size_t n)
{
    size_t at = digits(p, n), word;
    if (at > 0) {
        if (at <= 4 && at < n && strchr("/-.", p[at])) {
            char separator = p[at];
            size_t second = digits(p + at + 1, n - at - 1);
            size_t end = at + 1 + second;
            if (second >= 1 && second <= 2 && end < n && p[end] == separator) {
                size_t third = digits(p + end + 1, n - end - 1);
                if (third == 2 || third == 4 || (at == 4 && third >= 1))
                    return end + 1 + third;
            }
            return 0;
        }
        size_t gap = at < n && (p[at] == ' ' || p[at] == '-') ? 1 : 0;
        if (at > 2 || !gap || !starts_month(p + at + gap, n - at - gap, &word))
            return 0;
        size_t end = at + gap + word;
        size_t year = end < n ? digits(p + end + 1, n - end - 1) : 0;
        return year == 4 || year == 2 ? end + 1 + year : 0;
    }
    if (!starts_month(p, n, &word) || word + 1 >= n)
        return 0;
    at = word;
    while (at < n && (p[at] == ' ' || p[at] == '.'))
        at++;
    size_t day = digits(p + at, n - at);
    if (day == 0 || day > 4)
        return 0;
    at += day;
    size_t comma = at;
    while (comma < n && (p[comma] == ',' || p[comma] == ' '))
        comma++;
    size_t year = digits(p + comma, n - comma);
    if (day == 4)
        return at;
    return year == 4 ? comma + year : 0;
}

// "10:32", "10:32:05", with "am" or "pm".
static size_t match_time(const char *p, size_t n)
{
    size_t hour = digits(p, n);
    if (hour == 0 || hour > 2 || hour >= n || p[hour] != ':')
        return 0;
    size_t minute = digits(p + hour + 1, n - hour - 1);
    if (minute != 2)
        return 0;
    size_t at = hour + 3;
    if (at < n && p[at] == ':' && digits(p + at + 1, n - at - 1) == 2)
        at += 3;
    size_t word = at < n && p[at] == ' ' ? at + 1 : at;
    if (word + 2 <= n &&
        (strncasecmp(p + word, "am", 2) == 0 || strncasecmp(p + word, "pm", 2) == 0))
        at = word + 2;
    return at;
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

// "Dr. Jane Doe", "Prof Doe": a title and up to three capitalised words.
static size_t match_title(const char *p, size_t n)
{
    static const char *const titles[] = {"dr", "doctor", "prof", "professor", "mr", "mrs", "ms"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        size_t at = strlen(titles[i]);
        if (n <= at || strncasecmp(p, titles[i], at) != 0 || is_word(p[at]))
            continue;
        size_t end = 0;
        for (int word = 0; word < 3; word++) {
            while (at < n && (p[at] == '.' || p[at] == ' '))
                at++;
            if (at >= n || !isupper((unsigned char)p[at]))
                break;
            while (at < n && (is_word(p[at]) || p[at] == '-' || p[at] == '\''))
                at++;
            end = at;
        }
        return end;
    }
    return 0;
}

// An identifier's part that stands at p as a word.
static size_t match_identifier(const char *p, size_t n, const char *const *identifiers,
                               size_t n_identifiers)
{
    for (size_t i = 0; i < n_identifiers; i++) {
        for (const char *part = identifiers[i]; part && *part;) {
            size_t length = strcspn(part, "^ ,=");
            if (length >= 3 && length <= n && strncasecmp(part, p, length) == 0 &&
                (length == n || !is_word(p[length])))
                return length;
            part += length;
            part += strspn(part, "^ ,=");
        }
    }
    return 0;
}

char *bv_scrub(struct bv_arena *arena, const char *text, const char *const *identifiers, size_t n)
{
    size_t size = strlen(text);
    // Each removal replaces at least one byte by sizeof removed - 1.
    char *out = bv_arena_array(arena, size + 1, sizeof removed);
    if (!out)
        return NULL;
    size_t used = 0;
    for (const char *line = text; line < text + size;) {
        const char *end = memchr(line, '\n', (size_t)(text + size - line));
        if (!end)
            end = text + size;
        bool keep = !is_header(line, (size_t)(end - line));
        const char *removal = line; // where the last one ended: a word may follow without a gap
        for (const char *p = line; keep && p < end;) {
            size_t left = (size_t)(end - p), match = 0;
            if (p == removal || !is_word(p[-1])) {
                match = match_date(p, left);
                if (!match)
                    match = match_time(p, left);
                if (!match)
                    match = match_mail(p, left);
                if (!match)
                    match = match_title(p, left);
                if (!match)
                    match = match_identifier(p, left, identifiers, n);
                if (!match)
                    match = match_number(p, left);
            }
            if (match) {
                memcpy(out + used, removed, sizeof removed - 1);
                used += sizeof removed - 1;
                p += match;
                removal = p;
                continue;
            }
            bool blank = isspace((unsigned char)*p) != 0;
            if (!blank || (used > 0 && out[used - 1] != ' ' && out[used - 1] != '\n'))
                out[used++] = blank ? ' ' : *p;
            p++;
        }
        while (used > 0 && out[used - 1] == ' ')
            used--;
        if (keep && used > 0 && out[used - 1] != '\n')
            out[used++] = '\n';
        line = end + 1;
    }
    while (used > 0 && out[used - 1] == '\n')
        used--;
    out[used] = 0;
    return out;
}
