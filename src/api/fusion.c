// The public calls of fusion encoders.
#include "biovl/fusion.h"

#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "base/file.h"
#include "base/json.h"
#include "image/png_writer.h"
#include "model/region_file.h"
#include "score/pair.h"

struct bv_fused_image {
    struct bv_engine *engine;
    char *path;
    struct bv_fusion_image input;
    struct bv_pixels pixels; // kept for overlays where the encoder reads pixels
};

int bv_model_can(const struct bv_model *model, const char *head)
{
    return bv_pair_can(model, head);
}

void bv_fused_image_close(struct bv_fused_image **out)
{
    struct bv_fused_image *f = *out;
    if (!f)
        return;
    bv_fusion_image_free(&f->input);
    bv_pixels_free(&f->pixels);
    free(f->path);
    free(f);
    *out = NULL;
}

static enum bv_status open_regions(struct bv_fused_image *f, const char *path, struct bv_error *err)
{
    struct bv_region_file file = {{0}, {0}};
    BV_TRY(bv_region_file_read(path, &file, err));
    enum bv_status status = bv_fusion_image_regions(
        f->engine->session, file.features.data, file.features.rows, file.features.columns,
        file.boxes.data, file.boxes.columns, &f->input, err);
    if (status != BV_OK)
        (void)bv_fail_prefix(err, "%s", path);
    bv_region_file_free(&file);
    return status;
}

static enum bv_status open_pixels(struct bv_fused_image *f, const char *path, struct bv_error *err)
{
    if (!path)
        return bv_fail(err, BV_ERR_ARG, "no image");
    return bv_fusion_image_read(f->engine->session, path, &f->pixels, &f->input, err);
}

enum bv_status bv_fused_image_open(struct bv_engine *engine, const char *path, const char *regions,
                                   struct bv_fused_image **out)
{
    struct bv_error *err = bv_begin(engine->context);
    const struct bv_model *m = bv_session_model(engine->session);
    char text[256];
    if (!bv_model_has_fusion(m))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" has no fusion encoder; it can: %s", m->name,
                       bv_pair_abilities(m, text));
    struct bv_fused_image *f = calloc(1, sizeof *f);
    if (!f)
        return bv_fail_nomem(err, "an image");
    f->engine = engine;
    f->path = strdup(path ? path : regions ? regions : "");
    enum bv_status status = f->path ? BV_OK : bv_fail_nomem(err, "an image");
    if (status == BV_OK)
        status = regions ? open_regions(f, regions, err) : open_pixels(f, path, err);
    if (status != BV_OK)
        bv_fused_image_close(&f);
    else
        *out = f;
    return status;
}

enum bv_status bv_fused_image_match(struct bv_fused_image *f, const char *const *texts, size_t n,
                                    double *scores, unsigned char *truncated)
{
    return bv_pair_match(f->engine->session, &f->input, texts, n, scores, truncated,
                         bv_begin(f->engine->context));
}

size_t bv_fused_image_count(struct bv_fused_image *f, const char *head)
{
    size_t n = 0;
    struct bv_error *err = bv_begin(f->engine->context);
    return bv_pair_count(f->engine->session, &f->input, head, &n, err) == BV_OK ? n : 0;
}

enum bv_status bv_fused_image_scores(struct bv_fused_image *f, const char *head, const char *text,
                                     double *scores, int *truncated)
{
    bool cut = false;
    BV_TRY(bv_pair_scores(f->engine->session, &f->input, head, text, scores, &cut,
                          bv_begin(f->engine->context)));
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
    const json_t *names = json_object_get(head_of(f, head), "names");
    return json_string_value(json_array_get(names, i));
}

const char *bv_fused_image_kind(const struct bv_fused_image *f, const char *head)
{
    return bv_pair_kind(bv_session_model(f->engine->session), head);
}

enum bv_status bv_fused_image_segment(struct bv_fused_image *f, const char *features, float **mask,
                                      int64_t shape[2])
{
    struct bv_error *err = bv_begin(f->engine->context);
    const struct bv_model *m = bv_session_model(f->engine->session);
    struct bv_fusion_wants wants = bv_model_fusion_wants(m);
    struct bv_region_file file = {{0}, {0}};
    char text[256];
    if (!bv_pair_can(m, "segment"))
        return bv_fail(err, BV_ERR_MODEL, "model \"%s\" does not segment; it can: %s", m->name,
                       bv_pair_abilities(m, text));
    BV_TRY(bv_region_file_read(features, &file, err));
    const struct bv_matrix *x = &file.features;
    enum bv_status status = BV_OK;
    if (x->rows != wants.extra_count || x->columns != wants.extra_width)
        status = bv_fail(err, BV_ERR_ARG,
                         "%s: token features of [%lld,%lld], model \"%s\" reads [%lld,%lld]",
                         features, (long long)x->rows, (long long)x->columns, m->name,
                         (long long)wants.extra_count, (long long)wants.extra_width);
    float *out = malloc((size_t)f->input.n * sizeof *out);
    if (status == BV_OK && !out)
        status = bv_fail_nomem(err, "a mask");
    struct bv_fusion_extra extra = {x->data, x->rows, x->columns, NULL};
    const char *output = bv_json_string(head_of(f, "segment"), "output", "mask");
    struct bv_wanted wanted = {output, out, (size_t)f->input.n};
    if (status == BV_OK)
        status = bv_session_fuse_one(f->engine->session, &f->input, NULL, &extra, &wanted, err);
    bv_region_file_free(&file);
    if (status != BV_OK) {
        free(out);
        return status;
    }
    *mask = out;
    shape[0] = f->pixels.height;
    shape[1] = f->pixels.width;
    return BV_OK;
}

static enum bv_status write_png(const uint8_t *pixels, int width, int height, int channels,
                                const char *path, struct bv_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct bv_new_file file = {0};
    BV_TRY(bv_png_encode(pixels, width, height, channels, &bytes, &size, err));
    enum bv_status status = bv_new_file_create(&file, path, err);
    if (status == BV_OK) {
        if (fwrite(bytes, 1, size, file.stream) != size) {
            bv_new_file_discard(&file);
            status = bv_fail(err, BV_ERR_IO, "%s: cannot write", path);
        } else {
            status = bv_new_file_commit(&file, err);
        }
    }
    free(bytes);
    return status;
}

static uint8_t level(float value)
{
    return (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5f);
}

enum bv_status bv_fused_image_write_mask(struct bv_fused_image *f, const float *mask,
                                         const char *mask_path, const char *overlay_path)
{
    struct bv_error *err = bv_begin(f->engine->context);
    const int W = f->pixels.width, H = f->pixels.height, C = f->pixels.channels;
    const float threshold = (float)bv_json_number(head_of(f, "segment"), "threshold", 0.5);
    const float *pixels = f->pixels.data;
    size_t n = (size_t)W * (size_t)H;
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
