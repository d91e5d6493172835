// The public calls that show where an encoder looks.
#include "api/explained.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/result.h"
#include "base/file.h"
#include "image/png_writer.h"
#include "model/encode.h"
#include "model/graphs.h"

enum { LONGEST = 1024, MOST_TEXTS = 4096 };

void bv_explained_free(struct bv_explained **out)
{
    struct bv_explained *e = *out;
    if (!e)
        return;
    bv_explanation_destroy(&e->explanation);
    bv_image_close(&e->image);
    bv_arena_free(&e->arena);
    free(e);
    *out = NULL;
}

// ---- Making ----

static void normalize_rows(float *x, size_t n, size_t D)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t d = 0; d < D; d++)
            sum += (double)x[i * D + d] * x[i * D + d];
        for (size_t d = 0; sum > 0 && d < D; d++)
            x[i * D + d] = (float)(x[i * D + d] / sqrt(sum));
    }
}

// truncated [n] may be NULL.
static enum bv_status embed(struct bv_engine *engine, const char *const *texts, size_t n,
                            float *out, unsigned char *truncated, struct bv_error *err)
{
    const size_t D = (size_t)bv_session_model(engine->session)->text_dim;
    const struct bv_wanted wanted = {"global", out, n * D};
    BV_TRY(bv_encode_texts(engine->session, texts, n, &wanted, truncated, NULL, err));
    normalize_rows(out, n, D);
    return BV_OK;
}

// The neutral texts' embeddings, made the first time.
static enum bv_status need_neutral(struct bv_engine *engine, struct bv_error *err)
{
    const size_t n = BV_NEUTRAL_TEXTS + 1;
    const size_t D = (size_t)bv_session_model(engine->session)->text_dim;
    if (engine->neutral)
        return BV_OK;
    float *made = calloc(n * D, sizeof *made);
    if (!made)
        return bv_fail_nomem(err, "neutral texts");
    enum bv_status status = embed(engine, bv_neutral_texts, n, made, NULL, err);
    if (status == BV_OK)
        engine->neutral = made;
    else
        free(made);
    return status;
}

static enum bv_status choose_method(const struct bv_model *model, const char *name,
                                    const char *output, const struct bv_map_method **method,
                                    struct bv_error *err)
{
    char names[512];
    struct bv_error why = {0};
    const bool automatic = !name || strcmp(name, "auto") == 0;
    *method = automatic ? bv_method_default(model, output) : bv_method_find(name);
    bv_method_names(model, output, names, sizeof names);
    if (!*method)
        return bv_fail(err, BV_ERR_ARG, "no method is called \"%s\"; model \"%s\" can have: %s",
                       name, model->name, names);
    if (bv_probe_check(model, *method, 0, output, &why) != BV_OK)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "model \"%s\" cannot have method %s (%s); it can have: %s", model->name,
                       (*method)->name, why.text, names);
    return BV_OK;
}

// What the maps are of, whether texts or labels.
struct subject {
    struct bv_engine *engine;
    const struct bv_image *image;
    const char *output;
    const char **names;       // [n]
    unsigned char *truncated; // [n]: cut to the model's maximum; NULL: labels
    float *direction;         // [n + BV_NEUTRAL_TEXTS, D], n filled
    size_t n, D;
    bool linear;                       // logits, of a trained head or a decoder: no neutral texts
    struct bv_decoder_queries queries; // of a decoder; texts NULL: there is none
};

static enum bv_status name_texts(struct bv_explained *e, const struct subject *s,
                                 struct bv_error *err)
{
    e->texts = bv_arena_array(&e->arena, s->n + 1, sizeof *e->texts);
    e->truncated = bv_arena_array(&e->arena, s->n + 1, 1);
    if (e->truncated && s->truncated)
        memcpy(e->truncated, s->truncated, s->n);
    for (size_t i = 0; e->texts && i < s->n; i++) {
        e->texts[i] = bv_arena_strdup(&e->arena, s->names[i]);
        if (!e->texts[i])
            return bv_fail_nomem(err, "texts");
    }
    const struct bv_model *m = bv_session_model(s->engine->session);
    e->model = bv_arena_strdup(&e->arena, m->name);
    e->digest = bv_arena_strdup(&e->arena, m->digest);
    e->device = bv_arena_strdup(&e->arena, bv_session_device(s->engine->session));
    e->precision = bv_session_precision(s->engine->session);
    e->quantity = s->linear ? "logit" : "cosine";
    return e->texts && e->truncated && e->model && e->digest && e->device
               ? BV_OK
               : bv_fail_nomem(err, "texts");
}

static enum bv_status compute(struct bv_explained *e, const struct subject *s,
                              const struct bv_explain_options *o, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s->engine->session);
    struct bv_encoder_input input = {0};
    const struct bv_map_method *method = NULL;
    const size_t n_neutral = s->linear ? 0 : BV_NEUTRAL_TEXTS;
    BV_TRY(choose_method(m, o->method, s->output, &method, err));
    if (n_neutral > 0) {
        BV_TRY(need_neutral(s->engine, err));
        memcpy(s->direction + s->n * s->D, s->engine->neutral,
               n_neutral * s->D * sizeof *s->direction);
    }
    const struct bv_goal goal = {.output = s->output,
                                 .direction = s->direction,
                                 .linear = s->linear,
                                 .common =
                                     n_neutral > 0 ? s->engine->neutral + n_neutral * s->D : NULL,
                                 .n = s->n + n_neutral,
                                 .D = s->D,
                                 .queries = s->queries.texts ? &s->queries : NULL};
    BV_TRY(bv_encoder_input_make(m, s->image, NULL, &input, err));
    const struct bv_probe_request request = {.method = method,
                                             .layers = o->layers,
                                             .masks = o->masks,
                                             .seed = o->seed,
                                             .pixels = &input.pixels,
                                             .goal = &goal};
    enum bv_status status = bv_explanation_make(&e->explanation, s->engine->session, &request,
                                                n_neutral, s->image->width, s->image->height, err);
    bv_encoder_input_free(&input);
    return status;
}

static enum bv_status explain(const struct subject *s, const struct bv_explain_options *o,
                              struct bv_explained **out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s->engine->session);
    if (bv_recipe_turns(m->recipe) && s->image->orientation > 1)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "the image is to be turned as its Exif data say: turn it in the file");
    struct bv_explained *e = calloc(1, sizeof *e);
    if (!e)
        return bv_fail_nomem(err, "heat maps");
    e->context = s->engine->context;
    e->seed = o->seed;
    e->image = bv_image_keep(s->image);
    enum bv_status status = name_texts(e, s, err);
    if (status == BV_OK)
        status = compute(e, s, o, err);
    if (status == BV_OK)
        *out = e;
    else
        bv_explained_free(&e);
    return status;
}

static enum bv_status check_count(size_t n, struct bv_error *err)
{
    if (n < 1 || n > MOST_TEXTS)
        return bv_fail(err, BV_ERR_ARG, "%zu texts; 1 to %d are possible", n, MOST_TEXTS);
    return BV_OK;
}

enum bv_status bv_explain_texts(struct bv_engine *engine, const struct bv_image *image,
                                const char *const *texts, size_t n,
                                const struct bv_explain_options *theirs, struct bv_explained **out)
{
    assert(engine && image && texts && out);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_explain_options o;
    const struct bv_model *m = bv_session_model(engine->session);
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_explain_options", err));
    BV_TRY(check_count(n, err));
    if (!bv_model_has_image(m) || !bv_model_has_text(m) || m->image_dim < 1 ||
        m->image_dim != m->text_dim)
        return bv_fail(err, BV_ERR_MODEL,
                       "model \"%s\" does not compare images with texts: it has no maps of them",
                       m->name);
    struct subject s = {.engine = engine, .image = image, .output = "global", .n = n};
    s.D = (size_t)m->text_dim;
    s.names = (const char **)(uintptr_t)texts;
    s.truncated = calloc(n, 1);
    s.direction = calloc((n + BV_NEUTRAL_TEXTS) * s.D, sizeof *s.direction);
    enum bv_status status = s.truncated && s.direction ? BV_OK : bv_fail_nomem(err, "texts");
    if (status == BV_OK)
        status = embed(engine, texts, n, s.direction, s.truncated, err);
    if (status == BV_OK)
        status = explain(&s, &o, out, err);
    free(s.truncated);
    free(s.direction);
    return status;
}

enum bv_status bv_explain_labels(const struct bv_zero_shot *z, const struct bv_image *image,
                                 const struct bv_explain_options *theirs, struct bv_explained **out)
{
    assert(z && image && out);
    struct bv_error *err = bv_begin(z->engine->context);
    struct bv_explain_options o;
    struct subject s = {.engine = z->engine, .image = image, .n = z->labels.n};
    BV_TRY(bv_options_read(&o, sizeof o, theirs, "bv_explain_options", err));
    BV_TRY(check_count(s.n, err));
    s.output = bv_classifier_output(z->classifier);
    s.D = bv_classifier_dim(z->classifier);
    s.linear = bv_classifier_head_row(z->classifier, 0) >= 0;
    const struct bv_decoder_labels *decoder = bv_classifier_decoder(z->classifier);
    if (decoder) {
        const json_t *card = bv_model_decoder_card(bv_session_model(s.engine->session));
        s.output = bv_json_string(card, "image", "tokens");
        s.linear = true;
        s.queries = (struct bv_decoder_queries){.texts = decoder->texts,
                                                .row = decoder->row,
                                                .n = decoder->n,
                                                .rows = decoder->rows,
                                                .D = decoder->D,
                                                .concepts = decoder->concepts,
                                                .classes = decoder->classes};
    }
    s.names = calloc(s.n, sizeof *s.names);
    s.direction = calloc((s.n + BV_NEUTRAL_TEXTS) * s.D, sizeof *s.direction);
    enum bv_status status = s.names && s.direction ? BV_OK : bv_fail_nomem(err, "labels");
    for (size_t i = 0; status == BV_OK && i < s.n; i++) {
        const float *embedding = bv_classifier_embedding(z->classifier, i);
        s.names[i] = z->labels.items[i].name;
        if (decoder)
            continue;
        if (s.linear)
            s.direction[i * s.D + (size_t)bv_classifier_head_row(z->classifier, i)] = 1;
        else if (embedding)
            memcpy(s.direction + i * s.D, embedding, s.D * sizeof *embedding);
        else
            status = bv_fail(err, BV_ERR_UNSUPPORTED, "label \"%s\" has no embedding", s.names[i]);
    }
    if (status == BV_OK)
        status = explain(&s, &o, out, err);
    free(s.names);
    free(s.direction);
    return status;
}

// ---- Reading ----

size_t bv_explained_count(const struct bv_explained *e)
{
    assert(e);
    return e->explanation->n;
}

const char *bv_explained_method(const struct bv_explained *e)
{
    assert(e);
    return e->explanation->method->name;
}

static enum bv_status check_index(const struct bv_explained *e, size_t i, struct bv_error *err)
{
    if (i >= e->explanation->n)
        return bv_fail(err, BV_ERR_ARG, "map %zu of %zu", i, e->explanation->n);
    return BV_OK;
}

enum bv_status bv_explained_facts(const struct bv_explained *e, size_t i,
                                  struct bv_explained_map *map)
{
    assert(e && map);
    struct bv_error *err = bv_begin(e->context);
    BV_TRY(check_index(e, i, err));
    BV_TRY(bv_counts_check(map, "bv_explained_map", err));
    const struct bv_text_map *t = &e->explanation->texts[i];
    const struct bv_explained_map made = {.text = e->texts[i],
                                          .score = t->score,
                                          .peak = t->peak,
                                          .peak_x = t->column,
                                          .peak_y = t->row,
                                          .null_median = e->explanation->null_median,
                                          .null_peak = e->explanation->null_peak,
                                          .prompt_dependence = t->prompt_dependence,
                                          .nothing_here = t->nothing,
                                          .n_boxes = t->n_boxes,
                                          .truncated = e->truncated[i]};
    bv_counts_write(map, &made, sizeof made);
    return BV_OK;
}

enum bv_status bv_explained_box_at(const struct bv_explained *e, size_t i, size_t k,
                                   struct bv_explained_box *to)
{
    assert(e && to);
    struct bv_error *err = bv_begin(e->context);
    BV_TRY(check_index(e, i, err));
    BV_TRY(bv_counts_check(to, "bv_explained_box", err));
    const struct bv_text_map *t = &e->explanation->texts[i];
    if (k >= t->n_boxes)
        return bv_fail(err, BV_ERR_ARG, "box %zu of %zu", k, t->n_boxes);
    const struct bv_map_box *b = &t->boxes[k];
    const struct bv_explained_box made = {0, b->x, b->y, b->width, b->height, b->peak};
    bv_counts_write(to, &made, sizeof made);
    return BV_OK;
}

enum bv_status bv_explained_grid(const struct bv_explained *e, size_t i, float *out,
                                 size_t capacity, int *rows, int *columns)
{
    assert(e && rows && columns);
    struct bv_error *err = bv_begin(e->context);
    const struct bv_maps *maps = &e->explanation->maps;
    const size_t cells = (size_t)(maps->h * maps->w);
    BV_TRY(check_index(e, i, err));
    if (out) {
        BV_TRY(bv_check_room(capacity, 1, cells, "floats", err));
        memcpy(out, maps->values + i * cells, cells * sizeof *out);
    }
    *rows = (int)maps->h;
    *columns = (int)maps->w;
    return BV_OK;
}

enum bv_status bv_explained_pixels(const struct bv_explained *e, size_t i,
                                   enum bv_explained_layer layer, float *out, size_t capacity)
{
    assert(e && out);
    struct bv_error *err = bv_begin(e->context);
    BV_TRY(check_index(e, i, err));
    if (layer != BV_EXPLAINED_VALUES && layer != BV_EXPLAINED_ERRORS)
        return bv_fail(err, BV_ERR_ARG, "no such layer of a map");
    if (layer == BV_EXPLAINED_ERRORS && !e->explanation->maps.errors)
        return bv_fail(err, BV_ERR_MODEL, "method %s has no standard errors",
                       e->explanation->method->name);
    BV_TRY(bv_check_room(capacity, (size_t)e->explanation->height, (size_t)e->explanation->width,
                         "floats", err));
    bv_explanation_spread(e->explanation, i, layer == BV_EXPLAINED_ERRORS, out);
    return BV_OK;
}

// ---- Pictures ----

static enum bv_status draw(const struct bv_explained *e, size_t i, struct bv_pixels *rgb,
                           struct bv_error *err)
{
    BV_TRY(check_index(e, i, err));
    return bv_explanation_draw(e->explanation, i, e->image, e->texts[i], LONGEST, rgb, err);
}

enum bv_status bv_explained_picture(const struct bv_explained *e, size_t i, uint8_t **rgb,
                                    int *width, int *height)
{
    assert(e && rgb && width && height);
    struct bv_pixels picture = {0};
    BV_TRY(draw(e, i, &picture, bv_begin(e->context)));
    *rgb = picture.data;
    *width = picture.width;
    *height = picture.height;
    return BV_OK;
}

enum bv_status bv_explained_write_png(const struct bv_explained *e, size_t i, const char *path)
{
    assert(e && path);
    struct bv_error *err = bv_begin(e->context);
    struct bv_pixels picture = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(draw(e, i, &picture, err));
    enum bv_status status =
        bv_png_encode(picture.data, picture.width, picture.height, 3, &bytes, &size, err);
    if (status == BV_OK)
        status = bv_write_file(path, bytes, size, err);
    free(bytes);
    bv_pixels_free(&picture);
    return status;
}

// ---- JSON ----

// A number, or null where there is none.
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *box_json(const struct bv_map_box *b, bool with_peak)
{
    json_t *box = json_pack("{s:o, s:o, s:o, s:o}", "x", number(b->x), "y", number(b->y), "width",
                            number(b->width), "height", number(b->height));
    if (with_peak)
        (void)json_object_set_new(box, "peak", number(b->peak));
    return box;
}

static json_t *map_json(const struct bv_explained *e, size_t i)
{
    const struct bv_explanation *x = e->explanation;
    const struct bv_text_map *t = &x->texts[i];
    const bool compared = x->n_neutral > 0 && !x->method->class_agnostic;
    json_t *boxes = json_array();
    for (size_t k = 0; k < t->n_boxes; k++)
        (void)json_array_append_new(boxes, box_json(&t->boxes[k], true));
    json_t *map =
        json_pack("{s:s, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o}", "text", e->texts[i], "score",
                  number(t->score), "peak", "value", number(t->peak), "x", number(t->column), "y",
                  number(t->row), "nothing_here", compared ? json_boolean(t->nothing) : json_null(),
                  "prompt_dependence", number(t->prompt_dependence), "boxes", boxes);
    const size_t cells = (size_t)(x->maps.h * x->maps.w);
    if (e->truncated[i])
        (void)json_object_set_new(map, "truncated", json_true());
    if (x->maps.errors) {
        double largest = 0;
        for (size_t k = i * cells; k < (i + 1) * cells; k++)
            largest = fmax(largest, x->maps.errors[k]);
        (void)json_object_set_new(map, "largest_standard_error", number(largest));
    }
    return map;
}

static json_t *explained_json(const struct bv_explained *e)
{
    const struct bv_explanation *x = e->explanation;
    const struct bv_map_box seen = bv_explanation_seen(x);
    json_t *maps = json_array();
    json_t *null = x->n_neutral > 0
                       ? json_pack("{s:i, s:o, s:o}", "texts", (int)x->n_neutral, "median",
                                   number(x->null_median), "peak_95", number(x->null_peak))
                       : json_null();
    for (size_t i = 0; i < x->n; i++)
        (void)json_array_append_new(maps, map_json(e, i));
    json_t *json = json_pack(
        "{s:o, s:{s:s, s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:{s:i, s:i}, s:s, "
        "s:{s:i, s:i}, s:o, s:o, s:o}",
        "path", bv_json_path(e->image->name), "model", "name", e->model, "sha256", e->digest,
        "device", e->device, "precision", e->precision, "version", BIOVL_VERSION, "intended_use",
        "research", "method", x->method->name, "score", e->quantity, "unit", x->method->unit,
        "class_agnostic", x->method->class_agnostic, "grid", "rows", (int)x->maps.h, "columns",
        (int)x->maps.w, "interpolation", "bilinear", "image", "width", x->width, "height",
        x->height, "seen", box_json(&seen, false), "null", null, "maps", maps);
    if (x->layers)
        (void)json_object_set_new(json, "layers", json_integer(x->layers));
    if (x->masks) {
        (void)json_object_set_new(json, "masks", json_integer(x->masks));
        (void)json_object_set_new(json, "seed", json_integer((json_int_t)e->seed));
    }
    return json;
}

enum bv_status bv_explained_json(const struct bv_explained *e, char **json)
{
    assert(e && json);
    return bv_json_text(explained_json(e), json, bv_begin(e->context));
}

enum bv_status bv_explain_methods(struct bv_context *context, const struct bv_model *model,
                                  char **json)
{
    assert(context && model && json);
    struct bv_error *err = bv_begin(context), unused = {0};
    const struct bv_model *m = model;
    const json_t *outputs = json_object_get(json_object_get(m->card, "image"), "outputs");
    const char *output =
        bv_model_has_text(m) || !json_object_get(outputs, "logits") ? "global" : "logits";
    const bool scores = bv_model_has_text(m) || strcmp(output, "logits") == 0;
    const char *of_labels = bv_json_string(bv_model_decoder_card(m), "image", output);
    json_t *list = json_array();
    for (size_t i = 0; scores && bv_method_at(i); i++) {
        const struct bv_map_method *method = bv_method_at(i);
        if (bv_probe_check(m, method, 0, method->of_decoder ? of_labels : output, &unused) == BV_OK)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:b, s:b}", "name", method->name, "unit", method->unit,
                                "class_agnostic", method->class_agnostic, "default",
                                method == bv_method_default(m, output)));
    }
    return bv_json_text(list, json, err);
}
