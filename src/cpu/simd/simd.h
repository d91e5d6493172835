// simd.h: the builds of this folder. BV_ISA is the current one, set by CMakeLists.txt.
#ifndef BV_CPU_SIMD_SIMD_H
#define BV_CPU_SIMD_SIMD_H

#include "cpu/isa.h"

extern const struct bv_cpu_isa bv_cpu_isa_portable, bv_cpu_isa_avx2, bv_cpu_isa_avx512,
    bv_cpu_isa_avx512bf16;

#ifdef BV_ISA
#define ISA_PASTE(name, isa) bv_cpu_##name##_##isa
#define ISA_NAME(name, isa) ISA_PASTE(name, isa)
#define ISA(name) ISA_NAME(name, BV_ISA)

void ISA(tile)(const struct bv_cpu_tile *t, int n_rows);
void ISA(tile_bf16)(const struct bv_cpu_tile *t, int n_rows);
void ISA(tile_int8)(const struct bv_cpu_tile *t, int n_rows);
void ISA(depthwise)(const struct bv_cpu_depthwise_tile *t, int n_rows);
void ISA(to_bf16)(const float *x, int64_t n, void *out);
void ISA(from_bf16)(const void *x, int64_t n, float *out);
void ISA(pair_bf16)(const void *x, const void *y, int64_t n, float *out);
void ISA(to_bytes)(const float *x, float scale, int64_t n, float *out);
float ISA(magnitude)(const float *x, int64_t n);
void ISA(pack)(const float *const *row, int columns, int64_t depth, float *panel);
void ISA(activate)(enum bv_activation activation, const float *x, float *out, int64_t n);
void ISA(activate_tile)(enum bv_activation activation, const float *rows, int n_rows, int columns,
                        void *out, bool bf16, int64_t ldo);
void ISA(add)(enum bv_activation activation, const float *x, const float *y, bool one, float *out,
              int64_t n);
void ISA(mul)(const float *x, const float *y, bool one, float *out, int64_t n);
void ISA(affine)(enum bv_activation activation, const float *x, const float *shift,
                 const float *factor, const float *offset, bool one, float *out, int64_t n);
void ISA(max)(const float *x, const float *y, float *out, int64_t n);
void ISA(pool)(bool max, const void *const *rows, int n_rows, bool rows_bf16, float factor,
               void *out, bool out_bf16, int64_t n);
void ISA(layer_norm)(const float *x, const float *residual, const float *gamma, const float *beta,
                     float eps, void *out, bool bf16, int64_t n);
void ISA(moments)(const void *x, bool bf16, int64_t n_rows, int64_t stride, const float *first,
                  float *sum, float *squares, int64_t n);
void ISA(l2_normalize)(const float *x, float eps, float *out, int64_t n);
float ISA(exponentials)(const float *x, float scale, const float *bias, float *out, int64_t n);
#endif

#endif
