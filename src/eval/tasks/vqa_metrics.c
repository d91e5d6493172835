#include "eval/tasks/vqa.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t trim(const char **text)
{
    while (is_blank(**text))
        (*text)++;
    size_t n = strlen(*text);
    while (n && is_blank((*text)[n - 1]))
        n--;
    return n;
}

bool bv_vqa_same(const char *a, const char *b)
{
    size_t n = trim(&a), m = trim(&b), i = 0;
    if (n != m)
        return false;
    while (i < n && lower(a[i]) == lower(b[i]))
        i++;
    return i == n;
}

bool bv_vqa_is_closed(const char *type, const char *answer, bool *closed)
{
    static const char *const names[] = {"closed", "0", "yes/no", "open", "1"};
    if (!type) {
        *closed = strcasecmp(answer, "yes") == 0 || strcasecmp(answer, "no") == 0;
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(type, names[i]) == 0) {
            *closed = i < 3;
            return true;
        }
    return false;
}

void bv_vqa_add(struct bv_vqa *vqa, const char *predicted, const char *answer, bool closed)
{
    bool right = bv_vqa_same(predicted, answer);
    *(closed ? &vqa->n_closed : &vqa->n_open) += 1;
    *(closed ? &vqa->right_closed : &vqa->right_open) += right;
}

static double ratio(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : NAN;
}

double bv_vqa_closed(const struct bv_vqa *vqa)
{
    return ratio(vqa->right_closed, vqa->n_closed);
}

double bv_vqa_open(const struct bv_vqa *vqa)
{
    return ratio(vqa->right_open, vqa->n_open);
}

double bv_vqa_overall(const struct bv_vqa *vqa)
{
    return ratio(vqa->right_closed + vqa->right_open, vqa->n_closed + vqa->n_open);
}
