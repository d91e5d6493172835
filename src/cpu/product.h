// product.h: rows times packed weights, spread over a pool: the engine of linear, conv2d and
// matmul.
#ifndef BV_CPU_PRODUCT_H
#define BV_CPU_PRODUCT_H

#include "base/thread.h"
#include "cpu/isa.h"
#include "graph/weights.h"

// out[m,n] = act(Σ_t Σ_c x(m,t)[c] · w[n][t·depth + c] + bias[n] + residual[m,n]). Each element is
// one sum in the order of t and c, so the split into blocks and tasks shows nowhere in its bits.
struct bv_cpu_product {
    int64_t rows, columns; // M, N
    int64_t taps, depth;   // K = taps · depth; taps ≤ BV_CPU_MAX_TAPS
    const float *panels;   // bv_cpu_packed_size() floats
    float *out;
    int64_t ldo; // floats from one row of out to the next
    const float *bias, *residual;
    enum bv_activation activation;
    // Where x(m,t) stands, for n rows m from first: to[t·n + i] is that of row first + i.
    void (*point)(const void *source, int64_t first, int64_t n, const float **to);
    const void *source;
};

#define BV_CPU_MAX_TAPS 160

void bv_cpu_product(struct bv_pool *pool, const struct bv_cpu_product *p);

// The point function of a plain matrix: source is a struct bv_cpu_matrix.
struct bv_cpu_matrix {
    const float *data;
    int64_t ld;
};
void bv_cpu_point_matrix(const void *source, int64_t first, int64_t n, const float **to);

// Floats of N rows of K weights in panels: [⌈N/panel⌉][K][panel].
size_t bv_cpu_packed_size(int64_t N, int64_t K);

// Packs row-major w [N,K].
void bv_cpu_pack(const float *w, int64_t N, int64_t K, float *panels);

// Packs a weight tensor, seen as `groups` matrices [N/groups,K], once per store and key: each group
// stands at g · bv_cpu_packed_size(N / groups, K). *panels is NULL when the tensor is no weight.
enum bv_status bv_cpu_prepare_panels(const struct bv_tensor *weight, int64_t groups,
                                     struct bv_weights *weights, const void **panels,
                                     struct bv_error *err);

#endif
