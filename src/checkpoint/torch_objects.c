#include "checkpoint/torch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define MAX_REPEATED_ELEMENTS ((int64_t)1 << 20)

struct type_name {
    const char *name;
    enum bv_dtype dtype;
    bool is_complex;
};

static const struct type_name types[] = {
    {"FloatStorage", BV_F32, false},
    {"HalfStorage", BV_F16, false},
    {"BFloat16Storage", BV_BF16, false},
    {"DoubleStorage", BV_F64, false},
    {"LongStorage", BV_I64, false},
    {"IntStorage", BV_I32, false},
    {"ShortStorage", BV_I16, false},
    {"CharStorage", BV_I8, false},
    {"ByteStorage", BV_U8, false},
    {"BoolStorage", BV_BOOL, false},
    {"ComplexFloatStorage", BV_F32, true},
    {"ComplexDoubleStorage", BV_F64, true},
    {"UntypedStorage", BV_U8, false},
    {"float32", BV_F32, false},
    {"float", BV_F32, false},
    {"float16", BV_F16, false},
    {"half", BV_F16, false},
    {"bfloat16", BV_BF16, false},
    {"float64", BV_F64, false},
    {"double", BV_F64, false},
    {"int64", BV_I64, false},
    {"long", BV_I64, false},
    {"int32", BV_I32, false},
    {"int", BV_I32, false},
    {"int16", BV_I16, false},
    {"short", BV_I16, false},
    {"int8", BV_I8, false},
    {"uint8", BV_U8, false},
    {"bool", BV_BOOL, false},
    {"complex64", BV_F32, true},
    {"cfloat", BV_F32, true},
    {"complex128", BV_F64, true},
    {"cdouble", BV_F64, true},
};

// "torch.X", "torch.cuda.X" and "torch.storage.X" name the same type X.
static const char *strip_module(const char *text)
{
    static const char *const modules[] = {"torch.cuda.", "torch.storage.", "torch."};
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (strncmp(text, modules[i], strlen(modules[i])) == 0)
            return text + strlen(modules[i]);
    return "";
}

bool bv_torch_type(const struct bv_pickle_value *global, enum bv_dtype *dtype, bool *is_complex)
{
    if (!global || global->kind != BV_PICKLE_GLOBAL)
        return false;
    const char *name = strip_module(global->text);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            *dtype = types[i].dtype;
            *is_complex = types[i].is_complex;
            return true;
        }
    return false;
}

static size_t hash(const char *key, size_t n)
{
    uint64_t h = 1469598103934665603u; // FNV-1a
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)key[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

// The bucket that holds the key or the free one where it belongs; the table has a free bucket.
static size_t *find_bucket(const struct bv_pickle *p, const char *key, size_t n)
{
    for (size_t b = hash(key, n);; b++) {
        size_t *bucket = &p->buckets[b & (p->n_buckets - 1)];
        if (!*bucket)
            return bucket;
        const struct bv_pickle_storage *s = &p->storages[*bucket - 1];
        if (s->key_bytes == n && memcmp(s->key, key, n) == 0)
            return bucket;
    }
}

static enum bv_status grow_storages(struct bv_pickle *p, struct bv_error *err)
{
    if (p->n_storages < p->storage_room)
        return BV_OK;
    if (p->n_storages >= BV_PICKLE_MAX_STORAGES)
        return bv_fail(err, BV_ERR_LIMIT, "more than %zu storages", BV_PICKLE_MAX_STORAGES);
    size_t room = p->storage_room ? 2 * p->storage_room : 64;
    struct bv_pickle_storage *storages = realloc(p->storages, room * sizeof *storages);
    if (!storages)
        return bv_fail_nomem(err, "the list of storages");
    p->storages = storages;
    size_t *buckets = calloc(2 * room, sizeof *buckets);
    if (!buckets)
        return bv_fail_nomem(err, "the list of storages");
    free(p->buckets);
    p->buckets = buckets;
    p->n_buckets = 2 * room;
    p->storage_room = room;
    for (size_t i = 0; i < p->n_storages; i++)
        *find_bucket(p, storages[i].key, storages[i].key_bytes) = i + 1;
    return BV_OK;
}

size_t bv_torch_find_storage(const struct bv_pickle *pickle, const char *key, size_t key_bytes)
{
    return pickle->n_buckets ? *find_bucket(pickle, key, key_bytes) - 1 : SIZE_MAX;
}

enum bv_status bv_torch_storage(struct bv_pickle *pickle, const char *key, size_t key_bytes,
                                size_t bytes, size_t *index, struct bv_error *err)
{
    if (key_bytes > BV_PICKLE_MAX_KEY_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "a storage with a key of %zu bytes", key_bytes);
    BV_TRY(grow_storages(pickle, err));
    size_t *bucket = find_bucket(pickle, key, key_bytes);
    if (!*bucket) {
        const char *copy = bv_arena_strndup(&pickle->arena, key, key_bytes);
        if (!copy)
            return bv_fail_nomem(err, "the list of storages");
        pickle->storages[pickle->n_storages++] =
            (struct bv_pickle_storage){.key = copy, .key_bytes = key_bytes, .bytes = bytes};
        *bucket = pickle->n_storages;
    }
    if (pickle->storages[*bucket - 1].bytes != bytes)
        return bv_fail(err, BV_ERR_FORMAT, "storage '%.40s' is given two sizes",
                       pickle->storages[*bucket - 1].key);
    *index = *bucket - 1;
    return BV_OK;
}

// Legacy files describe a storage that is part of another: (key, offset, count).
static enum bv_status narrow(struct bv_pickle_window *window, const struct bv_pickle_value *view,
                             struct bv_error *err)
{
    if (!view || view->kind == BV_PICKLE_NONE)
        return BV_OK;
    int64_t offset = bv_pickle_count(bv_pickle_item(view, 1));
    int64_t n = bv_pickle_count(bv_pickle_item(view, 2));
    if (offset < 0 || n < 0 || (size_t)offset > window->n || (size_t)n > window->n - (size_t)offset)
        return bv_fail(err, BV_ERR_FORMAT, "a view reaches beyond its storage");
    window->offset = (size_t)offset;
    window->n = (size_t)n;
    return BV_OK;
}

static enum bv_status read_storage(struct bv_pickle *pickle, const struct bv_pickle_value *id,
                                   struct bv_pickle_window *window, struct bv_error *err)
{
    const struct bv_pickle_value *type = bv_pickle_item(id, 1), *key = bv_pickle_item(id, 2);
    int64_t n = bv_pickle_count(bv_pickle_item(id, 4));
    if (!type || type->kind != BV_PICKLE_GLOBAL || !key || key->kind != BV_PICKLE_STRING || n < 0)
        return bv_fail(err, BV_ERR_FORMAT, "a storage is not described as torch.save does");
    if (!bv_torch_type(type, &window->dtype, &window->is_complex))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a storage of type %s", type->text);
    window->n = (size_t)n;
    size_t bytes = 0;
    if (!bv_mul_size((size_t)n, bv_dtype_size(window->dtype) * (window->is_complex ? 2 : 1),
                     &bytes))
        return bv_fail(err, BV_ERR_FORMAT, "a storage of an impossible size");
    BV_TRY(bv_torch_storage(pickle, key->text, key->n, bytes, &window->storage, err));
    return narrow(window, bv_pickle_item(id, 5), err);
}

enum bv_status bv_torch_persistent(struct bv_pickle *pickle, const struct bv_pickle_value *id,
                                   struct bv_pickle_value **out, struct bv_error *err)
{
    if (bv_pickle_is(bv_pickle_item(id, 0), "module") && bv_pickle_item(id, 1)) {
        *out = bv_pickle_item(id, 1);
        return BV_OK;
    }
    if (!bv_pickle_is(bv_pickle_item(id, 0), "storage"))
        return bv_fail(err, BV_ERR_FORMAT, "a persistent id that torch.save does not write");
    struct bv_pickle_value *value = NULL;
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_STORAGE, &value, err));
    value->window = bv_arena_alloc(&pickle->arena, sizeof *value->window);
    if (!value->window)
        return bv_fail_nomem(err, "a storage");
    BV_TRY(read_storage(pickle, id, value->window, err));
    *out = value;
    return BV_OK;
}

static enum bv_status read_sizes(const struct bv_pickle_value *value, int64_t *sizes, int *n,
                                 struct bv_error *err)
{
    if (!value || (value->kind != BV_PICKLE_TUPLE && value->kind != BV_PICKLE_LIST))
        return bv_fail(err, BV_ERR_FORMAT, "a tensor without a shape");
    if (value->n > BV_MAX_DIMS)
        return bv_fail(err, BV_ERR_LIMIT, "a tensor of %zu dimensions, the limit is %d", value->n,
                       BV_MAX_DIMS);
    for (size_t i = 0; i < value->n; i++)
        if ((sizes[i] = bv_pickle_count(value->items[i])) < 0)
            return bv_fail(err, BV_ERR_FORMAT, "a tensor with a size or stride that is no count");
    *n = (int)value->n;
    return BV_OK;
}

// Whether offset and all that the strides reach lie among n elements.
static bool view_fits(const struct bv_pickle_tensor *t, int64_t offset, size_t n)
{
    int64_t last = offset, step = 0;
    for (int i = 0; i < t->n_dims; i++)
        if (t->shape[i] > 0 &&
            (!bv_mul_i64(t->shape[i] - 1, t->strides[i], &step) || !bv_add_i64(last, step, &last)))
            return false;
    return (uint64_t)last < n;
}

// A complex element is two real ones, in a dimension of their own.
static enum bv_status split_complex(struct bv_pickle_tensor *t, struct bv_error *err)
{
    if (t->n_dims == BV_MAX_DIMS)
        return bv_fail(err, BV_ERR_LIMIT, "a complex tensor of %d dimensions", t->n_dims);
    bool fits = bv_mul_size(t->offset, 2, &t->offset);
    for (int i = 0; i < t->n_dims; i++)
        fits = fits && bv_mul_i64(t->strides[i], 2, &t->strides[i]);
    if (!fits) // an empty tensor may have any stride
        return bv_fail(err, BV_ERR_FORMAT, "a tensor of an impossibly large shape");
    t->shape[t->n_dims] = 2;
    t->strides[t->n_dims++] = 1;
    return BV_OK;
}

static enum bv_status describe_tensor(struct bv_pickle_tensor *t,
                                      const struct bv_pickle_window *window,
                                      const struct bv_pickle_value *offset,
                                      const struct bv_pickle_value *shape,
                                      const struct bv_pickle_value *strides, struct bv_error *err)
{
    int n_strides = 0;
    BV_TRY(read_sizes(shape, t->shape, &t->n_dims, err));
    BV_TRY(read_sizes(strides, t->strides, &n_strides, err));
    int64_t at = bv_pickle_count(offset);
    if (n_strides != t->n_dims || at < 0)
        return bv_fail(err, BV_ERR_FORMAT, "a tensor whose strides or offset make no sense");
    size_t element = bv_dtype_size(window->dtype) * (window->is_complex ? 2 : 1);
    if (!bv_shape_bytes(t->shape, t->n_dims, element, &t->bytes))
        return bv_fail(err, BV_ERR_FORMAT, "a tensor of an impossibly large shape");
    if (t->bytes > 0 && !view_fits(t, at, window->n))
        return bv_fail(err, BV_ERR_FORMAT, "a tensor reaches beyond its storage");
    if (t->bytes / element > window->n && t->bytes / element > (size_t)MAX_REPEATED_ELEMENTS)
        return bv_fail(err, BV_ERR_LIMIT, "a tensor that repeats few elements to %zu bytes",
                       t->bytes);
    t->storage = window->storage;
    t->dtype = window->dtype;
    t->is_complex = window->is_complex;
    if (!bv_add_size(window->offset, (size_t)at, &t->offset))
        return bv_fail(err, BV_ERR_FORMAT, "a tensor reaches beyond its storage");
    return t->is_complex ? split_complex(t, err) : BV_OK;
}

enum bv_status bv_torch_tensor(struct bv_pickle *pickle, const struct bv_pickle_window *window,
                               const struct bv_pickle_value *offset,
                               const struct bv_pickle_value *shape,
                               const struct bv_pickle_value *strides, struct bv_pickle_value **out,
                               struct bv_error *err)
{
    struct bv_pickle_value *value = NULL;
    if (pickle->n_tensors == BV_PICKLE_MAX_TENSORS)
        return bv_fail(err, BV_ERR_LIMIT, "more than %zu tensors", BV_PICKLE_MAX_TENSORS);
    pickle->n_tensors++;
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_TENSOR, &value, err));
    value->tensor = bv_arena_alloc(&pickle->arena, sizeof *value->tensor);
    if (!value->tensor)
        return bv_fail_nomem(err, "a tensor");
    BV_TRY(describe_tensor(value->tensor, window, offset, shape, strides, err));
    *out = value;
    return BV_OK;
}

static bool is_set(const struct bv_pickle_value *value)
{
    return value && value->kind == BV_PICKLE_BOOL && value->boolean;
}

enum bv_status bv_torch_rebuild(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                                struct bv_pickle_value *args, struct bv_pickle_value **out,
                                struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *storage = bv_pickle_item(args, 0);
    if (!storage || storage->kind != BV_PICKLE_STORAGE)
        return bv_fail(err, BV_ERR_FORMAT, "a tensor without a storage");
    if (is_set(bv_pickle_get(bv_pickle_item(args, 6), "conj")) ||
        is_set(bv_pickle_get(bv_pickle_item(args, 6), "neg")))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a tensor saved as a lazy conjugate or negative");
    return bv_torch_tensor(pickle, storage->window, bv_pickle_item(args, 1),
                           bv_pickle_item(args, 2), bv_pickle_item(args, 3), out, err);
}

enum bv_status bv_torch_rebuild_v3(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                                   struct bv_pickle_value *args, struct bv_pickle_value **out,
                                   struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *storage = bv_pickle_item(args, 0),
                                 *type = bv_pickle_item(args, 6);
    if (!storage || storage->kind != BV_PICKLE_STORAGE || !type || type->kind != BV_PICKLE_GLOBAL)
        return bv_fail(err, BV_ERR_FORMAT, "a tensor without a storage or type");
    struct bv_pickle_window window = *storage->window;
    if (!bv_torch_type(type, &window.dtype, &window.is_complex))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a tensor of type %s", type->text);
    // The storage is counted in its own elements; in the tensor's it has this many.
    size_t element = bv_dtype_size(window.dtype) * (window.is_complex ? 2 : 1);
    size_t from = bv_dtype_size(storage->window->dtype) * (storage->window->is_complex ? 2 : 1);
    if (window.offset * from % element)
        return bv_fail(err, BV_ERR_FORMAT, "a tensor that begins within an element");
    window.offset = window.offset * from / element;
    window.n = window.n * from / element;
    return bv_torch_tensor(pickle, &window, bv_pickle_item(args, 1), bv_pickle_item(args, 2),
                           bv_pickle_item(args, 3), out, err);
}
