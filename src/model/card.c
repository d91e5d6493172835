#include "model/card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t max_card_bytes = 1 << 20;
static const char folder[] = "systems/";

const struct bv_asset *bv_asset_find(const char *path)
{
    for (size_t i = 0; i < bv_n_assets; i++)
        if (strcmp(bv_assets[i].path, path) == 0)
            return &bv_assets[i];
    return NULL;
}

// A card is an asset directly in systems/.
static bool is_card(const struct bv_asset *asset)
{
    return strncmp(asset->path, folder, sizeof folder - 1) == 0 &&
           !strchr(asset->path + sizeof folder - 1, '/');
}

static enum bv_status load_asset(json_t **out, const char *kind, const char *name,
                                 struct bv_error *err)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s.json", kind, name);
    const struct bv_asset *asset = bv_asset_find(path);
    if (!asset)
        return bv_fail(err, BV_ERR_ARG, "there is no %s", path);
    return bv_json_parse(out, (const char *)asset->data, asset->size, path, err);
}

size_t bv_card_count(void)
{
    size_t n = 0;
    for (size_t i = 0; i < bv_n_assets; i++)
        n += is_card(&bv_assets[i]);
    return n;
}

const char *bv_card_name(size_t index)
{
    static _Thread_local char name[64];
    for (size_t i = 0; i < bv_n_assets; i++)
        if (is_card(&bv_assets[i]) && index-- == 0) {
            const char *file = bv_assets[i].path + sizeof folder - 1;
            (void)snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 5), file);
            return name;
        }
    return "";
}

static const char prompt_folder[] = "prompts/";

// The name of a prompt set, or NULL where the asset is something else.
static const char *prompts_name(const struct bv_asset *asset, char name[64])
{
    size_t head = sizeof prompt_folder - 1, n = strlen(asset->path);
    if (strncmp(asset->path, prompt_folder, head) != 0 || n < head + 5 || n - head - 5 >= 64)
        return NULL;
    (void)snprintf(name, 64, "%.*s", (int)(n - head - 5), asset->path + head);
    return name;
}

static enum bv_status load_prompts(json_t **set, const char *name, struct bv_error *err)
{
    json_t *value = NULL;
    BV_TRY(load_asset(&value, prompt_folder, name, err));
    if (json_object_set_new(value, "name", json_string(name)) != 0) {
        json_decref(value);
        return bv_fail_nomem(err, "a prompt set");
    }
    *set = value;
    return BV_OK;
}

// Replaces a string member by the shared document it names.
static enum bv_status resolve(json_t *card, const char *key, const char *kind, struct bv_error *err)
{
    const char *name = bv_json_string(card, key, NULL);
    if (!name)
        return BV_OK;
    json_t *value = NULL;
    bool prompts = strcmp(key, "prompts") == 0; // outputs name the prompt set that they used
    BV_TRY(prompts ? load_prompts(&value, name, err) : load_asset(&value, kind, name, err));
    if (json_object_set_new(card, key, value) != 0)
        return bv_fail_nomem(err, "a system card");
    return BV_OK;
}

enum bv_status bv_card_resolve(json_t *card, struct bv_error *err)
{
    BV_TRY(resolve(card, "preprocess", "systems/recipes/", err));
    return resolve(card, "prompts", "prompts/", err);
}

enum bv_status bv_card_load(json_t **out, const char *name, struct bv_error *err)
{
    json_t *card = NULL;
    size_t n = strlen(name);
    if (strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".json") == 0))
        BV_TRY(bv_json_load(&card, name, max_card_bytes, err));
    else if (load_asset(&card, folder, name, err) != BV_OK)
        return bv_fail(err, BV_ERR_ARG, "unknown system \"%s\" (biovl info --systems lists them)",
                       name);
    enum bv_status status = json_is_object(card)
                                ? bv_card_resolve(card, err)
                                : bv_fail(err, BV_ERR_FORMAT, "%s: not a JSON object", name);
    if (status != BV_OK) {
        json_decref(card);
        return status;
    }
    *out = card;
    return BV_OK;
}

enum bv_status bv_prompts_load(json_t **set, const char *text, struct bv_error *err)
{
    char list[1024] = "", name[64];
    size_t used = 0;
    if (text[strspn(text, " \t\r\n")] == '{')
        return bv_json_parse(set, text, strlen(text), "templates", err);
    if (strlen(text) < sizeof name && load_prompts(set, text, NULL) == BV_OK)
        return BV_OK;
    for (size_t i = 0; i < bv_n_assets; i++)
        if (prompts_name(&bv_assets[i], name) && used + strlen(name) + 3 < sizeof list)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", name);
    return bv_fail(err, BV_ERR_ARG,
                   "templates: neither a JSON object nor the name of a prompt set (%s)", list);
}

enum bv_status bv_prompts_list(json_t **out, struct bv_error *err)
{
    char name[64];
    json_t *list = json_array(), *set = NULL;
    for (size_t i = 0; i < bv_n_assets; i++) {
        if (!prompts_name(&bv_assets[i], name))
            continue;
        enum bv_status status = load_prompts(&set, name, err);
        if (status != BV_OK) {
            json_decref(list);
            return status;
        }
        (void)json_array_append_new(list, set);
    }
    *out = list;
    return BV_OK;
}

enum bv_status bv_rules_load(json_t **rules, const char *name, struct bv_error *err)
{
    return load_asset(rules, "systems/rules/", name, err);
}

enum bv_status bv_card_set(json_t *card, const char *path, const char *value, struct bv_error *err)
{
    json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);
    if (!parsed)
        parsed = json_string(value);
    if (!parsed)
        return bv_fail(err, BV_ERR_ARG, "%s: not a usable value", path);
    json_t *object = card;
    const char *rest = path;
    enum bv_status status = BV_OK;
    for (const char *dot; status == BV_OK && (dot = strchr(rest, '.')); rest = dot + 1) {
        const size_t n = (size_t)(dot - rest);
        // jansson takes the new object, and frees it where the name is not UTF-8.
        if (!json_object_getn(object, rest, n) &&
            json_object_setn_new(object, rest, n, json_object()) != 0)
            status = bv_fail(err, BV_ERR_ARG, "%s: not a usable field name", path);
        object = json_object_getn(object, rest, n);
        if (status == BV_OK && !json_is_object(object))
            status = bv_fail(err, BV_ERR_ARG, "%s: the card has another kind of value on that path",
                             path);
    }
    if (status == BV_OK && !*rest)
        status = bv_fail(err, BV_ERR_ARG, "%s: not a usable field name", path);
    if (status != BV_OK) {
        json_decref(parsed);
        return status;
    }
    if (json_object_set_new(object, rest, parsed) != 0)
        return bv_fail(err, BV_ERR_ARG, "%s: not a usable field name", path);
    return BV_OK;
}
