#define _DEFAULT_SOURCE // madvise
#include "graph/weights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

struct derived {
    char *key;
    void *data;
    size_t bytes;
};

// Open addressing over indices into a growing array; slot value 0 is empty, else index + 1.
struct name_table {
    uint32_t *slots;
    size_t n_slots;
};

struct bv_weights {
    struct bv_arena arena;
    const char *mapping; // where the files' pages are, or NULL
    size_t mapping_bytes;
    struct bv_weight *items;
    size_t n, room;
    struct name_table names;
    pthread_mutex_t mutex; // guards everything below
    struct derived *derived;
    size_t n_derived, derived_room, derived_bytes;
    const char **kept;
    size_t n_kept, kept_room;
    int n_holders;
};

static void free_derived(struct derived *d)
{
    free(d->key);
    free(d->data);
}

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
        free_derived(&w->derived[i]);
    free(w->derived);
    free(w->kept);
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
    for (int d = 0; d < weight->rank; d++)
        if (weight->dim[d] < 1)
            return bv_fail(err, BV_ERR_MODEL, "tensor \"%s\" has no elements", weight->name);
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

size_t bv_weights_derived_bytes(const struct bv_weights *w)
{
    return w->derived_bytes;
}

// A few hundred entries, looked up when a plan is made: a scan is enough. The mutex is held.
static const struct derived *find_derived(const struct bv_weights *w, const char *key)
{
    for (size_t i = 0; i < w->n_derived; i++)
        if (strcmp(w->derived[i].key, key) == 0)
            return &w->derived[i];
    return NULL;
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
    char *name = strdup(key);
    void *memory = bv_alloc_large(size);
    if (!name || !memory) {
        free(name);
        free(memory);
        return bv_fail_nomem(err, key);
    }
    make(arg, memory);
    w->derived[w->n_derived++] = (struct derived){name, memory, size};
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
    const struct derived *found = find_derived(w, key);
    if (found)
        *data = found->data;
    else
        status = make_derived(w, key, size, make, arg, data, err);
    pthread_mutex_unlock(&w->mutex);
    return status;
}

const void *bv_weights_derived(struct bv_weights *w, const char *key)
{
    pthread_mutex_lock(&w->mutex);
    const struct derived *found = find_derived(w, key);
    const void *data = found ? found->data : NULL;
    pthread_mutex_unlock(&w->mutex);
    return data;
}

static enum bv_status add_kept(struct bv_weights *w, const char *name, struct bv_error *err)
{
    if (w->n_kept == 65536)
        return bv_fail(err, BV_ERR_LIMIT, "more than 65536 layers are kept");
    if (w->n_kept == w->kept_room) {
        size_t room = w->kept_room ? 2 * w->kept_room : 64;
        const char **kept = realloc(w->kept, room * sizeof *kept);
        if (!kept)
            return bv_fail_nomem(err, "the weight store");
        w->kept = kept;
        w->kept_room = room;
    }
    const char *copy = bv_arena_strdup(&w->arena, name);
    if (!copy)
        return bv_fail_nomem(err, "the weight store");
    w->kept[w->n_kept++] = copy;
    return BV_OK;
}

enum bv_status bv_weights_keep(struct bv_weights *w, const char *name, struct bv_error *err)
{
    pthread_mutex_lock(&w->mutex);
    enum bv_status status = add_kept(w, name, err);
    pthread_mutex_unlock(&w->mutex);
    return status;
}

void bv_weights_keep_none(struct bv_weights *w)
{
    pthread_mutex_lock(&w->mutex);
    w->n_kept = 0;
    pthread_mutex_unlock(&w->mutex);
}

bool bv_weights_kept(struct bv_weights *w, const char *name)
{
    pthread_mutex_lock(&w->mutex);
    bool found = false;
    for (size_t i = 0; i < w->n_kept && !found; i++)
        found = strcmp(w->kept[i], name) == 0;
    pthread_mutex_unlock(&w->mutex);
    return found;
}

void bv_weights_hold(struct bv_weights *w)
{
    pthread_mutex_lock(&w->mutex);
    w->n_holders++;
    pthread_mutex_unlock(&w->mutex);
}

void bv_weights_unhold(struct bv_weights *w)
{
    pthread_mutex_lock(&w->mutex);
    w->n_holders--;
    pthread_mutex_unlock(&w->mutex);
}

void bv_weights_forget(struct bv_weights *w, const char *key_start)
{
    pthread_mutex_lock(&w->mutex);
    size_t kept = 0;
    for (size_t i = 0; i < w->n_derived; i++) {
        struct derived d = w->derived[i];
        if (w->n_holders <= 1 && strncmp(d.key, key_start, strlen(key_start)) == 0) {
            w->derived_bytes -= d.bytes;
            free_derived(&d);
        } else {
            w->derived[kept++] = d;
        }
    }
    w->n_derived = kept;
    pthread_mutex_unlock(&w->mutex);
}

void bv_weights_read(struct bv_weights *w, const struct bv_tensor *t, float *out)
{
    if (t->formula)
        t->formula->make(w, t->formula->arg, out);
    else
        bv_dtype_to_f32(t->dtype, t->data, out, (size_t)bv_elements(t));
}

void bv_weights_set_mapping(struct bv_weights *w, const void *start, size_t bytes)
{
    w->mapping = start;
    w->mapping_bytes = bytes;
}

void bv_weights_let_go(struct bv_weights *w, const struct bv_tensor *t)
{
    const char *data = t->data;
    size_t bytes = (size_t)bv_elements(t) * bv_dtype_size(t->dtype);
    long page = sysconf(_SC_PAGESIZE);
    if (!w->mapping || !data || data < w->mapping || page <= 0 ||
        (size_t)(data - w->mapping) > w->mapping_bytes - bytes)
        return;
    uintptr_t size = (uintptr_t)page, first = ((uintptr_t)data + size - 1) / size * size;
    uintptr_t last = ((uintptr_t)data + bytes) / size * size;
    if (first < last)
        (void)madvise((void *)first, last - first, MADV_DONTNEED);
}

struct reading {
    struct bv_weights *weights;
    const struct bv_tensor *tensor;
};

static void read_tensor(void *arg, void *memory)
{
    const struct reading *r = arg;
    bv_weights_read(r->weights, r->tensor, memory);
}

enum bv_status bv_weights_f32(struct bv_weights *w, const struct bv_tensor *t, const float **data,
                              struct bv_error *err)
{
    if (!t->formula && t->dtype == BV_F32 && (uintptr_t)t->data % sizeof(float) == 0) {
        *data = t->data;
        return BV_OK;
    }
    char key[2048]; // rewrites make names of up to 1600 bytes: a cut one could be another's
    (void)snprintf(key, sizeof key, "f32:%s", t->name);
    const void *copy = NULL;
    struct reading r = {w, t};
    BV_TRY(bv_weights_derive(w, key, (size_t)bv_elements(t) * sizeof(float), read_tensor, &r, &copy,
                             err));
    *data = copy;
    return BV_OK;
}
