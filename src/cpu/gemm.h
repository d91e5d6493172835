// gemm.h: matrix products: packed operands, and rows times packed weights.
#ifndef BV_CPU_GEMM_H
#define BV_CPU_GEMM_H

#include "base/thread.h"
#include "cpu/isa.h"
#include "graph/weights.h"

// gemm_pack.c: the operands of a gemm: weights packed into panels once, activations converted to
// words before each product.

// Memory for one packed weight at a time. Zero-initialise; the owner frees memory.
struct bv_cpu_pack_buffer {
    void *memory;
    size_t bytes;
};

struct bv_cpu_pack_context {
    enum bv_cpu_format format; // of the backend's precision; a kernel may stay above it
    struct bv_weights *weights;
    struct bv_pool *pool;
    // Holds a packed weight until the next is made; NULL: the store keeps it. What the store has
    // already is taken from there.
    struct bv_cpu_pack_buffer *buffer;
};

// Words of N rows of K weights in panels: [⌈N/panel⌉][K words][panel], for BV_CPU_INT8 with two
// more rows of each panel.
size_t bv_cpu_packed_size(enum bv_cpu_format format, int64_t N, int64_t K);

extern const char bv_cpu_panels_key[]; // what the keys of packed weights begin with

// Packs row-major f32 w [N,K] as BV_CPU_F32.
void bv_cpu_pack(const float *w, int64_t N, int64_t K, float *panels);

// A packed weight tensor, seen as `groups` matrices: group g's panels begin at words + g ·
// group_size.
struct bv_cpu_panels {
    enum bv_cpu_format format;
    size_t group_size;
    _Alignas(64) float words[];
};

// Packs a weight [groups · N, K] in a format (not how->format), once per store and format where the
// store keeps it; BV_CPU_INT8 becomes BV_CPU_BF16 for one that stays higher (bv_weights_kept). Each
// of the `taps` parts of a row has whole words, the last one filled up with zeros. *prepared is a
// struct bv_cpu_panels, or NULL when the tensor is computed by the graph.
enum bv_status bv_cpu_pack_weight(const struct bv_tensor *weight, int64_t groups, int64_t taps,
                                  enum bv_cpu_format format, const struct bv_cpu_pack_context *how,
                                  const void **prepared, struct bv_error *err);

// The words of x [rows, channels] in a format, written to out; with BV_CPU_INT8 `share` rows at a
// time get one scale, written to scale[0 … rows-1].
void bv_cpu_convert_rows(struct bv_pool *pool, enum bv_cpu_format format, const float *x,
                         int64_t rows, int64_t channels, int64_t share, float *out, float *scale);

// gemm.c: rows times packed weights, spread over a pool: the engine of linear, conv2d and matmul,
// in the formats of isa.h.

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
