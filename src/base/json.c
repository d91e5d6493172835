#include "base/json.h"

#include <stdlib.h>

#include "base/file.h"

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
    enum bv_status status = bv_json_parse(out, text, size, path, err);
    free(text);
    return status;
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
