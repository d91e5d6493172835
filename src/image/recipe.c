#include "image/recipe.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "image/decode.h"
#include "image/gray.h"
#include "image/step.h"

#define MAX_STEPS 64
#define MAX_SIDE 8192 // of a size that a recipe names

struct bv_recipe {
    enum bv_preset preset;
    bool preset_for_eight, high_byte, turns;
    int channels;
    struct bv_step *steps;
    int n_steps;
    struct bv_arena arena;
};

struct op {
    const char *name;
    enum bv_status (*run)(struct bv_step_state *, const struct bv_step *, struct bv_error *);
    const char *fields; // those it knows besides "op" and "as", each between blanks
};

static const struct op ops[] = {
    {"gray", bv_step_gray, " like "},
    {"rgb", bv_step_rgb, " "},
    {"bgr", bv_step_bgr, " "},
    {"stretch", bv_step_stretch, " "},
    {"equalize", bv_step_equalize, " "},
    {"pad_square", bv_step_pad_square, " min even "},
    {"pad", bv_step_pad, " size width height "},
    {"resize", bv_step_resize,
     " like filter size width height shorter longer rounding antialias"
     " align_corners "},
    {"center_crop", bv_step_center_crop, " size width height square rounding "},
    {"scale", bv_step_scale, " divide multiply add "},
    {"divide_max", bv_step_divide_max, " min "},
    {"normalize", bv_step_normalize, " mean std "},
};

struct word {
    const char *text;
    int value;
};

static const struct word gray_likes[] = {{"pillow", BV_LIKE_PILLOW},
                                         {"opencv", BV_LIKE_OPENCV},
                                         {"opencv_read", BV_LIKE_OPENCV_READ},
                                         {"mean", BV_LIKE_MEAN},
                                         {NULL, 0}};
static const struct word resize_likes[] = {
    {"pillow", BV_LIKE_PILLOW},         {"pillow-13", BV_LIKE_PILLOW13},
    {"torch", BV_LIKE_TORCH},           {"torchvision", BV_LIKE_TORCHVISION},
    {"opencv", BV_LIKE_OPENCV},         {"skimage", BV_LIKE_SKIMAGE},
    {"tensorflow", BV_LIKE_TENSORFLOW}, {NULL, 0}};
static const struct word filters[] = {{"nearest", BV_FILTER_NEAREST},
                                      {"box", BV_FILTER_BOX},
                                      {"bilinear", BV_FILTER_BILINEAR},
                                      {"bicubic", BV_FILTER_BICUBIC},
                                      {"lanczos", BV_FILTER_LANCZOS},
                                      {"area", BV_FILTER_AREA},
                                      {NULL, 0}};
static const struct word roundings[] = {{"product", BV_ROUND_PRODUCT},
                                        {"ratio", BV_ROUND_RATIO},
                                        {"ratio_all", BV_ROUND_RATIO_ALL},
                                        {"nearest", BV_ROUND_NEAREST},
                                        {NULL, 0}};
static const struct word margin_roundings[] = {{"even", 0}, {"floor", 1}, {NULL, 0}};
static const struct word eight_bits[] = {{"as_is", 0}, {"preset", 1}, {NULL, 0}};
static const struct word orientations[] = {{"as_is", 0}, {"exif", 1}, {NULL, 0}};
static const struct word sixteen_bits[] = {{"preset", 0}, {"high_byte", 1}, {NULL, 0}};

// A string field that must be one of words. An absent field leaves *value.
static enum bv_status get_word(const json_t *object, const char *key, const struct word *words,
                               int *value, struct bv_error *err)
{
    const json_t *field = json_object_get(object, key);
    if (!field)
        return BV_OK;
    const char *text = json_string_value(field);
    for (int i = 0; text && words[i].text; i++) {
        if (strcmp(words[i].text, text) == 0) {
            *value = words[i].value;
            return BV_OK;
        }
    }
    return bv_fail(err, BV_ERR_ARG, "\"%s\": unknown value %s", key, text ? text : "(no string)");
}

static enum bv_status get_number(const json_t *object, const char *key, double low, double high,
                                 double *value, struct bv_error *err)
{
    const json_t *field = json_object_get(object, key);
    if (!field)
        return BV_OK;
    double v = json_number_value(field);
    if (!json_is_number(field) || !(v >= low && v <= high))
        return bv_fail(err, BV_ERR_ARG, "\"%s\" must be a number from %g to %g", key, low, high);
    *value = v;
    return BV_OK;
}

static enum bv_status get_int(const json_t *object, const char *key, int high, int *value,
                              struct bv_error *err)
{
    const json_t *field = json_object_get(object, key);
    if (!field)
        return BV_OK;
    json_int_t v = json_integer_value(field);
    if (!json_is_integer(field) || v < 1 || v > high)
        return bv_fail(err, BV_ERR_ARG, "\"%s\" must be an integer from 1 to %d", key, high);
    *value = (int)v;
    return BV_OK;
}

static enum bv_status get_bool(const json_t *object, const char *key, bool *value,
                               struct bv_error *err)
{
    const json_t *field = json_object_get(object, key);
    if (field && !json_is_boolean(field))
        return bv_fail(err, BV_ERR_ARG, "\"%s\" must be true or false", key);
    if (field)
        *value = json_is_true(field);
    return BV_OK;
}

// One number for all channels or an array of 1 or 3.
static enum bv_status get_channels(const json_t *object, const char *key, float values[3], int *n,
                                   struct bv_error *err)
{
    const json_t *field = json_object_get(object, key);
    size_t length = json_is_array(field) ? json_array_size(field) : 1;
    if (!field || (length != 1 && length != 3))
        return bv_fail(err, BV_ERR_ARG, "\"%s\" must be one number or three", key);
    for (size_t i = 0; i < length; i++) {
        const json_t *item = json_is_array(field) ? json_array_get(field, i) : field;
        if (!json_is_number(item))
            return bv_fail(err, BV_ERR_ARG, "\"%s\" must hold numbers", key);
        values[i] = (float)json_number_value(item);
    }
    *n = (int)length;
    return BV_OK;
}

static enum bv_status get_size(const json_t *object, struct bv_step *step, struct bv_error *err)
{
    BV_TRY(get_int(object, "size", MAX_SIDE, &step->size.width, err));
    step->size.height = step->size.width;
    BV_TRY(get_int(object, "width", MAX_SIDE, &step->size.width, err));
    BV_TRY(get_int(object, "height", MAX_SIDE, &step->size.height, err));
    if ((step->size.width < 1 || step->size.height < 1) && !step->square)
        return bv_fail(err, BV_ERR_ARG, "\"size\", or \"width\" and \"height\", is missing");
    return BV_OK;
}

static enum bv_status parse_resize(const json_t *object, struct bv_step *step, struct bv_error *err)
{
    int like = BV_LIKE_PILLOW, filter = BV_FILTER_BILINEAR, rounding = 0;
    BV_TRY(get_word(object, "like", resize_likes, &like, err));
    BV_TRY(get_word(object, "filter", filters, &filter, err));
    BV_TRY(get_word(object, "rounding", roundings, &rounding, err));
    step->like = (enum bv_like)like;
    step->filter = (enum bv_resample_filter)filter;
    step->rounding = (enum bv_rounding)rounding;
    BV_TRY(get_bool(object, "antialias", &step->antialias, err));
    BV_TRY(get_bool(object, "align_corners", &step->align_corners, err));
    if (json_object_get(object, "shorter")) {
        step->target = BV_TARGET_SHORTER;
        return get_int(object, "shorter", MAX_SIDE, &step->size.width, err);
    }
    if (json_object_get(object, "longer")) {
        step->target = BV_TARGET_LONGER;
        return get_int(object, "longer", MAX_SIDE, &step->size.width, err);
    }
    return get_size(object, step, err);
}

static enum bv_status parse_normalize(const json_t *object, struct bv_step *step,
                                      struct bv_error *err)
{
    int n_std = 0;
    BV_TRY(get_channels(object, "mean", step->mean, &step->n_mean, err));
    BV_TRY(get_channels(object, "std", step->std, &n_std, err));
    if (n_std != step->n_mean)
        return bv_fail(err, BV_ERR_ARG, "\"mean\" and \"std\" differ in length");
    for (int i = 0; i < n_std; i++)
        if (!(fabsf(step->std[i]) > 0))
            return bv_fail(err, BV_ERR_ARG, "\"std\" must not be 0");
    return BV_OK;
}

static enum bv_status parse_fields(const json_t *object, struct bv_step *step, struct bv_error *err)
{
    step->divide = step->multiply = 1;
    if (step->run == bv_step_resize)
        return parse_resize(object, step, err);
    if (step->run == bv_step_normalize)
        return parse_normalize(object, step, err);
    if (step->run == bv_step_gray) {
        int like = BV_LIKE_PILLOW;
        BV_TRY(get_word(object, "like", gray_likes, &like, err));
        step->like = (enum bv_like)like;
    }
    BV_TRY(get_bool(object, "square", &step->square, err));
    BV_TRY(get_bool(object, "even", &step->even, err));
    if (step->run == bv_step_center_crop) {
        int margins = 0;
        BV_TRY(get_word(object, "rounding", margin_roundings, &margins, err));
        step->floor = margins == 1;
    }
    if (step->run == bv_step_pad || step->run == bv_step_center_crop)
        BV_TRY(get_size(object, step, err));
    BV_TRY(get_number(object, "min", 0, MAX_SIDE, &step->min, err));
    BV_TRY(get_number(object, "divide", 1e-9, 1e9, &step->divide, err));
    BV_TRY(get_number(object, "multiply", -1e9, 1e9, &step->multiply, err));
    return get_number(object, "add", -1e9, 1e9, &step->add, err);
}

// Every key of object must be in known, a list of words with blanks around each.
static enum bv_status check_fields(const json_t *object, const char *known, struct bv_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *found = strstr(known, key);
        size_t n = strlen(key);
        while (found && n && (found[-1] != ' ' || found[n] != ' '))
            found = strstr(found + 1, key);
        if (!found || !n)
            return bv_fail(err, BV_ERR_ARG, "unknown field \"%s\"", key);
    }
    return BV_OK;
}

static enum bv_status parse_step(struct bv_recipe *recipe, const json_t *object,
                                 struct bv_step *step, struct bv_error *err)
{
    const char *name = bv_json_string(object, "op", NULL);
    if (!name)
        return bv_fail(err, BV_ERR_ARG, "a step has no \"op\"");
    const struct op *op = NULL;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i].name, name) == 0)
            op = &ops[i];
    if (!op)
        return bv_fail(err, BV_ERR_ARG, "unknown op \"%s\"", name);
    char known[256] = " op as";
    (void)strncat(known, op->fields, sizeof known - strlen(known) - 1);
    step->name = op->name;
    step->run = op->run;
    const char *tap = bv_json_string(object, "as", NULL);
    step->tap = tap ? bv_arena_strdup(&recipe->arena, tap) : NULL;
    enum bv_status status = check_fields(object, known, err);
    if (status == BV_OK)
        status = parse_fields(object, step, err);
    return status == BV_OK ? BV_OK : bv_fail_prefix(err, "%s", name);
}

static enum bv_status parse(struct bv_recipe *recipe, const json_t *object, struct bv_error *err)
{
    if (!json_is_object(object))
        return bv_fail(err, BV_ERR_ARG, "not a JSON object");
    BV_TRY(
        check_fields(object, " intensity eight_bit sixteen_bit orientation steps channels ", err));
    const char *intensity = bv_json_string(object, "intensity", NULL);
    if (!intensity)
        return bv_fail(err, BV_ERR_ARG, "\"intensity\" is missing");
    BV_TRY(bv_preset_find(intensity, &recipe->preset, err));
    int eight = 0, sixteen = 0, turns = 0;
    BV_TRY(get_word(object, "eight_bit", eight_bits, &eight, err));
    BV_TRY(get_word(object, "sixteen_bit", sixteen_bits, &sixteen, err));
    BV_TRY(get_word(object, "orientation", orientations, &turns, err));
    recipe->turns = turns == 1;
    recipe->preset_for_eight = eight == 1;
    recipe->high_byte = sixteen == 1;
    BV_TRY(get_int(object, "channels", 3, &recipe->channels, err));
    if (recipe->channels != 1 && recipe->channels != 3)
        return bv_fail(err, BV_ERR_ARG, "\"channels\" must be 1 or 3");
    const json_t *steps = json_object_get(object, "steps");
    size_t n = json_array_size(steps);
    if (!json_is_array(steps) || n > MAX_STEPS)
        return bv_fail(err, BV_ERR_ARG, "\"steps\" must be an array of at most %d", MAX_STEPS);
    recipe->steps = bv_arena_array(&recipe->arena, n + 1, sizeof *recipe->steps);
    if (!recipe->steps)
        return bv_fail_nomem(err, "steps");
    for (size_t i = 0; i < n; i++)
        if (parse_step(recipe, json_array_get(steps, i), &recipe->steps[i], err) != BV_OK)
            return bv_fail_prefix(err, "step %zu", i + 1);
    recipe->n_steps = (int)n;
    return BV_OK;
}

enum bv_status bv_recipe_parse(const json_t *object, struct bv_recipe **out, struct bv_error *err)
{
    struct bv_recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe)
        return bv_fail_nomem(err, "recipe");
    enum bv_status status = parse(recipe, object, err);
    if (status != BV_OK) {
        bv_recipe_free(&recipe);
        return bv_fail_prefix(err, "preprocessing recipe");
    }
    *out = recipe;
    return BV_OK;
}

void bv_recipe_free(struct bv_recipe **recipe)
{
    if (!*recipe)
        return;
    bv_arena_free(&(*recipe)->arena);
    free(*recipe);
    *recipe = NULL;
}

// What is known of a side whatever the image.
struct bounds {
    int least, most;
};

static struct bounds padded(struct bounds side, int to)
{
    return (struct bounds){side.least > to ? side.least : to, side.most > to ? side.most : to};
}

static void bound_resize(const struct bv_step *step, struct bounds *width, struct bounds *height)
{
    int side = step->size.width;
    if (step->target == BV_TARGET_EXACT) {
        *width = (struct bounds){side, side};
        *height = (struct bounds){step->size.height, step->size.height};
    } else if (step->target == BV_TARGET_SHORTER) {
        *width = *height = (struct bounds){1, INT_MAX};
    } else {
        *width = *height = (struct bounds){1, side};
    }
}

void bv_recipe_output_size(const struct bv_recipe *recipe, int *width, int *height)
{
    struct bounds w = {1, INT_MAX}, h = w;
    for (int i = 0; i < recipe->n_steps; i++) {
        const struct bv_step *step = &recipe->steps[i];
        if (step->run == bv_step_resize) {
            bound_resize(step, &w, &h);
        } else if (step->run == bv_step_pad) {
            w = padded(w, step->size.width);
            h = padded(h, step->size.height);
        } else if (step->run == bv_step_center_crop && !step->square) {
            w = (struct bounds){step->size.width, step->size.width};
            h = (struct bounds){step->size.height, step->size.height};
        } else if (step->run == bv_step_pad_square || step->run == bv_step_center_crop) {
            w = h = (struct bounds){1, INT_MAX};
        }
    }
    bool fixed = w.least == w.most && h.least == h.most;
    *width = fixed ? w.least : 0;
    *height = fixed ? h.least : 0;
}

enum bv_status bv_recipe_frame(const struct bv_recipe *recipe, int width, int height,
                               struct bv_frame *frame, struct bv_error *err)
{
    struct bv_frame f = {width, height, 1, 1, 0, 0};
    for (int i = 0; i < recipe->n_steps; i++) {
        bv_step_frame(&recipe->steps[i], &f);
        if (f.width < 1 || f.height < 1)
            return bv_fail(err, BV_ERR_REFUSED, "an image of %d × %d is too long and narrow", width,
                           height);
    }
    *frame = f;
    return BV_OK;
}

int bv_recipe_channels(const struct bv_recipe *recipe)
{
    return recipe->channels;
}

const char *bv_recipe_intensity(const struct bv_recipe *recipe)
{
    return bv_preset_name(recipe->preset);
}

bool bv_recipe_reads_high_byte(const struct bv_recipe *recipe)
{
    return recipe->high_byte;
}

bool bv_recipe_turns(const struct bv_recipe *recipe)
{
    return recipe->turns;
}

static enum bv_status copy_eight_bit(const struct bv_image *image, struct bv_pixels *pixels,
                                     struct bv_error *err)
{
    BV_TRY(
        bv_pixels_create(pixels, image->width, image->height, image->channels, BV_SAMPLE_U8, err));
    memcpy(pixels->data, image->pixels, bv_pixels_samples(pixels));
    return BV_OK;
}

static enum bv_status take_high_byte(const struct bv_image *image, struct bv_pixels *pixels,
                                     struct bv_error *err)
{
    BV_TRY(
        bv_pixels_create(pixels, image->width, image->height, image->channels, BV_SAMPLE_U8, err));
    size_t n = bv_pixels_samples(pixels);
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)pixels->data)[i] = (uint8_t)(((uint16_t *)image->pixels)[i] >> 8);
    return BV_OK;
}

static enum bv_status begin(const struct bv_recipe *recipe, const struct bv_image *image,
                            struct bv_step_state *state, struct bv_error *err)
{
    bool file_of_eight = image->kind != BV_FILE_DICOM && image->sample == BV_SAMPLE_U8;
    if (file_of_eight && !recipe->preset_for_eight) {
        state->indexed = image->indexed;
        state->untouched = true;
        return copy_eight_bit(image, &state->pixels, err);
    }
    if (recipe->high_byte && image->sixteen_bit)
        return take_high_byte(image, &state->pixels, err);
    return bv_preset_apply(image, recipe->preset, &state->pixels, err);
}

static enum bv_status run_steps(const struct bv_recipe *recipe, struct bv_step_state *state,
                                const char *tap, bool *reached, struct bv_error *err)
{
    for (int i = 0; i < recipe->n_steps && !*reached; i++) {
        const struct bv_step *step = &recipe->steps[i];
        if (step->run(state, step, err) != BV_OK)
            return bv_fail_prefix(err, "preprocessing: step %d (%s)", i + 1, step->name);
        *reached = tap && step->tap && strcmp(tap, step->tap) == 0;
    }
    return BV_OK;
}

static enum bv_status finish(const struct bv_recipe *recipe, struct bv_step_state *state,
                             struct bv_error *err)
{
    BV_TRY(bv_pixels_to_float(&state->pixels, err));
    if (recipe->channels == 3)
        return bv_step_rgb(state, NULL, err);
    if (state->pixels.channels != 1)
        return bv_fail(err, BV_ERR_ARG, "preprocessing: the recipe ends with %d channels, not 1",
                       state->pixels.channels);
    return BV_OK;
}

// tap: the step to stop after, or NULL for all.
static enum bv_status run(const struct bv_recipe *recipe, const struct bv_image *image,
                          const char *tap, struct bv_pixels *pixels, struct bv_error *err)
{
    struct bv_step_state state = {.image = image};
    bool reached = false;
    enum bv_status status = begin(recipe, image, &state, err);
    if (status == BV_OK)
        status = run_steps(recipe, &state, tap, &reached, err);
    if (status == BV_OK && tap && !reached)
        status = bv_fail(err, BV_ERR_ARG, "preprocessing: no step is named \"%s\"", tap);
    if (status == BV_OK && !tap)
        status = finish(recipe, &state, err);
    if (status == BV_OK)
        *pixels = state.pixels;
    else
        bv_pixels_free(&state.pixels);
    return status;
}

enum bv_status bv_recipe_run_to(const struct bv_recipe *recipe, const struct bv_image *image,
                                const char *tap, struct bv_pixels *pixels, struct bv_error *err)
{
    if (!recipe->turns || image->orientation <= 1)
        return run(recipe, image, tap, pixels, err);
    struct bv_image upright = {0};
    BV_TRY(bv_exif_upright(image, &upright, err));
    enum bv_status status = run(recipe, &upright, tap, pixels, err);
    bv_exif_upright_free(&upright);
    return status;
}

enum bv_status bv_recipe_run(const struct bv_recipe *recipe, const struct bv_image *image,
                             struct bv_pixels *pixels, struct bv_error *err)
{
    return bv_recipe_run_to(recipe, image, NULL, pixels, err);
}
