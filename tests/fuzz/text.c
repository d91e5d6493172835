// Texts that people write: any bytes as a text file, the words of a search, and, by their first
// byte, the findings that cells list.
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/file.h"
#include "eval/data/labelled.h"
#include "retrieval/query.h"

static bool same(const char *finding, size_t n, const char *label)
{
    return strlen(label) == n && memcmp(finding, label, n) == 0;
}

static void list(char *text)
{
    struct bv_finding_form form = {0};
    bool bad = false;
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        bv_finding_form_see(&form, line);
    (void)bv_finding_form_name(&form);
    (void)bv_finding_listed(&form, text, same, "edema", &bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_error err = {0};
    struct bv_arena arena = {0};
    const char *query = NULL;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    if (bv_text_tidy(text, &size, "text", &err) == BV_OK) {
        if (strlen(text) != size || !bv_utf8_valid(text, size, NULL))
            abort();
        (void)bv_filter_words(text, &arena, &query, &err);
        list(text);
    }
    bv_arena_free(&arena);
    free(text);
    return 0;
}
