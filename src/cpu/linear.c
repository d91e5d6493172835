// linear: rows of x times the packed weight.
#include "cpu/gemm.h"
#include "cpu/kernels.h"

// Words need whole groups of channels, and a weight that is packed beforehand.
enum bv_cpu_format bv_cpu_linear_format(const struct bv_node *n, enum bv_cpu_format wanted)
{
    if (n->in[1]->role != BV_ROLE_WEIGHT)
        return BV_CPU_F32;
    while (wanted != BV_CPU_F32 && n->in[1]->dim[1] % bv_cpu_channels_per_word(wanted))
        wanted--;
    return wanted;
}

enum bv_status bv_cpu_linear_prepare(const struct bv_node *node,
                                     const struct bv_cpu_pack_context *how, const void **prepared,
                                     struct bv_error *err)
{
    return bv_cpu_pack_weight(node->in[1], 1, 1, bv_cpu_linear_format(node, how->format), how,
                              prepared, err);
}

// The rows in words, of two channels where an int8 weight is kept, and their scales; a weight that
// the graph computes is packed at each run.
size_t bv_cpu_linear_scratch(const struct bv_node *node, enum bv_cpu_format format, int n_threads)
{
    (void)n_threads;
    const struct bv_tensor *w = node->in[1];
    if (w->role != BV_ROLE_WEIGHT)
        return bv_cpu_packed_size(BV_CPU_F32, w->dim[0], w->dim[1]);
    int64_t rows = bv_rows(node->in[0]);
    format = bv_cpu_linear_format(node, format);
    return format == BV_CPU_F32 || node->in[0]->dtype == BV_BF16
               ? 0
               : (size_t)(rows * (w->dim[1] / 2 + 1));
}

void bv_cpu_linear(const struct bv_kernel_args *a)
{
    const struct bv_node *n = a->node;
    const struct bv_cpu_panels *panels = a->prepared;
    int64_t K = bv_last_dim(n->in[0]), N = bv_last_dim(n->out), M = bv_rows(n->out);
    struct bv_cpu_matrix x = {a->in[0], K};
    struct bv_cpu_gemm p = {
        .rows = M,
        .columns = N,
        .taps = 1,
        .depth = K,
        .out = a->out,
        .ldo = N,
        .bias = a->in[2],
        .residual = a->in[3],
        .out_bf16 = n->out->dtype == BV_BF16,
        .activation = n->params.linear.activation,
        .point = bv_cpu_point_matrix,
        .source = &x,
    };
    if (!panels) {
        bv_cpu_pack(a->in[1], N, K, a->scratch);
        p.panels = a->scratch;
    } else {
        p.panels = panels->words;
        p.format = panels->format;
    }
    if (n->in[0]->dtype == BV_BF16) { // words already
        p.depth = x.ld = K / 2;
    } else if (p.format != BV_CPU_F32) {
        float *scale = a->scratch, *words = scale + M;
        bv_cpu_convert_rows(a->pool, p.format, a->in[0], M, K, 1, words, scale);
        p.depth = x.ld = K / bv_cpu_channels_per_word(p.format);
        x.data = words;
        p.row_scale = scale;
    }
    bv_cpu_gemm(a->pool, &p);
}
