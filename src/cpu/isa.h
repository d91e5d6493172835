// isa.h: the inner loops, once per instruction set, behind one table.
//
// The files of simd/ are compiled once for each instruction set. All builds do the same operations
// in the same order for every element of a result, so that its bits depend neither on its place in
// a tile nor on how work was split. (Between instruction sets they differ: vector widths change the
// order of sums along rows, and portable code has no fused multiply-add.)
#ifndef BV_CPU_ISA_H
#define BV_CPU_ISA_H

#include "graph/params.h"

// A few rows times one packed panel:
//   out[i,j] = act(Σ_t Σ_c rows[t·n_rows + i][c] · panel[(t·depth + c)·isa->panel + j] + bias[j]
//                  + residual[i,j]),  0 ≤ i < n_rows ≤ isa->strip, 0 ≤ j < columns ≤ isa->panel.
// The sum runs in order of t, then c. activation is none or relu. next: a panel to bring into the
// cache, or NULL.
struct bv_cpu_tile {
    const float *const *rows;
    int64_t taps, depth;
    const float *panel, *next;
    float *out;
    int64_t ldo;
    int columns;
    const float *bias, *residual; // or NULL; residual has out's layout
    enum bv_activation activation;
};

struct bv_cpu_isa {
    const char *name; // as in BIOVL_CPU
    int panel, strip; // columns of a panel, most rows of a tile
    void (*tile)(const struct bv_cpu_tile *t, int n_rows);
    // Rows of `depth` floats at row[j], 0 ≤ j < columns, to a panel [depth][isa->panel], the rest
    // 0.
    void (*pack)(const float *const *row, int columns, int64_t depth, float *panel);

    // out[i] = act(x[i]); out may be x. In all of these n is any number of elements.
    void (*activate)(enum bv_activation activation, const float *x, float *out, int64_t n);
    // out = act(x + y), with y[i] or one y for all.
    void (*add)(enum bv_activation activation, const float *x, const float *y, bool one, float *out,
                int64_t n);
    void (*mul)(const float *x, const float *y, bool one, float *out, int64_t n);
    // out = act((x - shift[i])·factor[i] + offset[i]), or those of i = 0 for all.
    void (*affine)(enum bv_activation activation, const float *x, const float *shift,
                   const float *factor, const float *offset, bool one, float *out, int64_t n);
    void (*max)(const float *x, const float *y, float *out, int64_t n);

    // One row of n; see graph/params.h. residual may be NULL.
    void (*layer_norm)(const float *x, const float *residual, const float *gamma, const float *beta,
                       float eps, float *out, int64_t n);
    void (*l2_normalize)(const float *x, float eps, float *out, int64_t n);
    // out[i] = exp(scale·x[i] + bias[i] - m) with m their maximum; returns the sum of out. All -inf
    // (or n = 0): zeros, and 0 is returned. bias may be NULL; out may be x.
    float (*exponentials)(const float *x, float scale, const float *bias, float *out, int64_t n);
};

// The best table this processor runs, at most what the environment variable BIOVL_CPU names
// (portable, avx2, avx512). Chosen at the first call.
const struct bv_cpu_isa *bv_cpu_isa(void);

#endif
