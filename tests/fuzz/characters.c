// Texts of DICOM objects by any Specific Character Set: the first line is the attribute, the rest
// the text, read as each kind. What is read is UTF-8.
#include "target.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "image/dicom_dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bv_arena arena = {0};
    const char *end = size ? memchr(data, '\n', size) : NULL;
    size_t n = end ? (size_t)(end - (const char *)data) : 0;
    const char *sets = end ? bv_arena_strndup(&arena, (const char *)data, n) : NULL;
    for (int kind = BV_TEXT_LONG; sets && kind <= BV_TEXT_NAME; kind++) {
        struct bv_error err = {0};
        const char *text = NULL;
        if (bv_characters_read(sets, (enum bv_text_kind)kind, end + 1, size - n - 1, &arena, &text,
                               &err) == BV_OK &&
            !bv_utf8_valid(text, strlen(text), NULL))
            abort();
    }
    bv_arena_free(&arena);
    return 0;
}
