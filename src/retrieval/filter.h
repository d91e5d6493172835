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

// The FTS5 query for reports in which all words of a text occur, those in "double quotes" one after
// the other; a word*'s begin suffices. Signs within a word ("right-sided", "COVID-19", "and/or",
// "patient's") part it into words that follow each other, as they do in the reports. BV_ERR_ARG for
// a text without a word, and for AND, OR, NOT and NEAR, which mean more in FTS5's own syntax.
enum bv_status bv_filter_words(const char *text, struct bv_arena *arena, const char **query,
                               struct bv_error *err);

// conditions are KEY OP VALUE with = != < <= > >= or ~ (contains); <, >, <= and >= compare
// numbers, the others text. An item without the key passes only !=. full_text (may be NULL) is an
// FTS5 query on the study's report. A condition of another form is BV_ERR_ARG and quoted.
enum bv_status bv_filter_make(struct bv_filter *filter, const char *const *conditions, size_t n,
                              const char *full_text, struct bv_arena *arena, struct bv_error *err);

#endif
