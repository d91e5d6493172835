// names.h: finding a member of an archive or a tensor by its name.
#ifndef BV_CHECKPOINT_NAMES_H
#define BV_CHECKPOINT_NAMES_H

#include <stddef.h>

// One line of an index over an array that somebody else owns.
struct bv_name {
    const char *text;
    size_t index;
};

// Sorts by text, equal texts by index.
void bv_names_sort(struct bv_name *names, size_t n);

// In a sorted index: the entry with this text, or NULL; and a text that occurs twice, or NULL.
const struct bv_name *bv_names_find(const struct bv_name *names, size_t n, const char *text);
const char *bv_names_duplicate(const struct bv_name *names, size_t n);

#endif
