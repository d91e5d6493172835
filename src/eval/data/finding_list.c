#include "eval/data/labelled.h"

#include <string.h>

static const char blanks[] = " \t\r\n";

void bv_finding_form_see(struct bv_finding_form *form, const char *cell)
{
    cell += strspn(cell, blanks);
    form->brackets |= *cell == '[';
    if (*cell == '[')
        return;
    form->bars |= strchr(cell, '|') != NULL;
    form->semicolons |= strchr(cell, ';') != NULL;
    form->commas |= strchr(cell, ',') != NULL;
}

// A bar separates nothing else; a comma may be part of a name where something else separates.
static char separator(const struct bv_finding_form *form)
{
    return form->bars || !(form->semicolons || form->commas) ? '|' : form->semicolons ? ';' : ',';
}

const char *bv_finding_form_name(const struct bv_finding_form *form)
{
    if (form->brackets)
        return "['a', 'b']";
    switch (separator(form)) {
    case ';':
        return "a;b";
    case ',':
        return "a, b";
    default:
        return "a|b";
    }
}

static size_t trimmed(const char **text, size_t n)
{
    while (n && strchr(blanks, **text)) {
        (*text)++;
        n--;
    }
    while (n && strchr(blanks, (*text)[n - 1]))
        n--;
    return n;
}

// The element at *at of a list in brackets, without quotes; moves past it and what follows it.
// False at the list's end, or where it is none (*bad).
static bool next_element(const char **at, char *element, size_t room, size_t *n, bool *bad)
{
    const char *p = *at + strspn(*at, ", \t\r\n");
    *n = 0;
    if (*p == ']' || !*p) {
        *bad |= !*p;
        return false;
    }
    char quote = *p == '\'' || *p == '"' ? *p++ : 0;
    while (*p && (quote ? *p != quote : !strchr(",]", *p))) {
        if (quote && *p == '\\' && p[1])
            p++;
        if (*n < room)
            element[(*n)++] = *p;
        p++;
    }
    *bad |= quote && !*p;
    *at = p + (quote && *p);
    return !(quote && !*p);
}

static bool listed_in_brackets(const char *cell, bool (*same)(const char *, size_t, const char *),
                               const char *label, bool *bad)
{
    char element[512];
    size_t n = 0;
    bool found = false;
    for (cell++; next_element(&cell, element, sizeof element, &n, bad);) {
        const char *start = element;
        n = trimmed(&start, n);
        found |= same(start, n, label);
    }
    return found;
}

bool bv_finding_listed(const struct bv_finding_form *form, const char *cell,
                       bool (*same)(const char *finding, size_t n, const char *label),
                       const char *label, bool *bad)
{
    *bad = false;
    const char *start = cell + strspn(cell, blanks), *whole = start;
    size_t n_whole = trimmed(&whole, strlen(whole));
    if (same(whole, n_whole, label)) // a name may have any of the separators in it
        return true;
    if (*start == '[')
        return listed_in_brackets(start, same, label, bad);
    for (char between = separator(form);;) {
        const char *end = strchr(start, between), *finding = start;
        size_t n = trimmed(&finding, end ? (size_t)(end - start) : strlen(start));
        if (same(finding, n, label))
            return true;
        if (!end)
            return false;
        start = end + 1;
    }
}
