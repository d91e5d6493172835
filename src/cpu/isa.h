// isa.h: the inner loops, once per instruction set, behind one table.
//
// The files of simd/ are compiled once for each instruction set. All builds do the same operations
// in the same order for every element of a result, so that its bits depend neither on its place in
// a tile nor on how work was split. (Between instruction sets they differ: vector widths change the
// order of sums along rows, and portable code has no fused multiply-add.)
#ifndef BV_CPU_ISA_H
#define BV_CPU_ISA_H

#include "graph/params.h"

// How the operands of a gemm are stored. Rows and panels are sequences of 32-bit words; a
// word holds one, two or four neighbouring channels.
enum bv_cpu_format {
    BV_CPU_F32,
    BV_CPU_BF16, // two bf16; products and sums in f32
    BV_CPU_INT8, // rows: four bytes x/scale + 128, scale per row; panels: four signed bytes, and
                 // after them the columns' scales and corrections (see bv_cpu_tile)
};

static inline int64_t bv_cpu_channels_per_word(enum bv_cpu_format format)
{
    return format == BV_CPU_F32 ? 1 : format == BV_CPU_BF16 ? 2 : 4;
}

// The micro-kernel of the gemm, MR × NR (isa->mr × isa->nr): a few rows times one packed panel:
//   out[i,j] = act(Σ_t Σ_c rows[t·n_rows + i][c] · panel[(t·depth + c)·isa->nr + j] + bias[j]
//                  + residual[i,j]),  0 ≤ i < n_rows ≤ isa->mr, 0 ≤ j < columns ≤ isa->nr.
// out and residual are f32 or, in builds with BV_CPU_BF16, bf16.
// The sum runs in order of t, then c. activation is none, relu or relu6. next: a panel to bring
// into the cache, or NULL. depth counts words. BV_CPU_INT8: the sum starts at the column's
// correction, the int32 -128 Σ w, and is multiplied by row_scale[i] and the column's scale; both
// are stored after the panel's words, first the scales, then the corrections.
struct bv_cpu_tile {
    const float *const *rows;
    int64_t taps, depth;
    const float *panel, *next;
    void *out;
    const void *residual; // or NULL
    int64_t ldo, ldr;     // elements from one row to the next
    bool out_bf16, residual_bf16;
    int columns;
    const float *bias;      // or NULL
    const float *row_scale; // BV_CPU_INT8 only
    enum bv_activation activation;
};

// A few results of a depthwise convolution:
//   out[i,c] = act(Σ_t rows[t·n_rows + i][c] · weight[t·channels + c] + bias[c] + residual[i,c]),
//   0 ≤ i < n_rows ≤ BV_CPU_DEPTHWISE_ROWS, 0 ≤ c < channels; the sum runs in order of t.
// rows, out and residual are f32 or, in builds with BV_CPU_BF16, bf16.
enum { BV_CPU_DEPTHWISE_ROWS = 4 };
struct bv_cpu_depthwise_tile {
    const float *const *rows;
    int64_t taps, channels;
    const float *weight, *bias; // bias may be NULL
    const void *residual;       // or NULL
    void *out;
    bool rows_bf16, residual_bf16, out_bf16;
    enum bv_activation activation;
};

struct bv_cpu_isa {
    const char *name; // as in BIOVL_CPU
    int nr, mr;       // columns of a packed panel, most rows of a micro-tile
    void (*tile[3])(const struct bv_cpu_tile *t, int n_rows); // by format; NULL: not offered
    void (*depthwise)(const struct bv_cpu_depthwise_tile *t, int n_rows);
    // Rows of `depth` floats at row[j], 0 ≤ j < columns, to a panel [depth][isa->nr], the rest
    // 0.
    void (*pack)(const float *const *row, int columns, int64_t depth, float *panel);

    // n values to n / 2 words of bf16 (n even), or n / 4 of bytes (n divisible by 4). The largest
    // magnitude of n values. NULL where the formats are not offered.
    void (*to_bf16)(const float *x, int64_t n, void *out);
    void (*from_bf16)(const void *x, int64_t n, float *out); // any n
    // Two rows of n bf16 to n words: x[i] in the lower half, y[i], or 0 where y is NULL, above it.
    void (*pair_bf16)(const void *x, const void *y, int64_t n, float *out);
    void (*to_bytes)(const float *x, float scale, int64_t n, float *out);
    float (*magnitude)(const float *x, int64_t n);

    // out[i] = act(x[i]); out may be x. In all of these n is any number of elements.
    void (*activate)(enum bv_activation activation, const float *x, float *out, int64_t n);
    // A tile: out[i·ldo + j] = act(rows[i·nr + j]), 0 ≤ i < n_rows, 0 ≤ j < columns; out is f32
    // or bf16.
    void (*activate_tile)(enum bv_activation activation, const float *rows, int n_rows, int columns,
                          void *out, bool bf16, int64_t ldo);
    // out = act(x + y), with y[i] or one y for all.
    void (*add)(enum bv_activation activation, const float *x, const float *y, bool one, float *out,
                int64_t n);
    void (*mul)(const float *x, const float *y, bool one, float *out, int64_t n);
    // out = act((x - shift[i])·factor[i] + offset[i]), or those of i = 0 for all.
    void (*affine)(enum bv_activation activation, const float *x, const float *shift,
                   const float *factor, const float *offset, bool one, float *out, int64_t n);
    void (*max)(const float *x, const float *y, float *out, int64_t n);
    // out = the largest of n_rows rows of n (NaN is passed over), or their sum times factor. Rows
    // are f32 or bf16, and so is out.
    void (*pool)(bool max, const void *const *rows, int n_rows, bool rows_bf16, float factor,
                 void *out, bool out_bf16, int64_t n);

    // One row of n; see graph/params.h. residual may be NULL; out is f32 or bf16.
    void (*layer_norm)(const float *x, const float *residual, const float *gamma, const float *beta,
                       float eps, void *out, bool bf16, int64_t n);
    // Rows of n, `stride` elements apart, f32 or bf16: sum[i] = Σ (x - first[i]) and
    // squares[i] = Σ (x - first[i])², in the order of the rows.
    void (*moments)(const void *x, bool bf16, int64_t n_rows, int64_t stride, const float *first,
                    float *sum, float *squares, int64_t n);
    void (*l2_normalize)(const float *x, float eps, float *out, int64_t n);
    // out[i] = exp(scale·x[i] + bias[i] - m) with m their maximum; returns the sum of out. All -inf
    // (or n = 0): zeros, and 0 is returned. bias may be NULL; out may be x.
    float (*exponentials)(const float *x, float scale, const float *bias, float *out, int64_t n);
};

// The best table this processor runs, at most what the environment variable BIOVL_CPU names
// (portable, avx2, avx512, avx512bf16). Chosen at the first call.
const struct bv_cpu_isa *bv_cpu_isa(void);

// The name of the i-th table of this build, best first; NULL past the last.
const char *bv_cpu_isa_built(size_t i);

#endif
