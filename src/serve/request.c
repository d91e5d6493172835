#include "serve/request.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "base/json.h"
#include "serve/root.h"
#include "serve/server.h"

// A short value of two bytes becomes a hundred in memory. As many as 2048 texts and 64 images need,
// many times over, and together little where --queue requests have them.
enum { MOST_VALUES = 1 << 16, MOST_PIXELS = 50 * 1000 * 1000 };

static enum bv_status count_values(const char *text, size_t n, struct bv_error *err)
{
    size_t values = 0;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == '[' || c == '{'))
            values++;
    }
    if (values > MOST_VALUES)
        return bv_fail(err, BV_ERR_LIMIT, "more than %d values", MOST_VALUES);
    return BV_OK;
}

// Members that some path reads, by their types (JSON_TRUE: true or false). null is as if it were
// not there; what has another type would be passed over for a default that nobody asked for.
static const struct {
    const char *key;
    json_type type;
    const char *is;
} members[] = {
    {"model", JSON_STRING, "a text"},
    {"templates", JSON_STRING, "a text"},
    {"method", JSON_STRING, "a text"},
    {"as", JSON_STRING, "a text"},
    {"encoding_format", JSON_STRING, "a text"},
    {"question", JSON_STRING, "a text"},
    {"text", JSON_STRING, "a text"},
    {"id", JSON_STRING, "a text"},
    {"find", JSON_STRING, "a text"},
    {"match", JSON_STRING, "a text"},
    {"name", JSON_STRING, "a text"}, // of an image
    {"frame", JSON_INTEGER, "a whole number"},
    {"k", JSON_INTEGER, "a whole number"},
    {"top", JSON_INTEGER, "a whole number"},
    {"show_prompts", JSON_TRUE, "true or false"},
    {"by_study", JSON_TRUE, "true or false"},
    {"images", JSON_ARRAY, "a list"},
    {"where", JSON_ARRAY, "a list"},
};

static bool has_type(const json_t *value, json_type type)
{
    return type == JSON_STRING ? bv_request_is_text(value)
           : type == JSON_TRUE ? json_is_boolean(value)
                               : json_typeof(value) == type;
}

static enum bv_status check_members(const json_t *object, struct bv_error *err)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const json_t *value = json_object_get(object, members[i].key);
        if (value && !json_is_null(value) && !has_type(value, members[i].type))
            return bv_fail(err, BV_ERR_ARG, "\"%s\" is %s%s", members[i].key, members[i].is,
                           json_is_string(value) && members[i].type == JSON_STRING
                               ? " of less than 64 kB without zero bytes"
                               : "");
    }
    return BV_OK;
}

enum bv_status bv_request_read(struct bv_call *call, struct bv_parts *parts, struct bv_error *err)
{
    const char *text = call->body;
    size_t n = call->size;
    *parts = (struct bv_parts){.n = 0};
    if (strncasecmp(call->type, "multipart/", 10) == 0) {
        BV_TRY(bv_parts_read(call->body ? call->body : "", call->size, call->type, parts, err));
        text = parts->document ? parts->document : "{}";
        n = parts->document ? parts->document_size : 2;
    }
    BV_TRY(count_values(text, n, err));
    BV_TRY(bv_json_parse(&call->document, text ? text : "", n, "the body", err));
    if (!json_is_object(call->document))
        return bv_fail(err, BV_ERR_FORMAT, "the body is not an object");
    if (json_object_get(call->document, "image") &&
        json_is_array(json_object_get(call->document, "images")))
        return bv_fail(err, BV_ERR_ARG, "\"image\" or \"images\", not both");
    return check_members(call->document, err);
}

// Images.

size_t bv_request_image_count(const struct bv_call *call, const struct bv_parts *parts)
{
    const json_t *list = json_object_get(call->document, "images");
    if (json_object_get(call->document, "image"))
        return 1;
    return list ? json_array_size(list) : parts->n;
}

static enum bv_status open_source(const struct bv_sent *source, struct bv_image_options *options,
                                  struct bv_image **image, struct bv_error *err)
{
    struct bv_context *context = bv_reader_context();
    options->name = options->name ? options->name : *source->name ? source->name : "image";
    options->max_pixels = MOST_PIXELS;
    enum bv_status status =
        bv_image_open_bytes(context, source->bytes, source->size, options, image);
    return status == BV_OK ? BV_OK : bv_fail(err, status, "%s", bv_last_error(context));
}

// The text may be a data address ("data:image/png;base64,…").
static enum bv_status read_base64(const json_t *text, struct bv_sent *source, struct bv_error *err)
{
    const char *coded = json_string_value(text);
    size_t n = json_string_length(text);
    const char *comma = strncmp(coded, "data:", 5) == 0 ? memchr(coded, ',', n) : NULL;
    if (comma) {
        n -= (size_t)(comma + 1 - coded);
        coded = comma + 1;
    }
    BV_TRY(bv_base64_decode(coded, n, &source->owned, &source->size, err));
    source->bytes = source->owned;
    return BV_OK;
}

static enum bv_status read_path(const struct bv_call *call, const char *path,
                                struct bv_sent *source, struct bv_error *err)
{
    BV_TRY(bv_root_read(call->server->root, path, (size_t)1 << 28, &source->owned, &source->size,
                        err));
    source->bytes = source->owned;
    source->name = path;
    return BV_OK;
}

static enum bv_status find_part(const struct bv_parts *parts, size_t i, struct bv_sent *source,
                                struct bv_error *err)
{
    if (i >= parts->n)
        return bv_fail(err, BV_ERR_ARG, "there is no file part %zu", i);
    const struct bv_part *part = &parts->files[i];
    *source = (struct bv_sent){.bytes = part->bytes, .size = part->size, .name = part->name};
    return BV_OK;
}

static enum bv_status find_kept(struct bv_call *call, const char *id, struct bv_image **image,
                                struct bv_error *err)
{
    *image = bv_images_find(&call->server->images, id);
    return *image ? BV_OK
                  : bv_fail(err, BV_ERR_ARG, "no such image: perhaps it was not used for too long");
}

// One way to name the image; what a kept one was decoded with stays as it is.
static enum bv_status check_image(const json_t *spec, const struct bv_image *prior,
                                  struct bv_error *err)
{
    static const char *const ways[] = {"base64", "path", "id", "part"};
    size_t n = json_is_string(spec);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        n += json_object_get(spec, ways[i]) != NULL;
    if (n != 1)
        return bv_fail(err, BV_ERR_ARG,
                       "an image is {\"base64\": …}, {\"path\": …}, {\"id\": …} or a file part");
    BV_TRY(check_members(spec, err));
    int64_t frame = bv_json_integer(spec, "frame", 1);
    if (frame < 1 || frame > INT_MAX)
        return bv_fail(err, BV_ERR_ARG, "\"frame\" counts from 1");
    if (json_object_get(spec, "id") && (prior || json_is_integer(json_object_get(spec, "frame")) ||
                                        json_is_string(json_object_get(spec, "name"))))
        return bv_fail(err, BV_ERR_ARG,
                       "a kept image has its \"frame\", \"prior\" and \"name\" already");
    return BV_OK;
}

// The bytes that a description stands for.
static enum bv_status read_source(const struct bv_call *call, const struct bv_parts *parts,
                                  const json_t *spec, struct bv_sent *source, struct bv_error *err)
{
    const json_t *base64 = json_is_string(spec) ? spec : json_object_get(spec, "base64"),
                 *path = json_object_get(spec, "path"), *part = json_object_get(spec, "part");
    *source = (struct bv_sent){.name = ""};
    if (json_is_string(base64))
        return read_base64(base64, source, err);
    if (json_is_string(path))
        return read_path(call, json_string_value(path), source, err);
    if (json_is_integer(part) && json_integer_value(part) >= 0)
        return find_part(parts, (size_t)json_integer_value(part), source, err);
    return bv_fail(err, BV_ERR_ARG,
                   "\"base64\", \"path\" and \"id\" are texts, \"part\" the number of a file part");
}

// An image, and where they are wanted the bytes that it was read of.
static enum bv_status open_image(struct bv_call *call, const struct bv_parts *parts,
                                 const json_t *spec, struct bv_image *prior,
                                 struct bv_image **image, struct bv_sent *kept,
                                 struct bv_error *err)
{
    const json_t *id = json_object_get(spec, "id");
    struct bv_sent source;
    BV_TRY(check_image(spec, prior, err));
    struct bv_image_options options = {.size = sizeof options,
                                       .name = bv_json_string(spec, "name", NULL),
                                       .prior = prior,
                                       .frame = (int)bv_json_integer(spec, "frame", 0)};
    if (json_is_string(id) && !kept)
        return find_kept(call, json_string_value(id), image, err);
    if (json_is_string(id))
        return bv_fail(err, BV_ERR_ARG,
                       "a DICOM object is made of its source: send that, as "
                       "\"base64\", \"path\" or a file part");
    if (kept && options.frame > 1)
        return bv_fail(err, BV_ERR_ARG,
                       "a DICOM object names its source as a whole, no frame of it");
    BV_TRY(read_source(call, parts, spec, &source, err));
    enum bv_status status = open_source(&source, &options, image, err);
    if (status == BV_OK && kept)
        *kept = source;
    else
        free(source.owned);
    return status;
}

static enum bv_status open_with_prior(struct bv_call *call, const struct bv_parts *parts,
                                      const json_t *spec, struct bv_image **image,
                                      struct bv_sent *kept, struct bv_error *err)
{
    const json_t *earlier = json_object_get(spec, "prior");
    struct bv_image *prior = NULL;
    if (earlier)
        BV_TRY(open_image(call, parts, earlier, NULL, &prior, NULL, err));
    enum bv_status status = open_image(call, parts, spec, prior, image, kept, err);
    bv_image_close(&prior);
    return status;
}

enum bv_status bv_request_open(struct bv_call *call, const struct bv_parts *parts,
                               const json_t *spec, struct bv_image **image, struct bv_error *err)
{
    return open_with_prior(call, parts, spec, image, NULL, err);
}

enum bv_status bv_request_source(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                 struct bv_image **image, struct bv_sent *kept,
                                 struct bv_error *err)
{
    const json_t *spec = json_object_get(call->document, "image");
    const json_t *list = json_object_get(call->document, "images");
    struct bv_image_options options = {.size = sizeof options};
    struct bv_sent part;
    if (!spec && list)
        spec = json_array_get(list, i);
    if (spec)
        return open_with_prior(call, parts, spec, image, kept, err);
    BV_TRY(find_part(parts, i, &part, err));
    if (kept)
        *kept = part;
    return open_source(&part, &options, image, err);
}

enum bv_status bv_request_image(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                struct bv_image **image, struct bv_error *err)
{
    return bv_request_source(call, parts, i, image, NULL, err);
}

// Texts and names.

bool bv_request_is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) < 1 << 16 &&
           strlen(json_string_value(value)) == json_string_length(value);
}

enum bv_status bv_request_texts(const struct bv_call *call, const char *key, size_t most,
                                json_t **list, struct bv_error *err)
{
    json_t *value = json_object_get(call->document, key);
    *list = NULL;
    if (!value)
        return BV_OK;
    json_t *texts = json_is_string(value) ? json_pack("[O]", value) : json_incref(value);
    bool good = json_is_array(texts) && json_array_size(texts) > 0;
    for (size_t i = 0; good && i < json_array_size(texts); i++)
        good = bv_request_is_text(json_array_get(texts, i));
    if (good && json_array_size(texts) <= most) {
        *list = texts;
        return BV_OK;
    }
    json_decref(texts);
    return good ? bv_fail(err, BV_ERR_LIMIT, "\"%s\": more than %zu texts", key, most)
                : bv_fail(err, BV_ERR_ARG, "\"%s\" is a text or a list of texts, not empty", key);
}

struct bv_served *bv_request_model(struct bv_call *call)
{
    const char *name = bv_json_string(call->document, "model", call->model);
    struct bv_served *served = bv_server_model(call->server, name);
    if (!served)
        bv_call_refuse(call, 404, "argument", "there is no model \"%.100s\" here: see /v1/models",
                       name);
    return served;
}

struct bv_served *bv_server_model(struct bv_service *server, const char *name)
{
    for (size_t i = 0; i < server->options.n_models; i++)
        if (!*name || strcmp(server->models[i].name, name) == 0)
            return &server->models[i];
    return NULL;
}
