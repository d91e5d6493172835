#include "retrieval/ingest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

// Headings of sections, those that are wanted first.
static const char *const headings[] = {
    "impression", "conclusion", "findings", "finding",     "indication", "history",
    "technique",  "comparison", "exam",     "examination", "clinical",   "recommendation",
    "procedure",  "views",      "reason",   "addendum",
};
enum { WANTED = 4 };

// The heading that a word at the start of a line or sentence is, when a colon follows soon; -1
// otherwise.
static int heading_at(const char *start, const char *p)
{
    const char *before = p;
    while (before > start && (before[-1] == ' ' || before[-1] == '\t'))
        before--;
    if (before > start && !strchr("\n.:;", before[-1]))
        return -1;
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++) {
        size_t n = strlen(headings[i]);
        if (strncasecmp(p, headings[i], n) != 0 || isalnum((unsigned char)p[n]))
            continue;
        size_t colon = strcspn(p, ":\n");
        if (p[colon] == ':' && colon <= n + 24)
            return (int)i;
    }
    return -1;
}

// Appends the sections of one heading; whether there were any.
static bool append_sections(const char *text, int wanted, char *out, size_t *used)
{
    bool any = false;
    for (const char *p = text; *p; p++) {
        if (heading_at(text, p) != wanted)
            continue;
        p += strcspn(p, ":") + 1;
        const char *end = p;
        while (*end && heading_at(text, end) < 0)
            end++;
        while (p < end && isspace((unsigned char)*p))
            p++;
        size_t n = (size_t)(end - p);
        while (n > 0 && isspace((unsigned char)p[n - 1]))
            n--;
        if (n > 0) {
            if (*used > 0)
                out[(*used)++] = ' ';
            memcpy(out + *used, p, n);
            *used += n;
            any = true;
        }
        if (!*end)
            break;
        p = end - 1;
    }
    return any;
}

char *bv_report_essence(struct bv_arena *arena, const char *text)
{
    size_t size = strlen(text), used = 0;
    char *out = bv_arena_alloc(arena, 2 * size + 2);
    if (!out)
        return NULL;
    for (int i = 0; i < WANTED; i++)
        (void)append_sections(text, i, out, &used);
    if (used == 0) {
        memcpy(out, text, size);
        used = size;
    }
    out[used] = 0;
    return out;
}
