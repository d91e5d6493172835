// half.h: conversions between f32 and the two 16-bit floats, IEEE 754 round to nearest even.
#ifndef BV_BASE_HALF_H
#define BV_BASE_HALF_H

#include <stddef.h>
#include <stdint.h>

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
