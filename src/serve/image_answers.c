// /v1/images: what a page looks at: gray values of 16 bits, and the pixels that a model is fed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "serve/answers.h"
#include "serve/request.h"
#include "serve/server.h"

static json_t *warnings_json(const struct bv_image *image)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bv_image_warning_count(image); i++)
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:o}", "reason", bv_reason_name(bv_image_warning_reason(image, i)),
                      "text", bv_json_path(bv_image_warning_text(image, i))));
    return list;
}

static json_t *windows_json(const struct bv_image *image)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bv_image_window_count(image); i++) {
        double center = 0, width = 0;
        bv_image_window(image, i, &center, &width);
        (void)json_array_append_new(list,
                                    json_pack("{s:f, s:f}", "center", center, "width", width));
    }
    return list;
}

// What a file says need not be UTF-8.
static json_t *describe(const struct bv_image *image, const char *id)
{
    struct bv_image_facts f = {.size = sizeof f};
    if (bv_image_describe(image, &f) != BV_OK)
        return NULL;
    return json_pack("{s:s, s:o, s:s, s:i, s:i, s:i, s:i, s:i, s:s, s:o, s:o, s:[f, f], s:o, s:o}",
                     "id", id, "name", bv_json_path(f.name), "format",
                     bv_image_format_name(f.format), "width", f.width, "height", f.height, "bits",
                     f.bits, "frame", f.frame, "frames", f.n_frames, "view", bv_view_name(f.view),
                     "modality", bv_json_path(f.modality), "body_part", bv_json_path(f.body_part),
                     "spacing", f.row_spacing, f.column_spacing, "windows", windows_json(image),
                     "warnings", warnings_json(image));
}

// One image of a request, decoded and kept; its description, or its failure.
static json_t *keep(struct bv_call *call, const struct bv_parts *parts, size_t i)
{
    struct bv_error err = {0};
    struct bv_image *image = NULL;
    char id[BV_IMAGE_ID_SIZE];
    enum bv_status status = bv_request_image(call, parts, i, &image, &err);
    if (status != BV_OK)
        return bv_failure_json(status, err.text);
    struct bv_image *ours = bv_image_keep(image);
    status = bv_images_keep(&call->server->images, image, id, &err);
    json_t *described = status == BV_OK ? describe(ours, id) : bv_failure_json(status, err.text);
    if (status != BV_OK)
        bv_image_close(&image);
    bv_image_close(&ours);
    if (described)
        return described;
    (void)bv_images_drop(&call->server->images, id);
    return bv_failure_json(BV_ERR_NOMEM, "no memory for a description");
}

bool bv_answer_keep_images(struct bv_call *call)
{
    struct bv_parts parts;
    struct bv_error err = {0};
    if (bv_request_read(call, &parts, &err) != BV_OK)
        return bv_refuse_error(call, &err);
    size_t n = bv_request_image_count(call, &parts);
    if (n < 1 || n > BV_IMAGES_KEPT) {
        bv_call_refuse(call, n ? 413 : 400, "argument", "1 to %d images", BV_IMAGES_KEPT);
        return true;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n && !atomic_load(&call->cancelled); i++)
        (void)json_array_append_new(list, keep(call, &parts, i));
    bv_call_json(call, 200, json_pack("{s:o}", "images", list));
    return true;
}

static struct bv_image *named(struct bv_call *call)
{
    struct bv_image *image = bv_images_find(&call->server->images, call->name);
    if (!image)
        bv_call_refuse(call, 404, "argument",
                       "no such image: perhaps it was not used for too long");
    return image;
}

bool bv_answer_drop_image(struct bv_call *call)
{
    bool dropped = bv_images_drop(&call->server->images, call->name);
    if (dropped)
        bv_call_json(call, 200, json_pack("{s:b}", "dropped", 1));
    else
        bv_call_refuse(call, 404, "argument", "no such image");
    return true;
}

// Rows of unsigned 16-bit values, least significant byte first; what they mean is in headers.
bool bv_answer_gray(struct bv_call *call)
{
    struct bv_image *image = named(call);
    struct bv_gray_values facts = {.size = sizeof facts};
    struct bv_image_facts size = {.size = sizeof size};
    uint16_t *values = NULL;
    if (!image)
        return true;
    enum bv_status status = bv_image_describe(image, &size);
    if (status == BV_OK)
        status = bv_image_gray(bv_reader_context(), image, &values, &facts);
    bv_image_close(&image);
    if (status != BV_OK) {
        bv_call_fail(call, status, bv_last_error(bv_reader_context()));
        return true;
    }
    call->answer = (struct bv_reply){.status = 200,
                                     .type = "application/octet-stream",
                                     .bytes = (char *)values,
                                     .size = (size_t)size.width * (size_t)size.height * 2};
    // Read back by the page: numbers alone.
    (void)snprintf(call->answer.facts, sizeof call->answer.facts,
                   "{\"width\":%d,\"height\":%d,\"low\":%.17g,\"step\":%.17g,\"inverted\":%s,"
                   "\"center\":%.17g,\"window\":%.17g}",
                   size.width, size.height, facts.low, facts.step,
                   facts.inverted ? "true" : "false", facts.center, facts.width);
    return true;
}

// The pixels that a model is fed, as float32 in base64.
bool bv_answer_fed(struct bv_call *call)
{
    call->served = bv_server_model(call->server, call->model);
    struct bv_image *image = named(call);
    if (!image)
        return true;
    if (!call->served) {
        bv_image_close(&image);
        bv_call_refuse(call, 404, "argument", "there is no such model here: see /v1/models");
        return true;
    }
    float *pixels = NULL;
    int64_t shape[3];
    enum bv_status status =
        bv_preprocess(bv_reader_context(), call->served->model, image, &pixels, shape);
    bv_image_close(&image);
    if (status != BV_OK) {
        bv_call_fail(call, status, bv_last_error(bv_reader_context()));
        return true;
    }
    size_t n = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2] * sizeof *pixels;
    char *text = malloc(BV_BASE64_SIZE(n) + 1);
    if (text)
        bv_base64_encode(pixels, n, text);
    bv_free(pixels);
    bv_call_json(call, 200,
                 json_pack("{s:s, s:[I, I, I], s:s}", "model", call->served->name, "shape",
                           (json_int_t)shape[0], (json_int_t)shape[1], (json_int_t)shape[2],
                           "base64", text ? text : ""));
    free(text);
    return true;
}
