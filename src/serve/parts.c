// multipart/form-data.
#define _GNU_SOURCE // memmem
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "serve/request.h"

enum { MOST_PARTS = BV_MAX_IMAGES + 1, BOUNDARY_MOST = 70 };

// Past the next semicolon that is not in a quoted value (names of files hold them); n without one.
static size_t next_parameter(const char *text, size_t n, size_t at)
{
    for (bool quoted = false; at < n; at++) {
        if (text[at] == ';' && !quoted)
            return at + 1;
        quoted = quoted != (text[at] == '"');
    }
    return n;
}

// The value of a parameter ("boundary", "name") of a header's text, quoted or not.
static bool parameter(const char *text, size_t n, const char *name, char *out, size_t room)
{
    size_t length = strlen(name);
    for (size_t i = next_parameter(text, n, 0); i < n; i = next_parameter(text, n, i)) {
        size_t at = i;
        while (at < n && text[at] == ' ')
            at++;
        if (n - at <= length || strncasecmp(text + at, name, length) != 0 ||
            text[at + length] != '=')
            continue;
        at += length + 1;
        bool quoted = at < n && text[at] == '"';
        at += quoted;
        size_t begin = at;
        while (at < n && (quoted ? text[at] != '"' : text[at] != ';' && text[at] != ' '))
            at++;
        size_t size = at - begin;
        if (size >= room || (quoted && at == n))
            return false;
        memcpy(out, text + begin, size);
        out[size] = 0;
        return strlen(out) == size;
    }
    return false;
}

// Content-Disposition among the n bytes of a part's headers.
static bool find_disposition(const char *headers, size_t n, const char **value, size_t *size)
{
    static const char name[] = "content-disposition:";
    for (const char *line = headers, *end = headers + n; line < end;) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        size_t length = stop ? (size_t)(stop - line) : (size_t)(end - line);
        if (length >= sizeof name - 1 && strncasecmp(line, name, sizeof name - 1) == 0) {
            *value = line + sizeof name - 1;
            *size = length - (sizeof name - 1);
            return true;
        }
        line += length + (stop ? 2 : 0);
    }
    return false;
}

static enum bv_status read_part(const char *text, size_t n, struct bv_parts *parts,
                                struct bv_error *err)
{
    char name[64];
    const char *value;
    size_t size;
    const char *blank = memmem(text, n, "\r\n\r\n", 4);
    if (!blank || !find_disposition(text, (size_t)(blank - text), &value, &size) ||
        !parameter(value, size, "name", name, sizeof name))
        return bv_fail(err, BV_ERR_FORMAT, "a part without a name");
    const char *bytes = blank + 4;
    size_t n_bytes = n - (size_t)(bytes - text);
    if (strcmp(name, "request") == 0) {
        if (parts->document)
            return bv_fail(err, BV_ERR_FORMAT, "two parts \"request\"");
        parts->document = bytes;
        parts->document_size = n_bytes;
        return BV_OK;
    }
    if (parts->n == BV_MAX_IMAGES)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d images", BV_MAX_IMAGES);
    struct bv_part *part = &parts->files[parts->n++];
    part->bytes = bytes;
    part->size = n_bytes;
    if (!parameter(value, size, "filename", part->name, sizeof part->name))
        part->name[0] = 0;
    return BV_OK;
}

enum bv_status bv_parts_read(const char *body, size_t size, const char *type,
                             struct bv_parts *parts, struct bv_error *err)
{
    char boundary[BOUNDARY_MOST + 1], line[BOUNDARY_MOST + 8] = "\r\n--";
    if (!parameter(type, strlen(type), "boundary", boundary, sizeof boundary) || !*boundary)
        return bv_fail(err, BV_ERR_FORMAT, "multipart without a boundary");
    strcat(line, boundary);
    size_t n = strlen(line);
    const char *at = body, *end = body + size;
    // The first line may lack the line end before it.
    if (size >= n - 2 && memcmp(body, line + 2, n - 2) == 0)
        at += n - 2;
    else if ((at = memmem(body, size, line, n)) != NULL)
        at += n;
    else
        return bv_fail(err, BV_ERR_FORMAT, "multipart without its boundary");
    for (int i = 0; i <= MOST_PARTS; i++) {
        if (end - at >= 2 && memcmp(at, "--", 2) == 0)
            return BV_OK;
        const char *begin = end - at >= 2 && memcmp(at, "\r\n", 2) == 0 ? at : NULL;
        const char *stop = begin ? memmem(begin + 2, (size_t)(end - begin - 2), line, n) : NULL;
        if (!stop)
            return bv_fail(err, BV_ERR_FORMAT, "a multipart body that is cut off");
        BV_TRY(read_part(begin + 2, (size_t)(stop - begin - 2), parts, err));
        at = stop + n;
    }
    return bv_fail(err, BV_ERR_LIMIT, "more than %d parts", MOST_PARTS);
}
