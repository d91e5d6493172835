#include "model/fusion_session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "model/output.h"
#include "model/session_run.h"

#define PREFIX "fusion."

static const json_t *card_of(const struct bv_model *model)
{
    return json_object_get(model->card, "fusion");
}

bool bv_model_has_fusion(const struct bv_model *model)
{
    return json_is_object(card_of(model));
}

struct bv_fusion_wants bv_model_fusion_wants(const struct bv_model *model)
{
    return bv_fusion_wants(card_of(model), model->weights, PREFIX);
}

// ---- The graph ----

static void add_text_inputs(struct bv_graph *g, const struct bv_model *model, int64_t B, int64_t T,
                            struct bv_fusion_inputs *in)
{
    in->words.ids = bv_graph_input(g, "ids", BV_I32, 2, (int64_t[]){B, T});
    in->words.token_types = bv_graph_input(g, "types", BV_I32, 2, (int64_t[]){B, T});
    in->words.lengths = bv_graph_input(g, "lengths", BV_I32, 1, (int64_t[]){B});
    in->words.last = bv_graph_input(g, "last", BV_I32, 2, (int64_t[]){B, 1});
    in->joint = bv_graph_input(g, "joint", BV_I32, 1, (int64_t[]){B});
    in->before_last = bv_graph_input(g, "before_last", BV_I32, 2, (int64_t[]){B, 1});
    const char *name = bv_json_string(card_of(model), "text", NULL);
    if (!name)
        return;
    struct bv_features features = {0};
    struct bv_text_inputs words = in->words;
    words.token_types = NULL;
    bv_text_build(g, json_object_get(model->card, "text"), "text.", &words, &features);
    in->text = bv_features_find(&features, name);
    if (!in->text && g->n_missing == 0)
        (void)bv_graph_fail(g, BV_ERR_MODEL, "the text encoder has no feature \"%s\" (it has: %s)",
                            name, bv_features_names(g, &features));
}

static void add_image_inputs(struct bv_graph *g, const struct bv_fusion_shape *s, bool places,
                             struct bv_fusion_inputs *in)
{
    in->image = bv_graph_input(g, "image", BV_F32, 3, (int64_t[]){1, s->image_tokens, s->width});
    if (s->box_width > 0)
        in->boxes =
            bv_graph_input(g, "boxes", BV_F32, 3, (int64_t[]){1, s->image_tokens, s->box_width});
    if (s->positions > 0)
        in->positions = bv_graph_input(g, "positions", BV_I32, 2, (int64_t[]){1, s->positions});
    if (s->extra > 0)
        in->extra =
            bv_graph_input(g, "extra", BV_F32, 3, (int64_t[]){s->texts, s->extra, s->extra_width});
    if (s->extra > 0 && places)
        in->places =
            bv_graph_input(g, "places", BV_F32, 3, (int64_t[]){s->texts, s->extra, s->tokens});
}

enum bv_status bv_model_fusion_graph(const struct bv_model *model, const struct bv_fusion_shape *s,
                                     struct bv_graph **graph, struct bv_error *err)
{
    if (!bv_model_has_fusion(model))
        return bv_fail(err, BV_ERR_ARG, "model \"%s\" has no fusion encoder", model->name);
    BV_TRY(bv_graph_create(graph, model->weights, err));
    struct bv_graph *g = *graph;
    struct bv_fusion_inputs in = {.cls = -1, .sep = -1};
    if (model->tokenizer) {
        in.cls = bv_tokenizer_special(model->tokenizer, BV_TOKEN_CLS);
        in.sep = bv_tokenizer_special(model->tokenizer, BV_TOKEN_SEP);
    }
    if (s->tokens > 0)
        add_text_inputs(g, model, s->texts, s->tokens, &in);
    add_image_inputs(g, s, bv_model_fusion_wants(model).knowledge, &in);
    struct bv_features features = {0};
    bv_fusion_build(g, card_of(model), PREFIX, &in, &features);
    int64_t i = 0;
    const char *name;
    json_t *output;
    json_object_foreach(json_object_get(card_of(model), "outputs"), name, output)
    {
        if (s->output < 0 || i == s->output)
            (void)bv_graph_output(g, bv_output_build(g, output, &features, &in.words), name);
        i++;
    }
    return bv_graph_status(g, err);
}

struct bv_fusion_shape bv_fusion_example_shape(const struct bv_model *m)
{
    struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    const struct bv_weight *box = bv_weights_find(m->weights, PREFIX "regions.box.weight");
    struct bv_fusion_shape s = {.texts = 1, .tokens = wants.text_features ? 0 : 4, .output = -1};
    if (wants.regions) {
        s.image_tokens = 8;
        s.width = wants.region_width;
        s.box_width = box && box->rank == 2 ? box->dim[1] : 0;
    } else if (wants.pixels) {
        s.image_tokens = (int64_t)m->image_height * m->image_width;
        s.width = 3;
    }
    if (wants.extra_width > 0) {
        s.extra = wants.extra_count;
        s.extra_width = wants.extra_width;
    }
    return s;
}

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
    const char *output = bv_json_string(card_of(m), "image", "tokens");
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
    return bv_session_encode_pixels(s, pixels, 1, H, W, C, &wanted, 1, err);
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
    struct bv_pixels seen = {0};
    BV_TRY(check_reads_pixels(m, err));
    enum bv_status status = bv_recipe_run(m->recipe, decoded, &seen, err);
    if (status == BV_OK)
        status =
            bv_fusion_image_encode(s, seen.data, seen.height, seen.width, seen.channels, out, err);
    if (status == BV_OK && pixels)
        *pixels = seen;
    else
        bv_pixels_free(&seen);
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
        const struct bv_weight *w = bv_weights_find(m->weights, PREFIX "regions.box.weight");
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
    json_object_foreach(json_object_get(card_of(m), "outputs"), name, value)
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
    const int32_t type = (int32_t)bv_json_integer(card_of(m), "text_type", 0);
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

// Runs one batch; the output is [B, …].
static enum bv_status run(struct bv_session *s, const struct bv_fusion_image *image,
                          const struct words *w, const struct bv_fusion_extra *extra,
                          const struct bv_wanted *wanted, struct bv_error *err)
{
    const void *inputs[BV_MAX_GRAPH_INPUTS];
    int n = 0;
    if (w->T > 0) {
        inputs[n++] = w->ids;
        inputs[n++] = w->types;
        inputs[n++] = w->lengths;
        inputs[n++] = w->last;
        inputs[n++] = w->joint;
        inputs[n++] = w->before_last;
    }
    inputs[n++] = image->tokens;
    if (image->box_width > 0)
        inputs[n++] = image->boxes;
    if (image->n_positions > 0)
        inputs[n++] = image->positions;
    if (extra) {
        inputs[n++] = extra->features;
        inputs[n++] = extra->places;
    }
    struct bv_tower_key key = {.tower = BV_TOWER_FUSION};
    struct bv_fusion_shape sizes = {0};
    BV_TRY(sizes_of(bv_session_model(s), image, w->B, w->T, extra, wanted->output, &sizes, err));
    _Static_assert(sizeof sizes == sizeof key.dim, "a fusion key is a shape");
    memcpy(key.dim, &sizes, sizeof sizes);
    return bv_session_run(s, &key, inputs, wanted, 1, err);
}

// How many tokens of a text enter a batch, and stand before the text.
static int64_t length_in(const struct bv_model *m, size_t n_tokens)
{
    int64_t skip = bv_model_fusion_wants(m).prefix > 0 ? 1 : 0;
    const char *mask = bv_json_string(card_of(m), "mask", "bidirectional");
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
                                 const struct bv_tokens *const *texts,
                                 const struct bv_by_length *order, size_t B, const char *output,
                                 size_t D, float *out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct words w = {0};
    BV_TRY(words_create(&w, (int64_t)B, length_in(m, order[B - 1].n_tokens), err));
    for (size_t i = 0; i < B; i++)
        words_put(&w, m, (int64_t)i, texts[order[i].index], tokens_before(m, image));
    float *rows = malloc(B * D * sizeof *rows);
    struct bv_wanted wanted = {output, rows, B * D};
    enum bv_status status =
        rows ? run(s, image, &w, NULL, &wanted, err) : bv_fail_nomem(err, "a batch of texts");
    for (size_t i = 0; status == BV_OK && i < B; i++)
        memcpy(out + order[i].index * D, rows + i * D, D * sizeof *out);
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
    for (size_t first = 0, B; status == BV_OK && first < n; first += B) {
        B = batch_size(m, order + first, n - first);
        status = fuse_batch(s, image, texts, order + first, B, wanted->output, D, wanted->out, err);
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
        bool padded = strcmp(bv_json_string(card_of(m), "mask", ""), "bar") == 0;
        int64_t T = padded ? length_in(m, text->n) : (int64_t)text->n - skip;
        BV_TRY(words_create(&w, 1, T, err));
        words_put(&w, m, 0, text, tokens_before(m, image));
    }
    enum bv_status status = run(s, image, &w, extra && extra->n > 0 ? extra : NULL, wanted, err);
    free(w.ids);
    return status;
}
