#include "convert/import_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/card.h"

static const size_t max_config_bytes = 1 << 20;
static const char config_name[] = "config.json";

static bool any_tensor(const struct bv_checkpoint *c, const char *pattern)
{
    if (!strchr(pattern, '{'))
        return bv_checkpoint_find(c, pattern) != NULL;
    for (size_t i = 0; i < bv_checkpoint_count(c); i++)
        if (bv_pattern_matches(pattern, bv_checkpoint_tensor(c, i)->name))
            return true;
    return false;
}

static size_t count_matches(const struct bv_checkpoint *c, const json_t *patterns)
{
    size_t n = 0, i;
    const json_t *pattern;
    json_array_foreach(patterns, i, pattern)
    {
        const char *text = json_string_value(pattern);
        if (json_is_array(pattern)) // alternatives
            n += count_matches(c, pattern) > 0;
        else
            n += text && any_tensor(c, text);
    }
    return n;
}

// A JSON file of the folder, or NULL.
static json_t *read_beside(const struct bv_checkpoint *c, const char *name)
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

static bool config_fits(const struct bv_checkpoint *c, const json_t *wanted)
{
    if (!wanted)
        return true;
    json_t *config = read_beside(c, config_name);
    bool fits = config != NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        fits = fits && json_equal(json_object_get(config, key), value);
    }
    json_decref(config);
    return fits;
}

// Files that must lie beside the checkpoint.
static bool files_fit(const struct bv_checkpoint *c, const json_t *files)
{
    size_t i;
    const json_t *file;
    json_array_foreach(files, i, file)
    {
        const char *name = json_string_value(file);
        if (!name || !bv_checkpoint_has_file(c, name))
            return false;
    }
    return true;
}

// Whether one of the files lies beside the checkpoint.
static bool any_file(const struct bv_checkpoint *c, const json_t *files)
{
    size_t i;
    const json_t *file;
    json_array_foreach(files, i, file)
    {
        if (json_is_string(file) && bv_checkpoint_has_file(c, json_string_value(file)))
            return true;
    }
    return false;
}

// Values that a training program saved beside the weights.
static bool saved_fit(struct bv_checkpoint *c, const json_t *keys)
{
    const json_t *saved = json_array_size(keys) > 0 ? bv_checkpoint_metadata(c) : NULL;
    size_t i;
    const json_t *key;
    json_array_foreach(keys, i, key)
    {
        if (!json_is_string(key) || !json_object_get(saved, json_string_value(key)))
            return false;
    }
    return true;
}

static bool has_shape(const struct bv_checkpoint *c, const char *name, const json_t *shape)
{
    const struct bv_checkpoint_tensor *t = bv_checkpoint_find(c, name);
    if (!t || (size_t)t->n_dims != json_array_size(shape))
        return false;
    for (int d = 0; d < t->n_dims; d++) {
        const json_t *size = json_array_get(shape, (size_t)d);
        if (json_is_integer(size) && json_integer_value(size) != t->shape[d])
            return false;
    }
    return true;
}

// How many fit of {"tensor": [64, 1, null, null]}: null stands for any size.
static size_t count_shapes(const struct bv_checkpoint *c, const json_t *shapes)
{
    size_t n = 0;
    const char *name;
    json_t *shape;
    json_object_foreach((json_t *)(uintptr_t)shapes, name, shape)
    {
        n += has_shape(c, name, shape);
    }
    return n;
}

// The class of the tokenizer beside the checkpoint, without "Fast", is one of these.
static bool tokenizer_fits(const struct bv_checkpoint *c, const json_t *classes)
{
    if (!classes)
        return true;
    json_t *config = read_beside(c, "tokenizer_config.json");
    const char *own = bv_json_string(config, "tokenizer_class", "");
    size_t n = strlen(own), i;
    const json_t *name;
    bool fits = false;
    if (n > 4 && strcmp(own + n - 4, "Fast") == 0)
        n -= 4;
    json_array_foreach(classes, i, name)
    {
        fits = fits || (json_string_length(name) == n && n > 0 &&
                        memcmp(json_string_value(name), own, n) == 0);
    }
    json_decref(config);
    return fits;
}

// One of several signs is enough.
static bool any_sign(const struct bv_checkpoint *c, const json_t *signs)
{
    size_t i;
    const json_t *sign;
    json_array_foreach(signs, i, sign)
    {
        const json_t *shapes = json_object_get(sign, "shapes");
        if (count_shapes(c, shapes) == json_object_size(shapes) &&
            tokenizer_fits(c, json_object_get(sign, "tokenizers")))
            return true;
    }
    return json_array_size(signs) == 0;
}

bool bv_recognise_fits(struct bv_checkpoint *c, const json_t *card)
{
    const json_t *spec = json_object_get(card, "recognise");
    const json_t *all = json_object_get(spec, "all"), *shapes = json_object_get(spec, "shapes");
    return json_array_size(all) > 0 && count_matches(c, all) == json_array_size(all) &&
           count_matches(c, json_object_get(spec, "none")) == 0 &&
           count_shapes(c, shapes) == json_object_size(shapes) &&
           count_shapes(c, json_object_get(spec, "not_shapes")) == 0 &&
           files_fit(c, json_object_get(spec, "beside")) &&
           !any_file(c, json_object_get(spec, "not_beside")) &&
           saved_fit(c, json_object_get(spec, "saved")) &&
           any_sign(c, json_object_get(spec, "any")) &&
           config_fits(c, json_object_get(spec, "config"));
}

// The first tensors of a card that the checkpoint lacks: which part of a model was left out.
static void list_missing(const struct bv_checkpoint *c, const json_t *patterns, char list[200])
{
    size_t i, used = 0;
    const json_t *pattern;
    int n = 0;
    list[0] = 0;
    json_array_foreach(patterns, i, pattern)
    {
        const char *text = json_string_value(pattern);
        if (!text || any_tensor(c, text) || n == 2 || strlen(text) + 3 > 200 - used)
            continue;
        used += (size_t)snprintf(list + used, 200 - used, "%s%s", n++ ? ", " : "", text);
    }
}

static enum bv_status fail_unknown(const struct bv_checkpoint *c, struct bv_error *err)
{
    char nearest[480] = "";
    size_t best = 0;
    for (size_t i = 0; i < bv_card_count(); i++) {
        json_t *card = NULL;
        if (bv_card_load(&card, bv_card_name(i), NULL) != BV_OK)
            continue;
        const json_t *spec = json_object_get(card, "recognise");
        size_t n = count_matches(c, json_object_get(spec, "all"));
        // Of equals, one that lacks its configuration alone.
        if (n > best || (n == best && n > 0 && json_object_get(spec, "config") &&
                         n == json_array_size(json_object_get(spec, "all")))) {
            best = n;
            bool by_config =
                json_object_get(spec, "config") && !bv_checkpoint_has_file(c, config_name);
            char missing[200];
            list_missing(c, json_object_get(spec, "all"), missing);
            (void)snprintf(
                nearest, sizeof nearest, "; nearest is %s with %zu of its %zu tensors%s%s%s",
                bv_json_string(card, "name", "?"), n, json_array_size(json_object_get(spec, "all")),
                by_config ? ", but its config.json is not beside it" : "",
                *missing ? ", missing " : "", missing);
        }
        json_decref(card);
    }
    return bv_fail(err, BV_ERR_MODEL,
                   "the %zu tensors ('%.100s' is one) are those of no known system%s (--system "
                   "chooses one; biovl info --systems lists them)",
                   bv_checkpoint_count(c),
                   bv_checkpoint_count(c) ? bv_checkpoint_tensor(c, 0)->name : "", nearest);
}

enum bv_status bv_recognise(struct bv_checkpoint *c, json_t **out, struct bv_error *err)
{
    json_t *best = NULL;
    size_t best_patterns = 0;
    for (size_t i = 0; i < bv_card_count(); i++) {
        json_t *card = NULL;
        BV_TRY(bv_card_load(&card, bv_card_name(i), err));
        const json_t *spec = json_object_get(card, "recognise");
        size_t n = json_array_size(json_object_get(spec, "all")) +
                   json_array_size(json_object_get(spec, "none")) +
                   json_array_size(json_object_get(spec, "beside")) +
                   json_array_size(json_object_get(spec, "saved")) +
                   json_array_size(json_object_get(spec, "any")) +
                   json_object_size(json_object_get(spec, "shapes")) +
                   100 * json_object_size(json_object_get(spec, "config"));
        if (bv_json_boolean(spec, "family", false))
            n += 500; // a system before the layout of a library's folders
        else if (!bv_json_boolean(spec, "generic", false))
            n += 1000; // and both before the bare architecture that they are built of
        if (n > best_patterns && bv_recognise_fits(c, card)) {
            json_decref(best);
            best = json_incref(card);
            best_patterns = n;
        }
        json_decref(card);
    }
    if (!best)
        return fail_unknown(c, err);
    *out = best;
    return BV_OK;
}
