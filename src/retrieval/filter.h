// filter.h: conditions on metadata ("view=PA", "age>=60") as SQL with bound parameters.
#ifndef BV_RETRIEVAL_FILTER_H
#define BV_RETRIEVAL_FILTER_H

#include "base/arena.h"
#include "base/status.h"

// All conditions hold at once. sql goes to bv_store_select(); all strings are in the arena.
struct bv_filter {
    const char *sql; // NULL: everything passes
    const char **values;
    size_t n_values;
};

// conditions are KEY OP VALUE with = != < <= > >= or ~ (contains); <, >, <= and >= compare
// numbers, the others text. An item without the key passes only !=. full_text (may be NULL) is an
// FTS5 query on the study's report. A condition of another form is BV_ERR_ARG and quoted.
enum bv_status bv_filter_make(struct bv_filter *filter, const char *const *conditions, size_t n,
                              const char *full_text, struct bv_arena *arena, struct bv_error *err);

#endif
