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

static const char *const shape_names[] = {
    [BV_WINDOW_LINEAR] = "linear", [BV_WINDOW_SIGMOID] = "sigmoid", [BV_WINDOW_TABLE] = "table"};

// The gray levels of a window's curve, 0 to 255 each, in base64; NULL where there are none.
static json_t *levels_json(const struct bv_image *image, size_t i)
{
    size_t n = bv_image_window_table(image, i, NULL, 0);
    float *levels = calloc(n + 1, sizeof *levels);
    char *text = malloc(BV_BASE64_SIZE(n) + 1);
    json_t *coded = NULL;
    if (levels && text) {
        uint8_t *bytes = (uint8_t *)levels; // each byte takes the place of an earlier level
        (void)bv_image_window_table(image, i, levels, n);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(levels[k] * 255 + 0.5F);
        bv_base64_encode(bytes, n, text);
        coded = json_string(text);
    }
    free(levels);
    free(text);
    return coded;
}

static json_t *windows_json(const struct bv_image *image)
{
    json_t *list = json_array();
    for (size_t i = 0; i < bv_image_window_count(image); i++) {
        double center = 0, width = 0;
        bv_image_window(image, i, &center, &width);
        enum bv_window_shape shape = bv_image_window_shape(image, i);
        json_t *window = json_pack("{s:f, s:f, s:s}", "center", center, "width", width, "shape",
                                   shape_names[shape]);
        if (shape == BV_WINDOW_TABLE)
            (void)json_object_set_new(window, "levels", levels_json(image, i));
        (void)json_array_append_new(list, window);
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

// Rows and columns of gray values.
struct grid {
    uint16_t *values;
    size_t rows, columns;
};

// Halved as often as its longer side stays at `side` or above: each value the mean of four. An odd
// last row or column is left out.
static void halve(struct grid *g, size_t side)
{
    while ((g->rows > g->columns ? g->rows : g->columns) / 2 >= side && g->rows > 1 &&
           g->columns > 1) {
        size_t columns = g->columns / 2;
        g->rows /= 2;
        for (size_t y = 0; y < g->rows; y++) {
            const uint16_t *a = g->values + 2 * y * g->columns, *b = a + g->columns;
            uint16_t *out = g->values + y * columns; // not beyond what is read
            for (size_t x = 0; x < columns; x++)
                out[x] = (uint16_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) / 4);
        }
        g->columns = columns;
    }
}

// Rows of unsigned 16-bit values, least significant byte first; what they mean is in headers.
bool bv_answer_gray(struct bv_call *call)
{
    struct bv_gray_values facts = {.size = sizeof facts};
    struct bv_image_facts size = {.size = sizeof size};
    struct grid g = {0};
    if (call->side < 0) {
        bv_call_refuse(call, 400, "argument", "\"side\" is a number of pixels, 1 or more");
        return true;
    }
    struct bv_image *image = named(call);
    if (!image)
        return true;
    enum bv_status status = bv_image_describe(image, &size);
    if (status == BV_OK)
        status = bv_image_gray(bv_reader_context(), image, &g.values, &facts);
    bv_image_close(&image);
    if (status != BV_OK) {
        bv_call_fail(call, status, bv_last_error(bv_reader_context()));
        return true;
    }
    g.rows = (size_t)size.height;
    g.columns = (size_t)size.width;
    if (call->side)
        halve(&g, (size_t)call->side);
    call->answer = (struct bv_reply){.status = 200,
                                     .type = "application/octet-stream",
                                     .bytes = (char *)g.values,
                                     .size = g.rows * g.columns * 2};
    // Read back by the page: numbers alone.
    (void)snprintf(call->answer.facts, sizeof call->answer.facts,
                   "{\"width\":%d,\"height\":%d,\"columns\":%zu,\"rows\":%zu,\"low\":%.17g,"
                   "\"step\":%.17g,\"inverted\":%s,"
                   "\"center\":%.17g,\"window\":%.17g}",
                   size.width, size.height, g.columns, g.rows, facts.low, facts.step,
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
