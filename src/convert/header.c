#include "convert/import_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t max_header = 100000000;

// The header's JSON text, terminated; NULL when it cannot be read.
static char *read_header(int fd)
{
    unsigned char prefix[8];
    if (pread(fd, prefix, sizeof prefix, 0) != (ssize_t)sizeof prefix)
        return NULL;
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | prefix[i];
    char *text = n <= max_header ? malloc((size_t)n + 1) : NULL;
    if (text && pread(fd, text, (size_t)n, (off_t)sizeof prefix) != (ssize_t)n) {
        free(text);
        return NULL;
    }
    if (text)
        text[n] = 0;
    return text;
}

// The bytes between the quotes of the value of "key"; 0 when there is no such key.
static size_t find_value(const char *header, const char *key, size_t *room)
{
    char quoted[128];
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *at = strstr(header, quoted);
    at = at ? strchr(at + strlen(quoted), '"') : NULL;
    if (!at)
        return 0;
    const char *end = ++at;
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    *room = (size_t)(end - at);
    return (size_t)(at - header);
}

// text as it stands in a JSON string; the caller frees.
static char *escape(const char *text)
{
    char *out = malloc(2 * strlen(text) + 1), *at = out;
    if (!out)
        return NULL;
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            *at++ = '\\';
        *at++ = *text;
    }
    *at = 0;
    return out;
}

enum bv_status bv_header_put(const char *path, const char *key, const char *text, bool *fits,
                             struct bv_error *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    char *header = read_header(fd), *value = escape(text);
    size_t room = 0, at = header ? find_value(header, key, &room) : 0;
    size_t n = value ? strlen(value) : 0;
    enum bv_status status = BV_OK;
    *fits = at > 0 && n <= room;
    if (!header || !value) {
        status = bv_fail_nomem(err, path);
    } else if (*fits) {
        memset(header + at, ' ', room);
        memcpy(header + at, value, n);
        if (pwrite(fd, header + at, room, (off_t)(8 + at)) != (ssize_t)room || fsync(fd) != 0)
            status = bv_fail(err, BV_ERR_IO, "%s: %s", path, strerror(errno));
    }
    free(header);
    free(value);
    (void)close(fd);
    return status;
}
