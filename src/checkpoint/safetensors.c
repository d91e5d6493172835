#include "checkpoint/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "checkpoint/container.h"

// Where a tensor's bytes lie, relative to the end of the header.
struct span {
    size_t begin, end;
    struct bv_safetensors_tensor tensor;
};

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static enum bv_status parse_dtype(const char *tensor, const char *name, enum bv_dtype *dtype,
                                  struct bv_error *err)
{
    for (int i = 0; i < BV_DTYPE_COUNT; i++)
        if (strcmp(bv_dtype_name((enum bv_dtype)i), name) == 0) {
            *dtype = (enum bv_dtype)i;
            return BV_OK;
        }
    return bv_fail(err, BV_ERR_UNSUPPORTED, "tensor '%s' has elements of type '%s'", tensor, name);
}

static enum bv_status parse_shape(const char *name, const json_t *shape, int64_t *sizes,
                                  int *n_dims, struct bv_error *err)
{
    if (!json_is_array(shape))
        return bv_fail(err, BV_ERR_FORMAT, "tensor '%s' has no shape", name);
    size_t n = json_array_size(shape);
    if (n > BV_MAX_DIMS)
        return bv_fail(err, BV_ERR_LIMIT, "tensor '%s' has %zu dimensions, the limit is %d", name,
                       n, BV_MAX_DIMS);
    for (size_t i = 0; i < n; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return bv_fail(err, BV_ERR_FORMAT, "tensor '%s' has a size that is not a count", name);
        sizes[i] = json_integer_value(size);
    }
    *n_dims = (int)n;
    return BV_OK;
}

static enum bv_status parse_tensor(const char *name, const json_t *entry, struct span *span,
                                   struct bv_error *err)
{
    struct bv_safetensors_tensor *t = &span->tensor;
    t->name = name;
    const char *dtype = bv_json_string(entry, "dtype", NULL);
    if (!dtype)
        return bv_fail(err, BV_ERR_FORMAT, "tensor '%s' has no dtype", name);
    BV_TRY(parse_dtype(name, dtype, &t->dtype, err));
    BV_TRY(parse_shape(name, json_object_get(entry, "shape"), t->shape, &t->n_dims, err));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return bv_fail(err, BV_ERR_FORMAT, "tensor '%s' has no proper data_offsets", name);
    span->begin = (size_t)json_integer_value(begin);
    span->end = (size_t)json_integer_value(end);
    if (!bv_shape_bytes(t->shape, t->n_dims, bv_dtype_size(t->dtype), &t->bytes))
        return bv_fail(err, BV_ERR_FORMAT, "tensor '%s' has an impossibly large shape", name);
    if (span->end - span->begin != t->bytes)
        return bv_fail(err, BV_ERR_FORMAT,
                       "tensor '%s' needs %zu bytes for its shape, its offsets give it %zu", name,
                       t->bytes, span->end - span->begin);
    return BV_OK;
}

static enum bv_status parse_metadata(struct bv_safetensors *file, json_t *metadata,
                                     struct bv_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return bv_fail(err, BV_ERR_FORMAT, "__metadata__ is not an object");
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return bv_fail(err, BV_ERR_FORMAT, "__metadata__ '%s' is not a string", key);
    }
    json_decref(file->metadata);
    file->metadata = json_incref(metadata);
    return BV_OK;
}

// Fills spans from the header and says how many there are.
static enum bv_status parse_entries(struct bv_safetensors *file, json_t *header, struct span *spans,
                                    size_t *n, struct bv_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            BV_TRY(parse_metadata(file, value, err));
            continue;
        }
        if (*n == BV_MAX_TENSORS)
            return bv_fail(err, BV_ERR_LIMIT, "more than %d tensors", BV_MAX_TENSORS);
        const char *name = bv_arena_strdup(&file->arena, key);
        if (!name)
            return bv_fail_nomem(err, "tensor names");
        BV_TRY(parse_tensor(name, value, &spans[*n], err));
        ++*n;
    }
    return BV_OK;
}

// The spans, sorted, must tile the data exactly.
static enum bv_status check_tiling(const struct span *spans, size_t n, size_t available,
                                   struct bv_error *err)
{
    size_t at = 0;
    for (size_t i = 0; i < n; at = spans[i++].end)
        if (spans[i].begin != at)
            return bv_fail(err, BV_ERR_FORMAT, "the data of tensor '%s' %s", spans[i].tensor.name,
                           spans[i].begin < at ? "overlaps another's" : "begins after a hole");
    if (at > available)
        return bv_fail(err, BV_ERR_FORMAT,
                       "the file is truncated: %zu bytes are missing at its end", at - available);
    if (at < available)
        return bv_fail(err, BV_ERR_FORMAT, "%zu bytes follow the last tensor", available - at);
    return BV_OK;
}

static enum bv_status place_tensors(struct bv_safetensors *file, const struct span *spans, size_t n,
                                    const uint8_t *data, struct bv_error *err)
{
    file->tensors = bv_arena_array(&file->arena, n, sizeof *file->tensors);
    file->names = bv_arena_array(&file->arena, n, sizeof *file->names);
    if (!file->tensors || !file->names)
        return bv_fail_nomem(err, "the list of tensors");
    for (size_t i = 0; i < n; i++) {
        struct bv_safetensors_tensor *t = &file->tensors[i];
        *t = spans[i].tensor;
        t->data = data + spans[i].begin;
        t->aligned = (uintptr_t)t->data % bv_dtype_size(t->dtype) == 0;
        file->names[i] = (struct bv_name){t->name, i};
    }
    file->n_tensors = n;
    bv_names_sort(file->names, n);
    return BV_OK;
}

static enum bv_status parse_tensors(struct bv_safetensors *file, json_t *header,
                                    const uint8_t *data, size_t available, struct bv_error *err)
{
    size_t n = 0;
    struct span *spans = calloc(json_object_size(header) + 1, sizeof *spans);
    if (!spans)
        return bv_fail_nomem(err, "the list of tensors");
    enum bv_status status = parse_entries(file, header, spans, &n, err);
    if (status == BV_OK) {
        qsort(spans, n, sizeof *spans, compare_spans);
        status = check_tiling(spans, n, available, err);
    }
    if (status == BV_OK)
        status = place_tensors(file, spans, n, data, err);
    free(spans);
    return status;
}

bool bv_safetensors_probe(const uint8_t *data, size_t size)
{
    return size > 8 && data[8] == '{' && bv_le64(data) <= BV_SAFETENSORS_MAX_HEADER &&
           bv_le64(data) >= 2;
}

static enum bv_status check_frame(const uint8_t *data, size_t size, size_t *header_bytes,
                                  struct bv_error *err)
{
    if (size < 8)
        return bv_fail(err, BV_ERR_FORMAT, "%zu bytes are too few for a safetensors file", size);
    uint64_t n = bv_le64(data);
    if (n > BV_SAFETENSORS_MAX_HEADER)
        return bv_fail(err, BV_ERR_LIMIT, "a header of %llu bytes, the limit is %d",
                       (unsigned long long)n, BV_SAFETENSORS_MAX_HEADER);
    if (n > size - 8)
        return bv_fail(err, BV_ERR_FORMAT,
                       "the file is truncated within its header: at least %zu bytes are missing",
                       (size_t)n - (size - 8));
    if (n == 0 || data[8] != '{')
        return bv_fail(err, BV_ERR_FORMAT, "the header does not begin with '{'");
    *header_bytes = (size_t)n;
    return BV_OK;
}

enum bv_status bv_safetensors_parse(struct bv_safetensors *file, const uint8_t *data, size_t size,
                                    struct bv_error *err)
{
    size_t n = 0;
    json_t *header = NULL;
    struct bv_safetensors parsed = {.metadata = json_object()};
    enum bv_status status = parsed.metadata ? BV_OK : bv_fail_nomem(err, "metadata");
    if (status == BV_OK)
        status = check_frame(data, size, &n, err);
    if (status == BV_OK)
        status = bv_json_parse(&header, (const char *)data + 8, n, "safetensors header", err);
    if (status == BV_OK)
        status = parse_tensors(&parsed, header, data + 8 + n, size - 8 - n, err);
    json_decref(header);
    if (status != BV_OK) {
        bv_safetensors_close(&parsed);
        return status;
    }
    *file = parsed;
    return BV_OK;
}

enum bv_status bv_safetensors_open(struct bv_safetensors *file, const char *path,
                                   struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    BV_TRY(bv_mapping_open(&mapping, path, 0, err));
    enum bv_status status = bv_safetensors_parse(file, mapping.data, mapping.size, err);
    if (status != BV_OK) {
        bv_mapping_close(&mapping);
        (void)bv_fail_prefix(err, "%s", path);
        return status;
    }
    file->mapping = mapping;
    return BV_OK;
}

const struct bv_safetensors_tensor *bv_safetensors_find(const struct bv_safetensors *file,
                                                        const char *name)
{
    const struct bv_name *found = bv_names_find(file->names, file->n_tensors, name);
    return found ? &file->tensors[found->index] : NULL;
}

const char *bv_safetensors_metadata(const struct bv_safetensors *file, const char *key,
                                    size_t *size)
{
    const json_t *value = json_object_get(file->metadata, key);
    if (value && size)
        *size = json_string_length(value);
    return json_string_value(value);
}

void bv_safetensors_close(struct bv_safetensors *file)
{
    json_decref(file->metadata);
    bv_arena_free(&file->arena);
    bv_mapping_close(&file->mapping);
    *file = (struct bv_safetensors){0};
}
