#include "checkpoint/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define ALIGNMENT 64

// A tensor in the order of the file.
struct item {
    size_t spec, bytes;
};

// The largest power of two up to ALIGNMENT that divides the size: all offsets after tensors of at
// least this divisor are multiples of it.
static size_t divisor(size_t bytes)
{
    size_t power = ALIGNMENT;
    while (bytes % power)
        power /= 2;
    return power;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    size_t dx = divisor(x->bytes), dy = divisor(y->bytes);
    if (dx != dy)
        return dx > dy ? -1 : 1;
    return (x->spec > y->spec) - (x->spec < y->spec);
}

static enum bv_status order_items(const struct bv_safetensors_spec *specs, size_t n,
                                  struct item *items, struct bv_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        const struct bv_safetensors_spec *s = &specs[i];
        items[i].spec = i;
        if (s->n_dims < 0 || s->n_dims > BV_MAX_DIMS ||
            !bv_shape_bytes(s->shape, s->n_dims, bv_dtype_size(s->dtype), &items[i].bytes) ||
            !bv_add_size(total, items[i].bytes, &total))
            return bv_fail(err, BV_ERR_ARG, "tensor '%s' has an impossible shape", s->name);
    }
    qsort(items, n, sizeof *items, compare_items);
    return BV_OK;
}

// Adds one tensor's entry to the header.
static enum bv_status describe(json_t *header, const struct bv_safetensors_spec *spec, size_t begin,
                               size_t bytes, struct bv_error *err)
{
    if (strcmp(spec->name, "__metadata__") == 0 || json_object_get(header, spec->name))
        return bv_fail(err, BV_ERR_ARG, "the tensor name '%s' is taken", spec->name);
    json_t *shape = json_array();
    for (int i = 0; i < spec->n_dims; i++)
        if (json_array_append_new(shape, json_integer(spec->shape[i])) != 0) {
            json_decref(shape);
            return bv_fail_nomem(err, "the header");
        }
    json_t *entry =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", bv_dtype_name(spec->dtype), "shape", shape,
                  "data_offsets", (json_int_t)begin, (json_int_t)(begin + bytes));
    if (!entry)
        return bv_fail_nomem(err, "the header");
    if (json_object_set_new(header, spec->name, entry) != 0)
        return bv_fail(err, BV_ERR_ARG, "a tensor name is not UTF-8");
    return BV_OK;
}

static enum bv_status check_metadata(const json_t *metadata, struct bv_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value)
    {
        if (!json_is_string(value))
            return bv_fail(err, BV_ERR_ARG, "metadata '%s' is not a string", key);
    }
    return BV_OK;
}

// The header as text, padded with spaces so that the data after it is aligned. The caller frees.
static enum bv_status print_header(const json_t *header, char **text, size_t *size,
                                   struct bv_error *err)
{
    char *json = json_dumps(header, JSON_COMPACT);
    if (!json)
        return bv_fail_nomem(err, "the header");
    size_t used = strlen(json), padded = (8 + used + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - 8;
    enum bv_status status = BV_OK;
    char *grown = NULL;
    if (padded > BV_SAFETENSORS_MAX_HEADER)
        status = bv_fail(err, BV_ERR_LIMIT, "a header of %zu bytes, the limit is %d", padded,
                         BV_SAFETENSORS_MAX_HEADER);
    else if (!(grown = malloc(padded)))
        status = bv_fail_nomem(err, "the header");
    if (status == BV_OK) {
        memcpy(grown, json, used);
        memset(grown + used, ' ', padded - used);
        *text = grown;
        *size = padded;
    }
    free(json);
    return status;
}

static enum bv_status make_header(const struct bv_safetensors_spec *specs, const struct item *items,
                                  size_t n, const json_t *metadata, char **text, size_t *size,
                                  struct bv_error *err)
{
    json_t *header = json_object();
    enum bv_status status = header ? BV_OK : bv_fail_nomem(err, "the header");
    if (status == BV_OK && metadata) {
        status = check_metadata(metadata, err);
        if (status == BV_OK &&
            json_object_set(header, "__metadata__", (json_t *)(uintptr_t)metadata) != 0)
            status = bv_fail_nomem(err, "the header");
    }
    size_t at = 0;
    for (size_t i = 0; i < n && status == BV_OK; at += items[i++].bytes)
        status = describe(header, &specs[items[i].spec], at, items[i].bytes, err);
    if (status == BV_OK)
        status = print_header(header, text, size, err);
    json_decref(header);
    return status;
}

static enum bv_status put(struct bv_new_file *file, const void *data, size_t bytes,
                          struct bv_error *err)
{
    if (bytes && fwrite(data, 1, bytes, file->stream) != bytes)
        return bv_fail(err, BV_ERR_IO, "%s: cannot write: %s", file->path, strerror(errno));
    return BV_OK;
}

// The tensors of a file in their order; those without data are filled in.
struct content {
    const struct bv_safetensors_spec *specs;
    const struct item *items; // [n]
    size_t n;
    bv_safetensors_fill *fill;
    void *arg;
};

static enum bv_status put_tensors(struct bv_new_file *file, const struct content *c,
                                  struct bv_error *err)
{
    const struct bv_safetensors_spec *specs = c->specs;
    const struct item *items = c->items;
    const size_t n = c->n;
    size_t largest = 1;
    for (size_t i = 0; i < n; i++)
        if (!specs[items[i].spec].data && items[i].bytes > largest)
            largest = items[i].bytes;
    void *buffer = malloc(largest);
    if (!buffer)
        return bv_fail_nomem(err, "a tensor");
    enum bv_status status = BV_OK;
    for (size_t i = 0; i < n && status == BV_OK; i++) {
        const void *data = specs[items[i].spec].data;
        if (!data && items[i].bytes) {
            status = c->fill(c->arg, items[i].spec, buffer, items[i].bytes, err);
            data = buffer;
        }
        if (status == BV_OK)
            status = put(file, data, items[i].bytes, err);
    }
    free(buffer);
    return status;
}

static enum bv_status write_file(const char *path, const char *header, size_t header_bytes,
                                 const struct content *content, struct bv_error *err)
{
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(header_bytes >> (8 * i));
    struct bv_new_file file = {0};
    BV_TRY(bv_new_file_create(&file, path, err));
    enum bv_status status = put(&file, length, sizeof length, err);
    if (status == BV_OK)
        status = put(&file, header, header_bytes, err);
    if (status == BV_OK)
        status = put_tensors(&file, content, err);
    if (status != BV_OK) {
        bv_new_file_discard(&file);
        return status;
    }
    return bv_new_file_commit(&file, err);
}

enum bv_status bv_safetensors_write(const char *path, const struct bv_safetensors_spec *specs,
                                    size_t n, const json_t *metadata, bv_safetensors_fill *fill,
                                    void *arg, struct bv_error *err)
{
    if (n > BV_MAX_TENSORS)
        return bv_fail(err, BV_ERR_LIMIT, "%zu tensors, the limit is %d", n, BV_MAX_TENSORS);
    struct item *items = calloc(n + 1, sizeof *items);
    if (!items)
        return bv_fail_nomem(err, "the list of tensors");
    char *header = NULL;
    size_t header_bytes = 0;
    enum bv_status status = order_items(specs, n, items, err);
    if (status == BV_OK)
        status = make_header(specs, items, n, metadata, &header, &header_bytes, err);
    if (status == BV_OK)
        status = write_file(path, header, header_bytes,
                            &(struct content){specs, items, n, fill, arg}, err);
    free(header);
    free(items);
    return status;
}
