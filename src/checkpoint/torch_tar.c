#include "checkpoint/torch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/container.h"
#include "checkpoint/pickle.h"

enum { BLOCK = 512, SIZE_AT = 124, SIZE_DIGITS = 11, MAGIC_AT = 257 };

struct part {
    const uint8_t *data;
    size_t size, at;
};

// A storage or tensor by its key.
struct keyed {
    char key[24];
    struct bv_pickle_window window;
    struct bv_pickle_value *tensor;
};

struct table {
    struct keyed *items;
    size_t n, room;
    struct bv_name *names; // sorted, once the table is complete
};

struct reader {
    struct part storages, tensors, object;
    struct table storage_table, tensor_table;
    struct bv_pickle *pickle;
    struct bv_error *err;
};

bool bv_tar_probe(const uint8_t *data, size_t size)
{
    return size >= BLOCK && memcmp(data + MAGIC_AT, "ustar", 5) == 0;
}

static bool parse_octal(const uint8_t *digits, size_t *value)
{
    *value = 0;
    for (int i = 0; i < SIZE_DIGITS && digits[i]; i++) {
        if (digits[i] == ' ')
            continue;
        if (digits[i] < '0' || digits[i] > '7')
            return false;
        *value = *value * 8 + (size_t)(digits[i] - '0');
    }
    return true;
}

static enum bv_status find_parts(struct reader *r, const uint8_t *data, size_t size)
{
    size_t n = 0;
    for (size_t at = 0; size - at >= BLOCK && data[at]; at += (n + BLOCK - 1) / BLOCK * BLOCK) {
        const uint8_t *header = data + at;
        at += BLOCK;
        if (!bv_tar_probe(header, BLOCK) || !parse_octal(header + SIZE_AT, &n))
            return bv_fail(r->err, BV_ERR_FORMAT, "damaged tar archive");
        if (n > size - at || (n + BLOCK - 1) / BLOCK * BLOCK > size - at)
            return bv_fail(r->err, BV_ERR_FORMAT, "the tar archive is truncated");
        const char *name = (const char *)header;
        struct part part = {data + at, n, 0};
        if (strncmp(name, "storages", 100) == 0)
            r->storages = part;
        else if (strncmp(name, "tensors", 100) == 0)
            r->tensors = part;
        else if (strncmp(name, "pickle", 100) == 0)
            r->object = part;
    }
    if (!r->storages.data || !r->tensors.data || !r->object.data)
        return bv_fail(r->err, BV_ERR_FORMAT, "a tar archive, but not one of torch");
    return BV_OK;
}

static enum bv_status next_pickle(struct reader *r, struct part *part,
                                  struct bv_pickle_value **value)
{
    size_t room = part->size - part->at, used = 0;
    room = room < BV_PICKLE_MAX_BYTES ? room : BV_PICKLE_MAX_BYTES;
    BV_TRY(bv_unpickle(r->pickle, part->data + part->at, room, NULL, NULL, value, &used, r->err));
    part->at += used;
    return BV_OK;
}

static enum bv_status take(struct reader *r, struct part *part, size_t n, const uint8_t **bytes)
{
    if (n > part->size - part->at)
        return bv_fail(r->err, BV_ERR_FORMAT, "a part of the tar archive is truncated");
    *bytes = part->data + part->at;
    part->at += n;
    return BV_OK;
}

static enum bv_status take_int64(struct reader *r, struct part *part, int64_t *value)
{
    const uint8_t *p = NULL;
    BV_TRY(take(r, part, 8, &p));
    *value = (int64_t)bv_le64(p);
    return *value >= 0 ? BV_OK : bv_fail(r->err, BV_ERR_FORMAT, "a size below zero");
}

// Keys are numbers, now and then as text.
static enum bv_status read_key(struct reader *r, const struct bv_pickle_value *value, char *key,
                               size_t size)
{
    int n = -1;
    if (value && value->kind == BV_PICKLE_INT)
        n = snprintf(key, size, "%" PRId64, value->integer);
    else if (value && value->kind == BV_PICKLE_STRING && value->n < size && value->n > 0)
        n = snprintf(key, size, "%.*s", (int)value->n, value->text);
    return n > 0 ? BV_OK : bv_fail(r->err, BV_ERR_FORMAT, "a storage or tensor without a key");
}

// Room for n more items. Growing moves the items and with them the texts of the index.
static enum bv_status reserve(struct reader *r, struct table *table, size_t n)
{
    size_t room = table->room ? table->room : 64;
    if (n > BV_MAX_TENSORS || table->n + n > BV_MAX_TENSORS)
        return bv_fail(r->err, BV_ERR_LIMIT, "more than %d tensors", BV_MAX_TENSORS);
    while (room < table->n + n)
        room *= 2;
    if (room == table->room)
        return BV_OK;
    struct keyed *items = realloc(table->items, room * sizeof *items);
    if (!items)
        return bv_fail_nomem(r->err, "a tar archive");
    table->items = items;
    table->room = room;
    return BV_OK;
}

static enum bv_status add(struct reader *r, struct table *table, struct keyed **item)
{
    BV_TRY(reserve(r, table, 1));
    *item = &table->items[table->n++];
    **item = (struct keyed){0};
    return BV_OK;
}

static enum bv_status index_table(struct reader *r, struct table *table)
{
    free(table->names);
    table->names = calloc(table->n + 1, sizeof *table->names);
    if (!table->names)
        return bv_fail_nomem(r->err, "a tar archive");
    for (size_t i = 0; i < table->n; i++)
        table->names[i] = (struct bv_name){table->items[i].key, i};
    bv_names_sort(table->names, table->n);
    if (bv_names_duplicate(table->names, table->n))
        return bv_fail(r->err, BV_ERR_FORMAT, "two storages or tensors of one key");
    return BV_OK;
}

static struct keyed *look_up(const struct table *table, const char *key)
{
    const struct bv_name *name = bv_names_find(table->names, table->n, key);
    return name ? &table->items[name->index] : NULL;
}

static enum bv_status read_storage(struct reader *r)
{
    struct bv_pickle_value *head = NULL;
    struct keyed *item = NULL;
    int64_t n = 0;
    size_t bytes = 0;
    BV_TRY(next_pickle(r, &r->storages, &head));
    BV_TRY(add(r, &r->storage_table, &item));
    BV_TRY(read_key(r, bv_pickle_item(head, 0), item->key, sizeof item->key));
    struct bv_pickle_window *w = &item->window;
    if (!bv_torch_type(bv_pickle_item(head, 2), &w->dtype, &w->is_complex))
        return bv_fail(r->err, BV_ERR_UNSUPPORTED, "a storage of an unknown type");
    BV_TRY(take_int64(r, &r->storages, &n));
    w->n = (size_t)n;
    if (!bv_mul_size(w->n, bv_dtype_size(w->dtype) * (w->is_complex ? 2 : 1), &bytes))
        return bv_fail(r->err, BV_ERR_FORMAT, "a storage of an impossible size");
    BV_TRY(bv_torch_storage(r->pickle, item->key, strlen(item->key), bytes, &w->storage, r->err));
    return take(r, &r->storages, bytes, &r->pickle->storages[w->storage].data);
}

static enum bv_status read_view(struct reader *r, size_t n_roots,
                                const struct bv_pickle_value *view)
{
    char root_key[24];
    struct keyed *item = NULL;
    BV_TRY(read_key(r, bv_pickle_item(view, 1), root_key, sizeof root_key));
    int64_t offset = bv_pickle_count(bv_pickle_item(view, 2));
    int64_t n = bv_pickle_count(bv_pickle_item(view, 3));
    BV_TRY(add(r, &r->storage_table, &item));
    BV_TRY(read_key(r, bv_pickle_item(view, 0), item->key, sizeof item->key));
    const struct bv_name *name = bv_names_find(r->storage_table.names, n_roots, root_key);
    if (!name || offset < 0 || n < 0)
        return bv_fail(r->err, BV_ERR_FORMAT, "a view of a storage that is not there");
    item->window = r->storage_table.items[name->index].window;
    if ((size_t)offset > item->window.n || (size_t)n > item->window.n - (size_t)offset)
        return bv_fail(r->err, BV_ERR_FORMAT, "a view reaches beyond its storage");
    item->window.offset = (size_t)offset;
    item->window.n = (size_t)n;
    return BV_OK;
}

static enum bv_status read_storages(struct reader *r)
{
    struct bv_pickle_value *count = NULL, *views = NULL;
    BV_TRY(next_pickle(r, &r->storages, &count));
    for (int64_t i = 0; i < bv_pickle_count(count); i++)
        BV_TRY(read_storage(r));
    BV_TRY(next_pickle(r, &r->storages, &views));
    if (views->kind != BV_PICKLE_LIST)
        return bv_fail(r->err, BV_ERR_FORMAT, "a tar archive without a list of views");
    // The index covers the storages alone while views are added: there are no views of views.
    size_t n_roots = r->storage_table.n;
    BV_TRY(reserve(r, &r->storage_table, views->n));
    BV_TRY(index_table(r, &r->storage_table));
    for (size_t i = 0; i < views->n; i++)
        BV_TRY(read_view(r, n_roots, views->items[i]));
    return index_table(r, &r->storage_table);
}

// n sizes or strides as a TUPLE.
static enum bv_status read_sizes(struct reader *r, int n, struct bv_pickle_value **out)
{
    struct bv_pickle_value *items[BV_MAX_DIMS];
    for (int i = 0; i < n; i++) {
        BV_TRY(bv_pickle_new(r->pickle, BV_PICKLE_INT, &items[i], r->err));
        BV_TRY(take_int64(r, &r->tensors, &items[i]->integer));
    }
    BV_TRY(bv_pickle_new(r->pickle, BV_PICKLE_TUPLE, out, r->err));
    return bv_pickle_append(r->pickle, *out, items, (size_t)n, r->err);
}

static enum bv_status read_tensor(struct reader *r)
{
    struct bv_pickle_value *head = NULL, *shape = NULL, *strides = NULL, *offset = NULL;
    struct keyed *item = NULL;
    char storage_key[24];
    const uint8_t *p = NULL;
    BV_TRY(next_pickle(r, &r->tensors, &head));
    BV_TRY(add(r, &r->tensor_table, &item));
    BV_TRY(read_key(r, bv_pickle_item(head, 0), item->key, sizeof item->key));
    BV_TRY(read_key(r, bv_pickle_item(head, 1), storage_key, sizeof storage_key));
    const struct keyed *storage = look_up(&r->storage_table, storage_key);
    BV_TRY(take(r, &r->tensors, 8, &p));
    uint32_t n_dims = bv_le32(p);
    if (!storage || n_dims > BV_MAX_DIMS)
        return bv_fail(r->err, BV_ERR_FORMAT, "a tensor without a storage, or of %u dimensions",
                       n_dims);
    BV_TRY(read_sizes(r, (int)n_dims, &shape));
    BV_TRY(read_sizes(r, (int)n_dims, &strides));
    BV_TRY(bv_pickle_new(r->pickle, BV_PICKLE_INT, &offset, r->err));
    BV_TRY(take_int64(r, &r->tensors, &offset->integer));
    return bv_torch_tensor(r->pickle, &storage->window, offset, shape, strides, &item->tensor,
                           r->err);
}

static enum bv_status read_tensors(struct reader *r)
{
    struct bv_pickle_value *count = NULL;
    BV_TRY(next_pickle(r, &r->tensors, &count));
    for (int64_t i = 0; i < bv_pickle_count(count); i++)
        BV_TRY(read_tensor(r));
    return index_table(r, &r->tensor_table);
}

static enum bv_status tensor_of_id(void *arg, struct bv_pickle *pickle,
                                   const struct bv_pickle_value *id, struct bv_pickle_value **out,
                                   struct bv_error *err)
{
    (void)pickle;
    struct reader *r = arg;
    char key[24];
    BV_TRY(read_key(r, id, key, sizeof key));
    const struct keyed *item = look_up(&r->tensor_table, key);
    if (!item)
        return bv_fail(err, BV_ERR_FORMAT, "the pickle names a tensor that is not there");
    *out = item->tensor;
    return BV_OK;
}

static enum bv_status read_parts(struct reader *r, struct bv_pickle_value **root)
{
    size_t used = 0;
    if (r->object.size > BV_PICKLE_MAX_BYTES)
        return bv_fail(r->err, BV_ERR_LIMIT, "a pickle of %zu bytes", r->object.size);
    BV_TRY(read_storages(r));
    BV_TRY(read_tensors(r));
    return bv_unpickle(r->pickle, r->object.data, r->object.size, tensor_of_id, r, root, &used,
                       r->err);
}

enum bv_status bv_torch_tar_read(const uint8_t *data, size_t size, struct bv_pickle *pickle,
                                 struct bv_pickle_value **root, struct bv_error *err)
{
    struct reader r = {.pickle = pickle, .err = err};
    enum bv_status status = find_parts(&r, data, size);
    if (status == BV_OK)
        status = read_parts(&r, root);
    free(r.storage_table.items);
    free(r.storage_table.names);
    free(r.tensor_table.items);
    free(r.tensor_table.names);
    return status;
}
