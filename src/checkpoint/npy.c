#include "checkpoint/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/container.h"

#define MAX_HEADER_BYTES 65536
#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGNMENT 64

static const struct {
    const char *descr;
    enum bv_dtype dtype;
} types[] = {{"<f4", BV_F32}, {"<f2", BV_F16}, {"<f8", BV_F64}, {"<i8", BV_I64}, {"<i4", BV_I32},
             {"<i2", BV_I16}, {"|i1", BV_I8},  {"|u1", BV_U8},  {"|b1", BV_BOOL}};

// ---- the header: a Python dictionary literal of three known keys -----------------------------

struct cursor {
    const char *at, *end;
};

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t'))
        c->at++;
}

static bool take(struct cursor *c, const char *text)
{
    size_t n = strlen(text);
    skip_space(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0)
        return false;
    c->at += n;
    return true;
}

// 'text' into out; false where it is no quoted text or longer than room - 1.
static bool take_quoted(struct cursor *c, char *out, size_t room)
{
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    char quote = *c->at;
    const char *close = memchr(c->at + 1, quote, (size_t)(c->end - c->at - 1));
    if (!close || (size_t)(close - c->at) > room)
        return false;
    size_t n = (size_t)(close - c->at - 1);
    memcpy(out, c->at + 1, n);
    out[n] = 0;
    c->at = close + 1;
    return true;
}

static bool take_size(struct cursor *c, int64_t *size)
{
    skip_space(c);
    const char *start = c->at;
    *size = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (*size > (INT64_MAX - 9) / 10)
            return false;
        *size = *size * 10 + (*c->at++ - '0');
    }
    (void)take(c, "L"); // Python 2 wrote long integers
    return c->at > start;
}

static enum bv_status take_shape(struct cursor *c, struct bv_npy *array, struct bv_error *err)
{
    bool good = take(c, "(");
    array->n_dims = 0;
    while (good && !take(c, ")")) {
        if (array->n_dims == BV_MAX_DIMS)
            return bv_fail(err, BV_ERR_LIMIT, "an array of more than %d dimensions", BV_MAX_DIMS);
        good = take_size(c, &array->shape[array->n_dims++]);
        if (good && !take(c, ",")) {
            good = take(c, ")");
            break;
        }
    }
    return good ? BV_OK : bv_fail(err, BV_ERR_FORMAT, "a NumPy array without a proper shape");
}

static enum bv_status take_type(struct cursor *c, enum bv_dtype *dtype, struct bv_error *err)
{
    char descr[32] = "";
    if (!take_quoted(c, descr, sizeof descr))
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a NumPy array of records");
    if (descr[0] == '=' || (descr[0] == '<' && descr[1] && descr[2] == '1'))
        descr[0] = descr[2] == '1' ? '|' : '<';
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].descr, descr) == 0) {
            *dtype = types[i].dtype;
            return BV_OK;
        }
    return bv_fail(err, BV_ERR_UNSUPPORTED, "a NumPy array of type '%s'", descr);
}

enum { HAS_DESCR = 1, HAS_ORDER = 2, HAS_SHAPE = 4, HAS_ALL = 7 };

static enum bv_status take_member(struct cursor *c, struct bv_npy *array, bool *fortran, int *seen,
                                  struct bv_error *err)
{
    char key[32];
    if (!take_quoted(c, key, sizeof key) || !take(c, ":"))
        return bv_fail(err, BV_ERR_FORMAT, "a NumPy array with a broken header");
    int which = strcmp(key, "descr") == 0           ? HAS_DESCR
                : strcmp(key, "fortran_order") == 0 ? HAS_ORDER
                : strcmp(key, "shape") == 0         ? HAS_SHAPE
                                                    : 0;
    if (!which || *seen & which)
        return bv_fail(err, BV_ERR_FORMAT, "a NumPy array whose header has '%s' too many", key);
    *seen |= which;
    if (which == HAS_DESCR)
        return take_type(c, &array->dtype, err);
    if (which == HAS_SHAPE)
        return take_shape(c, array, err);
    *fortran = take(c, "True");
    return *fortran || take(c, "False")
               ? BV_OK
               : bv_fail(err, BV_ERR_FORMAT, "a NumPy array without a proper order");
}

static enum bv_status parse_header(struct cursor *c, struct bv_npy *array, bool *fortran,
                                   struct bv_error *err)
{
    int seen = 0;
    bool open = take(c, "{");
    while (open && !take(c, "}")) {
        BV_TRY(take_member(c, array, fortran, &seen, err));
        if (!take(c, ",")) {
            open = take(c, "}");
            break;
        }
    }
    skip_space(c);
    if (!open || seen != HAS_ALL || c->at != c->end)
        return bv_fail(err, BV_ERR_FORMAT, "a NumPy array with a broken header");
    return BV_OK;
}

static void set_strides(struct bv_npy *array, bool fortran)
{
    bv_shape_strides(array->shape, array->n_dims, array->strides);
    int64_t stride = 1;
    for (int i = 0; fortran && i < array->n_dims; i++) {
        array->strides[i] = stride;
        stride *= array->shape[i] > 1 ? array->shape[i] : 1;
    }
}

// Where the header begins and how long it is.
static enum bv_status find_header(const uint8_t *data, size_t size, size_t *begin, size_t *n,
                                  struct bv_error *err)
{
    if (size < MAGIC_BYTES + 6 || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
        return bv_fail(err, BV_ERR_FORMAT, "not a NumPy array file");
    uint8_t version = data[MAGIC_BYTES];
    if (version < 1 || version > 3)
        return bv_fail(err, BV_ERR_UNSUPPORTED, "a NumPy array file of version %d", version);
    *begin = MAGIC_BYTES + 2 + (version == 1 ? 2 : 4);
    *n = version == 1 ? bv_le16(data + MAGIC_BYTES + 2) : bv_le32(data + MAGIC_BYTES + 2);
    if (*n > MAX_HEADER_BYTES)
        return bv_fail(err, BV_ERR_LIMIT, "a NumPy header of %zu bytes", *n);
    if (*n > size - *begin)
        return bv_fail(err, BV_ERR_FORMAT, "a NumPy array file that is truncated in its header");
    return BV_OK;
}

enum bv_status bv_npy_parse(struct bv_npy *array, const uint8_t *data, size_t size,
                            struct bv_error *err)
{
    size_t begin = 0, n = 0;
    struct bv_npy parsed = {0};
    bool fortran = false;
    BV_TRY(find_header(data, size, &begin, &n, err));
    struct cursor c = {(const char *)data + begin, (const char *)data + begin + n};
    BV_TRY(parse_header(&c, &parsed, &fortran, err));
    if (!bv_shape_bytes(parsed.shape, parsed.n_dims, bv_dtype_size(parsed.dtype), &parsed.bytes))
        return bv_fail(err, BV_ERR_FORMAT, "a NumPy array of an impossibly large shape");
    size_t room = size - begin - n;
    if (parsed.bytes > room)
        return bv_fail(err, BV_ERR_FORMAT,
                       "the file is truncated: %zu bytes are missing at its end",
                       parsed.bytes - room);
    if (parsed.bytes < room)
        return bv_fail(err, BV_ERR_FORMAT, "%zu bytes follow the NumPy array", room - parsed.bytes);
    set_strides(&parsed, fortran);
    parsed.data = data + begin + n;
    *array = parsed;
    return BV_OK;
}

enum bv_status bv_npy_open(struct bv_npy *array, const char *path, struct bv_error *err)
{
    struct bv_mapping mapping = {0};
    BV_TRY(bv_mapping_open(&mapping, path, 0, err));
    enum bv_status status = bv_npy_parse(array, mapping.data, mapping.size, err);
    if (status != BV_OK) {
        bv_mapping_close(&mapping);
        (void)bv_fail_prefix(err, "%s", path);
        return status;
    }
    array->mapping = mapping;
    return BV_OK;
}

void bv_npy_copy(const struct bv_npy *array, void *out)
{
    if (array->bytes)
        bv_gather(out, array->data, bv_dtype_size(array->dtype), array->shape, array->strides,
                  array->n_dims);
}

void bv_npy_close(struct bv_npy *array)
{
    bv_mapping_close(&array->mapping);
    free(array->owned);
    *array = (struct bv_npy){0};
}

// ---- writing ---------------------------------------------------------------------------------

// A version 1 header whose data begins on a 64-byte boundary, as NumPy writes it.
static size_t print_header(const char *descr, int n_dims, const int64_t *shape, char *out,
                           size_t room)
{
    size_t start = MAGIC_BYTES + 4;
    size_t n =
        start + (size_t)snprintf(out + start, room - start,
                                 "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < n_dims; i++)
        n += (size_t)snprintf(out + n, room - n, "%s%" PRId64, i ? ", " : "", shape[i]);
    n += (size_t)snprintf(out + n, room - n, "%s), }", n_dims == 1 ? "," : "");
    while ((n + 1) % ALIGNMENT)
        out[n++] = ' ';
    out[n++] = '\n';
    memcpy(out, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    out[MAGIC_BYTES + 2] = (char)((n - start) & 0xff);
    out[MAGIC_BYTES + 3] = (char)((n - start) >> 8);
    return n;
}

enum bv_status bv_npy_write(const char *path, enum bv_dtype dtype, int n_dims, const int64_t *shape,
                            const void *data, struct bv_error *err)
{
    char header[512]; // eight sizes of 20 digits fit
    const char *descr = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype)
            descr = types[i].descr;
    if (!descr || n_dims < 0 || n_dims > BV_MAX_DIMS ||
        !bv_shape_bytes(shape, n_dims, bv_dtype_size(dtype), &bytes))
        return bv_fail(err, BV_ERR_ARG, "%s: NumPy has no array of this type or shape", path);
    size_t n = print_header(descr, n_dims, shape, header, sizeof header);
    struct bv_new_file file = {0};
    BV_TRY(bv_new_file_create(&file, path, err));
    if (fwrite(header, 1, n, file.stream) != n ||
        (bytes && fwrite(data, 1, bytes, file.stream) != bytes)) {
        enum bv_status status =
            bv_fail(err, BV_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
        bv_new_file_discard(&file);
        return status;
    }
    return bv_new_file_commit(&file, err);
}

// ---- archives --------------------------------------------------------------------------------

enum bv_status bv_npz_open(struct bv_npz *npz, const char *path, struct bv_error *err)
{
    struct bv_npz opened = {0};
    BV_TRY(bv_mapping_open(&opened.mapping, path, 0, err));
    enum bv_status status = bv_zip_open(&opened.zip, opened.mapping.data, opened.mapping.size, err);
    if (status != BV_OK) {
        bv_mapping_close(&opened.mapping);
        (void)bv_fail_prefix(err, "%s", path);
        return status;
    }
    *npz = opened;
    return BV_OK;
}

enum bv_status bv_npz_read(const struct bv_npz *npz, const char *name, size_t max_bytes,
                           struct bv_npy *array, struct bv_error *err)
{
    char path[1024];
    int n = snprintf(path, sizeof path, "%s.npy", name);
    const struct bv_zip_member *member =
        n > 0 && (size_t)n < sizeof path ? bv_zip_find(&npz->zip, path) : NULL;
    if (!member)
        return bv_fail(err, BV_ERR_IO, "the archive holds no array '%s'", name);
    uint8_t *inflated = NULL;
    if (member->deflated)
        BV_TRY(bv_zip_read_new(member, max_bytes, &inflated, err));
    else
        BV_TRY(bv_zip_check(member, err));
    enum bv_status status =
        bv_npy_parse(array, inflated ? inflated : member->data, member->bytes, err);
    if (status == BV_OK)
        array->owned = inflated;
    else
        free(inflated);
    return status;
}

void bv_npz_close(struct bv_npz *npz)
{
    bv_zip_close(&npz->zip);
    bv_mapping_close(&npz->mapping);
}
