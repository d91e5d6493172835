#include "pacs/http.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

// The first place of needle in [from, end); NULL when there is none.
static const uint8_t *find(const uint8_t *from, const uint8_t *end, const char *needle, size_t n)
{
    while ((size_t)(end - from) >= n) {
        const uint8_t *p = memchr(from, needle[0], (size_t)(end - from) - n + 1);
        if (!p)
            return NULL;
        if (memcmp(p, needle, n) == 0)
            return p;
        from = p + 1;
    }
    return NULL;
}

// "--" and the boundary of the content type; false when it names none.
static bool read_boundary(const char *content_type, char out[80], size_t *n)
{
    const char *p = content_type;
    while (*p && strncasecmp(p, "boundary=", 9) != 0)
        p++;
    if (!*p)
        return false;
    p += 9;
    bool quoted = *p == '"';
    p += quoted;
    size_t length = strcspn(p, quoted ? "\"" : "; \t");
    if (length == 0 || length > 70)
        return false;
    memcpy(out, "--", 2);
    memcpy(out + 2, p, length);
    *n = length + 2;
    return true;
}

// Whether what follows a boundary makes it one: "--", or blanks and the end of the line.
static bool ends_line(const uint8_t *p, const uint8_t *end)
{
    if (end - p >= 2 && p[0] == '-' && p[1] == '-')
        return true;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n';
}

enum bv_status bv_multipart_first(const uint8_t *body, size_t size, const char *content_type,
                                  const uint8_t **part, size_t *part_size, struct bv_error *err)
{
    char boundary[80];
    size_t n;
    if (strncasecmp(content_type, "multipart/", 10) != 0) {
        *part = body;
        *part_size = size;
        return BV_OK;
    }
    if (size == 0 || !read_boundary(content_type, boundary, &n))
        return bv_fail(err, BV_ERR_FORMAT, "an answer of several parts without a boundary");
    const uint8_t *end = body + size, *start = find(body, end, boundary, n);
    const uint8_t *content = start ? find(start, end, "\r\n\r\n", 4) : NULL;
    if (!content)
        return bv_fail(err, BV_ERR_FORMAT, "an answer of several parts without a part");
    content += 4;
    // Only the boundary ends a part: a length in the part's header could lie.
    for (const uint8_t *p = content; (p = find(p, end, boundary, n)); p++) {
        if (p - content >= 2 && p[-2] == '\r' && p[-1] == '\n' && ends_line(p + n, end)) {
            *part = content;
            *part_size = (size_t)(p - content) - 2;
            return BV_OK;
        }
    }
    return bv_fail(err, BV_ERR_FORMAT, "an answer that ends within a part");
}
