// scrub_labels.h: words of a text that announce a name, a number or an address.
#ifndef BV_RETRIEVAL_SCRUB_LABELS_H
#define BV_RETRIEVAL_SCRUB_LABELS_H

#include <stdbool.h>
#include <stddef.h>

#include "retrieval/identifiers.h"

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

#endif
