// scrub.h: reports without the names, numbers and dates that say whose they are.
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
#ifndef BV_RETRIEVAL_SCRUB_H
#define BV_RETRIEVAL_SCRUB_H

#include <stddef.h>

#include "retrieval/identifiers.h"

// The cleaned text in the arena; NULL when memory is out. text is UTF-8. identifiers may be NULL.
// White space is evened out, line breaks are kept.
char *bv_scrub(struct bv_arena *arena, const char *text, const struct bv_identifiers *identifiers);

#endif
