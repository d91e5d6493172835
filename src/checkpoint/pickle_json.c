#include "checkpoint/pickle.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 24
#define MAX_STEPS 65536

struct walk {
    size_t steps;
    int depth;
};

static json_t *convert(struct walk *w, const struct bv_pickle_value *value);

static json_t *convert_items(struct walk *w, const struct bv_pickle_value *sequence)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sequence->n && w->steps < MAX_STEPS; i++)
        if (json_array_append_new(array, convert(w, sequence->items[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

// Sets object[key]; keys that are neither text nor numbers are left out.
static int set_member(json_t *object, const struct bv_pickle_value *key, json_t *value)
{
    char number[24] = "";
    const char *text = number;
    size_t n = 0;
    if (key->kind == BV_PICKLE_INT) {
        n = (size_t)snprintf(number, sizeof number, "%" PRId64, key->integer);
    } else if (key->kind == BV_PICKLE_STRING || key->kind == BV_PICKLE_GLOBAL) {
        text = key->text;
        n = key->n;
    }
    json_t *name = n ? json_stringn(text, n) : NULL; // checks the UTF-8
    if (!name || strlen(json_string_value(name)) != n) {
        json_decref(name);
        json_decref(value);
        return 0;
    }
    int result = json_object_set_new(object, json_string_value(name), value);
    json_decref(name);
    return result;
}

static json_t *convert_dict(struct walk *w, const struct bv_pickle_value *dict)
{
    json_t *object = json_object();
    for (size_t i = 0; i < dict->n && w->steps < MAX_STEPS; i++)
        if (set_member(object, dict->items[2 * i], convert(w, dict->items[2 * i + 1])) != 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

// The parts of a pathlib path, joined as it would print.
static json_t *convert_path(const struct bv_pickle_value *parts)
{
    char path[1024] = "";
    size_t used = 0;
    for (size_t i = 0; bv_pickle_item(parts, i); i++) {
        const struct bv_pickle_value *part = parts->items[i];
        if (part->kind != BV_PICKLE_STRING || part->n + 2 > sizeof path - used)
            return json_null();
        if (used && path[used - 1] != '/')
            path[used++] = '/';
        memcpy(path + used, part->text, part->n);
        used += part->n;
    }
    json_t *text = json_stringn(path, used);
    return text ? text : json_null();
}

// torch.device('cuda', 0) as "cuda:0".
static json_t *convert_device(const struct bv_pickle_value *args)
{
    const struct bv_pickle_value *type = bv_pickle_item(args, 0);
    int64_t index = bv_pickle_count(bv_pickle_item(args, 1));
    if (!type || type->kind != BV_PICKLE_STRING || type->n > 32)
        return json_null();
    json_t *text = index < 0 ? json_stringn(type->text, type->n)
                             : json_sprintf("%.*s:%d", (int)type->n, type->text, (int)index);
    return text ? text : json_null();
}

static json_t *convert_object(struct walk *w, const struct bv_pickle_object *object)
{
    static const char omegaconf[] = "omegaconf.", path[] = "pathlib.";
    const char *type = object->type->text;
    const struct bv_pickle_value *state = object->state;
    w->steps += state ? state->n : 0; // looking up a key costs as much
    if (strncmp(type, omegaconf, sizeof omegaconf - 1) == 0) {
        // containers keep theirs under _content, leaves under _val; the rest is bookkeeping
        const struct bv_pickle_value *inner = bv_pickle_get(state, "_content");
        inner = inner ? inner : bv_pickle_get(state, "_val");
        return inner ? convert(w, inner) : json_null();
    }
    if (strncmp(type, path, sizeof path - 1) == 0)
        return convert_path(object->args);
    if (strcmp(type, "torch.device") == 0)
        return convert_device(object->args);
    if (object->content)
        return convert(w, object->content);
    bool module = bv_pickle_get(state, "_parameters") || bv_pickle_get(state, "_modules");
    return state && state->kind == BV_PICKLE_DICT && !module ? convert(w, state) : json_null();
}

static json_t *convert_value(struct walk *w, const struct bv_pickle_value *value)
{
    json_t *json = NULL;
    switch (value->kind) {
    case BV_PICKLE_BOOL:
        return json_boolean(value->boolean);
    case BV_PICKLE_INT:
        return json_integer(value->integer);
    case BV_PICKLE_FLOAT:
        return isfinite(value->real) ? json_real(value->real) : json_null();
    case BV_PICKLE_STRING:
    case BV_PICKLE_GLOBAL:
    case BV_PICKLE_BIG_INT:
        w->steps += value->n / 64; // long texts that are reached again and again
        if (w->steps > MAX_STEPS)
            break;
        json = json_stringn(value->n ? value->text : "", value->n);
        return json ? json : json_null();
    case BV_PICKLE_LIST:
    case BV_PICKLE_TUPLE:
    case BV_PICKLE_SET:
        return convert_items(w, value);
    case BV_PICKLE_DICT:
        return convert_dict(w, value);
    case BV_PICKLE_OBJECT:
        return convert_object(w, value->object);
    case BV_PICKLE_NONE:
    case BV_PICKLE_COMPLEX:
    case BV_PICKLE_BYTES:
    case BV_PICKLE_STORAGE:
    case BV_PICKLE_TENSOR:
        break;
    }
    return json_null();
}

static json_t *convert(struct walk *w, const struct bv_pickle_value *value)
{
    if (w->depth == MAX_DEPTH || ++w->steps > MAX_STEPS)
        return json_null();
    w->depth++;
    json_t *json = convert_value(w, value);
    w->depth--;
    return json;
}

json_t *bv_pickle_json(const struct bv_pickle_value *value)
{
    struct walk w = {0};
    return convert(&w, value);
}
