// forms.h: the forms that names, numbers and places may take in a text.
#ifndef BV_RETRIEVAL_FORMS_H
#define BV_RETRIEVAL_FORMS_H

#include <stdbool.h>

#include "retrieval/identifiers.h"

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

#endif
