#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"

enum bv_status bv_json_parse(json_t **out, const char *text, size_t size, const char *what,
                             struct bv_error *err)
{
    json_error_t problem;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
    if (!value)
        return bv_fail(err, BV_ERR_FORMAT, "%s: line %d: %s", what, problem.line, problem.text);
    *out = value;
    return BV_OK;
}

enum bv_status bv_json_load(json_t **out, const char *path, size_t max_bytes, struct bv_error *err)
{
    char *text = NULL;
    size_t size = 0;
    BV_TRY(bv_read_all(path, max_bytes, &text, &size, err));
    bool marked = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0; // a byte order mark
    enum bv_status status =
        bv_json_parse(out, text + (marked ? 3 : 0), size - (marked ? 3 : 0), path, err);
    free(text);
    return status;
}

json_t *bv_json_path(const char *path)
{
    size_t n = strlen(path);
    char *text = n <= SIZE_MAX / 4 - 1 ? malloc(4 * n + 1) : NULL;
    if (!text)
        return NULL;
    char *to = text;
    for (const char *at = path; *at;) {
        uint32_t rune;
        size_t taken = bv_utf8_decode(at, (size_t)(path + n - at), &rune);
        if (taken == 0 || (at[0] == '\\' && at[1] == 'x')) {
            to += snprintf(to, 5, "\\x%02X", (unsigned)(unsigned char)*at++);
        } else {
            memcpy(to, at, taken);
            to += taken;
            at += taken;
        }
    }
    json_t *value = json_stringn(text, (size_t)(to - text));
    free(text);
    return value;
}

// The value of two hexadecimal digits, or 0.
static int hex_byte(const char *digits)
{
    char text[3] = {digits[0], digits[0] ? digits[1] : 0};
    return strspn(text, "0123456789ABCDEFabcdef") == 2 ? (int)strtol(text, NULL, 16) : 0;
}

char *bv_json_path_bytes(const char *text)
{
    char *path = malloc(strlen(text) + 1), *to = path;
    while (path && *text) {
        int byte = text[0] == '\\' && text[1] == 'x' ? hex_byte(text + 2) : 0;
        *to++ = byte ? (char)byte : *text;
        text += byte ? 4 : 1;
    }
    if (path)
        *to = 0;
    return path;
}

const char *bv_json_string(const json_t *object, const char *key, const char *fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t bv_json_integer(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double bv_json_number(const json_t *object, const char *key, double fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool bv_json_boolean(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}
