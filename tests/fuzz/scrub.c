// Scrubbing any text: its first line is an identifier that must not be left as a word.
#include "target.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "retrieval/ingest.h"
#include "retrieval/scrub.h"

// Whether an identifier of letters stands in a text as a word.
static int stands(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; *p; p++) {
        if (strncasecmp(p, word, n) == 0 && (p == text || !isalnum((unsigned char)p[-1])) &&
            !isalnum((unsigned char)p[n]) && (p == text || (unsigned char)p[-1] < 0x80) &&
            (unsigned char)p[n] < 0x80)
            return 1;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_arena arena = {0};
    char *copy = bv_arena_strndup(&arena, (const char *)data, size);
    char *rest = copy ? strchr(copy, '\n') : NULL;
    if (rest) {
        *rest++ = 0;
        struct bv_identifiers identifiers = {0};
        struct bv_error err = {0};
        (void)bv_identifiers_add(&identifiers, &arena, BV_IDENTIFIER_NAME, copy, &err);
        (void)bv_identifiers_add(&identifiers, &arena, BV_IDENTIFIER_PLACE, copy, &err);
        (void)bv_identifiers_add(&identifiers, &arena, BV_IDENTIFIER_NUMBER, copy, &err);
        const char *clean = bv_scrub(&arena, rest, &identifiers);
        size_t letters = strspn(copy, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
        if (clean && letters >= 4 && copy[letters] == 0 && stands(clean, copy))
            abort();
        if (clean)
            (void)bv_report_essence(&arena, clean);
    }
    bv_arena_free(&arena);
    return 0;
}
