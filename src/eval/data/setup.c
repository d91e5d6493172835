#include "eval/data/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sha256.h"

enum { JOURNAL_VERSION = 2 }; // of the lines' fields

static const char *const uncertain_names[] = {"ignore", "zero", "one", "policy"};

enum bv_status bv_setup_digest(const char *path, char hex[65], struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    BV_TRY(bv_mapping_open(&mapping, path, 0, err));
    bv_sha256_hex(mapping.data, mapping.size, hex);
    bv_mapping_close(&mapping);
    return BV_OK;
}

enum bv_status bv_setup_name_data(const char *path, struct bv_path_list *list, json_t *result,
                                  struct bv_error *err)
{
    char data[65], images[65];
    BV_TRY(bv_setup_digest(path, data, err));
    bv_path_list_digest(list, images);
    json_t *file = json_pack("{s:o, s:s}", "path", bv_json_path(path), "sha256", data);
    if (json_object_set_new(result, "data", file) != 0 ||
        (list->n > 0 && json_object_set_new(result, "list_sha256", json_string(images)) != 0))
        return bv_fail_nomem(err, "the results");
    return BV_OK;
}

// NULL where memory is out.
static json_t *strings(const char *const *items, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(list, json_string(items[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

// Columns are those of a file of UTF-8, so that only what is compared with its values, and the
// labels sought in a column's lists, may be anything.
static enum bv_status check_names(const struct bv_labelled_options *o, struct bv_error *err)
{
    for (size_t i = 0; i < o->n_where; i++)
        if (!bv_utf8_valid(o->where[i], strlen(o->where[i]), NULL))
            return bv_fail(err, BV_ERR_ARG, "%s: condition %zu is not UTF-8 text", o->path, i + 1);
    for (size_t i = 0; i < o->n_labels; i++)
        if (!bv_utf8_valid(o->labels[i], strlen(o->labels[i]), NULL))
            return bv_fail(err, BV_ERR_ARG, "%s: label %zu is not UTF-8 text", o->path, i + 1);
    return BV_OK;
}

enum bv_status bv_setup_create(json_t **setup, const struct bv_labelled_options *o,
                               const json_t *model, uint64_t block, uint64_t n_rows,
                               struct bv_error *err)
{
    char digest[65];
    BV_TRY(bv_setup_digest(o->path, digest, err));
    BV_TRY(check_names(o, err));
    json_t *made = json_pack(
        "{s:i, s:{s:o, s:s, s:I, s:o*, s:s*, s:s*, s:s*, s:s*, s:s*, s:o*, s:o}, s:o, s:s, s:s, "
        "s:O, "
        "s:I}",
        "journal", JOURNAL_VERSION, "data", "path", bv_json_path(o->path), "sha256", digest, "rows",
        (json_int_t)n_rows, "root", o->root ? bv_json_path(o->root) : NULL, "path_column",
        o->path_column, "patient_column", o->patient_column, "study_column", o->study_column,
        "stratum_column", o->stratum_column, "list_column", o->list_column, "frame",
        o->frame ? json_integer(o->frame) : NULL, "where", strings(o->where, o->n_where), "labels",
        strings(o->labels, o->n_labels), "uncertain", uncertain_names[o->uncertain], "blank",
        o->blank_is_zero ? "zero" : "ignore", "model", model, "block", (json_int_t)block);
    if (!made)
        return bv_fail_nomem(err, "the setup");
    *setup = made;
    return BV_OK;
}

// The strings of a JSON array; NULL where memory is out.
static const char **string_list(const json_t *array, struct bv_arena *arena, size_t *n)
{
    *n = json_array_size(array);
    const char **items = bv_arena_array(arena, *n + 1, sizeof *items);
    for (size_t i = 0; items && i < *n; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        items[i] = text ? text : "";
    }
    return items;
}

// A path of the setup; one that is absent leaves *path. False where memory is out.
static bool read_path(const json_t *data, const char *key, struct bv_arena *arena,
                      const char **path)
{
    const char *text = bv_json_string(data, key, NULL);
    if (!text)
        return true;
    char *bytes = bv_json_path_bytes(text);
    *path = bytes ? bv_arena_strdup(arena, bytes) : NULL;
    free(bytes);
    return *path != NULL;
}

enum bv_status bv_setup_dataset(const json_t *setup, const char *data_path, struct bv_arena *arena,
                                struct bv_labelled_options *options, struct bv_error *err)
{
    const json_t *data = json_object_get(setup, "data");
    struct bv_labelled_options made = {
        .path = data_path ? data_path : "",
        .path_column = bv_json_string(data, "path_column", NULL),
        .patient_column = bv_json_string(data, "patient_column", NULL),
        .study_column = bv_json_string(data, "study_column", NULL),
        .stratum_column = bv_json_string(data, "stratum_column", NULL),
        .list_column = bv_json_string(data, "list_column", NULL),
        .frame = (int)bv_json_integer(data, "frame", 0),
        .blank_is_zero = strcmp(bv_json_string(setup, "blank", ""), "zero") == 0};
    BV_TRY(bv_uncertain_parse(bv_json_string(setup, "uncertain", ""), &made.uncertain, err));
    made.where = string_list(json_object_get(data, "where"), arena, &made.n_where);
    made.labels = string_list(json_object_get(setup, "labels"), arena, &made.n_labels);
    bool paths = data_path || read_path(data, "path", arena, &made.path);
    if (!made.where || !made.labels || !paths || !read_path(data, "root", arena, &made.root))
        return bv_fail_nomem(err, "a data set");
    *options = made;
    return BV_OK;
}

// Describes the first member of ours that theirs has not, or not like that.
static bool find_difference(const json_t *ours, const json_t *theirs, const char *prefix,
                            char text[256])
{
    const char *key = NULL;
    json_t *value = NULL;
    char name[128];
    json_object_foreach((json_t *)(uintptr_t)ours, key, value)
    {
        const json_t *other = json_object_get(theirs, key);
        if (json_equal(value, other))
            continue;
        (void)snprintf(name, sizeof name, "%.60s%.60s", prefix, key);
        if (json_is_string(value) && json_is_string(other))
            (void)snprintf(text, 256, "%s is \"%.50s\", there \"%.50s\"", name,
                           json_string_value(value), json_string_value(other));
        else
            (void)snprintf(text, 256, "%s", name);
        if (json_is_object(value) && json_is_object(other)) {
            (void)snprintf(name, sizeof name, "%.60s%.60s.", prefix, key);
            (void)(find_difference(value, other, name, text) ||
                   find_difference(other, value, name, text));
        }
        return true;
    }
    return false;
}

const char *bv_setup_difference(const json_t *ours, const json_t *theirs, char text[256])
{
    text[0] = 0;
    (void)(find_difference(ours, theirs, "", text) || find_difference(theirs, ours, "", text));
    return text;
}

enum bv_status bv_setup_check_data(const json_t *setup, const char *data_path, struct bv_error *err)
{
    char digest[65];
    const json_t *data = json_object_get(setup, "data");
    struct bv_arena arena = {0};
    if (!data_path) {
        data_path = "";
        if (!read_path(data, "path", &arena, &data_path))
            return bv_fail_nomem(err, "a path");
    }
    enum bv_status status = bv_setup_digest(data_path, digest, err);
    if (status == BV_OK && strcmp(digest, bv_json_string(data, "sha256", "")) != 0)
        status = bv_fail(err, BV_ERR_ARG, "%s: not the file that was evaluated, it has changed",
                         data_path);
    bv_arena_free(&arena);
    return status;
}
