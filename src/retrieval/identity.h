// identity.h: what an identifier may be used for.
#ifndef BV_RETRIEVAL_IDENTITY_H
#define BV_RETRIEVAL_IDENTITY_H

#include <stdbool.h>

// Whether an accession number says that there is none: empty, blanks or marks only, zeros, or a
// word that sites write where a number is missing (NONE, UNKNOWN, N/A …). Such a number is borne by
// many studies and names no one of them.
bool bv_accession_is_placeholder(const char *accession);

#endif
