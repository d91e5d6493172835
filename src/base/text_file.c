#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"

// CR LF and CR become LF. Returns the new size.
static size_t unify_line_ends(char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\r' && i + 1 < size && text[i + 1] == '\n')
            continue;
        text[n++] = text[i] == '\r' ? '\n' : text[i];
    }
    return n;
}

static size_t line_of(const char *text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

enum bv_status bv_text_tidy(char *text, size_t *size, const char *name, struct bv_error *err)
{
    size_t n = *size, bad = 0;
    if (n >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return bv_fail(err, BV_ERR_FORMAT, "%s: UTF-16 text; save it as UTF-8", name);
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        n -= 3;
        memmove(text, text + 3, n);
    }
    n = unify_line_ends(text, n);
    const char *zero = n ? memchr(text, 0, n) : NULL;
    if (zero)
        return bv_fail(err, BV_ERR_FORMAT, "%s: line %zu has a byte of zero: this is no text", name,
                       line_of(text, (size_t)(zero - text)));
    if (!bv_utf8_valid(text, n, &bad))
        return bv_fail(err, BV_ERR_FORMAT,
                       "%s: line %zu is not UTF-8; convert it, for example with iconv -f "
                       "WINDOWS-1252 -t UTF-8",
                       name, line_of(text, bad));
    text[n] = 0;
    *size = n;
    return BV_OK;
}

enum bv_status bv_text_read(const char *path, size_t max_bytes, char **text, size_t *size,
                            struct bv_error *err)
{
    char *read = NULL;
    size_t n = 0;
    BV_TRY(bv_read_all(path, max_bytes, &read, &n, err));
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    if (bv_text_tidy(read, &n, name, err) != BV_OK) {
        free(read);
        return BV_ERR_FORMAT;
    }
    *text = read;
    *size = n;
    return BV_OK;
}
