// scrub.h: removing what identifies a patient from reports: identifiers, their forms, dates,
// labels.
#ifndef BV_RETRIEVAL_SCRUB_H
#define BV_RETRIEVAL_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/status.h"

// identifiers.c: texts that say whose a report is, and what kind of text each is. In memory only.

enum bv_identifier_kind {
    BV_IDENTIFIER_NAME,   // of a person, components split at '^', groups at '='
    BV_IDENTIFIER_NUMBER, // a number or code
    BV_IDENTIFIER_PLACE,  // an address or an institution
    BV_IDENTIFIER_ANY,    // not known: a name or a number
};

struct bv_identifier {
    enum bv_identifier_kind kind;
    const char *text; // UTF-8
};

struct bv_identifiers {
    struct bv_identifier *items; // in an arena
    size_t n, room;
};

#define BV_MAX_IDENTIFIERS 4096

// Copies a text into the list, unless it is empty or there already; what is no UTF-8 is taken for
// Latin-1. Past BV_MAX_IDENTIFIERS: BV_ERR_LIMIT.
enum bv_status bv_identifiers_add(struct bv_identifiers *list, struct bv_arena *arena,
                                  enum bv_identifier_kind kind, const char *text,
                                  struct bv_error *err);

// fold.c: characters as names are compared: without case, accents, width and ligatures.

enum bv_char_class {
    BV_CHAR_OTHER,
    BV_CHAR_WORD, // letters and digits of scripts that put blanks between words
    BV_CHAR_CJK,  // scripts that do not: Han, kana, Hangul, Thai and their neighbours
};

enum bv_char_class bv_char_class(uint32_t c);
bool bv_char_is_upper(uint32_t c);

#define BV_FOLD_ROOM 16

// What a character is compared as; returns how many code points, 0 for marks and what is ignored.
// long_form writes umlauts and rings out (ä as ae, å as aa), as names are transcribed.
size_t bv_fold_char(uint32_t c, bool long_form, uint32_t out[BV_FOLD_ROOM]);

// forms.c: the forms that names, numbers and places may take in a text.

struct bv_forms;

// Everything in the arena; NULL when memory is out.
struct bv_forms *bv_forms_make(struct bv_arena *arena, const struct bv_identifiers *identifiers);

// What stands at a place in a text: the length in bytes of the longest form, 0 when there is none.
struct bv_form_match {
    size_t length;
    bool name; // of a person
};

// text[0, size) is UTF-8, at is where a word begins (or what was removed ends).
struct bv_form_match bv_forms_match(const struct bv_forms *forms, const char *text, size_t size,
                                    size_t at);

// scrub_dates.c: calendar dates and clock times in a text.

// The length of a date that stands at p, in n bytes of UTF-8; 0 when there is none. "12/31/2019",
// "2019-12-31", "31.12.19", "Dec 31, 2019", "31 Dec 2019", "the third of February 1961",
// "3. Februar 1961", "3 de febrero de 1961", "1961年2月3日".
size_t bv_match_date(const char *p, size_t n);

// "10:32", "10:32:05", with "am" or "pm".
size_t bv_match_time(const char *p, size_t n);

// scrub_labels.c: words of a text that announce a name, a number or an address.

// Whether a whole line is a header that names a person, a number, a place or a time.
bool bv_is_header_line(const char *line, size_t n);

// "Patient: …" within a line: the length up to where the next section or the line ends. 0: none.
size_t bv_match_label(const char *p, size_t n);

// Adds the names that labels of persons within a line give ("Patient: DOE, JANE"): they may stand
// elsewhere without a label.
enum bv_status bv_harvest_names(const char *line, size_t n, struct bv_arena *arena,
                                struct bv_identifiers *identifiers, struct bv_error *err);

// "Dr. Jane Doe", "nurse Doe", "signed by Jane Doe". The name is at least one capitalised word.
size_t bv_match_announced(const char *p, size_t n);

// "Jane Doe, MD": at is where the letters behind a name begin; *begin is where the name does. The
// length from there through the letters.
size_t bv_match_credentials(const char *line, size_t n, size_t at, size_t *begin);

// "MRN 12", "ID A17", "room 12B": a word and what has a digit behind it.
size_t bv_match_numbered(const char *p, size_t n);

// scrub.c: reports without the names, numbers and dates that say whose they are.
//
// What is taken out:
//   what came with the report: names of persons (each part, whole names in any order, initials
//     beside a part, ideographic and romanised groups, without regard to case, accents and umlauts
//     written out; with blanks between the parts or without), numbers, addresses, institutions
//   what is announced: lines of a header ("Patient: …", "MRN …", "Dictated by …"), labels within a
//     line, names after a title or before letters ("Dr. …", "…, MD"), "room 12B"
//   what has the form of it: dates, clock times, numbers of six digits and more, telephone numbers,
//     e-mail and web addresses, UIDs, ages of 90 and more
// Names within a sentence that nothing announces and that did not come with the report stay; so
// do short names that are words of every report ("No", "In") where they begin a sentence or have no
// capital. This lowers a risk, it does not certify de-identification.

// The cleaned text in the arena; NULL when memory is out. text is UTF-8. identifiers may be NULL.
// White space is evened out, line breaks are kept.
char *bv_scrub(struct bv_arena *arena, const char *text, const struct bv_identifiers *identifiers);

#endif
