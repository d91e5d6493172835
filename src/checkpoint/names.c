#include "checkpoint/container.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct bv_name *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int compare_text(const void *text, const void *name)
{
    return strcmp(text, ((const struct bv_name *)name)->text);
}

void bv_names_sort(struct bv_name *names, size_t n)
{
    if (n > 1)
        qsort(names, n, sizeof *names, compare);
}

const struct bv_name *bv_names_find(const struct bv_name *names, size_t n, const char *text)
{
    return n ? bsearch(text, names, n, sizeof *names, compare_text) : NULL;
}

const char *bv_names_duplicate(const struct bv_name *names, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1].text, names[i].text) == 0)
            return names[i].text;
    return NULL;
}
