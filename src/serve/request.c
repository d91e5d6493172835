#include "serve/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encoding.h"
#include "base/json.h"
#include "serve/root.h"
#include "serve/server.h"

// A text of n bytes becomes up to 20·n in memory where it is all short values.
enum { MOST_VALUES = 1 << 20, MOST_PIXELS = 50 * 1000 * 1000 };

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
    return BV_OK;
}

// Images.

size_t bv_request_image_count(const struct bv_call *call, const struct bv_parts *parts)
{
    const json_t *list = json_object_get(call->document, "images");
    if (json_object_get(call->document, "image"))
        return 1;
    return list ? json_array_size(list) : parts->n;
}

static enum bv_status open_bytes(const void *bytes, size_t n, struct bv_image_options *options,
                                 const char *name, struct bv_image **image, struct bv_error *err)
{
    struct bv_context *context = bv_reader_context();
    options->name = options->name ? options->name : *name ? name : "image";
    options->max_pixels = MOST_PIXELS;
    enum bv_status status = bv_image_open_bytes(context, bytes, n, options, image);
    return status == BV_OK ? BV_OK : bv_fail(err, status, "%s", bv_last_error(context));
}

// The text may be a data address ("data:image/png;base64,…").
static enum bv_status open_base64(const json_t *text, struct bv_image_options *options,
                                  struct bv_image **image, struct bv_error *err)
{
    const char *coded = json_string_value(text);
    size_t n = json_string_length(text), n_bytes = 0;
    const char *comma = strncmp(coded, "data:", 5) == 0 ? memchr(coded, ',', n) : NULL;
    if (comma) {
        n -= (size_t)(comma + 1 - coded);
        coded = comma + 1;
    }
    char *bytes = NULL;
    BV_TRY(bv_base64_decode(coded, n, &bytes, &n_bytes, err));
    enum bv_status status = open_bytes(bytes, n_bytes, options, "", image, err);
    free(bytes);
    return status;
}

static enum bv_status open_path(struct bv_call *call, const char *path,
                                struct bv_image_options *options, struct bv_image **image,
                                struct bv_error *err)
{
    char *bytes = NULL;
    size_t n = 0;
    BV_TRY(bv_root_read(call->server->root, path, (size_t)1 << 28, &bytes, &n, err));
    enum bv_status status = open_bytes(bytes, n, options, path, image, err);
    free(bytes);
    return status;
}

static enum bv_status open_part(const struct bv_parts *parts, size_t i,
                                struct bv_image_options *options, struct bv_image **image,
                                struct bv_error *err)
{
    if (i >= parts->n)
        return bv_fail(err, BV_ERR_ARG, "there is no file part %zu", i);
    const struct bv_part *part = &parts->files[i];
    return open_bytes(part->bytes, part->size, options, part->name, image, err);
}

static enum bv_status find_kept(struct bv_call *call, const char *id, struct bv_image **image,
                                struct bv_error *err)
{
    *image = bv_images_find(&call->server->images, id);
    return *image ? BV_OK
                  : bv_fail(err, BV_ERR_ARG, "no such image: perhaps it was not used for too long");
}

static enum bv_status open_image(struct bv_call *call, const struct bv_parts *parts,
                                 const json_t *spec, struct bv_image *prior,
                                 struct bv_image **image, struct bv_error *err)
{
    const json_t *base64 = json_object_get(spec, "base64"), *path = json_object_get(spec, "path"),
                 *part = json_object_get(spec, "part"), *id = json_object_get(spec, "id");
    int64_t frame = bv_json_integer(spec, "frame", 0);
    struct bv_image_options options = {.size = sizeof options,
                                       .name = bv_json_string(spec, "name", NULL),
                                       .prior = prior,
                                       .frame = frame > 0 && frame < 1 << 20 ? (int)frame : 0};
    if (json_is_string(spec))
        return open_base64(spec, &options, image, err);
    if (json_is_string(base64))
        return open_base64(base64, &options, image, err);
    if (json_is_string(id))
        return find_kept(call, json_string_value(id), image, err);
    if (json_is_string(path))
        return open_path(call, json_string_value(path), &options, image, err);
    if (json_is_integer(part) && json_integer_value(part) >= 0)
        return open_part(parts, (size_t)json_integer_value(part), &options, image, err);
    return bv_fail(err, BV_ERR_ARG,
                   "an image is {\"base64\": …}, {\"path\": …}, {\"id\": …} or a file part");
}

enum bv_status bv_request_open(struct bv_call *call, const struct bv_parts *parts,
                               const json_t *spec, struct bv_image **image, struct bv_error *err)
{
    const json_t *earlier = json_object_get(spec, "prior");
    struct bv_image *prior = NULL;
    if (earlier)
        BV_TRY(open_image(call, parts, earlier, NULL, &prior, err));
    enum bv_status status = open_image(call, parts, spec, prior, image, err);
    bv_image_close(&prior);
    return status;
}

enum bv_status bv_request_image(struct bv_call *call, const struct bv_parts *parts, size_t i,
                                struct bv_image **image, struct bv_error *err)
{
    const json_t *spec = json_object_get(call->document, "image");
    const json_t *list = json_object_get(call->document, "images");
    struct bv_image_options options = {.size = sizeof options};
    if (!spec && list)
        spec = json_array_get(list, i);
    return spec ? bv_request_open(call, parts, spec, image, err)
                : open_part(parts, i, &options, image, err);
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
