// dtype.h: the element types of tensors in files and in graphs.
#ifndef BV_BASE_DTYPE_H
#define BV_BASE_DTYPE_H

#include <stddef.h>
#include <stdint.h>

enum bv_dtype {
    BV_F32,
    BV_F16,
    BV_BF16,
    BV_F64,
    BV_I64,
    BV_I32,
    BV_I16,
    BV_I8,
    BV_U8,
    BV_BOOL, // one byte
};

#define BV_DTYPE_COUNT 10

size_t bv_dtype_size(enum bv_dtype dtype);      // bytes per element
const char *bv_dtype_name(enum bv_dtype dtype); // as in safetensors: "F32", "BF16", …

// n elements of any type to f32 (64-bit values lose precision); in and out do not overlap.
void bv_dtype_to_f32(enum bv_dtype dtype, const void *in, float *out, size_t n);

// n f32 elements to F32, F16 or BF16.
void bv_dtype_from_f32(enum bv_dtype dtype, const float *in, void *out, size_t n);

// half.c: conversions between f32 and the two 16-bit floats, IEEE 754 round to nearest even.

// Any bit pattern is accepted: infinities, NaN and subnormals convert to their like; f32 values
// beyond the f16 range become infinities.
float bv_f16_to_f32(uint16_t h);
uint16_t bv_f32_to_f16(float f);
float bv_bf16_to_f32(uint16_t h);
uint16_t bv_f32_to_bf16(float f);

// n elements; in and out do not overlap.
void bv_f16_to_f32_array(const uint16_t *in, float *out, size_t n);
void bv_f32_to_f16_array(const float *in, uint16_t *out, size_t n);
void bv_f32_to_bf16_array(const float *in, uint16_t *out, size_t n);

#endif
