// json.h: the few things every reader of a JSON document here needs, over jansson.
#ifndef BV_BASE_JSON_H
#define BV_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Parses size bytes; duplicate keys and trailing text are errors. what names the document in
// messages. The caller owns one reference of *out.
enum bv_status bv_json_parse(json_t **out, const char *text, size_t size, const char *what,
                             struct bv_error *err);

// Parses a file of at most max_bytes.
enum bv_status bv_json_load(json_t **out, const char *path, size_t max_bytes, struct bv_error *err);

// Borrowed member values with a default where the key is absent or has another type.
const char *bv_json_string(const json_t *object, const char *key, const char *fallback);
int64_t bv_json_integer(const json_t *object, const char *key, int64_t fallback);
double bv_json_number(const json_t *object, const char *key, double fallback); // integers too
bool bv_json_boolean(const json_t *object, const char *key, bool fallback);

#endif
