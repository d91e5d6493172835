// The public calls of fusion encoders.
#include "biovl/fusion.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "base/file.h"
#include "base/json.h"
#include "image/png_writer.h"
#include "model/fusion_session.h"
#include "score/fusion_scores.h"

enum { MAX_FEATURES = 1 << 24 }; // floats in an array of a caller
enum { TEXTS_AT_ONCE = 64 };     // between looks at the observer

struct bv_fused_image {
    struct bv_engine *engine;
    char *path;
    struct bv_fusion_image input;
    struct bv_pixels pixels; // kept for overlays where the encoder reads pixels
};

int bv_model_can(const struct bv_model *model, const char *head)
{
    assert(model && head);
    return bv_fusion_can(model, head);
}

void bv_fused_image_close(struct bv_fused_image **out)
{
    assert(out);
    struct bv_fused_image *f = *out;
    if (!f)
        return;
    bv_fusion_image_free(&f->input);
    bv_pixels_free(&f->pixels);
    free(f->path);
    free(f);
    *out = NULL;
}

// The model must have a fusion encoder; an object for an image of it.
static enum bv_status create(struct bv_engine *engine, const char *name,
                             struct bv_fused_image **out, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(engine->session);
    char text[256];
    if (!bv_model_has_fusion(m))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" has no fusion encoder; it can: %s", m->name,
                       bv_fusion_abilities(m, text));
    struct bv_fused_image *f = calloc(1, sizeof *f);
    if (!f)
        return bv_fail_nomem(err, "an image");
    f->engine = engine;
    f->path = strdup(name);
    *out = f;
    return f->path ? BV_OK : bv_fail_nomem(err, "an image");
}

// Hands out what was made.
static enum bv_status finish(enum bv_status status, struct bv_fused_image *f,
                             struct bv_fused_image **out)
{
    if (status == BV_OK)
        *out = f;
    else
        bv_fused_image_close(&f);
    return status;
}

enum bv_status bv_fused_image_open(struct bv_engine *engine, const struct bv_image *image,
                                   struct bv_fused_image **out)
{
    assert(engine && image && out);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_fused_image *f = NULL;
    enum bv_status status = create(engine, image->name, &f, err);
    if (status == BV_OK)
        status = bv_fusion_image_make(engine->session, image, &f->pixels, &f->input, err);
    return finish(status, f, out);
}

static enum bv_status check_finite(const float *values, size_t rows, size_t columns,
                                   const char *what, struct bv_error *err)
{
    size_t n;
    if (!values || rows < 1 || columns < 1 || rows > MAX_FEATURES ||
        !bv_mul_size(rows, columns, &n) || n > MAX_FEATURES)
        return bv_fail(err, BV_ERR_ARG, "%s of [%zu,%zu]", what, rows, columns);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return bv_fail(err, BV_ERR_ARG, "%s that are not finite", what);
    return BV_OK;
}

static enum bv_status open_regions(struct bv_fused_image *f, const struct bv_regions *r,
                                   struct bv_error *err)
{
    struct bv_session *session = f->engine->session;
    struct bv_region_file file = {{0}, {0}};
    if (!r->path) {
        BV_TRY(check_finite(r->features, r->n, r->width, "region features", err));
        if (r->boxes)
            BV_TRY(check_finite(r->boxes, r->n, r->box_width, "boxes", err));
        return bv_fusion_image_regions(session, r->features, (int64_t)r->n, (int64_t)r->width,
                                       r->boxes, r->boxes ? (int64_t)r->box_width : 0, &f->input,
                                       err);
    }
    BV_TRY(bv_region_file_read(r->path, &file, err));
    enum bv_status status = bv_fusion_image_regions(session, file.features.data, file.features.rows,
                                                    file.features.columns, file.boxes.data,
                                                    file.boxes.columns, &f->input, err);
    if (status != BV_OK)
        (void)bv_fail_prefix(err, "%s", r->path);
    bv_region_file_free(&file);
    return status;
}

enum bv_status bv_fused_image_open_regions(struct bv_engine *engine,
                                           const struct bv_regions *theirs,
                                           struct bv_fused_image **out)
{
    assert(engine && out);
    struct bv_error *err = bv_begin(engine->context);
    struct bv_regions r;
    struct bv_fused_image *f = NULL;
    BV_TRY(bv_options_read(&r, sizeof r, theirs, "bv_regions", err));
    const char *name = r.name ? r.name : r.path ? r.path : "regions";
    enum bv_status status = create(engine, name, &f, err);
    if (status == BV_OK)
        status = open_regions(f, &r, err);
    return finish(status, f, out);
}

// A batch of texts against one image.
struct matching {
    struct bv_fused_image *image;
    const char *const *texts;
    size_t n;
    double *scores;
    unsigned char *truncated;
    struct bv_batch batch;
};

// Texts first … first + count - 1 one by one, each with its status.
static enum bv_status match_each(const struct matching *m, size_t first, size_t count,
                                 struct bv_error *err)
{
    for (size_t i = first; i < first + count; i++) {
        struct bv_error why = {0};
        char name[32];
        (void)snprintf(name, sizeof name, "text %zu", i + 1);
        m->scores[i] = (double)NAN;
        why.status = bv_fusion_match(m->image->engine->session, &m->image->input, m->texts + i, 1,
                                     m->scores + i, m->truncated ? m->truncated + i : NULL, &why);
        if (why.status != BV_OK && !m->batch.statuses && m->n > 1)
            (void)bv_fail_prefix(&why, "%s", name);
        BV_TRY(bv_item_done(&m->batch, i, name, &why, err));
    }
    return BV_OK;
}

static enum bv_status match(const struct matching *m, struct bv_error *err)
{
    size_t width;
    BV_TRY(
        bv_fusion_score_count(m->image->engine->session, &m->image->input, "match", &width, err));
    for (size_t first = 0, count; first < m->n; first += count) {
        struct bv_error ignored = {0};
        count = m->n - first < TEXTS_AT_ONCE ? m->n - first : TEXTS_AT_ONCE;
        BV_TRY(bv_observe_progress(m->batch.observer, first, m->n, err));
        if (bv_fusion_match(m->image->engine->session, &m->image->input, m->texts + first, count,
                            m->scores + first, m->truncated ? m->truncated + first : NULL,
                            &ignored) != BV_OK) // of one of them, at least
            BV_TRY(match_each(m, first, count, err));
        else if (m->batch.statuses)
            for (size_t i = first; i < first + count; i++)
                m->batch.statuses[i] = BV_OK;
    }
    if (m->n > 0)
        (void)bv_observe_progress(m->batch.observer, m->n, m->n, NULL);
    return BV_OK;
}

enum bv_status bv_fused_image_match(struct bv_fused_image *f, const char *const *texts, size_t n,
                                    double *scores, size_t capacity, unsigned char *truncated,
                                    enum bv_status *statuses)
{
    assert(f && ((texts && scores) || n == 0));
    struct bv_context *context = f->engine->context;
    struct bv_error *err = bv_begin(context);
    const struct matching m = {f, texts, n, scores, truncated, {statuses, &context->observer}};
    BV_TRY(bv_check_room(capacity, n, 1, "doubles", err));
    enum bv_status status = match(&m, err);
    for (size_t i = 0; i < n && status != BV_OK; i++) {
        scores[i] = (double)NAN;
        if (statuses)
            statuses[i] = status;
    }
    return status;
}

size_t bv_fused_image_count(struct bv_fused_image *f, const char *head)
{
    assert(f && head);
    size_t n = 0;
    struct bv_error *err = bv_begin(f->engine->context);
    return bv_fusion_score_count(f->engine->session, &f->input, head, &n, err) == BV_OK ? n : 0;
}

enum bv_status bv_fused_image_scores(struct bv_fused_image *f, const char *head, const char *text,
                                     double *scores, size_t capacity, int *truncated)
{
    assert(f && head && text && scores);
    struct bv_error *err = bv_begin(f->engine->context);
    bool cut = false;
    size_t n = 0;
    BV_TRY(bv_fusion_score_count(f->engine->session, &f->input, head, &n, err));
    BV_TRY(bv_check_room(capacity, 1, n, "doubles", err));
    BV_TRY(bv_fusion_scores(f->engine->session, &f->input, head, text, scores, &cut, err));
    if (truncated)
        *truncated = cut;
    return BV_OK;
}

static const json_t *head_of(const struct bv_fused_image *f, const char *head)
{
    const struct bv_model *m = bv_session_model(f->engine->session);
    return json_object_get(json_object_get(m->card, "fusion"), head);
}

const char *bv_fused_image_name(const struct bv_fused_image *f, const char *head, size_t i)
{
    assert(f && head);
    const json_t *names = json_object_get(head_of(f, head), "names");
    return json_string_value(json_array_get(names, i));
}

const char *bv_fused_image_kind(const struct bv_fused_image *f, const char *head)
{
    assert(f && head);
    return bv_fusion_kind(bv_session_model(f->engine->session), head);
}

enum bv_status bv_fused_image_mask_size(const struct bv_fused_image *f, int *width, int *height)
{
    assert(f && width && height);
    struct bv_error *err = bv_begin(f->engine->context);
    const struct bv_model *m = bv_session_model(f->engine->session);
    char text[256];
    if (!bv_fusion_can(m, "segment"))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" does not segment; it can: %s", m->name,
                       bv_fusion_abilities(m, text));
    *width = f->pixels.width;
    *height = f->pixels.height;
    return BV_OK;
}

static enum bv_status segment(struct bv_fused_image *f, const struct bv_matrix *x, const char *name,
                              float *mask, size_t capacity, struct bv_error *err)
{
    const struct bv_model *m = bv_session_model(f->engine->session);
    const struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    if (x->rows != wants.extra_count || x->columns != wants.extra_width)
        return bv_fail(err, BV_ERR_ARG,
                       "%s: token features of [%lld,%lld], model \"%s\" reads [%lld,%lld]", name,
                       (long long)x->rows, (long long)x->columns, m->name,
                       (long long)wants.extra_count, (long long)wants.extra_width);
    const struct bv_fusion_extra extra = {x->data, x->rows, x->columns, NULL};
    const char *output = bv_json_string(head_of(f, "segment"), "output", "mask");
    const struct bv_wanted wanted = {output, mask, capacity};
    return bv_session_fuse_one(f->engine->session, &f->input, NULL, &extra, &wanted, err);
}

enum bv_status bv_fused_image_segment(struct bv_fused_image *f,
                                      const struct bv_text_features *theirs, float *mask,
                                      size_t capacity)
{
    assert(f && mask);
    int width = 0, height = 0;
    BV_TRY(bv_fused_image_mask_size(f, &width, &height));
    struct bv_error *err = bv_begin(f->engine->context);
    struct bv_text_features text;
    struct bv_region_file file = {{0}, {0}};
    size_t n = (size_t)width * (size_t)height;
    BV_TRY(bv_options_read(&text, sizeof text, theirs, "bv_text_features", err));
    BV_TRY(bv_check_room(capacity, 1, n, "floats", err));
    if (text.path) {
        BV_TRY(bv_region_file_read(text.path, &file, err));
    } else {
        BV_TRY(check_finite(text.features, text.n, text.width, "token features", err));
        file.features = (struct bv_matrix){(float *)(uintptr_t)text.features, (int64_t)text.n,
                                           (int64_t)text.width};
    }
    enum bv_status status =
        segment(f, &file.features, text.path ? text.path : "text", mask, n, err);
    if (text.path)
        bv_region_file_free(&file);
    return status;
}

static enum bv_status write_png(const uint8_t *pixels, int width, int height, int channels,
                                const char *path, struct bv_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(bv_png_encode(pixels, width, height, channels, &bytes, &size, err));
    enum bv_status status = bv_write_file(path, bytes, size, err);
    free(bytes);
    return status;
}

static uint8_t level(float value)
{
    return (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5f);
}

enum bv_status bv_fused_image_write_mask(struct bv_fused_image *f, const float *mask, size_t n_mask,
                                         const char *mask_path, const char *overlay_path)
{
    assert(f && mask);
    int W = 0, H = 0;
    BV_TRY(bv_fused_image_mask_size(f, &W, &H));
    struct bv_error *err = bv_begin(f->engine->context);
    const int C = f->pixels.channels;
    const float threshold = (float)bv_json_number(head_of(f, "segment"), "threshold", 0.5);
    const float *pixels = f->pixels.data;
    size_t n = (size_t)W * (size_t)H;
    if (n_mask != n)
        return bv_fail(err, BV_ERR_ARG, "a mask of %zu floats, the image has %d × %d", n_mask, W,
                       H);
    uint8_t *white = calloc(n, 1), *overlay = calloc(n, 3);
    enum bv_status status = white && overlay ? BV_OK : bv_fail_nomem(err, "a picture");
    for (size_t i = 0; status == BV_OK && i < n; i++) {
        bool inside = mask[i] > threshold;
        white[i] = inside ? 255 : 0;
        for (size_t c = 0; c < 3; c++) { // BGR to RGB, half red inside
            float value = pixels[i * (size_t)C + (C == 3 ? 2 - c : 0)];
            overlay[3 * i + c] = level(inside ? value / 2 + (c == 0 ? 0.5f : 0) : value);
        }
    }
    if (status == BV_OK && mask_path)
        status = write_png(white, W, H, 1, mask_path, err);
    if (status == BV_OK && overlay_path)
        status = write_png(overlay, W, H, 3, overlay_path, err);
    free(white);
    free(overlay);
    return status;
}

enum bv_status bv_fused_image_describe(const struct bv_fused_image *f, char **json)
{
    assert(f && json);
    const struct bv_engine *engine = f->engine;
    const struct bv_model *m = bv_session_model(engine->session);
    json_t *value = json_pack(
        "{s:o, s:{s:s, s:s}, s:s, s:s, s:s, s:s}", "path", bv_json_path(f->path), "model", "name",
        m->name, "sha256", m->digest, "device", bv_engine_device(engine), "precision",
        bv_engine_precision(engine), "version", BIOVL_VERSION, "intended_use", "research");
    if (value && bv_engine_fallback(engine))
        (void)json_object_set_new(value, "fallback", json_string(bv_engine_fallback(engine)));
    return bv_json_text(value, json, bv_begin(engine->context));
}
