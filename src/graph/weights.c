#include "graph/weights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"

struct derived {
    const char *key;
    void *data;
};

// Open addressing over indices into a growing array; slot value 0 is empty, else index + 1.
struct name_table {
    uint32_t *slots;
    size_t n_slots;
};

struct bv_weights {
    struct bv_arena arena;
    struct bv_weight *items;
    size_t n, room;
    struct name_table names;
    pthread_mutex_t mutex; // guards everything below
    struct derived *derived;
    size_t n_derived, derived_room, derived_bytes;
};

static uint64_t hash_name(const char *name)
{
    uint64_t h = 14695981039346656037u; // FNV-1a
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

enum bv_status bv_weights_create(struct bv_weights **out, struct bv_error *err)
{
    struct bv_weights *w = calloc(1, sizeof *w);
    if (!w)
        return bv_fail_nomem(err, "the weight store");
    pthread_mutex_init(&w->mutex, NULL);
    *out = w;
    return BV_OK;
}

void bv_weights_destroy(struct bv_weights **out)
{
    struct bv_weights *w = *out;
    if (!w)
        return;
    for (size_t i = 0; i < w->n_derived; i++)
        free(w->derived[i].data);
    free(w->derived);
    free(w->items);
    free(w->names.slots);
    bv_arena_free(&w->arena);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    *out = NULL;
}

static size_t find_slot(const struct bv_weights *w, const char *name)
{
    size_t mask = w->names.n_slots - 1, i = (size_t)hash_name(name) & mask;
    while (w->names.slots[i] && strcmp(w->items[w->names.slots[i] - 1].name, name) != 0)
        i = (i + 1) & mask;
    return i;
}

static enum bv_status grow(struct bv_weights *w, struct bv_error *err)
{
    size_t room = w->room ? 2 * w->room : 256;
    struct bv_weight *items = realloc(w->items, room * sizeof *items);
    if (!items)
        return bv_fail_nomem(err, "the weight store");
    w->items = items;
    uint32_t *slots = calloc(2 * room, sizeof *slots);
    if (!slots)
        return bv_fail_nomem(err, "the weight store");
    free(w->names.slots);
    w->names = (struct name_table){slots, 2 * room};
    w->room = room;
    for (size_t i = 0; i < w->n; i++)
        slots[find_slot(w, w->items[i].name)] = (uint32_t)(i + 1);
    return BV_OK;
}

enum bv_status bv_weights_add(struct bv_weights *w, const struct bv_weight *weight,
                              struct bv_error *err)
{
    if (w->n == w->room)
        BV_TRY(grow(w, err));
    size_t slot = find_slot(w, weight->name);
    if (w->names.slots[slot])
        return bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" occurs twice", weight->name);
    const char *name = bv_arena_strdup(&w->arena, weight->name);
    if (!name)
        return bv_fail_nomem(err, "the weight store");
    w->items[w->n] = *weight;
    w->items[w->n].name = name;
    w->names.slots[slot] = (uint32_t)++w->n;
    return BV_OK;
}

const struct bv_weight *bv_weights_find(const struct bv_weights *w, const char *name)
{
    if (w->n == 0)
        return NULL;
    uint32_t i = w->names.slots[find_slot(w, name)];
    return i ? &w->items[i - 1] : NULL;
}

size_t bv_weights_count(const struct bv_weights *w)
{
    return w->n;
}

const struct bv_weight *bv_weights_at(const struct bv_weights *w, size_t i)
{
    return &w->items[i];
}

size_t bv_weights_derived_bytes(const struct bv_weights *w)
{
    return w->derived_bytes;
}

static enum bv_status make_derived(struct bv_weights *w, const char *key, size_t size,
                                   void (*make)(void *, void *), void *arg, const void **data,
                                   struct bv_error *err)
{
    if (w->n_derived == w->derived_room) {
        size_t room = w->derived_room ? 2 * w->derived_room : 256;
        struct derived *list = realloc(w->derived, room * sizeof *list);
        if (!list)
            return bv_fail_nomem(err, key);
        w->derived = list;
        w->derived_room = room;
    }
    size_t rounded = 0;
    void *memory = NULL;
    const char *name = bv_arena_strdup(&w->arena, key);
    if (bv_add_size(size, 63, &rounded))
        memory = aligned_alloc(64, rounded ? rounded / 64 * 64 : 64);
    if (!name || !memory) {
        free(memory);
        return bv_fail_nomem(err, key);
    }
    make(arg, memory);
    w->derived[w->n_derived++] = (struct derived){name, memory};
    w->derived_bytes += size;
    *data = memory;
    return BV_OK;
}

enum bv_status bv_weights_derive(struct bv_weights *w, const char *key, size_t size,
                                 void (*make)(void *arg, void *memory), void *arg,
                                 const void **data, struct bv_error *err)
{
    pthread_mutex_lock(&w->mutex);
    enum bv_status status = BV_OK;
    size_t i = 0; // a few hundred entries, looked up when a plan is made: a scan is enough
    while (i < w->n_derived && strcmp(w->derived[i].key, key) != 0)
        i++;
    if (i < w->n_derived)
        *data = w->derived[i].data;
    else
        status = make_derived(w, key, size, make, arg, data, err);
    pthread_mutex_unlock(&w->mutex);
    return status;
}

static void copy_as_f32(void *arg, void *memory)
{
    const struct bv_tensor *t = arg;
    bv_dtype_to_f32(t->dtype, t->data, memory, (size_t)bv_elements(t));
}

enum bv_status bv_weights_f32(struct bv_weights *w, const struct bv_tensor *t, const float **data,
                              struct bv_error *err)
{
    if (t->dtype == BV_F32 && (uintptr_t)t->data % sizeof(float) == 0) {
        *data = t->data;
        return BV_OK;
    }
    char key[512];
    (void)snprintf(key, sizeof key, "f32:%s", t->name);
    const void *copy = NULL;
    BV_TRY(bv_weights_derive(w, key, (size_t)bv_elements(t) * sizeof(float), copy_as_f32,
                             (void *)(uintptr_t)t, &copy, err));
    *data = copy;
    return BV_OK;
}
