#include "checkpoint/pickle.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/torch.h"

static const struct {
    char code[3];
    enum bv_dtype dtype;
} codes[] = {{"f8", BV_F64}, {"f4", BV_F32}, {"f2", BV_F16}, {"i8", BV_I64}, {"i4", BV_I32},
             {"i2", BV_I16}, {"i1", BV_I8},  {"u1", BV_U8},  {"b1", BV_BOOL}};

// numpy.dtype('f4', …) with state (3, '<', …): the element type where there is one for it here.
static bool read_dtype(const struct bv_pickle_value *value, enum bv_dtype *dtype)
{
    if (!value || value->kind != BV_PICKLE_OBJECT ||
        !bv_pickle_is(value->object->type, "numpy.dtype"))
        return false;
    if (bv_pickle_is(bv_pickle_item(value->object->state, 1), ">"))
        return false;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (bv_pickle_is(bv_pickle_item(value->object->args, 0), codes[i].code)) {
            *dtype = codes[i].dtype;
            return true;
        }
    return false;
}

static bool is_text(const struct bv_pickle_value *value)
{
    return value && (value->kind == BV_PICKLE_BYTES || value->kind == BV_PICKLE_STRING);
}

// One element as a plain number.
static void read_number(struct bv_pickle_value *out, enum bv_dtype dtype, const char *bytes)
{
    int64_t integer = 0;
    if (dtype == BV_F64) {
        out->kind = BV_PICKLE_FLOAT;
        memcpy(&out->real, bytes, sizeof out->real);
    } else if (dtype == BV_F32 || dtype == BV_F16) {
        float real = 0;
        bv_dtype_to_f32(dtype, bytes, &real, 1);
        out->kind = BV_PICKLE_FLOAT;
        out->real = (double)real;
    } else {
        size_t size = bv_dtype_size(dtype);
        for (size_t i = 0; i < size; i++)
            integer |= (int64_t)((uint64_t)(unsigned char)bytes[i] << (8 * i));
        bool negative = dtype != BV_U8 && size < 8 && (unsigned char)bytes[size - 1] & 0x80;
        out->kind = BV_PICKLE_INT;
        out->integer = negative ? integer - ((int64_t)1 << (8 * size)) : integer;
    }
    if (dtype == BV_BOOL) {
        out->kind = BV_PICKLE_BOOL;
        out->boolean = integer != 0;
    }
}

enum bv_status bv_numpy_scalar(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                               struct bv_pickle_value *args, struct bv_pickle_value **out,
                               struct bv_error *err)
{
    enum bv_dtype dtype = BV_F64;
    const struct bv_pickle_value *raw = bv_pickle_item(args, 1);
    if (!read_dtype(bv_pickle_item(args, 0), &dtype) || !is_text(raw) ||
        raw->n != bv_dtype_size(dtype))
        return bv_pickle_new_object(pickle, function, args, out, err);
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_NONE, out, err));
    read_number(*out, dtype, raw->text);
    return BV_OK;
}

enum bv_status bv_numpy_reconstruct(struct bv_pickle *pickle,
                                    const struct bv_pickle_value *function,
                                    struct bv_pickle_value *args, struct bv_pickle_value **out,
                                    struct bv_error *err)
{
    (void)function;
    const struct bv_pickle_value *type = bv_pickle_item(args, 0);
    if (!bv_pickle_is(type, "numpy.ndarray") || type->kind != BV_PICKLE_GLOBAL)
        return bv_fail(err, BV_ERR_REFUSED,
                       "the pickle reconstructs something other than an array");
    return bv_pickle_new_object(pickle, type, NULL, out, err);
}

// The strides of the array as a TUPLE.
static enum bv_status make_strides(struct bv_pickle *pickle, const struct bv_pickle_value *shape,
                                   bool fortran, struct bv_pickle_value **out, struct bv_error *err)
{
    int64_t stride = 1;
    struct bv_pickle_value *items[BV_MAX_DIMS];
    if (shape->n > BV_MAX_DIMS)
        return bv_fail(err, BV_ERR_LIMIT, "an array of %zu dimensions", shape->n);
    for (size_t k = 0; k < shape->n; k++) {
        size_t i = fortran ? k : shape->n - 1 - k;
        BV_TRY(bv_pickle_new(pickle, BV_PICKLE_INT, &items[i], err));
        items[i]->integer = stride;
        int64_t size = bv_pickle_count(shape->items[i]);
        if (size < 0 || __builtin_mul_overflow(stride, size ? size : 1, &stride))
            return bv_fail(err, BV_ERR_FORMAT, "an array of an impossible shape");
    }
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_TUPLE, out, err));
    return bv_pickle_append(pickle, *out, items, shape->n, err);
}

enum bv_status bv_numpy_set_state(struct bv_pickle *pickle, struct bv_pickle_value *array,
                                  struct bv_pickle_value *state, struct bv_error *err)
{
    struct bv_pickle_window window = {.dtype = BV_F32};
    const struct bv_pickle_value *shape = bv_pickle_item(state, 1), *raw = bv_pickle_item(state, 4);
    const struct bv_pickle_value *order = bv_pickle_item(state, 3);
    array->object->state = state;
    if (!shape || shape->kind != BV_PICKLE_TUPLE || !is_text(raw) ||
        !read_dtype(bv_pickle_item(state, 2), &window.dtype))
        return BV_OK;
    char key[40]; // no key of a torch storage holds a space
    int n = snprintf(key, sizeof key, "numpy array %zu", pickle->n_storages);
    BV_TRY(bv_torch_storage(pickle, key, (size_t)n, raw->n, &window.storage, err));
    pickle->storages[window.storage].data = (const uint8_t *)(raw->n ? raw->text : "");
    window.n = raw->n / bv_dtype_size(window.dtype);
    struct bv_pickle_value *strides = NULL, *offset = NULL, *tensor = NULL;
    bool fortran = order && order->kind == BV_PICKLE_BOOL && order->boolean;
    BV_TRY(make_strides(pickle, shape, fortran, &strides, err));
    BV_TRY(bv_pickle_new(pickle, BV_PICKLE_INT, &offset, err));
    BV_TRY(bv_torch_tensor(pickle, &window, offset, shape, strides, &tensor, err));
    *array = *tensor; // in place: the memo and containers point at the array
    return BV_OK;
}
