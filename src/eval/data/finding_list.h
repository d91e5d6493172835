// finding_list.h: a cell of a table that lists a row's findings, in the forms that data sets use:
// a|b, a;b, a, b, and lists as Python, NumPy and JSON print them: ['a', 'b'], ['a' 'b'], ["a",
// "b"].
#ifndef BV_EVAL_DATA_FINDING_LIST_H
#define BV_EVAL_DATA_FINDING_LIST_H

#include <stdbool.h>
#include <stddef.h>

// What separates the findings of a column, by all of its cells. Zero-initialise.
struct bv_finding_form {
    bool bars, semicolons, commas, brackets; // seen in cells; brackets: cells that are lists
};

void bv_finding_form_see(struct bv_finding_form *form, const char *cell);

// The form in words: "a|b", "a;b", "a, b", "['a', 'b']".
const char *bv_finding_form_name(const struct bv_finding_form *form);

// Whether a cell lists a finding that fits, which same() says of each; *bad: the cell begins as a
// list in brackets and does not end as one.
bool bv_finding_listed(const struct bv_finding_form *form, const char *cell,
                       bool (*same)(const char *finding, size_t n, const char *label),
                       const char *label, bool *bad);

#endif
