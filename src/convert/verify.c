#include "convert/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/fusion_session.h"

static const char *const sentences[] = {
    "No acute cardiopulmonary process.",
    "There is a small left pleural effusion with adjacent atelectasis.",
};

#define N_SENTENCES (sizeof sentences / sizeof *sentences)

void bv_golden_pixels(float *pixels, int64_t H, int64_t W, int64_t C)
{
    uint32_t state = 2463534242u;
    for (int64_t y = 0; y < H; y++)
        for (int64_t x = 0; x < W; x++)
            for (int64_t c = 0; c < C; c++) {
                state ^= state << 13; // xorshift32 (Marsaglia 2003)
                state ^= state >> 17;
                state ^= state << 5;
                double wave = sin(0.11 * (double)y) * cos(0.07 * (double)x) + 0.1 * (double)c;
                *pixels++ = (float)(1.5 * wave + (double)state / 4294967296.0 - 0.5);
            }
}

static json_t *floats_to_json(const float *x, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_real((double)x[i]));
    return list;
}

// Runs one pooled image output; *out receives D floats that the caller frees. *D stays 0 for an
// output that is not one vector per image.
static enum bv_status run_image(struct bv_session *s, const char *output, float **out, int64_t *D,
                                struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const int64_t H = m->image_height, W = m->image_width, C = bv_recipe_channels(m->recipe);
    struct bv_output_shape shape = {0};
    *D = 0;
    BV_TRY(bv_model_image_shape(m, output, H, W, &shape, err));
    if (shape.rank != 1)
        return BV_OK;
    float *pixels = malloc((size_t)(H * W * C) * sizeof *pixels);
    float *result = malloc((size_t)shape.dim[0] * sizeof *result);
    enum bv_status status = BV_OK;
    if (!pixels || !result) {
        status = bv_fail_nomem(err, "golden vectors");
    } else {
        bv_golden_pixels(pixels, H, W, C);
        struct bv_wanted wanted = {output, result, (size_t)shape.dim[0]};
        const struct bv_pixel_batch batch = {pixels, NULL, 1, H, W, C};
        status = bv_session_encode_pixels(s, &batch, &wanted, 1, err);
    }
    free(pixels);
    if (status != BV_OK) {
        free(result);
        return status;
    }
    *out = result;
    *D = shape.dim[0];
    return BV_OK;
}

static enum bv_status run_text(struct bv_session *s, const char *output, const char *text,
                               float **out, int64_t *D, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_output_shape shape = {0};
    struct bv_tokens tokens = {0};
    *D = 0;
    BV_TRY(bv_tokenizer_encode(m->tokenizer, text, strlen(text), &tokens, err));
    enum bv_status status = bv_model_text_shape(m, output, 8, &shape, err);
    float *result = NULL;
    if (status == BV_OK && shape.rank == 1) {
        result = malloc((size_t)shape.dim[0] * sizeof *result);
        struct bv_wanted wanted = {output, result, (size_t)shape.dim[0]};
        status = result ? bv_session_encode_sequence(s, &tokens, &wanted, 1, err)
                        : bv_fail_nomem(err, "golden vectors");
    }
    bv_tokens_free(&tokens);
    if (status != BV_OK || !result) {
        free(result);
        return status;
    }
    *out = result;
    *D = shape.dim[0];
    return BV_OK;
}

// The pooled outputs of a tower, to be made in one run: a tower of gigabytes is then packed piece
// by piece, and not kept.
struct pooled {
    int n;
    struct bv_wanted wanted[BV_MAX_GRAPH_OUTPUTS];
};

static void pooled_free(struct pooled *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->wanted[i].out);
    p->n = 0;
}

static enum bv_status output_shape(const struct bv_model *m, const char *tower, const char *name,
                                   struct bv_output_shape *shape, struct bv_error *err)
{
    return strcmp(tower, "text") == 0
               ? bv_model_text_shape(m, name, 8, shape, err)
               : bv_model_image_shape(m, name, m->image_height, m->image_width, shape, err);
}

// Makes room for those of a tower's outputs that are one vector for each of some inputs.
static enum bv_status collect(const struct bv_model *m, const char *tower, size_t inputs,
                              struct pooled *p, struct bv_error *err)
{
    const char *name;
    json_t *output;
    json_object_foreach(json_object_get(json_object_get(m->card, tower), "outputs"), name, output)
    {
        struct bv_output_shape shape = {0};
        BV_TRY(output_shape(m, tower, name, &shape, err));
        if (shape.rank != 1 || p->n == BV_MAX_GRAPH_OUTPUTS)
            continue;
        size_t n = inputs * (size_t)shape.dim[0];
        float *out = malloc(n * sizeof *out + 1);
        if (!out)
            return bv_fail_nomem(err, "golden vectors");
        p->wanted[p->n++] = (struct bv_wanted){name, out, n};
    }
    return BV_OK;
}

static enum bv_status run_images(struct bv_session *s, struct pooled *p, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const int64_t H = m->image_height, W = m->image_width, C = bv_recipe_channels(m->recipe);
    BV_TRY(collect(m, "image", 1, p, err));
    float *pixels = malloc((size_t)(H * W * C) * sizeof *pixels);
    if (!pixels)
        return bv_fail_nomem(err, "golden vectors");
    bv_golden_pixels(pixels, H, W, C);
    const struct bv_pixel_batch batch = {pixels, NULL, 1, H, W, C};
    enum bv_status status =
        p->n > 0 ? bv_session_encode_pixels(s, &batch, p->wanted, p->n, err) : BV_OK;
    free(pixels);
    return status;
}

static enum bv_status make_image(struct bv_session *s, json_t *golden, struct bv_error *err)
{
    json_t *image = json_object();
    struct pooled p = {0};
    (void)json_object_set_new(golden, "image", image);
    enum bv_status status = run_images(s, &p, err);
    for (int i = 0; status == BV_OK && i < p.n; i++)
        (void)json_object_set_new(image, p.wanted[i].output,
                                  floats_to_json(p.wanted[i].out, (int64_t)p.wanted[i].n_floats));
    pooled_free(&p);
    return status;
}

static enum bv_status run_text_alone(struct bv_session *s, const struct pooled *p,
                                     const struct bv_tokens *tokens, size_t i, struct bv_error *err)
{
    struct bv_wanted one[BV_MAX_GRAPH_OUTPUTS];
    for (int k = 0; k < p->n; k++) {
        size_t D = p->wanted[k].n_floats / N_SENTENCES;
        one[k] = (struct bv_wanted){p->wanted[k].output, p->wanted[k].out + i * D, D};
    }
    return bv_session_encode_sequence(s, tokens, one, p->n, err);
}

// All sentences as one batch; one by one where an output pools over the batch's padding.
static enum bv_status run_texts(struct bv_session *s, struct pooled *p, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    const json_t *scoring = json_object_get(m->card, "scoring");
    struct bv_tokens tokens[N_SENTENCES] = {{0}};
    const struct bv_tokens *list[N_SENTENCES];
    enum bv_status status = collect(m, "text", N_SENTENCES, p, err);
    for (size_t i = 0; status == BV_OK && i < N_SENTENCES; i++) {
        list[i] = &tokens[i];
        status =
            bv_tokenizer_encode(m->tokenizer, sentences[i], strlen(sentences[i]), &tokens[i], err);
    }
    bool alone = json_object_get(scoring, "padded_output") != NULL;
    if (status == BV_OK && p->n > 0 && !alone)
        status = bv_session_encode_outputs(s, list, N_SENTENCES, p->wanted, p->n, err);
    for (size_t i = 0; status == BV_OK && p->n > 0 && alone && i < N_SENTENCES; i++)
        status = run_text_alone(s, p, &tokens[i], i, err);
    for (size_t i = 0; i < N_SENTENCES; i++)
        bv_tokens_free(&tokens[i]);
    return status;
}

static enum bv_status make_text(struct bv_session *s, json_t *golden, struct bv_error *err)
{
    json_t *text = json_object(), *list = json_array();
    struct pooled p = {0};
    (void)json_object_set_new(golden, "text", text);
    (void)json_object_set_new(text, "sentences", list);
    for (size_t i = 0; i < N_SENTENCES; i++)
        (void)json_array_append_new(list, json_string(sentences[i]));
    enum bv_status status = run_texts(s, &p, err);
    for (int k = 0; status == BV_OK && k < p.n; k++) {
        json_t *rows = json_array();
        size_t D = p.wanted[k].n_floats / N_SENTENCES;
        for (size_t i = 0; i < N_SENTENCES; i++)
            (void)json_array_append_new(rows, floats_to_json(p.wanted[k].out + i * D, (int64_t)D));
        (void)json_object_set_new(text, p.wanted[k].output, rows);
    }
    pooled_free(&p);
    return status;
}

// The image of the fusion vectors: the synthetic pixels, or eight synthetic regions.
static enum bv_status make_fusion_image(struct bv_session *s, struct bv_fusion_image *image,
                                        struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_fusion_shape shape = bv_fusion_example_shape(m);
    bool regions = bv_model_fusion_wants(m).regions;
    int64_t C = regions ? shape.width : bv_recipe_channels(m->recipe);
    int64_t H = regions ? 1 : m->image_height;
    int64_t W = regions ? shape.image_tokens : m->image_width;
    float *values = malloc((size_t)(H * W * C) * sizeof *values), boxes[8 * 4];
    if (!values)
        return bv_fail_nomem(err, "golden vectors");
    bv_golden_pixels(values, H, W, C);
    for (int i = 0; i < 8; i++) {
        float corner = 0.1f * (float)i;
        memcpy(boxes + 4 * i, (float[]){corner, corner / 2, corner + 0.3f, corner / 2 + 0.4f},
               4 * sizeof *boxes);
    }
    enum bv_status status = regions ? bv_fusion_image_regions(s, values, W, C, boxes, 4, image, err)
                                    : bv_fusion_image_encode(s, values, H, W, C, image, err);
    free(values);
    return status;
}

// Runs one pooled fusion output; *D stays 0 for an output that is not one vector per text.
static enum bv_status run_fusion(struct bv_session *s, const struct bv_fusion_image *image,
                                 const char *output, const char *sentence, float **out, int64_t *D,
                                 struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(s);
    struct bv_fusion_shape example = bv_fusion_example_shape(m);
    struct bv_output_shape shape = {0};
    struct bv_tokens tokens = {0};
    struct bv_fusion_extra extra = {0};
    float *features = NULL, *result = NULL;
    *D = 0;
    enum bv_status status = BV_OK;
    if (m->tokenizer) {
        status = bv_tokenizer_encode(m->tokenizer, sentence, strlen(sentence), &tokens, err);
    } else { // token features in the place of words
        features = malloc((size_t)(example.extra * example.extra_width) * sizeof *features);
        if (!features)
            return bv_fail_nomem(err, "golden vectors");
        bv_golden_pixels(features, 1, example.extra, example.extra_width);
        extra = (struct bv_fusion_extra){features, example.extra, example.extra_width, NULL};
    }
    const struct bv_tokens *text = m->tokenizer ? &tokens : NULL;
    if (status == BV_OK)
        status = bv_session_fusion_shape(s, image, text ? 4 : 0, text ? NULL : &extra, output,
                                         &shape, err);
    if (status == BV_OK && shape.rank == 1) {
        result = malloc((size_t)shape.dim[0] * sizeof *result);
        struct bv_wanted wanted = {output, result, (size_t)shape.dim[0]};
        status = result ? bv_session_fuse_one(s, image, text, text ? NULL : &extra, &wanted, err)
                        : bv_fail_nomem(err, "golden vectors");
    }
    bv_tokens_free(&tokens);
    free(features);
    if (status != BV_OK || !result) {
        free(result);
        return status;
    }
    *out = result;
    *D = shape.dim[0];
    return BV_OK;
}

static enum bv_status make_fusion(struct bv_session *s, json_t *golden, struct bv_error *err)
{
    struct bv_fusion_image image = {0};
    BV_TRY(make_fusion_image(s, &image, err));
    json_t *vectors = json_object();
    (void)json_object_set_new(golden, "fusion", vectors);
    enum bv_status status = BV_OK;
    const char *name;
    json_t *output;
    const json_t *tower = json_object_get(bv_session_model(s)->card, "fusion");
    json_object_foreach(json_object_get(tower, "outputs"), name, output)
    {
        float *x = NULL;
        int64_t D = 0;
        if (status == BV_OK)
            status = run_fusion(s, &image, name, sentences[1], &x, &D, err);
        if (D > 0)
            (void)json_object_set_new(vectors, name, floats_to_json(x, D));
        free(x);
    }
    bv_fusion_image_free(&image);
    return status;
}

enum bv_status bv_golden_make(struct bv_session *s, json_t **out, struct bv_error *err)
{
    json_t *golden = json_object();
    enum bv_status status = golden ? BV_OK : bv_fail_nomem(err, "golden vectors");
    if (status == BV_OK && bv_model_has_image(bv_session_model(s)))
        status = make_image(s, golden, err);
    if (status == BV_OK && bv_model_has_text(bv_session_model(s)))
        status = make_text(s, golden, err);
    if (status == BV_OK && bv_model_has_fusion(bv_session_model(s)))
        status = make_fusion(s, golden, err);
    if (status != BV_OK) {
        json_decref(golden);
        return status;
    }
    *out = golden;
    return BV_OK;
}

static enum bv_status compare(const json_t *stored, const float *x, int64_t D,
                              struct bv_golden_report *report, struct bv_error *err)
{
    if ((int64_t)json_array_size(stored) != D)
        return bv_fail(err, BV_ERR_MODEL, "a golden vector has %zu elements, the output %lld",
                       json_array_size(stored), (long long)D);
    double dot = 0, xx = 0, yy = 0;
    for (int64_t i = 0; i < D; i++) {
        double y = json_number_value(json_array_get(stored, (size_t)i));
        dot += x[i] * y;
        xx += (double)x[i] * x[i];
        yy += y * y;
        // Written so that a NaN anywhere makes the report bad.
        if (!(fabs(x[i] - y) <= report->largest_difference))
            report->largest_difference = fabs(x[i] - y);
    }
    double cosine = dot / sqrt(xx * yy);
    if (!(cosine >= report->worst_cosine))
        report->worst_cosine = cosine;
    report->n_vectors++;
    return BV_OK;
}

static enum bv_status compare_text(struct bv_session *s, const json_t *text,
                                   struct bv_golden_report *report, struct bv_error *err)
{
    const json_t *list = json_object_get(text, "sentences");
    const char *name;
    json_t *rows;
    json_object_foreach((json_t *)(uintptr_t)text, name, rows)
    {
        for (size_t i = 0; rows != list && i < json_array_size(rows); i++) {
            const char *sentence = json_string_value(json_array_get(list, i));
            float *x = NULL;
            int64_t D = 0;
            BV_TRY(run_text(s, name, sentence ? sentence : "", &x, &D, err));
            enum bv_status status = compare(json_array_get(rows, i), x, D, report, err);
            free(x);
            BV_TRY(status);
        }
    }
    return BV_OK;
}

static enum bv_status compare_fusion(struct bv_session *s, const json_t *vectors,
                                     struct bv_golden_report *report, struct bv_error *err)
{
    struct bv_fusion_image image = {0};
    if (!vectors)
        return BV_OK;
    BV_TRY(make_fusion_image(s, &image, err));
    enum bv_status status = BV_OK;
    const char *name;
    json_t *stored;
    json_object_foreach((json_t *)(uintptr_t)vectors, name, stored)
    {
        float *x = NULL;
        int64_t D = 0;
        if (status == BV_OK)
            status = run_fusion(s, &image, name, sentences[1], &x, &D, err);
        if (status == BV_OK)
            status = compare(stored, x, D, report, err);
        free(x);
    }
    bv_fusion_image_free(&image);
    return status;
}

enum bv_status bv_golden_compare(struct bv_session *s, const json_t *golden,
                                 struct bv_golden_report *report, struct bv_error *err)
{
    *report = (struct bv_golden_report){1, 0, 0};
    const char *name;
    json_t *stored;
    json_object_foreach(json_object_get(golden, "image"), name, stored)
    {
        float *x = NULL;
        int64_t D = 0;
        BV_TRY(run_image(s, name, &x, &D, err));
        enum bv_status status = compare(stored, x, D, report, err);
        free(x);
        BV_TRY(status);
    }
    BV_TRY(compare_text(s, json_object_get(golden, "text"), report, err));
    return compare_fusion(s, json_object_get(golden, "fusion"), report, err);
}
