// json.h: the few things every reader of a JSON document here needs, over jansson.
#ifndef BV_BASE_JSON_H
#define BV_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

// Parses size bytes, which a byte order mark may precede; duplicate keys and trailing text are
// errors. An integer beyond 64 bits (transformers writes int(1e30) for a length without a limit)
// becomes a real, as it does in JavaScript; the words NaN, Infinity and -Infinity, which Python's
// writer lets pass (diffusers' lambda_min_clipped), become strings. what names the document in
// messages. The caller owns one reference of *out.
enum bv_status bv_json_parse(json_t **out, const char *text, size_t size, const char *what,
                             struct bv_error *err);

// Parses a file of at most max_bytes.
enum bv_status bv_json_load(json_t **out, const char *path, size_t max_bytes, struct bv_error *err);

// A path as a JSON text, a new reference; NULL where memory is out. A path need not be UTF-8: each
// byte that is part of no character becomes \xHH, and so does a backslash before an x (\x5Cx), so
// that bv_json_path_bytes() gives the path back. Any other path stands as it is.
json_t *bv_json_path(const char *path);

// The path that bv_json_path() wrote, malloc'd; NULL where memory is out. What names a byte 0 stays
// as it is written.
char *bv_json_path_bytes(const char *text);

// Borrowed member values with a default where the key is absent or has another type.
const char *bv_json_string(const json_t *object, const char *key, const char *fallback);
int64_t bv_json_integer(const json_t *object, const char *key, int64_t fallback);
double bv_json_number(const json_t *object, const char *key, double fallback); // integers too
bool bv_json_boolean(const json_t *object, const char *key, bool fallback);

#endif
