// gemm.h: rows times packed weights, spread over a pool: the engine of linear, conv2d and matmul,
// in the formats of isa.h.
#ifndef BV_CPU_GEMM_H
#define BV_CPU_GEMM_H

#include "cpu/gemm_pack.h"

// out[m,n] = act(Σ_t Σ_c x(m,t)[c] · w[n][t·depth + c] + bias[n] + residual[m,n]). Each element is
// one sum in the order of t and c, so the split into blocks and tasks shows nowhere in its bits.
struct bv_cpu_gemm {
    int64_t rows, columns; // M, N
    int64_t taps, depth;   // K = taps · depth words; taps ≤ BV_CPU_MAX_TAPS
    enum bv_cpu_format format;
    const float *panels;    // bv_cpu_packed_size() words
    const float *row_scale; // [M], BV_CPU_INT8 only
    void *out;
    const void *residual; // or NULL; out's layout
    bool out_bf16, residual_bf16;
    int64_t ldo;       // elements from one row of out to the next
    const float *bias; // or NULL
    enum bv_activation activation;
    // Where x(m,t) is, for n rows m from first: to[t·n + i] is that of row first + i.
    void (*point)(const void *source, int64_t first, int64_t n, const float **to);
    const void *source;
};

#define BV_CPU_MAX_TAPS 256

void bv_cpu_gemm(struct bv_pool *pool, const struct bv_cpu_gemm *p);

// The point function of a plain matrix: source is a struct bv_cpu_matrix.
struct bv_cpu_matrix {
    const float *data;
    int64_t ld;
};
void bv_cpu_point_matrix(const void *source, int64_t first, int64_t n, const float **to);

#endif
