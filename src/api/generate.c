// The public calls that make pictures.
#include "api/generate.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "base/file.h"
#include "image/gray.h"
#include "image/png_writer.h"
#include "image/resize.h"
#include "pacs/derived_object.h"

enum bv_status bv_generator_open(struct bv_context *context, const char *path, const char *device,
                                 const char *precision, struct bv_generator **generator)
{
    assert(context && generator && path);
    struct bv_error *err = bv_begin(context);
    struct bv_generator *g = calloc(1, sizeof *g);
    if (!g)
        return bv_fail_nomem(err, "a generator");
    g->context = context;
    struct bv_sampler_options options = {device, precision, context->pool};
    enum bv_status status = bv_diffusion_model_open(&g->model, path, err);
    if (status == BV_OK)
        status = bv_sampler_open(&g->sampler, g->model, &options, err);
    if (status == BV_OK)
        *generator = g;
    else
        bv_generator_close(&g);
    return status;
}

void bv_generator_close(struct bv_generator **generator)
{
    assert(generator);
    struct bv_generator *g = *generator;
    if (!g)
        return;
    bv_sampler_close(&g->sampler);
    bv_diffusion_model_close(&g->model);
    free(g);
    *generator = NULL;
}

const char *bv_generator_device(const struct bv_generator *generator)
{
    assert(generator);
    return bv_sampler_device(generator->sampler);
}

const char *bv_generator_precision(const struct bv_generator *generator)
{
    assert(generator);
    return bv_sampler_precision(generator->sampler);
}

const char *bv_generator_fallback(const struct bv_generator *generator)
{
    assert(generator);
    return bv_sampler_fallback(generator->sampler);
}

const char *bv_generator_scheduler(const struct bv_generator *generator)
{
    assert(generator);
    enum bv_scheduler_kind kind;
    return bv_sampler_scheduler(generator->model, &kind) ? bv_scheduler_name(kind) : NULL;
}

void bv_generate_options_init(struct bv_generate_options *options)
{
    assert(options);
    *options = (struct bv_generate_options){.size = sizeof *options,
                                            .width = 512,
                                            .height = 512,
                                            .steps = 75,
                                            .guidance = 4,
                                            .strength = 0.8};
}

enum bv_status bv_generate_scheduler(const struct bv_generator *g,
                                     const struct bv_generate_options *o,
                                     enum bv_scheduler_kind *kind, struct bv_error *err)
{
    if (o->scheduler && !bv_scheduler_find(o->scheduler, kind))
        return bv_fail(err, BV_ERR_ARG, "no scheduler \"%.40s\": pndm, ddim, dpm++ or euler",
                       o->scheduler);
    if (!o->scheduler && !bv_sampler_scheduler(g->model, kind))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "the model's own scheduler is none of these: choose pndm, ddim, dpm++ or "
                       "euler");
    return BV_OK;
}

enum bv_status bv_generate_options_read(struct bv_generate_options *to,
                                        const struct bv_generate_options *theirs,
                                        struct bv_error *err)
{
    if (!theirs)
        bv_generate_options_init(to);
    return theirs ? bv_options_read(to, sizeof *to, theirs, "bv_generate_options", err) : BV_OK;
}

static enum bv_status check_room(const struct bv_generate_options *o, size_t capacity,
                                 struct bv_error *err)
{
    if (o->width < 1 || o->height < 1 || capacity / 3 / (size_t)o->width < (size_t)o->height)
        return bv_fail(err, BV_ERR_ARG, "%d × %d pixels do not fit in %zu bytes", o->width,
                       o->height, capacity);
    return BV_OK;
}

// 8-bit values to -1 … 1, as diffusers' image processor.
static float *image_to_floats(const uint8_t *rgb, size_t n)
{
    float *out = malloc(n * sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        out[i] = 2 * ((float)rgb[i] / 255) - 1;
    return out;
}

enum bv_status bv_generate(struct bv_generator *generator, const struct bv_generate_options *theirs,
                           uint8_t *rgb, size_t capacity, int *truncated)
{
    assert(generator && rgb);
    struct bv_error *err = bv_begin(generator->context);
    struct bv_generate_options options;
    BV_TRY(bv_generate_options_read(&options, theirs, err));
    struct bv_prompt p = {.text = options.text,
                          .negative = options.negative,
                          .width = options.width,
                          .height = options.height,
                          .steps = options.steps,
                          .guidance = options.guidance,
                          .seed = options.seed,
                          .strength = options.strength};
    BV_TRY(check_room(&options, capacity, err));
    BV_TRY(bv_generate_scheduler(generator, &options, &p.scheduler, err));
    size_t n = (size_t)p.width * (size_t)p.height * 3;
    float *start = options.image ? image_to_floats(options.image, n) : NULL;
    float *image = malloc(n * sizeof *image);
    bool cut = false;
    enum bv_status status = BV_OK;
    p.image = start;
    if (!image || (options.image && !start))
        status = bv_fail_nomem(err, "a picture");
    if (status == BV_OK)
        status = bv_sample(generator->sampler, &p, &generator->context->observer, NULL, NULL, image,
                           &cut, err);
    if (status == BV_OK) {
        bv_image_to_bytes(image, rgb, n);
        if (truncated)
            *truncated = cut;
    }
    free(start);
    free(image);
    return status;
}

static json_t *describe(const struct bv_generator *g, const struct bv_generate_options *o)
{
    enum bv_scheduler_kind kind;
    if (bv_generate_scheduler(g, o, &kind, NULL) != BV_OK)
        return NULL;
    return json_pack(
        "{s:b, s:s, s:s, s:I, s:i, s:f, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s}", "synthetic", 1,
        "text", o->text ? o->text : "", "negative", o->negative ? o->negative : "", "seed",
        (json_int_t)(o->seed & 0xffffffffu), "steps", o->steps, "guidance", o->guidance,
        "scheduler", bv_scheduler_name(kind), "width", o->width, "height", o->height, "model",
        g->model->name, "sha256", g->model->digest, "settings_sha256", g->model->settings,
        "precision", bv_sampler_precision(g->sampler), "version", bv_version());
}

enum bv_status bv_generated_describe(struct bv_generator *generator,
                                     const struct bv_generate_options *theirs, char **json)
{
    assert(generator && json);
    struct bv_error *err = bv_begin(generator->context);
    struct bv_generate_options options;
    BV_TRY(bv_generate_options_read(&options, theirs, err));
    return bv_json_text(describe(generator, &options), json, err);
}

static enum bv_status write_whole(const char *path, uint8_t *bytes, size_t size,
                                  struct bv_error *err)
{
    enum bv_status status = bv_write_file(path, bytes, size, err);
    free(bytes);
    return status;
}

// What both writers begin with: the options, checked as far as a picture's size goes, and the
// description.
static enum bv_status begin_write(struct bv_generator *generator,
                                  const struct bv_generate_options *theirs,
                                  struct bv_generate_options *options, char **json,
                                  struct bv_error *err)
{
    BV_TRY(bv_generate_options_read(options, theirs, err));
    if (options->width < 1 || options->height < 1 || options->width > BV_PICTURE_SIDE ||
        options->height > BV_PICTURE_SIDE)
        return bv_fail(err, BV_ERR_ARG, "%d × %d is not the size of a picture", options->width,
                       options->height);
    return bv_json_text(describe(generator, options), json, err);
}

enum bv_status bv_generated_write_png(struct bv_generator *generator,
                                      const struct bv_generate_options *theirs, const uint8_t *rgb,
                                      const char *path)
{
    assert(generator && rgb && path);
    struct bv_error *err = bv_begin(generator->context);
    struct bv_generate_options options;
    char *json = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(begin_write(generator, theirs, &options, &json, err));
    struct bv_png_text texts[] = {{"Software", "biovl"},
                                  {"Source", "SYNTHETIC: made by a text-to-image model"},
                                  {"Comment", json}};
    enum bv_status status =
        bv_png_encode_rgb(rgb, options.width, options.height, texts, 3, &bytes, &size, err);
    free(json);
    return status == BV_OK ? write_whole(path, bytes, size, err) : status;
}

enum bv_status bv_generated_write_dicom(struct bv_generator *generator,
                                        const struct bv_generate_options *theirs,
                                        const uint8_t *rgb, const char *path)
{
    assert(generator && rgb && path);
    struct bv_error *err = bv_begin(generator->context);
    struct bv_generate_options options;
    char *json = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    BV_TRY(begin_write(generator, theirs, &options, &json, err));
    const struct bv_derived_picture picture = {rgb, (unsigned)options.width,
                                               (unsigned)options.height, json, bv_version()};
    enum bv_status status = bv_synthetic_capture(&picture, &bytes, &size, err);
    free(json);
    return status == BV_OK ? write_whole(path, bytes, size, err) : status;
}

enum bv_status bv_generate_load_image(struct bv_context *context, const char *path, int width,
                                      int height, uint8_t *rgb, size_t capacity)
{
    assert(context && path && rgb);
    struct bv_error *err = bv_begin(context);
    struct bv_image *image = NULL;
    struct bv_pixels shown = {0};
    uint8_t *gray = NULL, *resized = NULL;
    if (width < 1 || height < 1 || capacity / 3 / (size_t)width < (size_t)height)
        return bv_fail(err, BV_ERR_ARG, "%d × %d pixels do not fit in %zu bytes", width, height,
                       capacity);
    size_t n = (size_t)width * (size_t)height;
    enum bv_status status = bv_image_load(path, NULL, &image, err);
    if (status == BV_OK)
        status = bv_preset_apply(image, BV_PRESET_DICOM_DISPLAY, &shown, err);
    struct bv_size from = {shown.width, shown.height}, to = {width, height};
    if (status == BV_OK) {
        gray = malloc((size_t)from.width * (size_t)from.height);
        resized = malloc(n);
        if (!gray || !resized)
            status = bv_fail_nomem(err, path);
    }
    if (status == BV_OK && shown.channels == 3)
        bv_gray_pillow(shown.data, gray, (size_t)from.width * (size_t)from.height);
    if (status == BV_OK)
        status = bv_resize_pillow(shown.channels == 3 ? gray : shown.data, from, 1, resized, to,
                                  BV_FILTER_LANCZOS, err);
    for (size_t i = 0; status == BV_OK && i < 3 * n; i++)
        rgb[i] = resized[i / 3];
    free(gray);
    free(resized);
    bv_pixels_free(&shown);
    bv_image_free(&image);
    return status;
}
