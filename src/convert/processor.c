#include "convert/settings.h"

#include <stdio.h>
#include <string.h>

// What a class does where its configuration does not say.
static const struct defaults {
    const char *name;
    bool square; // a size of one number is both sides, not the shorter one
    bool crop;
    int size, resample;
    const char *mean, *std;
} classes[] = {
#define CLIP_MEAN "[0.48145466, 0.4578275, 0.40821073]"
#define CLIP_STD "[0.26862954, 0.26130258, 0.27577711]"
    {"SiglipImageProcessor", true, false, 224, 3, "[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]"},
    {"CLIPImageProcessor", false, true, 224, 3, CLIP_MEAN, CLIP_STD},
    {"CLIPFeatureExtractor", false, true, 224, 3, CLIP_MEAN, CLIP_STD},
    {"BitImageProcessor", false, true, 224, 3, CLIP_MEAN, CLIP_STD},
    {"ViTImageProcessor", true, false, 224, 2, "[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]"},
    {"ViTFeatureExtractor", true, false, 224, 2, "[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]"},
};

static const double usual_factor = 1.0 / 255;

// A configuration under way.
struct processor {
    const json_t *config;
    const struct defaults *d;
    enum bv_processor_library library;
};

void bv_processor_class(const json_t *config, char name[64])
{
    const char *text = bv_json_string(config, "image_processor_type", NULL);
    text = text ? text : bv_json_string(config, "feature_extractor_type", "");
    (void)snprintf(name, 64, "%s", text);
    size_t n = strlen(name);
    if (n > 4 && strcmp(name + n - 4, "Fast") == 0)
        name[n - 4] = 0;
}

static const struct defaults *find_class(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i].name, name) == 0)
            return &classes[i];
    return NULL;
}

static enum bv_status fail_field(const char *key, struct bv_error *err)
{
    return bv_fail(err, BV_ERR_FORMAT, "preprocessor_config.json: %s is not what it should be",
                   key);
}

static bool is_side(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) > 0 &&
           json_integer_value(value) <= 8192;
}

// {"height", "width"} as members of a step; one number is both.
static enum bv_status put_sides(json_t *step, const json_t *size, const char *key,
                                struct bv_error *err)
{
    const json_t *height = json_is_integer(size) ? size : json_object_get(size, "height"),
                 *width = json_is_integer(size) ? size : json_object_get(size, "width");
    if (!is_side(height) || !is_side(width))
        return fail_field(key, err);
    (void)json_object_set_new(step, "width", json_integer(json_integer_value(width)));
    (void)json_object_set_new(step, "height", json_integer(json_integer_value(height)));
    return BV_OK;
}

static enum bv_status put_target(json_t *step, const json_t *size, bool square,
                                 struct bv_error *err)
{
    const json_t *shorter = json_is_integer(size) ? size : json_object_get(size, "shortest_edge");
    if (!shorter || (json_is_integer(size) && square))
        return put_sides(step, size, "size", err);
    if (!is_side(shorter))
        return fail_field("size", err);
    (void)json_object_set_new(step, "shorter", json_integer(json_integer_value(shorter)));
    return BV_OK;
}

static enum bv_status add_resize(json_t *steps, const struct processor *p, struct bv_error *err)
{
    static const char *const filters[] = {"nearest", "lanczos", "bilinear", "bicubic", "box"};
    bool torchvision = p->library == BV_PROCESSOR_TORCHVISION;
    int64_t filter = bv_json_integer(p->config, "resample", p->d->resample);
    json_t *size = json_incref(json_object_get(p->config, "size")), *step = NULL;
    if (filter < 0 || filter > 4 || (torchvision && filter != 2 && filter != 3)) {
        json_decref(size);
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "preprocessor_config.json: resample %lld is not supported%s",
                       (long long)filter, torchvision ? " with torchvision" : "");
    }
    step = json_pack("{s:s, s:s, s:s}", "op", "resize", "like",
                     torchvision ? "torchvision" : "pillow-13", "filter", filters[filter]);
    size = size ? size : json_integer(p->d->size);
    enum bv_status status = put_target(step, size, p->d->square, err);
    (void)json_array_append_new(steps, step);
    json_decref(size);
    return status;
}

static enum bv_status add_crop(json_t *steps, const json_t *config, struct bv_error *err)
{
    json_t *size = json_incref(json_object_get(config, "crop_size"));
    json_t *step = json_pack("{s:s, s:s}", "op", "center_crop", "rounding", "floor");
    size = size ? size : json_integer(224);
    enum bv_status status = put_sides(step, size, "crop_size", err);
    (void)json_array_append_new(steps, step);
    json_decref(size);
    return status;
}

static void add_scale(json_t *steps, const json_t *config)
{
    double factor = bv_json_number(config, "rescale_factor", usual_factor);
    json_t *step = factor > usual_factor * (1 - 1e-12) && factor < usual_factor * (1 + 1e-12)
                       ? json_pack("{s:s, s:i}", "op", "scale", "divide", 255)
                       : json_pack("{s:s, s:f}", "op", "scale", "multiply", factor);
    (void)json_array_append_new(steps, step);
}

// Three numbers of the configuration, or of its class.
static json_t *channels(const json_t *config, const char *key, const char *fallback)
{
    json_t *own = json_object_get(config, key);
    return own && !json_is_null(own) ? json_incref(own) : json_loads(fallback, 0, NULL);
}

// One number as torch holds it, times what bytes are divided by.
static json_t *fused(const json_t *value, double factor)
{
    float own = (float)json_number_value(value), times = (float)(1.0 / factor);
    return json_real((double)(own * times));
}

static json_t *fuse(json_t *values, double factor)
{
    json_t *out = json_array();
    size_t i;
    const json_t *value;
    if (json_is_number(values)) {
        json_decref(out);
        out = fused(values, factor);
    }
    json_array_foreach(values, i, value)(void) json_array_append_new(out, fused(value, factor));
    json_decref(values);
    return out;
}

// transformers 5 with torchvision takes bytes to their end in one step: (v - mean / factor) / (std
// / factor).
static void add_fused(json_t *steps, const struct processor *p)
{
    double factor = bv_json_number(p->config, "rescale_factor", usual_factor);
    (void)json_array_append_new(
        steps, json_pack("{s:s, s:o, s:o}", "op", "normalize", "mean",
                         fuse(channels(p->config, "image_mean", p->d->mean), factor), "std",
                         fuse(channels(p->config, "image_std", p->d->std), factor)));
}

// A crop that is larger than the image would be padded otherwise than by Pillow's processors.
static enum bv_status check_crop(const struct processor *p, struct bv_error *err)
{
    const json_t *size = json_object_get(p->config, "size"),
                 *crop = json_object_get(p->config, "crop_size");
    int64_t least = json_is_integer(size) ? json_integer_value(size)
                                          : bv_json_integer(size, "shortest_edge", 224);
    int64_t most =
        json_is_integer(crop) ? json_integer_value(crop) : bv_json_integer(crop, "height", 224);
    int64_t width = bv_json_integer(crop, "width", most);
    most = width > most ? width : most;
    if (p->library == BV_PROCESSOR_TORCHVISION && most > least)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "preprocessor_config.json: a crop_size beyond size is not supported with "
                       "torchvision");
    return BV_OK;
}

static enum bv_status add_steps(json_t *steps, const struct processor *p, struct bv_error *err)
{
    const json_t *config = p->config;
    const struct defaults *d = p->d;
    bool rescale = bv_json_boolean(config, "do_rescale", true),
         normalize = bv_json_boolean(config, "do_normalize", true);
    (void)json_array_append_new(steps, json_pack("{s:s}", "op", "rgb"));
    if (bv_json_boolean(config, "do_resize", true))
        BV_TRY(add_resize(steps, p, err));
    if (bv_json_boolean(config, "do_center_crop", d->crop)) {
        BV_TRY(check_crop(p, err));
        BV_TRY(add_crop(steps, config, err));
    }
    if (rescale && normalize && p->library == BV_PROCESSOR_TORCHVISION) {
        add_fused(steps, p);
        return BV_OK;
    }
    if (rescale)
        add_scale(steps, config);
    if (normalize)
        (void)json_array_append_new(steps, json_pack("{s:s, s:o, s:o}", "op", "normalize", "mean",
                                                     channels(config, "image_mean", d->mean), "std",
                                                     channels(config, "image_std", d->std)));
    return BV_OK;
}

// A member of another type would be as if it were not there; null is what the class does.
static enum bv_status check_types(const json_t *config, struct bv_error *err)
{
    static const char *const flags[] = {"do_resize", "do_rescale", "do_normalize", "do_center_crop",
                                        "do_pad"};
    const json_t *filter = json_object_get(config, "resample"),
                 *factor = json_object_get(config, "rescale_factor");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const json_t *flag = json_object_get(config, flags[i]);
        if (flag && !json_is_boolean(flag) && !json_is_null(flag))
            return fail_field(flags[i], err);
    }
    if (filter && !json_is_integer(filter) && !json_is_null(filter))
        return fail_field("resample", err);
    if (factor && !json_is_number(factor) && !json_is_null(factor))
        return fail_field("rescale_factor", err);
    return BV_OK;
}

enum bv_status bv_processor_recipe(json_t **recipe, const json_t *config,
                                   enum bv_processor_library library, struct bv_error *err)
{
    char name[64];
    bv_processor_class(config, name);
    const struct defaults *d = find_class(name);
    if (!d)
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "preprocessor_config.json: the image processor \"%s\" is not supported",
                       name);
    BV_TRY(check_types(config, err));
    if (bv_json_boolean(config, "do_pad", false))
        return bv_fail(err, BV_ERR_UNSUPPORTED,
                       "preprocessor_config.json: do_pad is not supported");
    json_t *steps = json_array();
    const struct processor p = {config, d, library};
    enum bv_status status = add_steps(steps, &p, err);
    if (status != BV_OK) {
        json_decref(steps);
        return status;
    }
    *recipe =
        json_pack("{s:s, s:o, s:i}", "intensity", "dicom-display", "steps", steps, "channels", 3);
    return *recipe ? BV_OK : bv_fail_nomem(err, "preprocessing");
}
