// identifiers.h: texts that say whose a report is, and what kind of text each is. In memory only.
#ifndef BV_RETRIEVAL_IDENTIFIERS_H
#define BV_RETRIEVAL_IDENTIFIERS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

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

#endif
