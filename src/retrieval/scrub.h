// scrub.h: reports without the names, numbers and dates that say whose they are.
//
// What is taken out: lines of a header that names people or numbers ("Patient: …", "MRN …", "DOB:
// …", "Dictated by …"), the identifiers that came with the report, calendar dates, clock times,
// numbers of six digits or more, e-mail addresses, and names after a title ("Dr. …"). Names within
// a sentence that nothing announces stay: this lowers a risk, it does not certify
// de-identification.
#ifndef BV_RETRIEVAL_SCRUB_H
#define BV_RETRIEVAL_SCRUB_H

#include <stddef.h>

#include "base/arena.h"

// The cleaned text in the arena; NULL when memory is out. identifiers are n texts (NULL and short
// ones are skipped) whose parts, split at '^', spaces and commas, are removed wherever they stand
// as words, in any case. White space is evened out, line breaks are kept.
char *bv_scrub(struct bv_arena *arena, const char *text, const char *const *identifiers, size_t n);

#endif
