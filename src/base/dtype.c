#include "base/dtype.h"

#include <stdint.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[BV_DTYPE_COUNT] = {
    [BV_F32] = {"F32", 4}, [BV_F16] = {"F16", 2},   [BV_BF16] = {"BF16", 2}, [BV_F64] = {"F64", 8},
    [BV_I64] = {"I64", 8}, [BV_I32] = {"I32", 4},   [BV_I16] = {"I16", 2},   [BV_I8] = {"I8", 1},
    [BV_U8] = {"U8", 1},   [BV_BOOL] = {"BOOL", 1},
};

size_t bv_dtype_size(enum bv_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *bv_dtype_name(enum bv_dtype dtype)
{
    return dtypes[dtype].name;
}

// Elements may be unaligned in a mapped file, so each is copied out.
#define CONVERT(type)                                                                              \
    for (size_t i = 0; i < n; i++) {                                                               \
        type value;                                                                                \
        memcpy(&value, (const unsigned char *)in + i * sizeof value, sizeof value);                \
        out[i] = (float)value;                                                                     \
    }                                                                                              \
    break

void bv_dtype_to_f32(enum bv_dtype dtype, const void *in, float *out, size_t n)
{
    switch (dtype) {
    case BV_F32:
        memcpy(out, in, n * sizeof *out);
        break;
    case BV_F16:
    case BV_BF16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, (const unsigned char *)in + i * sizeof h, sizeof h);
            out[i] = dtype == BV_F16 ? bv_f16_to_f32(h) : bv_bf16_to_f32(h);
        }
        break;
    case BV_F64:
        CONVERT(double);
    case BV_I64:
        CONVERT(int64_t);
    case BV_I32:
        CONVERT(int32_t);
    case BV_I16:
        CONVERT(int16_t);
    case BV_I8:
        CONVERT(int8_t);
    case BV_U8:
    case BV_BOOL:
        CONVERT(uint8_t);
    }
}

#undef CONVERT

void bv_dtype_from_f32(enum bv_dtype dtype, const float *in, void *out, size_t n)
{
    if (dtype == BV_F16)
        bv_f32_to_f16_array(in, out, n);
    else if (dtype == BV_BF16)
        bv_f32_to_bf16_array(in, out, n);
    else
        memcpy(out, in, n * sizeof *in);
}
