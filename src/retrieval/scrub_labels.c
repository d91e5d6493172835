#include "retrieval/scrub.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

// Bytes of other scripts count as letters here.
static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool starts_with(const char *p, size_t n, const char *word)
{
    size_t length = strlen(word);
    return n >= length && strncasecmp(p, word, length) == 0 && (n == length || !is_word(p[length]));
}

// First words of header lines.
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
    "tel",
    "telephone",
    "contact",
    "next of kin",
    "mother",
    "cc",
    "copy to",
    "patientenname",
    "geburtsdatum",
    "geb",
    "adresse",
    "station",
};

// Those that cannot start a sentence of a report.
static const char *const certain[] = {
    "mrn", "dob", "dictated", "transcribed", "signed", "electronically", "ssn", "accession"};

bool bv_is_header_line(const char *line, size_t n)
{
    while (n > 0 && isspace((unsigned char)*line)) {
        line++;
        n--;
    }
    for (size_t i = 0; i < COUNT(headers); i++) {
        if (!starts_with(line, n, headers[i]))
            continue;
        const char *colon = memchr(line, ':', n);
        const char *hash = memchr(line, '#', n);
        if ((colon && colon - line < 40) || (hash && hash - line < 40))
            return true;
        for (size_t c = 0; c < COUNT(certain); c++) {
            if (strcmp(headers[i], certain[c]) == 0)
                return true;
        }
    }
    return false;
}

// Whether a section of a report begins at p.
static bool is_section(const char *p, size_t n)
{
    static const char *const sections[] = {
        "impression", "conclusion",     "findings",   "finding",     "indication",
        "history",    "technique",      "comparison", "exam",        "examination",
        "clinical",   "recommendation", "procedure",  "views",       "reason",
        "addendum",   "study",          "befund",     "beurteilung",
    };
    for (size_t i = 0; i < COUNT(sections); i++) {
        if (!starts_with(p, n, sections[i]))
            continue;
        for (size_t at = strlen(sections[i]); at < n && at < 32; at++) {
            if (p[at] == ':')
                return true;
            if (!isalpha((unsigned char)p[at]) && p[at] != ' ')
                break;
        }
    }
    return false;
}

// What comes before what identifies somebody, within a line.
static const char *const identifying_labels[] = {
    "patient name",
    "patient's name",
    "patient id",
    "patient",
    "pt name",
    "pt",
    "name",
    "medical record number",
    "medical record",
    "mrn",
    "date of birth",
    "birth date",
    "dob",
    "accession number",
    "accession no",
    "accession",
    "acc",
    "referring physician",
    "referring doctor",
    "referring",
    "ordering physician",
    "ordering provider",
    "ordering",
    "attending physician",
    "attending",
    "radiologist",
    "physician",
    "doctor",
    "nurse",
    "technologist",
    "dictated by",
    "signed by",
    "transcribed by",
    "reported by",
    "read by",
    "verified by",
    "approved by",
    "requested by",
    "performed by",
    "address",
    "home address",
    "phone",
    "telephone",
    "tel",
    "mobile",
    "fax",
    "email",
    "e-mail",
    "ssn",
    "insurance",
    "next of kin",
    "contact",
    "mother",
    "mother's name",
    "maiden name",
    "institution",
    "hospital",
    "cc",
    "copy to",
    "patientenname",
    "geburtsdatum",
    "geb",
    "adresse",
    "hausarzt",
    "zuweiser",
};

size_t bv_match_label(const char *p, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < COUNT(identifying_labels); i++) {
        if (starts_with(p, n, identifying_labels[i]) && strlen(identifying_labels[i]) > at)
            at = strlen(identifying_labels[i]);
    }
    if (at == 0)
        return 0;
    while (at < n && p[at] == ' ')
        at++;
    if (at >= n || !strchr(":#=", p[at]))
        return 0;
    while (at < n && p[at] != '\n') {
        if (!is_word(p[at]) && is_section(p + at + 1, n - at - 1))
            return at;
        at++;
    }
    return at;
}

static uint32_t char_at(const char *p, size_t n, size_t *length)
{
    uint32_t c = 0xFFFD;
    *length = bv_utf8_decode(p, n, &c);
    if (*length == 0)
        *length = 1;
    return c;
}

// The length of a word that begins with a capital, 0 otherwise.
static size_t capital_word(const char *p, size_t n)
{
    size_t length, at = 0;
    if (n == 0 || !bv_char_is_upper(char_at(p, n, &length)))
        return 0;
    while (at < n) {
        uint32_t c = char_at(p + at, n - at, &length);
        if (bv_char_class(c) != BV_CHAR_WORD && c != '-' && c != '\'' && c != 0x2019)
            break;
        at += length;
    }
    return at;
}

// Up to four capitalised words with initials and particles between them.
static size_t match_names(const char *p, size_t n)
{
    static const char *const particles[] = {"van", "von", "de",  "der", "den", "di", "da",
                                            "la",  "le",  "bin", "al",  "el",  "ter"};
    size_t at = 0, end = 0;
    for (int word = 0; word < 4; word++) {
        while (at < n && (p[at] == '.' || p[at] == ' ' || (word > 0 && p[at] == ',')))
            at++;
        for (size_t i = 0; i < COUNT(particles); i++) {
            if (starts_with(p + at, n - at, particles[i]) && at + strlen(particles[i]) < n &&
                p[at + strlen(particles[i])] == ' ') {
                at += strlen(particles[i]) + 1;
                i = (size_t)-1;
            }
        }
        size_t length = capital_word(p + at, n - at);
        if (length == 0 || is_section(p + at, n - at))
            break;
        at += length;
        end = at;
        // A sentence ends after a word, not after an initial.
        if (length > 2 && at < n && p[at] == '.')
            break;
    }
    return end;
}

// The length of a label of a person with its colon.
static size_t match_person_label(const char *p, size_t n)
{
    static const char *const labels[] = {"patient name",
                                         "patient's name",
                                         "patient",
                                         "pt name",
                                         "pt",
                                         "name",
                                         "referring physician",
                                         "referring",
                                         "physician",
                                         "doctor",
                                         "radiologist",
                                         "attending",
                                         "ordering physician",
                                         "mother",
                                         "next of kin",
                                         "dictated by",
                                         "signed by",
                                         "reported by",
                                         "patientenname"};
    size_t at = 0;
    for (size_t i = 0; i < COUNT(labels); i++) {
        if (starts_with(p, n, labels[i]) && strlen(labels[i]) > at)
            at = strlen(labels[i]);
    }
    while (at > 0 && at < n && p[at] == ' ')
        at++;
    return at > 0 && at < n && p[at] == ':' ? at + 1 : 0;
}

// Words that follow such a label without being a name.
static bool is_no_name(const char *word, size_t n)
{
    static const char *const words[] = {"male", "female", "unknown", "none", "chest", "exam",
                                        "age",  "sex",    "years",   "year", "dob",   "mrn"};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strlen(words[i]) == n && strncasecmp(word, words[i], n) == 0)
            return true;
    }
    return false;
}

enum bv_status bv_harvest_names(const char *line, size_t n, struct bv_arena *arena,
                                struct bv_identifiers *identifiers, struct bv_error *err)
{
    for (size_t at = 0; at < n; at++) {
        size_t label =
            at == 0 || !is_word(line[at - 1]) ? match_person_label(line + at, n - at) : 0;
        if (label == 0)
            continue;
        at += label;
        for (int words = 0; words < 4 && at < n; words++) {
            while (at < n && strchr(" ,.^", line[at]))
                at++;
            size_t length = capital_word(line + at, n - at);
            // The next label, or a section.
            if (length == 0 || (at + length < n && line[at + length] == ':'))
                break;
            char name[64];
            if (length >= 3 && length < sizeof name && !is_no_name(line + at, length)) {
                memcpy(name, line + at, length);
                name[length] = 0;
                BV_TRY(bv_identifiers_add(identifiers, arena, BV_IDENTIFIER_NAME, name, err));
            }
            at += length;
        }
        at--;
    }
    return BV_OK;
}

size_t bv_match_announced(const char *p, size_t n)
{
    static const char *const titles[] = {"dr",       "doctor", "prof",  "professor", "mr",
                                         "mrs",      "ms",     "miss",  "nurse",     "herr",
                                         "frau",     "herrn",  "senor", "senora",    "sra",
                                         "monsieur", "madame", "mme",   "sister",    "radiologist"};
    static const char *const verbs[] = {
        "dictated by",    "signed by",       "transcribed by", "reported by",    "read by",
        "verified by",    "approved by",     "reviewed by",    "interpreted by", "referred by",
        "ordered by",     "requested by",    "performed by",   "copied to",      "copy to",
        "discussed with", "communicated to", "called to"};
    for (size_t i = 0; i < COUNT(titles) + COUNT(verbs); i++) {
        const char *word = i < COUNT(titles) ? titles[i] : verbs[i - COUNT(titles)];
        if (!starts_with(p, n, word))
            continue;
        size_t at = strlen(word), names = match_names(p + at, n - at);
        if (names > 0)
            return at + names;
    }
    return 0;
}

size_t bv_match_credentials(const char *line, size_t n, size_t at, size_t *begin)
{
    static const char *const letters[] = {"MD",   "M.D", "RN",   "R.N",  "PA-C",
                                          "FRCR", "PhD", "MBBS", "FACR", "Ph.D"};
    size_t length = 0;
    for (size_t i = 0; i < COUNT(letters); i++) {
        size_t size = strlen(letters[i]);
        if (n - at >= size && memcmp(line + at, letters[i], size) == 0 &&
            (n - at == size || !is_word(line[at + size])))
            length = size;
    }
    if (length == 0)
        return 0;
    *begin = at;
    for (int word = 0; word < 3; word++) {
        size_t end = *begin;
        bool stop = false;
        while (end > 0 && strchr(" ,.", line[end - 1]))
            stop = line[--end] == '.' || stop;
        // A point ends a sentence unless it follows an initial.
        if (stop && end > 1 && is_word(line[end - 2]))
            break;
        size_t start = end;
        while (start > 0 && (is_word(line[start - 1]) || strchr("-'", line[start - 1])))
            start--;
        if (start == end || capital_word(line + start, end - start) != end - start ||
            (start > 0 && line[start - 1] == '\n'))
            break;
        *begin = start;
    }
    return *begin < at ? at + length - *begin : 0;
}

size_t bv_match_numbered(const char *p, size_t n)
{
    static const char *const words[] = {"mrn",  "id",      "acc",  "accession", "case",
                                        "room", "bed",     "ward", "rm",        "zimmer",
                                        "ssn",  "account", "visit"};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!starts_with(p, n, words[i]))
            continue;
        size_t at = strlen(words[i]);
        while (at < n && at < strlen(words[i]) + 4 && strchr(" :#.", p[at]))
            at++;
        size_t begin = at;
        bool digit = false;
        while (at < n && (is_word(p[at]) || (p[at] == '-' && at + 1 < n && is_word(p[at + 1])))) {
            digit = digit || isdigit((unsigned char)p[at]);
            at++;
        }
        return digit && at > begin ? at : 0;
    }
    return 0;
}
