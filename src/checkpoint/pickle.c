#include "checkpoint/pickle.h"

#include <stdlib.h>
#include <string.h>

void bv_pickle_free(struct bv_pickle *pickle)
{
    bv_arena_free(&pickle->arena);
    free(pickle->storages);
    free(pickle->buckets);
    *pickle = (struct bv_pickle){0};
}

enum bv_status bv_pickle_new(struct bv_pickle *pickle, enum bv_pickle_kind kind,
                             struct bv_pickle_value **out, struct bv_error *err)
{
    if (pickle->n_values == BV_PICKLE_MAX_VALUES)
        return bv_fail(err, BV_ERR_LIMIT, "a pickle of more than %zu values", pickle->n_values);
    struct bv_pickle_value *value = bv_arena_alloc(&pickle->arena, sizeof *value);
    if (!value)
        return bv_fail_nomem(err, "a pickle");
    pickle->n_values++;
    value->kind = kind;
    *out = value;
    return BV_OK;
}

enum bv_status bv_pickle_new_object(struct bv_pickle *pickle, const struct bv_pickle_value *type,
                                    struct bv_pickle_value *args, struct bv_pickle_value **out,
                                    struct bv_error *err)
{
    struct bv_pickle_value *value = NULL;
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_OBJECT, &value, err));
    value->object = bv_arena_alloc(&pickle->arena, sizeof *value->object);
    if (!value->object)
        return bv_fail_nomem(err, "a pickle");
    value->object->type = type;
    value->object->args = args;
    *out = value;
    return BV_OK;
}

// The room of an array that has grown to n by doubling.
static size_t room_for(size_t n)
{
    size_t room = n ? 4 : 0;
    while (room < n)
        room *= 2;
    return room;
}

enum bv_status bv_pickle_append(struct bv_pickle *pickle, struct bv_pickle_value *container,
                                struct bv_pickle_value *const *items, size_t n,
                                struct bv_error *err)
{
    size_t width = container->kind == BV_PICKLE_DICT ? 2 : 1;
    if (n > (BV_PICKLE_MAX_ITEMS - pickle->n_items) / width)
        return bv_fail(err, BV_ERR_LIMIT, "a pickle of more than %zu items", BV_PICKLE_MAX_ITEMS);
    size_t used = container->n * width, needed = used + n * width;
    if (needed > room_for(used)) {
        // A tuple never grows again.
        size_t room = container->kind == BV_PICKLE_TUPLE ? needed : room_for(needed);
        struct bv_pickle_value **grown =
            bv_arena_array(&pickle->arena, room, sizeof(struct bv_pickle_value *));
        if (!grown)
            return bv_fail_nomem(err, "a pickle");
        if (used)
            memcpy(grown, container->items, used * sizeof *grown);
        container->items = grown;
    }
    if (n)
        memcpy(container->items + used, items, n * width * sizeof *items);
    container->n += n;
    pickle->n_items += n * width;
    return BV_OK;
}

enum bv_status bv_pickle_text(struct bv_pickle *pickle, size_t n, char **out, struct bv_error *err)
{
    if (n > BV_PICKLE_MAX_BYTES - pickle->n_text)
        return bv_fail(err, BV_ERR_LIMIT, "a pickle whose texts unfold to more than %zu bytes",
                       BV_PICKLE_MAX_BYTES);
    char *text = bv_arena_alloc(&pickle->arena, n);
    if (!text)
        return bv_fail_nomem(err, "a pickle");
    pickle->n_text += n;
    *out = text;
    return BV_OK;
}

bool bv_pickle_is(const struct bv_pickle_value *value, const char *text)
{
    return value && (value->kind == BV_PICKLE_STRING || value->kind == BV_PICKLE_GLOBAL) &&
           value->n == strlen(text) && memcmp(value->text, text, value->n) == 0;
}

struct bv_pickle_value *bv_pickle_item(const struct bv_pickle_value *value, size_t i)
{
    bool sequence = value && (value->kind == BV_PICKLE_LIST || value->kind == BV_PICKLE_TUPLE ||
                              value->kind == BV_PICKLE_SET);
    return sequence && i < value->n ? value->items[i] : NULL;
}

struct bv_pickle_value *bv_pickle_get(const struct bv_pickle_value *dict, const char *key)
{
    if (!dict || dict->kind != BV_PICKLE_DICT)
        return NULL;
    for (size_t i = dict->n; i-- > 0;)
        if (dict->items[2 * i]->kind == BV_PICKLE_STRING && bv_pickle_is(dict->items[2 * i], key))
            return dict->items[2 * i + 1];
    return NULL;
}

int64_t bv_pickle_count(const struct bv_pickle_value *value)
{
    return value && value->kind == BV_PICKLE_INT && value->integer >= 0 ? value->integer : -1;
}
