#include "convert/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/recipe.h"

static const size_t max_config_bytes = 1 << 20;

void bv_note(json_t *notes, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)json_array_append_new(notes, json_string(text));
}

json_t *bv_settings_read(const struct bv_checkpoint *c, const char *name)
{
    char *text = NULL;
    size_t size = 0;
    json_t *value = NULL;
    if (bv_checkpoint_has_file(c, name) &&
        bv_checkpoint_read_file(c, name, max_config_bytes, &text, &size, NULL) == BV_OK)
        (void)bv_json_parse(&value, text, size, name, NULL);
    free(text);
    return value;
}

// Heads, eps and activation of one tower.
static void take_tower(json_t *tower, const json_t *config, const char *member, json_t *notes)
{
    static const char *const names[][2] = {
        {"num_attention_heads", "heads"}, {"layer_norm_eps", "eps"}, {"hidden_act", "activation"}};
    const json_t *part = json_object_get(config, member);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(part, names[i][0]);
        if (value && !json_is_null(value))
            (void)json_object_set(tower, names[i][1], value);
        else if (i == 2)
            bv_note(notes,
                    "config.json does not say %s.hidden_act: %s is taken, as its class has it",
                    member, bv_json_string(tower, names[i][1], "gelu"));
    }
}

void bv_settings_towers(json_t *card, const struct bv_checkpoint *c, json_t *notes)
{
    const json_t *towers = json_object_get(json_object_get(card, "settings"), "towers");
    json_t *config = towers ? bv_settings_read(c, "config.json") : NULL;
    const char *name;
    const json_t *member;
    json_object_foreach((json_t *)(uintptr_t)towers, name, member)
    {
        json_t *tower = json_object_get(card, name);
        if (config && tower && json_is_string(member))
            take_tower(tower, config, json_string_value(member), notes);
    }
    json_decref(config);
}

static bool is_among(const json_t *names, const char *name)
{
    size_t i;
    const json_t *item;
    json_array_foreach(names, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

// Without a file the class of the card's first processor, at the model's size.
static enum bv_status default_recipe(json_t **recipe, const json_t *processors,
                                     enum bv_processor_library library, int64_t size, json_t *notes,
                                     struct bv_error *err)
{
    const char *name = json_string_value(json_array_get(processors, 0));
    json_t *config = json_pack("{s:s}", "image_processor_type", name ? name : "");
    if (size > 0) {
        (void)json_object_set_new(config, "size", json_integer(size));
        (void)json_object_set_new(config, "crop_size", json_integer(size));
    }
    bv_note(notes, "there is no preprocessor_config.json: images are prepared as %s does it",
            name ? name : "");
    enum bv_status status = bv_processor_recipe(recipe, config, library, err);
    json_decref(config);
    return status;
}

// The size of the model's images, which the class of a processor does not know.
static int64_t image_size(const json_t *card, const struct bv_checkpoint *c)
{
    const json_t *towers = json_object_get(json_object_get(card, "settings"), "towers");
    json_t *config = bv_settings_read(c, "config.json");
    const json_t *vision = json_object_get(config, bv_json_string(towers, "image", ""));
    int64_t size = bv_json_integer(vision, "image_size", 0);
    json_decref(config);
    return size;
}

// A processor that makes images of another size belongs to another model of the family.
static enum bv_status check_size(const json_t *recipe, int64_t size, struct bv_error *err)
{
    struct bv_recipe *parsed = NULL;
    int width = 0, height = 0;
    BV_TRY(bv_recipe_parse(recipe, &parsed, err));
    bv_recipe_output_size(parsed, &width, &height);
    bv_recipe_free(&parsed);
    if (size > 0 && width < 1)
        return bv_fail(err, BV_ERR_MODEL,
                       "preprocessor_config.json makes images of many sizes, config.json says "
                       "image_size %lld",
                       (long long)size);
    if (size > 0 && (width != size || height != size))
        return bv_fail(err, BV_ERR_MODEL,
                       "preprocessor_config.json makes images of %d×%d, config.json says "
                       "image_size %lld",
                       width, height, (long long)size);
    return BV_OK;
}

// Which library runs the processor that the caller asks for.
static enum bv_status choose_library(const json_t *card, const json_t *processors,
                                     const char *processor, enum bv_processor_library *library,
                                     struct bv_error *err)
{
    *library = BV_PROCESSOR_PILLOW;
    if (!processor)
        return BV_OK;
    if (strcmp(processor, "torchvision") == 0)
        *library = BV_PROCESSOR_TORCHVISION;
    else if (strcmp(processor, "pillow") != 0)
        return bv_fail(err, BV_ERR_ARG, "processor \"%.40s\": pillow and torchvision are known",
                       processor);
    return processors ? BV_OK
                      : bv_fail(err, BV_ERR_ARG,
                                "processor \"%s\" does not go with system %s, which no image "
                                "processor of transformers prepares images for",
                                processor, bv_json_string(card, "name", "?"));
}

enum bv_status bv_settings_recipe(json_t *card, const struct bv_checkpoint *c,
                                  const char *processor, json_t *notes, struct bv_error *err)
{
    const json_t *processors = json_object_get(json_object_get(card, "settings"), "processors");
    enum bv_processor_library library;
    char name[64];
    BV_TRY(choose_library(card, processors, processor, &library, err));
    if (!processors || (json_object_get(card, "preprocess") && !processor))
        return BV_OK;
    json_t *recipe = NULL, *config = bv_settings_read(c, "preprocessor_config.json");
    bv_processor_class(config, name);
    enum bv_status status = BV_OK;
    const char *own = bv_json_string(json_object_get(card, "settings"), "preprocess", NULL);
    if (!config && own && !processor)
        recipe = json_string(own);
    else if (!config)
        status = default_recipe(&recipe, processors, library, image_size(card, c), notes, err);
    else if (!is_among(processors, name))
        status = bv_fail(err, BV_ERR_MODEL,
                         "preprocessor_config.json is that of another model: it names the image "
                         "processor \"%s\", and system %s has %s",
                         name, bv_json_string(card, "name", "?"),
                         json_string_value(json_array_get(processors, 0)));
    else
        status = bv_processor_recipe(&recipe, config, library, err);
    json_decref(config);
    if (status == BV_OK)
        status = check_size(recipe, image_size(card, c), err);
    if (status != BV_OK) {
        json_decref(recipe);
        return status;
    }
    if (json_object_set_new(card, "preprocess", recipe) != 0)
        status = bv_fail_nomem(err, "a system card");
    return status;
}

void bv_settings_tokenizers(const json_t *card, const struct bv_checkpoint *c, json_t *notes)
{
    static const char whole[] = "tokenizer.json";
    const json_t *files = json_object_get(json_object_get(card, "vocabulary"), "files");
    const char *own = json_string_value(json_array_get(files, 0)), *other = whole;
    if (own && strcmp(own, whole) == 0)
        other = json_string_value(json_array_get(files, 1));
    if (json_object_get(card, "settings") && own && other && bv_checkpoint_has_file(c, own) &&
        bv_checkpoint_has_file(c, other))
        bv_note(notes,
                "%s is read, %s beside it is not: where they differ, the authors' code "
                "follows the former",
                own, other);
}
