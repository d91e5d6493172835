#include "model/fusion_session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/encode.h"
#include "model/session_run.h"

#define BOX_WEIGHT "fusion.regions.box.weight"

// ---- Images ----

void bv_fusion_image_free(struct bv_fusion_image *image)
{
    free(image->tokens);
    free(image->boxes);
    free(image->positions);
    *image = (struct bv_fusion_image){0};
}

static float *copy_floats(const float *from, int64_t n)
{
    float *to = malloc((size_t)n * sizeof *to + 1);
    if (to)
        memcpy(to, from, (size_t)n * sizeof *to);
    return to;
}

// S of n positions, evenly spaced.
static enum bv_status choose_positions(struct bv_fusion_image *image, int64_t S,
                                       struct bv_error *err)
{
    S = S < image->n ? S : image->n;
    image->positions = malloc((size_t)S * sizeof *image->positions);
    if (!image->positions)
        return bv_fail_nomem(err, "image positions");
    image->n_positions = S;
    for (int64_t i = 0; i < S; i++)
        image->positions[i] = (int32_t)((2 * i + 1) * image->n / (2 * S));
    return BV_OK;
}

static enum bv_status run_image_tower(struct bv_session *s, const float *pixels, int64_t H,
                                      int64_t W, int64_t C, struct bv_fusion_image *image,
                                      struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const char *output = bv_json_string(bv_model_fusion_card(m), "image", "tokens");
    struct bv_output_shape shape = {0};
    BV_TRY(bv_model_image_shape(m, output, H, W, &shape, err));
    if (shape.rank != 2)
        return bv_fail(err, BV_ERR_MODEL, "output \"%s\" is not one vector per image token",
                       output);
    image->n = shape.dim[0];
    image->width = shape.dim[1];
    image->tokens = malloc((size_t)(image->n * image->width) * sizeof *image->tokens);
    if (!image->tokens)
        return bv_fail_nomem(err, "image tokens");
    struct bv_wanted wanted = {output, image->tokens, (size_t)(image->n * image->width)};
    const struct bv_pixel_batch batch = {pixels, NULL, 1, H, W, C};
    return bv_session_encode_pixels(s, &batch, &wanted, 1, err);
}

static enum bv_status check_reads_pixels(const struct bv_model *m, struct bv_error *err)
{
    if (!bv_model_has_fusion(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no fusion encoder", m->name);
    if (bv_model_fusion_wants(m).regions)
        return bv_fail(err, BV_ERR_ARG,
                       "model \"%s\" reads detector regions, not pixels: give --regions FILE",
                       m->name);
    return BV_OK;
}

enum bv_status bv_fusion_image_encode(struct bv_session *s, const float *pixels, int64_t H,
                                      int64_t W, int64_t C, struct bv_fusion_image *out,
                                      struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    BV_TRY(check_reads_pixels(m, err));
    struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    struct bv_fusion_image image = {0};
    enum bv_status status = BV_OK;
    if (wants.pixels) {
        image.n = H * W;
        image.width = C;
        image.tokens = copy_floats(pixels, H * W * C);
        if (!image.tokens)
            status = bv_fail_nomem(err, "pixels");
    } else {
        status = run_image_tower(s, pixels, H, W, C, &image, err);
    }
    if (status == BV_OK && wants.sample > 0)
        status = choose_positions(&image, wants.sample, err);
    if (status != BV_OK)
        bv_fusion_image_free(&image);
    else
        *out = image;
    return status;
}

enum bv_status bv_fusion_image_make(struct bv_session *s, const struct bv_image *decoded,
                                    struct bv_pixels *pixels, struct bv_fusion_image *out,
                                    struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_encoder_input input = {.pixels = {0}};
    const struct bv_pixels *seen = &input.pixels;
    BV_TRY(check_reads_pixels(m, err));
    BV_TRY(bv_encoder_input_make(m, decoded, NULL, &input, err));
    enum bv_status status =
        bv_fusion_image_encode(s, seen->data, seen->height, seen->width, seen->channels, out, err);
    if (status == BV_OK && pixels)
        *pixels = *seen;
    else
        bv_encoder_input_free(&input);
    return status;
}

static enum bv_status check_regions(const struct bv_model *m, const struct bv_fusion_wants *wants,
                                    int64_t n, int64_t width, const float *boxes, int64_t box_width,
                                    struct bv_error *err)
{
    if (!wants->regions)
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" reads images, not detector regions", m->name);
    if (n < 1 || n > 4096)
        return bv_fail(err, BV_ERR_ARG, "%lld regions; 1 to 4096 are possible", (long long)n);
    if (width != wants->region_width)
        return bv_fail(err, BV_ERR_ARG,
                       "region features have %lld elements, model \"%s\" reads %lld",
                       (long long)width, m->name, (long long)wants->region_width);
    if (!wants->boxes)
        return BV_OK;
    if (!boxes || (box_width != 4 && box_width != 7))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" needs a box [x1,y1,x2,y2] for each region",
                       m->name);
    for (int64_t i = 0; i < n * box_width; i++)
        if (!(boxes[i] >= -1e-3f && boxes[i] <= 1.001f))
            return bv_fail(err, BV_ERR_ARG,
                           "the box of region %lld is out of the image: coordinates are fractions "
                           "of its width and height, 0 to 1",
                           (long long)(i / box_width));
    return BV_OK;
}

// UNITER's seven numbers: the corners, width, height and area.
static void widen_boxes(const float *boxes, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i++, boxes += 4, out += 7) {
        float w = boxes[2] - boxes[0], h = boxes[3] - boxes[1];
        memcpy(out, boxes, 4 * sizeof *out);
        out[4] = w;
        out[5] = h;
        out[6] = w * h;
    }
}

enum bv_status bv_fusion_image_regions(struct bv_session *s, const float *features, int64_t n,
                                       int64_t width, const float *boxes, int64_t box_width,
                                       struct bv_fusion_image *out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    if (!bv_model_has_fusion(m))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no fusion encoder", m->name);
    struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    BV_TRY(check_regions(m, &wants, n, width, boxes, box_width, err));
    struct bv_fusion_image image = {.n = n, .width = width};
    image.tokens = copy_floats(features, n * width);
    if (wants.boxes) {
        const struct bv_weight *w = bv_weights_find(m->weights, BOX_WEIGHT);
        image.box_width = w->dim[1];
        if (image.box_width == box_width) {
            image.boxes = copy_floats(boxes, n * box_width);
        } else if (image.box_width == 7 && box_width == 4) {
            image.boxes = malloc((size_t)n * 7 * sizeof *image.boxes);
            if (image.boxes)
                widen_boxes(boxes, n, image.boxes);
        } else {
            bv_fusion_image_free(&image);
            return bv_fail(err, BV_ERR_ARG, "boxes of %lld numbers, model \"%s\" reads %lld",
                           (long long)box_width, m->name, (long long)w->dim[1]);
        }
    }
    if (!image.tokens || (wants.boxes && !image.boxes)) {
        bv_fusion_image_free(&image);
        return bv_fail_nomem(err, "regions");
    }
    *out = image;
    return BV_OK;
}

// ---- Texts ----

static enum bv_status find_output(const struct bv_model *m, const char *output, int64_t *index,
                                  struct bv_error *err)
{
    int64_t i = 0;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(bv_model_fusion_card(m), "outputs"), name, value)
    {
        if (strcmp(name, output) == 0) {
            *index = i;
            return BV_OK;
        }
        i++;
    }
    return bv_fail(err, BV_ERR_ARG, "the fusion encoder of model \"%s\" has no output \"%s\"",
                   m->name, output);
}

static enum bv_status sizes_of(const struct bv_model *m, const struct bv_fusion_image *image,
                               int64_t B, int64_t T, const struct bv_fusion_extra *extra,
                               const char *output, struct bv_fusion_shape *sizes,
                               struct bv_error *err)
{
    *sizes = (struct bv_fusion_shape){.texts = B,
                                      .tokens = T,
                                      .image_tokens = image->n,
                                      .width = image->width,
                                      .box_width = image->box_width,
                                      .positions = image->n_positions,
                                      .extra = extra ? extra->n : 0,
                                      .extra_width = extra ? extra->width : 0};
    return find_output(m, output, &sizes->output, err);
}

enum bv_status bv_session_fusion_shape(struct bv_session *s, const struct bv_fusion_image *image,
                                       int64_t n_tokens, const struct bv_fusion_extra *extra,
                                       const char *output, struct bv_output_shape *shape,
                                       struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_fusion_shape sizes = {0};
    struct bv_graph *graph = NULL;
    BV_TRY(sizes_of(m, image, 1, n_tokens, extra, output, &sizes, err));
    enum bv_status status = bv_model_fusion_graph(m, &sizes, &graph, err);
    if (status == BV_OK)
        return bv_take_shape(m, &graph, output, shape, err);
    bv_graph_destroy(&graph);
    return status;
}

// The words of one batch. A text is its tokens, without [CLS] where the encoder frames the image.
struct words {
    int64_t B, T;
    int32_t *ids, *types, *lengths, *last, *joint, *before_last; // one block, at ids
};

static enum bv_status words_create(struct words *w, int64_t B, int64_t T, struct bv_error *err)
{
    int32_t *block = calloc((size_t)(2 * B * T + 4 * B), sizeof *block);
    if (!block)
        return bv_fail_nomem(err, "a batch of texts");
    *w = (struct words){.B = B, .T = T, .ids = block, .types = block + B * T};
    w->lengths = w->types + B * T;
    w->last = w->lengths + B;
    w->joint = w->last + B;
    w->before_last = w->joint + B;
    return BV_OK;
}

static void words_put(struct words *w, const struct bv_model *m, int64_t row,
                      const struct bv_tokens *text, int64_t before)
{
    const size_t skip = bv_model_fusion_wants(m).prefix > 0 ? 1 : 0;
    const int32_t type = (int32_t)bv_json_integer(bv_model_fusion_card(m), "text_type", 0);
    const int32_t n = (int32_t)(text->n - skip);
    for (int64_t i = 0; i < w->T; i++) {
        bool real = i < n;
        w->ids[row * w->T + i] = real ? text->ids[(size_t)i + skip] : 0;
        w->types[row * w->T + i] = type + (real ? text->types[(size_t)i + skip] : 0);
    }
    w->lengths[row] = n;
    w->last[row] = n - 1;
    w->joint[row] = (int32_t)(n + before);
    w->before_last[row] = n >= 2 ? n - 2 : 0;
}

// A shape as the sizes of a key, and back.
enum {
    TEXTS,
    TOKENS,
    IMAGE_TOKENS,
    WIDTH,
    BOX_WIDTH,
    POSITIONS,
    EXTRA,
    EXTRA_WIDTH,
    OUTPUT,
    SIZES
};
_Static_assert(SIZES <= BV_TOWER_SIZES, "a key holds a shape");

static void put_shape(const struct bv_fusion_shape *shape, int64_t size[BV_TOWER_SIZES])
{
    size[TEXTS] = shape->texts;
    size[TOKENS] = shape->tokens;
    size[IMAGE_TOKENS] = shape->image_tokens;
    size[WIDTH] = shape->width;
    size[BOX_WIDTH] = shape->box_width;
    size[POSITIONS] = shape->positions;
    size[EXTRA] = shape->extra;
    size[EXTRA_WIDTH] = shape->extra_width;
    size[OUTPUT] = shape->output;
}

static enum bv_status build(const struct bv_model *m, const int64_t *size, struct bv_graph **graph,
                            struct bv_error *err)
{
    const struct bv_fusion_shape shape = {.texts = size[TEXTS],
                                          .tokens = size[TOKENS],
                                          .image_tokens = size[IMAGE_TOKENS],
                                          .width = size[WIDTH],
                                          .box_width = size[BOX_WIDTH],
                                          .positions = size[POSITIONS],
                                          .extra = size[EXTRA],
                                          .extra_width = size[EXTRA_WIDTH],
                                          .output = size[OUTPUT]};
    return bv_model_fusion_graph(m, &shape, graph, err);
}

// Not batched: the image's inputs are one for all texts.
static const struct bv_tower fusion_tower = {build, false};

// Runs one batch; the output is [B, …].
static enum bv_status run(struct bv_session *s, const struct bv_fusion_image *image,
                          const struct words *w, const struct bv_fusion_extra *extra,
                          const struct bv_wanted *wanted, struct bv_error *err)
{
    const struct bv_input inputs[] = {
        {"ids", w->ids},
        {"types", w->types},
        {"lengths", w->lengths},
        {"last", w->last},
        {"joint", w->joint},
        {"before_last", w->before_last},
        {"image", image->tokens},
        {"boxes", image->boxes},
        {"positions", image->positions},
        {"extra", extra ? extra->features : NULL},
        {"places", extra ? extra->places : NULL},
    };
    struct bv_tower_key key = {.tower = &fusion_tower};
    struct bv_fusion_shape sizes = {0};
    BV_TRY(sizes_of(bv_session_model(s), image, w->B, w->T, extra, wanted->output, &sizes, err));
    put_shape(&sizes, key.size);
    bv_session_expect_runs(s, &fusion_tower); // an image mostly meets more texts than a batch holds
    return bv_session_run(s, &key, inputs, sizeof inputs / sizeof *inputs, wanted, 1, err);
}

// How many tokens of a text enter a batch, and stand before the text.
static int64_t length_in(const struct bv_model *m, size_t n_tokens)
{
    int64_t skip = bv_model_fusion_wants(m).prefix > 0 ? 1 : 0;
    const char *mask = bv_json_string(bv_model_fusion_card(m), "mask", "bidirectional");
    if (strcmp(mask, "bar") == 0) // the image sees the padding, to the model's maximum
        return m->max_tokens - skip;
    return bv_padded_length(m, n_tokens) - skip;
}

static int64_t tokens_before(const struct bv_model *m, const struct bv_fusion_image *image)
{
    return bv_model_fusion_wants(m).prefix +
           (image->n_positions > 0 ? image->n_positions : image->n);
}

static enum bv_status fuse_batch(struct bv_session *s, const struct bv_fusion_image *image,
                                 const struct bv_text_list *list, size_t first, size_t B,
                                 struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const struct bv_by_length *order = list->order + first;
    const size_t D = (size_t)list->D;
    struct words w = {0};
    BV_TRY(words_create(&w, (int64_t)B, length_in(m, order[B - 1].n_tokens), err));
    for (size_t i = 0; i < B; i++)
        words_put(&w, m, (int64_t)i, list->texts[order[i].index], tokens_before(m, image));
    float *rows = malloc(B * D * sizeof *rows);
    struct bv_wanted wanted = {list->output, rows, B * D};
    enum bv_status status =
        rows ? run(s, image, &w, NULL, &wanted, err) : bv_fail_nomem(err, "a batch of texts");
    for (size_t i = 0; status == BV_OK && i < B; i++)
        memcpy(list->out + order[i].index * D, rows + i * D, D * sizeof *rows);
    free(rows);
    free(w.ids);
    return status;
}

// How many of n texts, sorted by length, make the next batch: those that are padded alike, since
// every token of padding is read by all image tokens.
static size_t batch_size(const struct bv_model *m, const struct bv_by_length *order, size_t n)
{
    const int64_t T = length_in(m, order[0].n_tokens);
    size_t B = 1;
    while (B < n && B < BV_BATCH_TEXTS && length_in(m, order[B].n_tokens) == T)
        B++;
    return B;
}

enum bv_status bv_session_fuse(struct bv_session *s, const struct bv_fusion_image *image,
                               const struct bv_tokens *const *texts, size_t n,
                               const struct bv_wanted *wanted, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_by_length *order = NULL;
    const size_t D = n ? wanted->n_floats / n : 0;
    for (size_t i = 0; i < n; i++)
        BV_TRY(bv_check_length(m, texts[i], err));
    if (n == 0)
        return BV_OK;
    BV_TRY(bv_check_wanted(wanted, (int64_t)(n * D), m, err));
    BV_TRY(bv_order_by_length(texts, n, &order, err));
    enum bv_status status = BV_OK;
    const struct bv_text_list list = {texts, order, wanted->output, (int64_t)D, wanted->out};
    for (size_t first = 0, B; status == BV_OK && first < n; first += B) {
        B = batch_size(m, order + first, n - first);
        status = fuse_batch(s, image, &list, first, B, err);
    }
    free(order);
    return status;
}

enum bv_status bv_session_fuse_one(struct bv_session *s, const struct bv_fusion_image *image,
                                   const struct bv_tokens *text,
                                   const struct bv_fusion_extra *extra,
                                   const struct bv_wanted *wanted, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct words w = {.B = 1};
    if (text) {
        BV_TRY(bv_check_length(m, text, err));
        int64_t skip = bv_model_fusion_wants(m).prefix > 0 ? 1 : 0;
        bool padded = strcmp(bv_json_string(bv_model_fusion_card(m), "mask", ""), "bar") == 0;
        int64_t T = padded ? length_in(m, text->n) : (int64_t)text->n - skip;
        BV_TRY(words_create(&w, 1, T, err));
        words_put(&w, m, 0, text, tokens_before(m, image));
    }
    enum bv_status status = run(s, image, &w, extra && extra->n > 0 ? extra : NULL, wanted, err);
    free(w.ids);
    return status;
}
