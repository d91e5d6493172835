// What a model's thread computes for /v1/explain.
#include "biovl/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/json.h"
#include "biovl/pacs.h"
#include "serve/server.h"

enum { SIDE = 512 };

// A map over the image, by every n-th pixel so that no side is longer than SIDE.
static json_t *map_json(const struct bv_explained *e, size_t i, const struct bv_image_facts *f,
                        float *pixels)
{
    size_t width = (size_t)f->width, height = (size_t)f->height;
    size_t n = ((width > height ? width : height) + SIDE - 1) / SIDE;
    size_t columns = (width + n - 1) / n, rows = (height + n - 1) / n;
    if (bv_explained_pixels(e, i, BV_EXPLAINED_VALUES, pixels, width * height) != BV_OK)
        return NULL;
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++)
            pixels[y * columns + x] = pixels[y * n * width + x * n];
    size_t size = columns * rows * sizeof *pixels;
    char *text = malloc(BV_BASE64_SIZE(size) + 1);
    if (text)
        bv_base64_encode(pixels, size, text);
    json_t *map = text ? json_pack("{s:I, s:I, s:s}", "width", (json_int_t)columns, "height",
                                   (json_int_t)rows, "base64", text)
                       : NULL;
    free(text);
    return map;
}

static json_t *explained_json(const struct bv_explained *e, const struct bv_image *image)
{
    struct bv_image_facts facts = {.size = sizeof facts};
    char *text = NULL;
    if (bv_image_describe(image, &facts) != BV_OK || bv_explained_json(e, &text) != BV_OK)
        return NULL;
    json_t *value = json_loads(text, 0, NULL), *maps = json_object_get(value, "maps");
    float *pixels = malloc((size_t)facts.width * (size_t)facts.height * sizeof *pixels);
    bool whole = pixels && maps;
    bv_free(text);
    for (size_t i = 0; whole && i < json_array_size(maps); i++)
        whole = json_object_set_new(json_array_get(maps, i), "pixels",
                                    map_json(e, i, &facts, pixels)) == 0;
    free(pixels);
    if (whole)
        return value;
    json_decref(value);
    return NULL;
}

void bv_work_explain(struct bv_served *s, struct bv_asked *item)
{
    const json_t *asked = item->call->document, *list = json_object_get(asked, "texts");
    const char *texts[BV_MOST_EXPLAINED];
    const struct bv_explain_options options = {.size = sizeof options,
                                               .method = bv_json_string(asked, "method", NULL)};
    struct bv_explained *explained = NULL;
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        texts[i] = json_string_value(json_array_get(list, i));
    enum bv_status status =
        bv_explain_texts(s->engine, item->image, texts, n, &options, &explained);
    if (status == BV_OK && item->call->object)
        status = bv_explained_sc(s->context, explained, 0, item->source.bytes, item->source.size,
                                 "the image", &item->object, &item->n_object);
    else if (status == BV_OK)
        item->value = explained_json(explained, item->image);
    bv_metrics_image(&s->server->metrics);
    bv_explained_free(&explained);
    if (item->value || item->object)
        bv_item_done(item);
    else
        bv_item_fail(item, status == BV_OK ? BV_ERR_NOMEM : status,
                     status == BV_OK ? "no memory for a map" : bv_last_error(s->context));
}
