#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/file.h"

enum { INTEGER_DIGITS = 18 }; // always fit an int64_t

// The length of one of Python's three words at text, or 0.
static size_t nonfinite_length(const char *text, size_t size)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (size >= n && memcmp(text, words[i], n) == 0)
            return n;
    }
    return 0;
}

// A copy of what Python's json module writes beyond the standard and Jansson's range: integers of
// many digits end in ".0", which makes them reals, and NaN and infinities are strings: whoever
// wants a number there finds none. NULL where memory is out.
static char *standardise(const char *text, size_t size, size_t *standard)
{
    char *out = size < SIZE_MAX / 2 ? malloc(size + size / 3 * 2 + 8) : NULL, *to = out;
    bool quoted = false;
    for (size_t i = 0; out && i < size;) {
        size_t digits = 0, nonfinite = quoted ? 0 : nonfinite_length(text + i, size - i);
        while (!quoted && i + digits < size && text[i + digits] >= '0' && text[i + digits] <= '9')
            digits++;
        size_t n = digits ? digits : 1;
        if (quoted && text[i] == '\\' && i + 1 < size)
            n = 2;
        else if (text[i] == '"')
            quoted = !quoted;
        bool part_of_real =
            (i > 0 && strchr(".eE+", text[i - 1])) || (i + n < size && strchr(".eE", text[i + n]));
        if (nonfinite)
            *to++ = '"';
        n = nonfinite ? nonfinite : n;
        memcpy(to, text + i, n);
        to += n;
        i += n;
        if (nonfinite)
            *to++ = '"';
        if (digits > INTEGER_DIGITS && !part_of_real) {
            memcpy(to, ".0", 2);
            to += 2;
        }
    }
    *standard = (size_t)(to - out);
    return out;
}

enum bv_status bv_json_parse(json_t **out, const char *text, size_t size, const char *what,
                             struct bv_error *err)
{
    static const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_error_t problem;
    if (size == 0)
        text = ""; // where there is nothing there may be no pointer
    size_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; // a byte order mark
    json_t *value = json_loadb(text + mark, size - mark, flags, &problem);
    enum json_error_code why = value ? json_error_unknown : json_error_code(&problem);
    if (!value && (why == json_error_numeric_overflow || why == json_error_invalid_syntax)) {
        size_t n = 0;
        json_error_t again;
        char *standard = standardise(text + mark, size - mark, &n);
        if (!standard)
            return bv_fail_nomem(err, what);
        value = json_loadb(standard, n, flags, &again);
        free(standard);
    }
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
    enum bv_status status = bv_json_parse(out, text, size, path, err);
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
